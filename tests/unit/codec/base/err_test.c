#include "codec/base/err.h"

#include <criterion/criterion.h>
#include <signal.h>
#include <string.h>

Test(err, fills_and_gathers_prefixes)
{
    err_t err = {0};
    cr_assert_eq(err_set(&err, ERR_NOT_FOUND, "open %s: %s", "x", "no such file"), ERR_NOT_FOUND);
    cr_assert_eq(err_prefix(&err, ERR_NOT_FOUND, "load shard %d", 3), ERR_NOT_FOUND);
    cr_assert_str_eq(err.text, "load shard 3: open x: no such file");
    cr_assert_eq(err.code, ERR_NOT_FOUND);
    cr_assert_eq(err_set(NULL, ERR_IO, "nobody listens"), ERR_IO);
    cr_assert_eq(err_prefix(NULL, ERR_IO, "nobody listens"), ERR_IO);
}

/* A path of any length does not hide the reason. */
Test(err, long_texts_keep_their_beginning_and_their_reason)
{
    char filler[4096];
    err_t err = {0};
    memset(filler, 'x', sizeof filler - 1);
    filler[sizeof filler - 1] = 0;
    err_set(&err, ERR_IO, "open %s: no such file; write another", filler);
    cr_assert_eq(strlen(err.text), ERR_TEXT_MAX - 1);
    cr_assert(strncmp(err.text, "open xxx", 8) == 0);
    cr_assert(strstr(err.text, "...") && strstr(err.text, "xxx: no such file; write another"));
    err_prefix(&err, ERR_IO, "here %s", filler);
    cr_assert_eq(strlen(err.text), ERR_TEXT_MAX - 1);
    cr_assert(strncmp(err.text, "here xxx", 8) == 0);
    cr_assert_str_eq(err.text + strlen(err.text) - 15, "; write another");
}

Test(err, a_cut_never_divides_a_character)
{
    for (size_t shift = 0; shift < 4; shift++) {
        char filler[2048];
        err_t err = {0};
        size_t at = shift;
        memset(filler, 'x', shift);
        for (; at + 2 < sizeof filler - 1; at += 2)
            memcpy(filler + at, "\xc3\xa9", 2);
        filler[at] = 0;
        err_set(&err, ERR_IO, "%s", filler);
        const char *gap = strstr(err.text, "...");
        cr_assert(gap && gap > err.text);
        cr_expect_neq((unsigned char)gap[-1], 0xc3);
        cr_expect_neq((unsigned char)gap[3], 0xa9);
    }
}

Test(err, a_text_is_one_line_whatever_it_quotes)
{
    err_t err;
    err_set(&err, ERR_MALFORMED, "no such name: %s", "a\n\tb\x1b[2J\x7f\xc3\xa9");
    cr_assert_str_eq(err.text, "no such name: a??b?[2J?\xc3\xa9");
    err_prefix(&err, ERR_MALFORMED, "read %s", "x\ry");
    cr_assert_str_eq(err.text, "read x?y: no such name: a??b?[2J?\xc3\xa9");
}

Test(err, codes_have_names_and_meanings)
{
    cr_assert_str_eq(err_name(ERR_MALFORMED), "MALFORMED");
    cr_assert_str_eq(err_meaning(ERR_OK), "success");
    cr_assert_str_eq(err_name((err_code_t)9999), "UNKNOWN");
    cr_assert_not_null(err_meaning((err_code_t)9999));
}

Test(err, values_on_the_wire_do_not_move)
{
    cr_assert_eq(ERR_OK, 0);
    cr_assert_eq(ERR_MALFORMED, 10);
    cr_assert_eq(ERR_STATE, 22);
}

Test(err, check_aborts, .signal = SIGABRT)
{
    CHECK(1 == 2);
}
