/* Shards that go on elsewhere, and nodes that are let go. */
#include "tests/unit/actors/scheduler/region/rooms.h"

Test(moving, a_shard_is_not_stopped_before_there_is_a_copy_where_it_goes_on)
{
    rooms_t *rooms = rooms_running(1);
    rooms->nodes.list[0].announce->announce.leaving = true;
    moving_tick(&rooms->moving, 0);
    cr_assert(rooms->moving.list[0].handing && !rooms->moving.list[1].handing);
    rooms_run(rooms, "keeper/eu/b", 1, 0);
    keeping_tick(&rooms->keeping, 0);
    moving_tick(&rooms->moving, SECOND);
    cr_assert_eq(rooms_sent(rooms, KIND_hand_over), 0);
    message_t *progress = rooms_progress(rooms, 0, 0, 0, 2);
    progress->progress.assignment = rooms->keeping.list[0].assignment;
    shards_take_progress(&rooms->shards, progress, 0);
    moving_tick(&rooms->moving, 2 * SECOND);
    cr_assert_eq(rooms_sent(rooms, KIND_hand_over), 1);
    progress->progress.handed = true;
    shards_take_progress(&rooms->shards, progress, 0);
    moving_tick(&rooms->moving, 3 * SECOND);
    cr_assert(moving_has_handed(&rooms->moving, 0) && moving_is_last(&rooms->moving, 0));
    cr_assert_eq(rooms->actors.list[0].state, PLACE_NONE);
    cr_assert_eq(rooms->actors.list[0].former.node, 0, "its node is to end it");
    message_destroy(&progress);
    rooms_free(rooms);
}

Test(moving, a_node_that_leaves_is_let_go_when_nothing_is_left_there)
{
    rooms_t *rooms = rooms_running(1);
    rooms->nodes.list[0].announce->announce.leaving = true;
    moving_let_go(&rooms->moving, false, 0);
    cr_assert_eq(rooms_sent(rooms, KIND_stop), 0);
    rooms->actors.list[0].node = 1;
    moving_let_go(&rooms->moving, false, 0);
    cr_assert_eq(rooms_sent(rooms, KIND_stop), 1);
    rooms_free(rooms);
}
