/* The global scheduler: plan, reports, the end of a run. */
#include "tests/unit/actors/scheduler/global/global_bench.h"

Test(global, sends_the_plan_until_the_region_knows_it)
{
    bench_t *bench = s_bench();
    for (int time = 0; time < 2; time++) {
        message_t *report = s_report(bench, 1), *plan = NULL;
        report->region_report.plan = 0;
        driver_give(&bench->by, report);
        cr_assert_eq(driver_count_to(&bench->by, KIND_plan, "scheduler/us", &plan), 1);
        cr_assert_eq(plan->plan.workers, 4);
        cr_assert_eq(plan->plan.shards, 2);
        cr_assert_eq(plan->incarnation, 9);
        message_destroy(&plan);
    }
    driver_give(&bench->by, s_report(bench, 1));
    cr_assert_eq(driver_count_to(&bench->by, KIND_plan, "", NULL), 0);
    s_free(bench);
}

Test(global, refuses_another_job_and_regions_it_does_not_know)
{
    bench_t *bench = s_bench();
    message_t *refused = NULL, *report = s_report(bench, 0);
    report->region_report.digest[3] ^= 1;
    driver_give(&bench->by, report);
    cr_assert_eq(driver_count_to(&bench->by, KIND_refused, "scheduler/eu", &refused), 1);
    cr_assert_eq(refused->refused.code, ERR_JOB);
    message_destroy(&refused);
    report = s_report(bench, 0);
    message_set_name(report->from, "scheduler/moon");
    driver_give(&bench->by, report);
    cr_assert_eq(driver_count_to(&bench->by, KIND_refused, "scheduler/moon", NULL), 1);
    cr_assert_not(global_core_region(bench->by.core, 0).seen);
    s_free(bench);
}

Test(global, keeps_a_curve_without_gaps)
{
    bench_t *bench = s_bench();
    uint64_t rows[] = {1, 0, 0, 2, 1};
    for (size_t index = 0; index < 5; index++)
        s_row(bench, 0, rows[index]);
    message_t *ack = NULL;
    driver_give(&bench->by, s_report(bench, 0));
    cr_assert_eq(driver_count_to(&bench->by, KIND_report_ack, "scheduler/eu", &ack), 1);
    cr_assert_eq(ack->report_ack.curve_have, 2);
    message_destroy(&ack);
    region_view_t view = global_core_region(bench->by.core, 0);
    cr_assert_eq(view.curve_count, 2);
    cr_assert_eq(view.curve[1].loss, 9);
    s_free(bench);
}

Test(global, a_late_report_is_not_newer)
{
    bench_t *bench = s_bench();
    message_t *late = s_report(bench, 0), *report = s_report(bench, 0);
    report->region_report.samples = 50;
    driver_give(&bench->by, report);
    driver_give(&bench->by, late);
    cr_assert_eq(global_core_region(bench->by.core, 0).report->region_report.samples, 50);
    report = s_report(bench, 0);
    report->number = 1;
    report->incarnation = 2ull << 32;
    report->region_report.samples = 7;
    driver_give(&bench->by, report);
    cr_assert_eq(global_core_region(bench->by.core, 0).report->region_report.samples, 7,
                 "a new scheduler counts anew");
    s_free(bench);
}

/* Else their batches, rounds and shares would be of different jobs. */
Test(global, regions_whose_data_sets_differ_end_the_run_with_both_numbers)
{
    bench_t *bench = s_bench();
    for (size_t region = 0; region < 2; region++) {
        message_t *report = s_report(bench, region);
        driver_give(&bench->by, report);
        report = s_report(bench, region);
        report->region_report.epoch_samples = region ? 59000 : 60000;
        report->region_report.placed = true;
        driver_give(&bench->by, report);
        cr_assert_eq(global_core_state(bench->by.core) == RUN_STOPPING, region == 1);
    }
    const char *reason = NULL;
    cr_assert_eq(global_core_failure(bench->by.core, &reason), ERR_JOB);
    cr_assert(strstr(reason, "scheduler/us") && strstr(reason, "59000") &&
                  strstr(reason, "region eu has 60000"),
              "%s", reason);
    s_free(bench);
}

