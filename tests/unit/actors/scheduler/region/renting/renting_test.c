/* Rented units, and what is computed there. */
#include "tests/unit/actors/scheduler/region/rooms.h"

Test(renting, what_a_plan_wants_is_how_many_nodes_are_expected)
{
    rooms_t *rooms = rooms_new();
    cr_assert_eq(renting_expected(&rooms->renting), SIZE_MAX);
    rooms_topology(rooms)->regions[0].offer_count = 1;
    strcpy(rooms_topology(rooms)->regions[0].offers[0].name, "small");
    renting_want(&rooms->renting, (uint64_t[]){3}, false, 0);
    cr_assert_eq(renting_expected(&rooms->renting), 3);
    uint64_t before = rooms->base.decisions;
    rent_command_t command;
    renting_tick(&rooms->renting, 0);
    cr_assert_gt(rooms->base.decisions, before, "a successor must know of a unit before it is rented");
    cr_assert(renting_take_command(&rooms->renting, &command) && command.verb == RENT_START);
    rooms_free(rooms);
}

Test(renting, computing_counts_by_the_power_of_a_core)
{
    rooms_t *rooms = rooms_running(1);
    topology_region_t *region = &rooms_topology(rooms)->regions[0];
    region->offer_count = 1;
    strcpy(region->offers[0].name, "fast");
    region->offers[0].power = 3;
    message_set_name(rooms->nodes.list[0].announce->announce.offer, "fast");
    const region_actor_t *worker = rooms_run(rooms, "worker/eu/0", 0, 0);
    renting_computed(&rooms->renting, worker, (computed_t){.samples = 10, .took_us = 2 * SECOND});
    cr_assert_eq(rooms->renting.computed, 10);
    cr_assert_float_eq(rooms->renting.core_s, 6, 1e-9);
    rooms_free(rooms);
}
