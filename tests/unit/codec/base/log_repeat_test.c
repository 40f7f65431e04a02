#include "codec/base/log_repeat.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

#define SECOND ((int64_t)1000000)

static bool s_pass(log_repeat_t *self, const char *line, int64_t now_us, uint64_t *ret_held)
{
    return log_repeat_pass(self, line, strlen(line), now_us, ret_held);
}

Test(log_repeat, passes_a_few_then_at_distances_that_double_up_to_a_limit)
{
    static log_repeat_t self;
    uint64_t held, told = 0;
    int64_t last_us = 0, longest_us = 0;
    char line[64];
    for (int64_t second = 0; second < 3600; second++) {
        snprintf(line, sizeof line, "ev=waits for=x since_s=%d.5", (int)second);
        if (!s_pass(&self, line, second * SECOND, &held))
            continue;
        told++;
        longest_us = second * SECOND - last_us > longest_us ? second * SECOND - last_us : longest_us;
        last_us = second * SECOND;
    }
    cr_assert_lt(told, 25, "%d of 3600", (int)told);
    cr_assert_eq(longest_us, LOG_REPEAT_MOST_US);
    cr_assert_eq(held, (uint64_t)((3599 * SECOND - last_us) / SECOND - 1), "what is held is counted");
}

Test(log_repeat, what_was_quiet_for_long_is_new_and_others_are_others)
{
    static log_repeat_t self;
    uint64_t held;
    for (int i = 0; i < 10; i++)
        s_pass(&self, "ev=a", 0, &held);
    cr_assert_not(s_pass(&self, "ev=a", SECOND, &held));
    cr_assert(s_pass(&self, "ev=b", SECOND, &held));
    cr_assert_eq(held, 0);
    cr_assert(s_pass(&self, "ev=a", SECOND + LOG_REPEAT_FORGET_US, &held));
    cr_assert_eq(held, 0);
}

Test(log_repeat, a_flood_of_different_lines_passes_and_takes_no_room)
{
    static log_repeat_t self;
    uint64_t held;
    char line[32];
    for (int i = 0; i < 1000; i++) {
        snprintf(line, sizeof line, "ev=%c%c%c", 'a' + i % 26, 'a' + i / 26 % 26, 'a' + i / 676);
        cr_expect(s_pass(&self, line, i, &held), "%s", line);
    }
}