Test(global, ends_a_run_that_is_complete_in_every_region)
{
    bench_t *bench = s_bench();
    s_placed(bench, 1);
    cr_assert_eq(global_core_state(bench->by.core), RUN_STARTING);
    s_placed(bench, 0);
    cr_assert_eq(global_core_state(bench->by.core), RUN_TRAINING);
    s_complete(bench, 0);
    cr_assert_eq(driver_count_to(&bench->by, KIND_stop, "", NULL), 0);
    message_t *stop = NULL;
    s_complete(bench, 1);
    cr_assert_eq(driver_count_to(&bench->by, KIND_stop, "", &stop), 2);
    cr_assert(stop->stop.done);
    message_destroy(&stop);
    driver_tick(&bench->by, 300 * MS);
    cr_assert_eq(driver_count_to(&bench->by, KIND_stop, "", NULL), 2, "repeated");
    s_final(bench, 0, 0);
    cr_assert_eq(driver_count_to(&bench->by, KIND_bye, "", NULL), 0, "nobody goes before all have stopped");
    driver_tick(&bench->by, 600 * MS);
    cr_assert_eq(driver_count_to(&bench->by, KIND_stop, "", NULL), 1, "only to the one that has not");
    s_final(bench, 1, 0);
    cr_assert_eq(global_core_state(bench->by.core), RUN_DONE);
    cr_assert_eq(driver_count_to(&bench->by, KIND_bye, "", NULL), 1);
    s_final(bench, 1, 0);
    cr_assert_eq(driver_count_to(&bench->by, KIND_bye, "scheduler/us", NULL), 1, "its bye was lost");
    s_final(bench, 0, 0);
    cr_assert_eq(driver_count_to(&bench->by, KIND_bye, "", NULL), 0);
    driver_tick(&bench->by, 900 * MS);
    cr_assert_eq(driver_count_to(&bench->by, KIND_bye, "scheduler/eu", NULL), 1, "the home region goes last");
    s_final(bench, 0, 0);
    cr_assert_eq(driver_count_to(&bench->by, KIND_bye, "scheduler/eu", NULL), 1);
    driver_tick(&bench->by, 1899 * MS);
    cr_assert_not(global_role.finished(bench->by.core));
    driver_tick(&bench->by, 1900 * MS);
    cr_assert(global_role.finished(bench->by.core));
    cr_assert_eq(global_role.due(bench->by.core), ROLE_NEVER);
    s_free(bench);
}

Test(global, does_not_say_bye_before_it_has_the_whole_curve)
{
    bench_t *bench = s_bench();
    global_core_stop(bench->by.core, 60 * SECOND, 0);
    s_final(bench, 0, 0);
    s_final(bench, 1, 2);
    cr_assert_eq(driver_count_to(&bench->by, KIND_bye, "", NULL), 0);
    s_row(bench, 1, 0);
    s_row(bench, 1, 1);
    s_final(bench, 1, 2);
    cr_assert_eq(driver_count_to(&bench->by, KIND_bye, "scheduler/us", NULL), 1);
    s_free(bench);
}

Test(global, drains_and_does_not_wait_for_who_was_never_there)
{
    bench_t *bench = s_bench();
    s_placed(bench, 0);
    message_t *stop = NULL;
    global_core_stop(bench->by.core, 60 * SECOND, 0);
    cr_assert_eq(driver_count_to(&bench->by, KIND_stop, "", &stop), 2);
    cr_assert_not(stop->stop.done);
    message_destroy(&stop);
    s_final(bench, 0, 0);
    cr_assert_eq(global_core_state(bench->by.core), RUN_STOPPING);
    driver_tick(&bench->by, 1999 * MS);
    cr_assert_eq(global_core_state(bench->by.core), RUN_STOPPING);
    driver_tick(&bench->by, 2000 * MS);
    cr_assert_eq(global_core_state(bench->by.core), RUN_DRAINED);
    s_free(bench);
}

