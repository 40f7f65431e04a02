#include "codec/base/run_id.h"

#include <criterion/criterion.h>
#include <string.h>

Test(run_id, a_new_one_is_another_one_and_reads_back)
{
    char text[RUN_ID_TEXT_SIZE];
    uint64_t a = run_id_new(), b = run_id_new(), read = 0;
    cr_assert_neq(a, RUN_ID_NONE);
    cr_assert_neq(a, b);
    cr_assert(run_id_parse(run_id_text(a, text), &read));
    cr_assert_eq(read, a);
}

Test(run_id, only_16_small_hexadecimal_digits_are_one)
{
    static const char *const wrong[] = {
        "", "0", "0000000000000000", "0123456789abcdef0", "0123456789ABCDEF", " 123456789abcdef"};
    uint64_t id;
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++)
        cr_assert_not(run_id_parse(wrong[i], &id), "%s", wrong[i]);
}

Test(run_id, who_does_not_know_its_run_differs_from_nobody)
{
    cr_assert(run_id_differs(1, 2));
    cr_assert_not(run_id_differs(1, 1));
    cr_assert_not(run_id_differs(RUN_ID_NONE, 2));
    cr_assert_not(run_id_differs(1, RUN_ID_NONE));
}

Test(run_id, a_refusal_has_both_and_what_to_do)
{
    err_t err;
    cr_assert_eq(run_id_refuse(&err, "node/eu/a", 0x1a, 0x2b), ERR_JOB);
    cr_assert_not_null(
        strstr(err.text, "node/eu/a is of run 000000000000001a, and this is run 000000000000002b; "));
    cr_assert_not_null(strstr(err.text, "--state"));
    cr_assert_eq(run_id_refuse(&err, "node/eu/a", RUN_ID_NONE, 0x2b), ERR_JOB);
    cr_assert_not_null(strstr(err.text, "without an identity"));
}
