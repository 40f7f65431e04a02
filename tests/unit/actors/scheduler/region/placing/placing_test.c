/* Where actors start, and what nodes say of it. */
#include "tests/unit/actors/scheduler/region/rooms.h"

static void s_holds(rooms_t *rooms, size_t node, uint64_t shard, uint64_t incarnation, uint64_t number)
{
    message_t *announce = rooms->nodes.list[node].announce;
    message_set_rows(&announce->announce.held, 1);
    announce->announce.held.items[0] = (announce_held_t){shard, incarnation, number};
}

Test(placing, a_shard_goes_where_its_newest_snapshot_is)
{
    rooms_t *rooms = rooms_running(1);
    region_actor_t *shard = &rooms->actors.list[0];
    s_holds(rooms, 1, 0, shard->incarnation, 1);
    actors_end(&rooms->actors, shard, 0);
    nodes_leave(&rooms->nodes, 0);
    cr_assert_eq(placing_home(&rooms->placing, shard, 0), 1);
    rooms_free(rooms);
}

Test(placing, who_has_it_is_waited_for_as_long_as_a_region_may_be_away_and_that_is_told)
{
    rooms_t *rooms = rooms_running(1);
    region_actor_t *shard = &rooms->actors.list[0];
    region_missing_t missing;
    actors_end(&rooms->actors, shard, 0);
    nodes_leave(&rooms->nodes, 0);
    cr_assert_eq(placing_home(&rooms->placing, shard, 29 * SECOND), NOWHERE);
    cr_assert(placing_take_missing(&rooms->placing, &missing) && missing.awaited);
    cr_assert_str_eq(missing.shard, "shard/eu/0");
    cr_assert_not(placing_take_missing(&rooms->placing, &missing), "once");
    cr_assert_eq(placing_home(&rooms->placing, shard, 30 * SECOND), 1);
    cr_assert(placing_take_missing(&rooms->placing, &missing) && !missing.awaited);
    rooms_free(rooms);
}

static void s_placed(rooms_t *rooms, const region_actor_t *actor, const char *node, err_code_t code)
{
    message_t *placed = message_new(KIND_placed, rooms->base.core.name, node);
    message_set_name(placed->placed.actor, actor->name);
    placed->placed.incarnation = actor->incarnation;
    placed->placed.code = code;
    placing_take_placed(&rooms->placing, placed, 0);
    message_destroy(&placed);
}

Test(placing, a_start_that_fails_four_times_in_a_row_fails_the_region_unless_there_is_no_room)
{
    rooms_t *rooms = rooms_running(1);
    region_actor_t *worker = &rooms->actors.list[4];
    for (int i = 0; i < 9; i++) {
        rooms_run(rooms, worker->name, 0, 0)->state = PLACE_ASKED;
        s_placed(rooms, worker, "node/eu/a", ERR_FULL);
    }
    cr_assert_eq(rooms->base.failure, ERR_OK);
    cr_assert_str_eq(actor_waits_for(worker), "disk for worker/eu/0");
    for (int i = 0; i < 4; i++) {
        cr_assert_eq(rooms->base.failure, ERR_OK);
        rooms_run(rooms, worker->name, 0, 0)->state = PLACE_ASKED;
        s_placed(rooms, worker, "node/eu/a", ERR_IO);
    }
    cr_assert_eq(rooms->base.failure, ERR_IO);
    rooms_free(rooms);
}

Test(placing, what_runs_and_does_not_count_is_retired)
{
    rooms_t *rooms = rooms_running(1);
    region_actor_t *shard = &rooms->actors.list[0];
    uint64_t former = shard->incarnation;
    rooms_run(rooms, shard->name, 0, 0);
    shard->incarnation = former;
    s_placed(rooms, shard, "node/eu/b", ERR_OK);
    message_t *retire = rooms_take(rooms, KIND_retire);
    cr_assert_not_null(retire);
    cr_assert_str_eq(retire->to, "node/eu/b");
    message_destroy(&retire);
    rooms_free(rooms);
}
