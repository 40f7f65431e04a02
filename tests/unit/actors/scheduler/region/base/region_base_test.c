/* The ground that all rooms of the regional scheduler stand on. */
#include "tests/unit/actors/scheduler/region/rooms.h"

#include <signal.h>

Test(region_base, what_is_sent_carries_the_term)
{
    rooms_t *rooms = rooms_new();
    message_t *stop = message_new(KIND_stop, "node/eu/a", rooms->base.core.name), *sent;
    core_send(&rooms->base.core, &stop);
    sent = rooms_take(rooms, KIND_stop);
    cr_assert_eq(sent->incarnation, TERM << 32);
    cr_assert_str_eq(sent->from, "scheduler/eu");
    message_destroy(&sent);
    rooms_free(rooms);
}

Test(region_base, the_first_failure_is_the_one_that_is_told)
{
    rooms_t *rooms = rooms_new();
    region_fail(&rooms->base, ERR_IO, "first");
    region_fail(&rooms->base, ERR_FULL, "second");
    cr_assert_eq(rooms->base.failure, ERR_IO);
    cr_assert_str_eq(rooms->base.reason, "first");
    cr_assert(rooms->base.report_soon);
    cr_assert_not(rooms->base.core.finished, "others are told of it first");
    rooms_free(rooms);
}

/* Held up itself, it has read nothing of what the others sent meanwhile. */
Test(region_base, silence_counts_only_while_it_listens)
{
    rooms_t *rooms = rooms_new();
    region_hears(&rooms->base, 900 * MS);
    cr_assert_not(region_is_silent(&rooms->base, 0, SECOND, 900 * MS));
    cr_assert(region_is_silent(&rooms->base, 0, SECOND, 1000 * MS));
    region_hears(&rooms->base, 10 * SECOND);
    cr_assert_not(region_is_silent(&rooms->base, 0, SECOND, 10 * SECOND));
    cr_assert(region_is_silent(&rooms->base, 0, SECOND, 11 * SECOND));
    rooms_free(rooms);
}

Test(region_base, life_goes_one_way)
{
    rooms_t *rooms = rooms_new();
    cr_assert_not(region_stops(&rooms->base));
    region_move_on(&rooms->base, REGION_STOPS);
    cr_assert(region_stops(&rooms->base));
    region_move_on(&rooms->base, REGION_STOPPED);
    cr_assert(region_stops(&rooms->base));
    rooms_free(rooms);
}

Test(region_base, no_phase_of_life_is_left_out, .signal = SIGABRT)
{
    rooms_t *rooms = rooms_new();
    region_move_on(&rooms->base, REGION_STOPPED);
}