Test(global, gives_up_a_region_that_falls_silent)
{
    bench_t *bench = s_bench();
    s_placed(bench, 0);
    s_placed(bench, 1);
    global_core_stop(bench->by.core, 300 * SECOND, 0);
    s_final(bench, 0, 0);
    driver_tick(&bench->by, AWAY_US - 1);
    cr_assert_eq(global_core_state(bench->by.core), RUN_STOPPING);
    driver_tick(&bench->by, AWAY_US);
    cr_assert_eq(global_core_state(bench->by.core), RUN_DRAINED);
    s_free(bench);
}

Test(global, patience_is_counted_from_the_newest_progress)
{
    bench_t *bench = s_bench();
    s_placed(bench, 0);
    s_placed(bench, 1);
    global_core_stop(bench->by.core, 2 * SECOND, 0);
    driver_tick(&bench->by, SECOND);
    s_final(bench, 0, 0);
    driver_tick(&bench->by, 2900 * MS);
    cr_assert_eq(global_core_state(bench->by.core), RUN_STOPPING);
    s_placed(bench, 1); /* alive, but nothing moves */
    driver_tick(&bench->by, 3 * SECOND);
    cr_assert_eq(global_core_state(bench->by.core), RUN_DRAINED);
    s_free(bench);
}

Test(global, one_region_that_fails_stops_all)
{
    bench_t *bench = s_bench();
    s_placed(bench, 0);
    s_placed(bench, 1);
    message_t *report = s_report(bench, 1);
    report->region_report.code = ERR_IO;
    message_set_text(&report->region_report.reason, "shard/us/0 does not start: disk on fire");
    driver_give(&bench->by, report);
    cr_assert_eq(driver_count_to(&bench->by, KIND_stop, "", NULL), 2);
    s_final(bench, 0, 0);
    s_final(bench, 1, 0);
    cr_assert_eq(global_core_state(bench->by.core), RUN_FAILED);
    const char *reason;
    cr_assert_eq(global_core_failure(bench->by.core, &reason), ERR_IO);
    cr_assert_neq(strstr(reason, "disk on fire"), NULL);
    s_free(bench);
}

Test(global, a_region_whose_process_died_is_not_waited_for)
{
    bench_t *bench = s_bench();
    s_placed(bench, 0);
    s_placed(bench, 1);
    global_core_region_failed(bench->by.core, 1, ERR_STATE, "killed by signal 9", SECOND);
    cr_assert_eq(driver_count_to(&bench->by, KIND_stop, "scheduler/eu", NULL), 1);
    bench->by.now_us = SECOND;
    s_final(bench, 0, 0);
    cr_assert_eq(global_core_state(bench->by.core), RUN_FAILED);
    s_free(bench);
}

Test(global, shows_actors_in_their_newest_incarnation)
{
    bench_t *bench = s_bench();
    uint64_t incarnations[] = {7, 6, 8};
    for (size_t index = 0; index < 3; index++) {
        message_t *status = message_new(KIND_status, GLOBAL, "scheduler/eu");
        message_set_name(status->status.actor, "worker/eu/0");
        status->status.incarnation = incarnations[index];
        status->status.applied = index;
        driver_give(&bench->by, status);
        cr_assert_eq(global_core_actor_count(bench->by.core), 2);
        cr_assert_eq(global_core_actor(bench->by.core, 1).status->status.applied, index == 1 ? 0 : index);
    }
    const message_t *own = global_core_actor(bench->by.core, 0).status;
    cr_assert_str_eq(own->status.actor, GLOBAL);
    cr_assert_str_eq(own->status.state, "starting");
    cr_assert_str_eq(own->status.waits_for, "scheduler/eu");
    cr_assert_eq(own->status.pid, 42);
    message_t *status = message_new(KIND_status, GLOBAL, "worker/eu/1");
    message_set_name(status->status.actor, "worker/eu/1");
    driver_give(&bench->by, status);
    cr_assert_eq(global_core_actor_count(bench->by.core), 2, "only from regional schedulers");
    s_free(bench);
}

static void s_applied(bench_t *bench, size_t region, uint64_t samples)
{
    message_t *report = s_report(bench, region);
    report->region_report.placed = true;
    report->region_report.samples = samples;
    report->region_report.epoch_samples = 400;
    driver_give(&bench->by, report);
}

