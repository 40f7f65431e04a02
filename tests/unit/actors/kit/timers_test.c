#include "actors/kit/timers.h"

#include <criterion/criterion.h>

typedef struct {
    int64_t due_us[2], acted_us[2];
    int order;
} clock_t_;

static int64_t s_first_due(const void *core)
{
    return ((const clock_t_ *)core)->due_us[0];
}

static int64_t s_second_due(const void *core)
{
    return ((const clock_t_ *)core)->due_us[1];
}

static void s_first(void *core, int64_t now_us)
{
    clock_t_ *self = core;
    self->acted_us[0] = now_us;
    self->due_us[0] = ROLE_NEVER;
    self->order = 10 * self->order + 1;
}

static void s_second(void *core, int64_t now_us)
{
    clock_t_ *self = core;
    self->acted_us[1] = now_us;
    self->due_us[1] = now_us + 100;
    self->order = 10 * self->order + 2;
}

static const timer_row_t s_rows[] = {{s_first_due, s_first}, {s_second_due, s_second}};

Test(timers, nothing_is_done_before_it_is_due)
{
    clock_t_ clock = {.due_us = {50, 40}};
    cr_assert_eq(timers_due(s_rows, 2, &clock), 40);
    timers_run(s_rows, 2, &clock, 39);
    cr_assert_eq(clock.order, 0);
    timers_run(s_rows, 2, &clock, 40);
    cr_assert_eq(clock.order, 2);
    cr_assert_eq(timers_due(s_rows, 2, &clock), 50);
}

Test(timers, what_is_due_together_is_done_in_the_order_of_the_rows)
{
    clock_t_ clock = {.due_us = {50, 40}};
    timers_run(s_rows, 2, &clock, 60);
    cr_assert_eq(clock.order, 12);
    cr_assert_eq(timers_due(s_rows, 2, &clock), 160, "after it has acted a row is due later");
}

Test(timers, a_condition_that_holds_is_due_at_once)
{
    clock_t_ clock = {.due_us = {TIMER_NOW, ROLE_NEVER}};
    timers_run(s_rows, 2, &clock, 0);
    cr_assert_eq(clock.order, 1);
    cr_assert_eq(timers_due(s_rows, 2, &clock), ROLE_NEVER);
}
