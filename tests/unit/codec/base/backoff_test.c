/* Pauses that double. */
#include "codec/base/backoff.h"

#include <criterion/criterion.h>

Test(backoff, pauses_double_from_the_first_up_to_the_last)
{
    static const int64_t pauses[] = {10, 20, 40, 75, 75};
    backoff_t backoff = backoff_of(10, 75);
    for (size_t i = 0; i < sizeof pauses / sizeof *pauses; i++) {
        cr_assert_eq(backoff_next(&backoff), pauses[i]);
        cr_assert_eq(backoff.now_us, pauses[i]);
    }
}

Test(backoff, after_a_success_the_first_is_next)
{
    backoff_t backoff = backoff_of(10, 75);
    cr_assert_eq(backoff.now_us, 0);
    backoff_next(&backoff);
    backoff_next(&backoff);
    backoff_reset(&backoff);
    cr_assert_eq(backoff.now_us, 0);
    cr_assert_eq(backoff_now(&backoff), 10, "what is under way before the first is as long");
    cr_assert_eq(backoff_next(&backoff), 10);
    backoff_next(&backoff);
    cr_assert_eq(backoff_now(&backoff), 20);
}

Test(backoff, the_longest_pause_there_is_does_not_overflow)
{
    backoff_t backoff = backoff_of(INT64_MAX / 3, INT64_MAX);
    backoff_next(&backoff);
    cr_assert_eq(backoff_next(&backoff), INT64_MAX / 3 * 2);
    cr_assert_eq(backoff_next(&backoff), INT64_MAX);
    cr_assert_eq(backoff_next(&backoff), INT64_MAX);
}
