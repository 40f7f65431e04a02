/* Actors: where each is placed, and which end. */
#include "tests/unit/actors/scheduler/region/rooms.h"

Test(actors, what_ran_on_a_node_ends_with_it_and_ended_workers_are_told_of_once)
{
    rooms_t *rooms = rooms_new();
    rooms_plan(rooms);
    rooms_run(rooms, "shard/eu/0", 0, 0);
    rooms_run(rooms, "worker/eu/0", 0, 0);
    rooms_run(rooms, "worker/eu/1", 1, 0);
    actors_node_gone(&rooms->actors, 0, 1);
    cr_assert_eq(actors_named(&rooms->actors, "shard/eu/0")->state, PLACE_NONE);
    cr_assert_eq(actors_named(&rooms->actors, "worker/eu/1")->state, PLACE_READY);
    cr_assert_str_eq(actors_take_ended(&rooms->actors)->name, "worker/eu/0");
    cr_assert_null(actors_take_ended(&rooms->actors));
    cr_assert_eq(rooms->actors.workers_us, 1, "it is looked at once how many are needed");
    rooms_free(rooms);
}

Test(actors, pauses_double_and_are_forgotten_after_a_while)
{
    rooms_t *rooms = rooms_new();
    rooms_plan(rooms);
    region_actor_t *shard = rooms_run(rooms, "shard/eu/0", 0, 0);
    actors_end(&rooms->actors, shard, 0);
    cr_assert_eq(shard->next_us, 0, "the first time at once");
    rooms_run(rooms, "shard/eu/0", 0, 0);
    actors_end(&rooms->actors, shard, 1);
    cr_assert_eq(shard->next_us, 1 + 200 * MS);
    rooms_run(rooms, "shard/eu/0", 0, 1);
    actors_end(&rooms->actors, shard, 2);
    cr_assert_eq(shard->next_us, 2 + 400 * MS);
    rooms_run(rooms, "shard/eu/0", 0, 2);
    actors_end(&rooms->actors, shard, 2 + 2 * SECOND);
    cr_assert_eq(shard->next_us, 2 + 2 * SECOND);
    rooms_free(rooms);
}

Test(actors, the_sender_is_the_incarnation_that_counts)
{
    rooms_t *rooms = rooms_new();
    rooms_plan(rooms);
    region_actor_t *worker = rooms_run(rooms, "worker/eu/1", 1, 0);
    message_t *status = message_new(KIND_status, rooms->base.core.name, worker->name);
    status->incarnation = worker->incarnation - 1;
    cr_assert_null(actors_sender(&rooms->actors, status, 5));
    cr_assert_eq(worker->seen_us, 0);
    status->incarnation = worker->incarnation;
    cr_assert_eq(actors_sender(&rooms->actors, status, 5), worker);
    cr_assert_eq(worker->seen_us, 5);
    cr_assert_eq(rooms->nodes.list[1].seen_us, 5, "its node is there, too");
    message_destroy(&status);
    rooms_free(rooms);
}

Test(actors, load_is_per_core_and_ties_go_by_name)
{
    rooms_t *rooms = rooms_new();
    rooms_plan(rooms);
    cr_assert_eq(actors_least_loaded(&rooms->actors), 0);
    rooms_run(rooms, "synchronizer/eu/0", 0, 0);
    cr_assert_eq(actors_least_loaded(&rooms->actors), 0, "synchronizers count for nothing");
    rooms_run(rooms, "shard/eu/0", 0, 0);
    cr_assert_eq(actors_least_loaded(&rooms->actors), 1);
    rooms->nodes.list[1].announce->announce.leaving = true;
    cr_assert_eq(actors_least_loaded(&rooms->actors), 0, "nothing goes where somebody leaves");
    rooms_free(rooms);
}