static void s_marked(bench_t *bench, uint64_t number, uint64_t phase)
{
    for (size_t shard = 0; shard < 4; shard++) {
        char name[32];
        snprintf(name, sizeof name, "shard/%s/%zu", s_names[shard / 2], shard % 2);
        message_t *message = message_new(KIND_marked, GLOBAL, name);
        message->marked.point = number;
        message->marked.phase = phase;
        driver_give(&bench->by, message);
    }
}

Test(global, leads_to_a_common_point_when_all_regions_together_are_there)
{
    bench_t *bench = s_bench();
    message_t *mark = NULL;
    bench->topology.checkpoint.mark_every = 0.25;
    s_applied(bench, 0, 10);
    s_applied(bench, 1, 10);
    driver_tick(&bench->by, 2 * SECOND);
    s_applied(bench, 0, 60);
    cr_assert_eq(driver_count_to(&bench->by, KIND_mark, "", NULL), 0);
    s_applied(bench, 1, 40);
    cr_assert_eq(driver_count_to(&bench->by, KIND_mark, "", &mark), 4);
    cr_assert_str_eq(mark->mark.tag, "mark/epoch-0.25:9.1");
    cr_assert_eq(mark->incarnation, 9);
    cr_assert_neq(global_role.due(bench->by.core), ROLE_NEVER);
    s_marked(bench, mark->mark.point, 0);
    s_marked(bench, mark->mark.point, 1);
    cr_assert_eq(global_mark_made(global_core_mark(bench->by.core)), 1);
    s_applied(bench, 0, 160); /* under way when the run is stopped */
    cr_assert_gt(driver_count_to(&bench->by, KIND_mark, "shard/us/1", NULL), 0);
    global_core_stop(bench->by.core, SECOND, bench->by.now_us);
    cr_assert_eq(driver_count_to(&bench->by, KIND_stop, "", NULL), 2, "nothing waits for the point");
    cr_assert_eq(global_mark_given_up(global_core_mark(bench->by.core)), 1);
    message_destroy(&mark);
    s_free(bench);
}

Test(global, knows_how_regions_reach_each_other_from_their_schedulers_alone)
{
    bench_t *bench = s_bench();
    cr_assert_null(global_core_link(bench->by.core, 0, 1).state);
    const char *const from[] = {"broker/eu", "scheduler/moon", "scheduler/us"};
    for (size_t i = 0; i < 3; i++) {
        message_t *state = message_new(KIND_link_state, GLOBAL, from[i]);
        message_set_name(state->link_state.region, "eu");
        state->link_state.connections = 5;
        driver_give(&bench->by, state);
        bool told = global_core_link(bench->by.core, 1, 0).state != NULL;
        cr_assert_eq(told, i == 2, "%s", from[i]);
    }
    cr_assert_eq(global_core_link(bench->by.core, 1, 0).state->link_state.connections, 5);
    cr_assert_null(global_core_link(bench->by.core, 0, 1).state, "each says its own");
    message_t *state = message_new(KIND_link_state, GLOBAL, "scheduler/us");
    message_set_name(state->link_state.region, "us");
    driver_give(&bench->by, state);
    cr_assert_null(global_core_link(bench->by.core, 1, 1).state);
    s_free(bench);
}

Test(global, knows_who_asked_for_a_drain)
{
    bench_t *bench = s_bench();
    s_placed(bench, 0);
    s_placed(bench, 1);
    cr_assert_str_eq(global_core_stopper(bench->by.core), "");
    s_final(bench, 1, 0); /* was stopped where it is */
    cr_assert_eq(global_core_state(bench->by.core), RUN_STOPPING);
    cr_assert_str_eq(global_core_stopper(bench->by.core), "scheduler/us");
    global_core_stop(bench->by.core, SECOND, 0);
    cr_assert_str_eq(global_core_stopper(bench->by.core), "scheduler/us", "the first counts");
    s_free(bench);
    bench = s_bench();
    global_core_stop(bench->by.core, SECOND, 0);
    cr_assert_str_eq(global_core_stopper(bench->by.core), GLOBAL_STOPPER_HERE);
    s_free(bench);
}
