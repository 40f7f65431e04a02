/* How long nothing was applied, and why. */
#include "tests/unit/actors/scheduler/region/rooms.h"

Test(still, the_longest_time_without_a_batch_is_told_with_its_reason)
{
    rooms_t *rooms = rooms_training();
    training_begin(&rooms->training, 0);
    still_look(&rooms->still, 0);
    actors_end(&rooms->actors, &rooms->actors.list[1], 0);
    still_look(&rooms->still, 2 * SECOND);
    rooms_tell(rooms, 0, 1, 0, 0);
    rooms_tell(rooms, 1, 1, 0, 0);
    still_look(&rooms->still, 3 * SECOND);
    still_look(&rooms->still, 4 * SECOND);
    message_t *report = message_new(KIND_region_report, ACTOR_GLOBAL, rooms->base.core.name);
    still_report(&rooms->still, report);
    cr_assert_eq(report->region_report.still_us, 2 * SECOND);
    cr_assert_str_eq(report->region_report.still_why, "shard/eu/1 did not run");
    message_destroy(&report);
    rooms_free(rooms);
}
