/* How many workers there are to be. */
#include "tests/unit/actors/scheduler/region/rooms.h"

Test(workers, one_for_each_core_of_the_nodes_that_stay)
{
    rooms_t *rooms = rooms_running(1);
    rooms->actors.elastic = true;
    rooms->actors.list[4].wanted = rooms->actors.list[5].wanted = false;
    rooms->nodes.list[1].announce->announce.leaving = true;
    workers_tick(&rooms->workers, 0);
    size_t wanted = 0;
    for (size_t i = 0; i < rooms->actors.count; i++)
        wanted += rooms->actors.list[i].role == ROLE_WORKER && rooms->actors.list[i].wanted;
    cr_assert_eq(wanted, 2, "two cores stay");
    cr_assert_eq(workers_home(&rooms->workers, &rooms->actors.list[4]), 0);
    rooms_free(rooms);
}

Test(workers, the_name_of_one_that_a_predecessor_had_makes_room_for_its_number)
{
    rooms_t *rooms = rooms_running(1);
    cr_assert_null(workers_found(&rooms->workers, "worker/eu/5"), "numbers follow the plan");
    rooms->actors.elastic = true;
    cr_assert_str_eq(workers_found(&rooms->workers, "worker/eu/5")->name, "worker/eu/5");
    cr_assert_eq(rooms->actors.worker_count, 6);
    cr_assert_null(workers_found(&rooms->workers, "worker/eu/x"));
    cr_assert_null(workers_found(&rooms->workers, "keeper/eu/a"));
    rooms_free(rooms);
}
