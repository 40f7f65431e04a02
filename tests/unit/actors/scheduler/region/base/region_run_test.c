/* To which run a region belongs, and which job that is. */
#include "tests/unit/actors/scheduler/region/rooms.h"

static rooms_t *s_unnamed(void)
{
    rooms_t *rooms = rooms_new();
    rooms->run.id = RUN_ID_NONE;
    return rooms;
}

static run_joined_t s_join(rooms_t *rooms, uint64_t run, bool adopts)
{
    err_t why = {0};
    message_t *plan = message_new(KIND_plan, rooms->base.core.name, ACTOR_GLOBAL);
    plan->plan.run = run;
    plan->plan.adopts = adopts;
    run_joined_t joined = region_run_join(&rooms->run, plan, &why);
    cr_assert_eq(joined == RUN_NOT_ITS, why.code != ERR_OK);
    message_destroy(&plan);
    return joined;
}

Test(region_run_room, the_first_plan_names_it_and_nothing_is_placed_before_that_is_kept)
{
    rooms_t *rooms = s_unnamed();
    cr_assert_eq(s_join(rooms, RUN_ID_NONE, false), RUN_UNNAMED);
    cr_assert_eq(rooms_sent(rooms, KIND_refused), 1);
    cr_assert_eq(s_join(rooms, RUN, false), RUN_JOINED);
    cr_assert_eq(s_join(rooms, RUN, false), RUN_SAME);
    cr_assert_not(region_run_ready(&rooms->run));
    rooms->base.decisions_stored = rooms->base.decisions;
    cr_assert(region_run_ready(&rooms->run));
    rooms_free(rooms);
}

Test(region_run_room, what_a_predecessor_kept_is_of_no_run_that_did_not_adopt_it)
{
    rooms_t *rooms = s_unnamed();
    rooms->base.saved = message_new(KIND_region_state, rooms->base.core.name, rooms->base.core.name);
    rooms->base.saved->region_state.plan = 1;
    cr_assert_eq(s_join(rooms, RUN, false), RUN_NOT_ITS);
    cr_assert_eq(s_join(rooms, RUN, true), RUN_JOINED);
    rooms_free(rooms);
}

Test(region_run_room, another_runs_global_scheduler_is_told_and_its_own_is_heard)
{
    rooms_t *rooms = rooms_new();
    message_t *stop = message_new(KIND_stop, rooms->base.core.name, ACTOR_GLOBAL);
    stop->stop.run = RUN + 1;
    cr_assert(region_run_is_foreign(&rooms->run, stop));
    message_t *refused = rooms_take(rooms, KIND_refused);
    cr_assert(refused->refused.code == ERR_JOB && refused->refused.run == RUN);
    stop->stop.run = RUN;
    cr_assert_not(region_run_is_foreign(&rooms->run, stop));
    cr_assert(rooms->run.shared);
    message_destroy(&refused);
    message_destroy(&stop);
    rooms_free(rooms);
}

Test(region_run_room, a_node_of_another_run_does_not_belong_nor_one_with_shards_of_none)
{
    rooms_t *rooms = rooms_new();
    err_t err = {0};
    message_t *announce = rooms_announce(rooms, "node/eu/a", 1);
    cr_assert_eq(region_run_check(&rooms->run, announce, &err), ERR_OK);
    announce->announce.run = RUN + 1;
    cr_assert_eq(region_run_check(&rooms->run, announce, &err), ERR_JOB);
    announce->announce.run = RUN_ID_NONE;
    cr_assert_eq(region_run_check(&rooms->run, announce, &err), ERR_OK, "its directory is empty");
    message_set_rows(&announce->announce.held, 1);
    cr_assert_eq(region_run_check(&rooms->run, announce, &err), ERR_JOB);
    rooms->run.adopts = true;
    cr_assert_eq(region_run_check(&rooms->run, announce, &err), ERR_OK);
    message_destroy(&announce);
    rooms_free(rooms);
}

Test(region_run_room, a_refused_region_ends_unless_it_trains_or_has_heard_its_own)
{
    rooms_t *rooms = rooms_new();
    err_t why = {0};
    message_t *refused = message_new(KIND_refused, rooms->base.core.name, ACTOR_GLOBAL);
    refused->refused.run = RUN + 1;
    cr_assert_not(region_run_is_odd(&rooms->run, refused, true, &why));
    cr_assert(region_run_is_odd(&rooms->run, refused, false, &why));
    cr_assert_eq(why.code, ERR_JOB);
    rooms->run.shared = true;
    cr_assert_not(region_run_is_odd(&rooms->run, refused, false, &why));
    message_destroy(&refused);
    rooms_free(rooms);
}

Test(region_run_room, data_sets_of_two_sizes_are_two_jobs)
{
    rooms_t *rooms = rooms_new();
    err_t err = {0};
    cr_assert_eq(region_run_derive(&rooms->run, SAMPLES, &err), ERR_OK);
    cr_assert_not_null(rooms->run.share);
    cr_assert_eq(region_run_derive(&rooms->run, SAMPLES, &err), ERR_OK);
    cr_assert_eq(region_run_derive(&rooms->run, SAMPLES + 1, &err), ERR_JOB);
    rooms_free(rooms);
}
