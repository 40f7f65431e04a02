/* Stop, stopped, the final report, bye. */
#include "tests/unit/actors/scheduler/region/rooms.h"

static void s_stopped(rooms_t *rooms, const char *node, err_code_t code)
{
    message_t *stopped = message_new(KIND_stopped, rooms->base.core.name, node);
    stopped->stopped.code = code;
    ending_take_stopped(&rooms->ending, stopped, 0);
    message_destroy(&stopped);
}

static rooms_t *s_stopping(void)
{
    rooms_t *rooms = rooms_new();
    rooms_node(rooms, "node/eu/a", 0);
    rooms_node(rooms, "node/eu/b", 0);
    ending_begin(&rooms->ending, false, 0);
    return rooms;
}

Test(ending, stop_is_repeated_to_those_that_have_not_stopped)
{
    rooms_t *rooms = s_stopping();
    ending_tick(&rooms->ending, 0);
    cr_assert_eq(rooms_sent(rooms, KIND_stop), 2);
    s_stopped(rooms, "node/eu/a", ERR_OK);
    cr_assert_eq(nodes_take_gone(&rooms->nodes), 0);
    ending_tick(&rooms->ending, ending_due(&rooms->ending));
    cr_assert_eq(rooms_sent(rooms, KIND_stop), 1);
    cr_assert_eq(rooms->base.life, REGION_STOPS);
    rooms_free(rooms);
}

Test(ending, all_have_stopped_then_the_final_report_waits_for_bye)
{
    rooms_t *rooms = s_stopping();
    s_stopped(rooms, "node/eu/a", ERR_OK);
    s_stopped(rooms, "node/eu/b", ERR_OK);
    cr_assert_eq(rooms_sent(rooms, KIND_bye), 2);
    ending_take_bye(&rooms->ending);
    cr_assert_not(rooms->base.core.finished, "it is of another end");
    ending_tick(&rooms->ending, SECOND);
    cr_assert_eq(rooms->base.life, REGION_STOPPED);
    cr_assert(rooms->base.report_soon);
    cr_assert_str_eq(ending_waits_for(&rooms->ending), ACTOR_GLOBAL);
    ending_take_bye(&rooms->ending);
    cr_assert(rooms->base.core.finished);
    rooms_free(rooms);
}

Test(ending, the_farewell_ends_by_silence_of_the_global_scheduler)
{
    rooms_t *rooms = s_stopping();
    s_stopped(rooms, "node/eu/a", ERR_OK);
    s_stopped(rooms, "node/eu/b", ERR_OK);
    ending_tick(&rooms->ending, SECOND);
    rooms->run.global_heard_us = 10 * SECOND;
    cr_assert_eq(ending_due(&rooms->ending), 40 * SECOND);
    ending_tick(&rooms->ending, 40 * SECOND - 1);
    cr_assert_not(rooms->base.core.finished);
    ending_tick(&rooms->ending, 40 * SECOND);
    cr_assert(rooms->base.core.finished);
    rooms_free(rooms);
}

Test(ending, with_keepers_nobody_goes_before_all_have_stopped)
{
    rooms_t *rooms = s_stopping();
    rooms_topology(rooms)->checkpoint.replicas = 1;
    s_stopped(rooms, "node/eu/a", ERR_OK);
    cr_assert_eq(rooms_sent(rooms, KIND_bye), 0);
    s_stopped(rooms, "node/eu/b", ERR_OK);
    ending_tick(&rooms->ending, 0);
    cr_assert_eq(rooms_sent(rooms, KIND_bye), 2);
    rooms_free(rooms);
}

Test(ending, a_node_that_fails_while_it_stops_fails_the_region)
{
    rooms_t *rooms = s_stopping();
    s_stopped(rooms, "node/eu/a", ERR_IO);
    cr_assert_eq(rooms->base.failure, ERR_IO);
    rooms_free(rooms);
}

/* A node that leaves has ended in order: the region goes on. */
Test(ending, stopped_before_a_stop_is_a_node_that_left)
{
    rooms_t *rooms = rooms_new();
    size_t node = rooms_node(rooms, "node/eu/a", 0);
    s_stopped(rooms, "node/eu/a", ERR_OK);
    cr_assert(rooms->nodes.list[node].lost && !rooms->nodes.list[node].stopped);
    cr_assert_not(region_stops(&rooms->base));
    cr_assert_eq(rooms_sent(rooms, KIND_bye), 1);
    rooms_free(rooms);
}

Test(ending, an_end_that_is_over_is_none_that_a_successor_carries_on)
{
    rooms_t *rooms = s_stopping();
    message_t *state = message_new(KIND_region_state, rooms->base.core.name, rooms->base.core.name);
    ending_put(&rooms->ending, state);
    cr_assert(state->region_state.stopping && !state->region_state.stopped);
    rooms->base.core.finished = true;
    ending_put(&rooms->ending, state);
    cr_assert_not(state->region_state.stopping);
    message_destroy(&state);
    rooms_free(rooms);
}
