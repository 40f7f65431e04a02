/* The gate of common points without a shard: what may be taken, what stays, and when a point is over. */
#include "actors/kit/breaks.h"
#include "actors/kit/role.h"
#include "actors/shard/base/gate.h"

#include <criterion/criterion.h>

#define NOW 1000

static gate_t s_gate(void)
{
    gate_t gate;
    gate_init(&gate, 0);
    return gate;
}

Test(gate, what_lies_behind_a_point_waits_until_that_is_over)
{
    gate_t gate = s_gate();
    cr_assert(gate_lets(&gate, 0));
    cr_assert_not(gate_lets(&gate, 5));
    cr_assert(gate_over(&gate, 5, NOW));
    cr_assert(gate_lets(&gate, 5));
    cr_assert_not(gate_lets(&gate, 6));
    cr_assert_eq(gate.number, 5);
}

Test(gate, taking_the_snapshot_moves_the_number_but_the_point_is_over_only_when_it_is_durable)
{
    gate_t gate = s_gate();
    cr_assert(gate_hold(&gate, 7, NOW)); /* 6 and those before are over */
    gate_take(&gate);
    cr_assert_eq(gate.number, 7);
    cr_assert_not(gate_lets(&gate, 7));
    cr_assert(gate_holds(&gate));
    cr_assert_not(gate_over(&gate, 7, NOW), "it was stored with the snapshot");
    cr_assert(gate_lets(&gate, 7));
    cr_assert_not(gate_holds(&gate));
    cr_assert_eq(gate.patient_us, ROLE_NEVER);
}

Test(gate, a_newer_point_ends_the_one_that_is_held)
{
    gate_t gate = s_gate();
    gate_hold(&gate, 3, NOW);
    cr_assert_not(gate_hold(&gate, 3, NOW + 5), "said twice");
    cr_assert_eq(gate.patient_us, NOW + 5 + GATE_PATIENCE_US);
    cr_assert(gate_hold(&gate, 9, NOW));
    cr_assert_eq(gate.held, 9);
    cr_assert(gate_lets(&gate, 8));
}

Test(gate, an_older_end_leaves_the_one_that_is_held)
{
    gate_t gate = s_gate();
    gate_hold(&gate, 9, NOW);
    cr_assert_not(gate_over(&gate, 4, NOW));
    cr_assert(gate_holds(&gate));
    cr_assert_eq(gate.over, 8);
}

Test(gate, given_up_by_whoever_held_it)
{
    gate_t gate = s_gate();
    cr_assert_not(gate_drop(&gate, NOW), "nothing is held");
    gate_hold(&gate, 2, NOW);
    cr_assert(gate_drop(&gate, NOW));
    cr_assert_not(gate_holds(&gate));
    cr_assert(gate_lets(&gate, 2));
}

Test(gate, a_silent_scheduler_is_waited_for_only_so_long)
{
    gate_t gate = s_gate();
    gate_hold(&gate, 2, NOW);
    gate_seen(&gate, 4, NOW);
    cr_assert_not(gate_tick(&gate, NOW + GATE_PATIENCE_US - 1));
    cr_assert(gate_holds(&gate));
    cr_assert(gate_tick(&gate, NOW + GATE_PATIENCE_US));
    cr_assert_not(gate_holds(&gate));
    cr_assert(gate_lets(&gate, 4), "also what others have gone on to");
    cr_assert_eq(gate.patient_us, ROLE_NEVER);
}

Test(gate, what_is_seen_ahead_starts_the_wait_once)
{
    gate_t gate = s_gate();
    gate_over(&gate, 3, NOW);
    gate_seen(&gate, 3, NOW);
    cr_assert_eq(gate.patient_us, ROLE_NEVER, "that is over");
    gate_seen(&gate, 4, NOW);
    gate_seen(&gate, 5, NOW + 7);
    cr_assert_eq(gate.patient_us, NOW + GATE_PATIENCE_US);
    gate_over(&gate, 4, NOW + 9); /* 5 is still waited for */
    cr_assert_eq(gate.patient_us, NOW + 9 + GATE_PATIENCE_US);
    gate_over(&gate, 5, NOW + 9);
    cr_assert_eq(gate.patient_us, ROLE_NEVER);
}

Test(gate, stored_is_the_number_alone_and_then_nothing_is_waited_for)
{
    gate_t gate = s_gate();
    gate_load(&gate, 6);
    cr_assert(gate_lets(&gate, 6));
    cr_assert_not(gate_lets(&gate, 7));
    cr_assert_not(gate_holds(&gate));
}

Test(gate, breaks_switch_its_guards_off)
{
    gate_t gate;
    gate_init(&gate, BREAK_MARK | BREAK_HOLD);
    gate_hold(&gate, 2, NOW);
    cr_assert(gate_lets(&gate, 100));
    cr_assert_not(gate_holds(&gate));
}
