/* Adopting from a predecessor. */
#include "tests/unit/actors/scheduler/region/rooms.h"

Test(adopting, nothing_is_placed_before_nodes_have_told_whom_they_host)
{
    rooms_t *rooms = rooms_new();
    rooms_plan(rooms);
    message_set_u64s(&rooms->nodes.list[0].announce->announce.hosted, (uint64_t[]){(5ull << 32) + 3}, 1);
    cr_assert_not(adopting_settle(&rooms->adopting, 0));
    cr_assert_str_eq(adopting_waits_for(&rooms->adopting), "node/eu/a");
    cr_assert(adopting_take(&rooms->adopting, &rooms->actors.list[0], 0, (5ull << 32) + 3, 1));
    cr_assert(adopting_settle(&rooms->adopting, 1));
    cr_assert_eq(rooms->actors.adopted, 1);
    cr_assert_not(adopting_take(&rooms->adopting, &rooms->actors.list[1], 0, TERM << 32, 1),
                  "of its own term");
    rooms_free(rooms);
}

Test(adopting, a_term_that_somebody_has_seen_is_exceeded_or_ends_this_scheduler)
{
    rooms_t *rooms = rooms_new();
    message_t *announce = rooms_announce(rooms, "node/eu/a", 1);
    announce->announce.scheduler = 9ull << 32;
    adopting_check_term(&rooms->adopting, announce);
    cr_assert_eq(rooms->base.spec.term, 10, "it has placed nothing yet");
    cr_assert_not(rooms->base.core.finished);
    announce->announce.scheduler = 11ull << 32;
    rooms->actors.settled = true;
    adopting_check_term(&rooms->adopting, announce);
    cr_assert(rooms->base.core.finished);
    cr_assert_eq(rooms->base.failure, ERR_STALE);
    message_destroy(&announce);
    rooms_free(rooms);
}

Test(adopting, a_drain_is_carried_on_where_a_process_of_that_time_runs)
{
    rooms_t *rooms = rooms_new();
    message_t *saved = message_new(KIND_region_state, rooms->base.core.name, rooms->base.core.name);
    message_set_rows(&saved->region_state.nodes, 2);
    saved->region_state.nodes.items[0] = (region_state_nodes_t){nodes_hash("node/eu/a"), 1};
    saved->region_state.nodes.items[1] = (region_state_nodes_t){nodes_hash("node/eu/b"), 1};
    adopting_load(&rooms->adopting, saved);
    rooms->adopting.drain_known = true;
    message_t *a = rooms_announce(rooms, "node/eu/a", 2), *b = rooms_announce(rooms, "node/eu/b", 1);
    cr_assert_not(adopting_heard(&rooms->adopting, a), "it was started anew");
    cr_assert_not(adopting_all_heard(&rooms->adopting));
    cr_assert(adopting_heard(&rooms->adopting, b));
    message_destroy(&a);
    message_destroy(&b);
    message_destroy(&saved);
    rooms_free(rooms);
}
