/* A state that a regional scheduler of the version before has stored, byte for byte. */
#include "actors/scheduler/region/base/region_base.h"
#include "actors/scheduler/region/base/region_former.h"
#include "tests/unit/actors/former.h"

#define INCARNATION (UINT64_C(6) << 32 | 1)

/* Of two shards and two regions: what lies in rows that have the bytes of before, and what does not. */
static const char s_stored[] =
    "880694cf8000000000000005010b0217980000000064ccc81e281894cf000000060000000104cf00"
    "000006000000020519dc0020cf00000006000000014d2803cd2328010203010405060708090acf00"
    "000006000000024e2903cd232900000000000000000000001ad92a30206b65657065722f75732f78"
    "0a31206b65657065722f75732f790a31206b65657065722f75732f7a0a1d940000cf000000060000"
    "000103359c010002ce004c4b400100000304460802cc94940b020000";

Test(region_former, rows_with_the_bytes_of_before_are_read_as_they_are)
{
    message_t *state = former_message(KIND_region_state, s_stored);
    cr_assert_eq(state->region_state.nodes.count, 2);
    cr_assert_eq(state->region_state.nodes.items[0].name, (UINT64_C(1) << 63) + 5);
    cr_assert_eq(state->region_state.nodes.items[1].process, 2);
    cr_assert_eq(state->region_state.links.count, 2);
    cr_assert_eq(state->region_state.links.items[1].received, 200);
    cr_assert_eq(state->region_state.links.items[1].sent_before, 30);
    cr_assert_eq(state->region_state.newest.items[1].number, 5);
    cr_assert_eq(state->region_state.handed.items[1].incarnation, INCARNATION);
    cr_assert_eq(state->region_state.rented_units.count, 2);
    cr_assert_eq(state->region_state.rented_units.items[0].rented_us, 5000000);
    cr_assert_eq(state->region_state.rented_units.items[1].before_us, 8);
    cr_assert_eq(state->region_state.rented_units.items[1].again, 2);
    cr_assert_eq(state->region_state.ran_on.items[0].name, 11);
    message_destroy(&state);
}

Test(region_former, figures_and_keepers_become_rows)
{
    message_t *state = former_message(KIND_region_state, s_stored);
    region_former(state, 2);
    cr_assert_eq(state->region_state.figures.count, 2);
    const region_state_figures_t *row = state->region_state.figures.items;
    cr_assert(row->incarnation == INCARNATION && row->history == 77 && row->steps == 40 && row->rounds == 3);
    cr_assert(row->samples_applied == 9000 && row->closed && row->lasts == 4);
    cr_assert(row->duplicates == 1 && row->refusals == 2 && row->not_finite == 3 && row->rolled_back == 5);
    cr_assert(row->transfers == 6 && row->snapshots_failed == 7 && row->uncovered == 8);
    cr_assert(row->uncompensated == 9 && row->cuts_merged == 10);
    cr_assert(row[1].incarnation == INCARNATION + 1 && !row[1].closed);
    cr_assert_eq(state->region_state.keepers.count, 3);
    cr_assert_eq(state->region_state.keepers.items[0].shard, 0);
    cr_assert_str_eq(state->region_state.keepers.items[2].keeper, "keeper/us/z");
    cr_assert_eq(state->region_state.keepers.items[2].shard, 1);
    message_destroy(&state);
}

Test(region_former, what_this_version_stores_stays)
{
    message_t *state = former_message(KIND_region_state, s_stored), *again;
    region_former(state, 2);
    again = message_dup(state);
    region_former(again, 2);
    cr_assert(message_equal(state, again));
    cr_assert_eq(state->region_state.figures_former.count, 0);
    message_destroy(&state);
    message_destroy(&again);
}

Test(region_former, a_scheduler_begins_with_fields_of_today)
{
    topology_t *topology = calloc(1, sizeof *topology);
    legacy_t *legacy = calloc(1, sizeof *legacy);
    cr_assert(topology && legacy);
    topology->region_count = 1;
    topology->regions[0].shards = 2;
    strcpy(topology->regions[0].name, "eu");
    legacy->state = former_message(KIND_region_state, s_stored);
    const region_spec_t spec = {.topology = topology, .legacy = legacy};
    region_base_t base;
    region_base_init(&base, &spec, 0);
    cr_assert_eq(base.saved->region_state.figures.count, 2);
    cr_assert_eq(base.saved->region_state.keepers.count, 3);
    region_base_fini(&base);
    legacy_fini(legacy);
    free(legacy);
    free(topology);
}
