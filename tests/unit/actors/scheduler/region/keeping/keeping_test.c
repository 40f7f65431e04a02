/* Keepers of shards, and where a shard goes whose node is gone with its disk. */
#include "tests/unit/actors/scheduler/region/rooms.h"

/* Shard 0 runs on node a, shard 1 on b; a keeper on each node. */
static rooms_t *s_keeping(void)
{
    rooms_t *rooms = rooms_new();
    rooms_topology(rooms)->checkpoint.replicas = 1;
    rooms_topology(rooms)->checkpoint.move_after_us = 5 * SECOND;
    rooms_plan(rooms);
    rooms->actors.settled = true;
    rooms_run(rooms, "shard/eu/0", 0, 0);
    rooms_run(rooms, "shard/eu/1", 1, 0);
    keeping_placed(&rooms->keeping, &rooms->actors.list[0]);
    keeping_placed(&rooms->keeping, &rooms->actors.list[1]);
    rooms_run(rooms, "keeper/eu/a", 0, 0);
    rooms_run(rooms, "keeper/eu/b", 1, 0);
    return rooms;
}

static void s_sealed(rooms_t *rooms, const char *keeper, uint64_t incarnation, uint64_t number)
{
    message_t *sealed = message_new(KIND_sealed, rooms->base.core.name, keeper);
    message_set_name(sealed->sealed.region, "eu");
    sealed->sealed.seal = rooms->keeping.list[0].seal;
    sealed->sealed.incarnation = incarnation;
    sealed->sealed.number = number;
    keeping_take_sealed(&rooms->keeping, sealed, 0);
    message_destroy(&sealed);
}

Test(keeping, nobody_keeps_for_a_shard_of_its_own_node)
{
    rooms_t *rooms = s_keeping();
    keeping_tick(&rooms->keeping, 0);
    cr_assert(keeping_has(&rooms->keeping, 0, 1) && !keeping_has(&rooms->keeping, 0, 0));
    cr_assert(keeping_has(&rooms->keeping, 1, 0) && !keeping_has(&rooms->keeping, 1, 1));
    cr_assert_eq(rooms_sent(rooms, KIND_keepers), 2, "each is told");
    rooms_free(rooms);
}

Test(keeping, an_assignment_that_changes_has_a_new_number)
{
    rooms_t *rooms = s_keeping();
    keeping_tick(&rooms->keeping, 0);
    uint64_t before = rooms->keeping.list[0].assignment;
    keeping_tick(&rooms->keeping, 1);
    cr_assert_eq(rooms->keeping.list[0].assignment, before);
    rooms_run(rooms, "keeper/eu/b", 1, 1);
    keeping_tick(&rooms->keeping, 2);
    cr_assert_eq(rooms->keeping.list[0].assignment, before + 1, "it may have lost its disk");
    rooms_free(rooms);
}

Test(keeping, a_shard_is_told_when_its_newest_is_kept_under_the_newest_assignment)
{
    rooms_t *rooms = s_keeping();
    keeping_tick(&rooms->keeping, 0);
    message_t *progress = rooms_progress(rooms, 0, 1, 1, 1);
    progress->progress.assignment = rooms->keeping.list[0].assignment - 1;
    shards_take_progress(&rooms->shards, progress, 0);
    cr_assert_not(keeping_is_told(&rooms->keeping, 0));
    progress->progress.assignment++;
    shards_take_progress(&rooms->shards, progress, 0);
    cr_assert(keeping_is_told(&rooms->keeping, 0));
    message_destroy(&progress);
    rooms_free(rooms);
}

Test(keeping, without_replicas_copies_are_made_for_a_move_alone)
{
    rooms_t *rooms = rooms_new();
    rooms_plan(rooms);
    rooms_run(rooms, "shard/eu/0", 0, 0);
    keeping_on(&rooms->keeping, 1);
    rooms_run(rooms, "keeper/eu/b", 1, 0);
    keeping_tick(&rooms->keeping, 0);
    cr_assert_not(keeping_has(&rooms->keeping, 0, 1));
    cr_assert_eq(keeping_due(&rooms->keeping), ROLE_NEVER);
    keeping_for_move(&rooms->keeping, 0, true, NOWHERE);
    keeping_tick(&rooms->keeping, 0);
    cr_assert(keeping_has(&rooms->keeping, 0, 1));
    rooms_free(rooms);
}

Test(keeping, a_lost_shard_goes_where_the_sealed_keeper_is)
{
    rooms_t *rooms = s_keeping();
    region_actor_t *shard = &rooms->actors.list[0];
    rooms_tell(rooms, 0, 1, 1, 3);
    uint64_t incarnation = shard->incarnation;
    keeping_tick(&rooms->keeping, 0);
    nodes_leave(&rooms->nodes, 0);
    actors_end(&rooms->actors, shard, 0);
    cr_assert_eq(keeping_home(&rooms->keeping, shard, SECOND), NOWHERE, "it may come back with its disk");
    cr_assert_eq(rooms->keeping.list[0].seal, 0);
    cr_assert_eq(keeping_home(&rooms->keeping, shard, 6 * SECOND), NOWHERE);
    cr_assert_gt(rooms->keeping.list[0].seal, incarnation, "nothing of it is kept any more");
    cr_assert_str_eq(actor_waits_for(shard), "keepers");
    s_sealed(rooms, "keeper/eu/b", incarnation, 3);
    cr_assert_eq(keeping_home(&rooms->keeping, shard, 7 * SECOND), 1);
    rooms_free(rooms);
}

Test(keeping, of_one_that_handed_over_only_exactly_the_newest_counts)
{
    rooms_t *rooms = s_keeping();
    uint64_t incarnation = rooms->actors.list[0].incarnation;
    rooms_tell(rooms, 0, 1, 1, 3);
    keeping_tick(&rooms->keeping, 0);
    cr_assert_eq(keeping_sealed(&rooms->keeping, 0, NOWHERE), NOWHERE);
    s_sealed(rooms, "keeper/eu/b", incarnation, 2);
    cr_assert_eq(keeping_sealed(&rooms->keeping, 0, NOWHERE), NOWHERE);
    s_sealed(rooms, "keeper/eu/b", incarnation, 3);
    cr_assert_eq(keeping_sealed(&rooms->keeping, 0, NOWHERE), 1);
    rooms_free(rooms);
}

Test(keeping, another_region_is_named_the_same_keeper_while_it_is_there)
{
    rooms_t *rooms = s_keeping();
    message_t *want = message_new(KIND_keeper_want, rooms->base.core.name, "scheduler/us"), *first, *second;
    message_set_name(want->keeper_want.region, "us");
    keeping_take_want(&rooms->keeping, want, 0);
    first = rooms_take(rooms, KIND_keeper_named);
    keeping_take_want(&rooms->keeping, want, 1);
    second = rooms_take(rooms, KIND_keeper_named);
    cr_assert_str_eq(first->keeper_named.keeper, second->keeper_named.keeper);
    cr_assert_neq(first->keeper_named.keeper[0], 0);
    message_destroy(&want);
    message_destroy(&first);
    message_destroy(&second);
    rooms_free(rooms);
}
