/* A state that a global scheduler of the version before has stored, byte for byte. */
#include "actors/scheduler/global/global_cost.h"
#include "actors/scheduler/global/global_former.h"
#include "tests/unit/actors/former.h"

/* Of two regions with two offers and one: two plans, and what was paid before prices changed. */
static const char s_stored[] =
    "84079201001cdc00130200000000cf405e200000000000cf4023800000000000010203ce03a2c940"
    "0401cf3fe0000000000000cf4069000000000000cf40270000000000000405061ddc012ccf3ff800"
    "0000000000cf3fd0000000000000cd03e80700000000000000000000000000000000000000cd01f4"
    "00000000000000000000000000000000000000000000000000000000000000000000000000000000"
    "00000000000000000000000000000000000000000000000000000000000000000000000000000000"
    "00000000000000000000000000000000000000000000000000000000000000000000000000000000"
    "000000000000cf4004000000000000cf3fd0000000000000cd07d007000000000000000000000000"
    "000000000000cd025800000000000000000000000000000000000000000000000000000000000000"
    "00000000000000000000000000000000000000000000000000000000000000000000000000000000"
    "00000000000000000000000000000000000000000000000000000000000000000000000000000000"
    "000000000000000000000000000000001e3d";

static message_t *s_state(void)
{
    topology_t *topology = calloc(1, sizeof *topology);
    cr_assert_not_null(topology);
    topology->region_count = 2;
    topology->regions[0].offer_count = 2;
    topology->regions[1].offer_count = 1;
    message_t *state = former_message(KIND_global_state, s_stored);
    global_former(topology, state);
    free(topology);
    return state;
}

Test(global_former, plans_become_rows)
{
    message_t *state = s_state();
    cr_assert_eq(state->global_state.plan, 2);
    cr_assert_eq(state->global_state.plans.count, 2);
    const global_state_plans_t *row = &state->global_state.plans.items[1];
    cr_assert(row->at_us == 61000000 && row->because == 4 && row->region == 1);
    cr_assert(row->value == 0.5 && row->predicted_s == 200 && row->predicted_cost == 11.5);
    const uint64_t units[] = {1, 2, 3, 4, 5, 6};
    cr_assert_eq(state->global_state.plans_units.count, 6);
    cr_assert_arr_eq(state->global_state.plans_units.items, units, sizeof units);
    message_destroy(&state);
}

Test(global_former, what_was_paid_becomes_rows)
{
    message_t *state = s_state();
    global_paid_t paid[2] = {{0}};
    cr_assert(state->global_state.regions.items[0].final && !state->global_state.regions.items[1].final);
    global_cost_take(paid, 2, state);
    cr_assert(paid[0].rent == 1.5 && paid[1].rent == 2.5 && paid[0].wan == 0.25);
    cr_assert(paid[0].rented_us[0] == 1000 && paid[0].rented_us[1] == 7 && paid[1].rented_us[0] == 2000);
    cr_assert(paid[0].sent_bytes[1] == 500 && paid[1].sent_bytes[0] == 600 && paid[1].sent_bytes[1] == 0);
    cr_assert_eq(state->global_state.rented.count, 4, "nothing that is zero");
    message_destroy(&state);
}
