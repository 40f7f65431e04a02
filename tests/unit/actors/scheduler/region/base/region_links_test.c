/* The broker's word on the ways to other regions. */
#include "tests/unit/actors/scheduler/region/rooms.h"

static bool s_link(rooms_t *rooms, bool up, uint64_t sent, int64_t now_us)
{
    message_t *state = message_new(KIND_link_state, rooms->base.core.name, "broker/eu");
    message_set_name(state->link_state.region, "us");
    state->link_state.up = up;
    state->link_state.sent_bytes = sent;
    bool changed = region_links_take(&rooms->links, &state, now_us);
    message_destroy(&state);
    return changed;
}

Test(region_links, bytes_are_counted_over_restarts_of_the_broker)
{
    rooms_t *rooms = rooms_new();
    cr_assert(s_link(rooms, true, 100, 0), "it was not known");
    cr_assert_not(s_link(rooms, true, 150, 1));
    cr_assert_not(s_link(rooms, true, 20, 2));
    message_t *report = message_new(KIND_region_report, ACTOR_GLOBAL, rooms->base.core.name);
    region_links_report(&rooms->links, report);
    cr_assert_eq(report->region_report.wan_sent_bytes, 170);
    cr_assert_eq(report->region_report.links.items[1].sent_bytes, 170);
    message_destroy(&report);
    rooms_free(rooms);
}

Test(region_links, a_region_is_away_while_its_way_is_down)
{
    rooms_t *rooms = rooms_new();
    cr_assert_not(region_links_is_away(&rooms->links), "nothing is known");
    s_link(rooms, false, 0, 0);
    cr_assert(region_links_is_away(&rooms->links));
    cr_assert(s_link(rooms, true, 0, 1));
    cr_assert_not(region_links_is_away(&rooms->links));
    rooms_free(rooms);
}
