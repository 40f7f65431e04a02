/* The global scheduler driven by hand in virtual time: two regions, eu and us. */
#include "actors/scheduler/global_core.h"

#include <criterion/criterion.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#define MS ((int64_t)1000)
#define SECOND (1000 * MS)
#define GLOBAL "scheduler/global"
#define AWAY_US (30 * SECOND)

static const char *const s_names[] = {"eu", "us"};
static const char *const s_schedulers[] = {"scheduler/eu", "scheduler/us"};

typedef struct {
    topology_t topology;
    global_core_t *core;
    int64_t now_us;
    uint64_t number;
} bench_t;

static bench_t *s_bench(void)
{
    bench_t *bench = calloc(1, sizeof *bench);
    cr_assert_not_null(bench);
    bench->topology.job.epochs = 1;
    bench->topology.job.batch = 10;
    bench->topology.job.sync.away_after_us = AWAY_US;
    bench->topology.region_count = 2;
    for (size_t index = 0; index < 2; index++) {
        strcpy(bench->topology.regions[index].name, s_names[index]);
        bench->topology.regions[index].data_share = 1;
        bench->topology.regions[index].workers = 3 + index;
        bench->topology.regions[index].shards = 2;
    }
    bench->core =
        global_core_new(&(global_spec_t){.topology = &bench->topology, .incarnation = 9, .pid = 42}, 0);
    return bench;
}

static void s_free(bench_t *bench)
{
    global_role.destroy((void **)&bench->core);
    free(bench);
}

/* Counts the messages of a kind to a region's scheduler ("" for all); drops everything. The newest one may be
 * kept. */
static size_t s_count(bench_t *bench, message_kind_t kind, const char *to, message_t **ret_newest)
{
    size_t count = 0;
    message_t *message;
    while ((message = outbox_take(global_role.outbox(bench->core)))) {
        if (message->kind == kind && (!*to || !strcmp(to, message->to))) {
            count++;
            if (ret_newest) {
                message_destroy(ret_newest);
                *ret_newest = message_dup(message);
            }
        }
        message_destroy(&message);
    }
    return count;
}

static void s_tick(bench_t *bench, int64_t now_us)
{
    bench->now_us = now_us;
    global_role.tick(bench->core, now_us);
}

static void s_give(bench_t *bench, message_t *message)
{
    global_role.message(bench->core, &message, bench->now_us);
    cr_assert_null(message);
}

static message_t *s_report(bench_t *bench, size_t region)
{
    message_t *report = message_new(KIND_region_report, GLOBAL, s_schedulers[region]);
    report->incarnation = 1ull << 32;
    report->number = ++bench->number;
    message_set_name(report->region_report.region, s_names[region]);
    topology_digest(&bench->topology, report->region_report.digest);
    report->region_report.plan = 1;
    return report;
}

static void s_placed(bench_t *bench, size_t region)
{
    message_t *report = s_report(bench, region);
    report->region_report.placed = true;
    s_give(bench, report);
}

static void s_complete(bench_t *bench, size_t region)
{
    message_t *report = s_report(bench, region);
    report->region_report.placed = report->region_report.complete = true;
    s_give(bench, report);
}

static void s_final(bench_t *bench, size_t region, uint64_t rows)
{
    message_t *report = s_report(bench, region);
    report->region_report.stopped = true;
    report->region_report.curve_rows = rows;
    s_give(bench, report);
}

static void s_row(bench_t *bench, size_t region, uint64_t index)
{
    message_t *curve = message_new(KIND_curve, GLOBAL, s_schedulers[region]);
    curve->curve.index = index;
    curve->curve.loss = 10 - (double)index;
    curve->curve.test_accuracy = NAN;
    s_give(bench, curve);
}

Test(global, sends_the_plan_until_the_region_knows_it)
{
    bench_t *bench = s_bench();
    for (int time = 0; time < 2; time++) {
        message_t *report = s_report(bench, 1), *plan = NULL;
        report->region_report.plan = 0;
        s_give(bench, report);
        cr_assert_eq(s_count(bench, KIND_plan, "scheduler/us", &plan), 1);
        cr_assert_eq(plan->plan.workers, 4);
        cr_assert_eq(plan->plan.shards, 2);
        cr_assert_eq(plan->incarnation, 9);
        message_destroy(&plan);
    }
    s_give(bench, s_report(bench, 1));
    cr_assert_eq(s_count(bench, KIND_plan, "", NULL), 0);
    s_free(bench);
}

Test(global, refuses_another_job_and_regions_it_does_not_know)
{
    bench_t *bench = s_bench();
    message_t *refused = NULL, *report = s_report(bench, 0);
    report->region_report.digest[3] ^= 1;
    s_give(bench, report);
    cr_assert_eq(s_count(bench, KIND_refused, "scheduler/eu", &refused), 1);
    cr_assert_eq(refused->refused.code, ERR_JOB);
    message_destroy(&refused);
    report = s_report(bench, 0);
    message_set_name(report->from, "scheduler/moon");
    s_give(bench, report);
    cr_assert_eq(s_count(bench, KIND_refused, "scheduler/moon", NULL), 1);
    cr_assert_not(global_core_region(bench->core, 0).seen);
    s_free(bench);
}

Test(global, keeps_a_curve_without_gaps)
{
    bench_t *bench = s_bench();
    uint64_t rows[] = {1, 0, 0, 2, 1};
    for (size_t index = 0; index < 5; index++)
        s_row(bench, 0, rows[index]);
    message_t *ack = NULL;
    s_give(bench, s_report(bench, 0));
    cr_assert_eq(s_count(bench, KIND_report_ack, "scheduler/eu", &ack), 1);
    cr_assert_eq(ack->report_ack.curve_have, 2);
    message_destroy(&ack);
    region_view_t view = global_core_region(bench->core, 0);
    cr_assert_eq(view.curve_count, 2);
    cr_assert_eq(view.curve[1].loss, 9);
    s_free(bench);
}

Test(global, a_late_report_is_not_newer)
{
    bench_t *bench = s_bench();
    message_t *late = s_report(bench, 0), *report = s_report(bench, 0);
    report->region_report.samples = 50;
    s_give(bench, report);
    s_give(bench, late);
    cr_assert_eq(global_core_region(bench->core, 0).report->region_report.samples, 50);
    report = s_report(bench, 0);
    report->number = 1;
    report->incarnation = 2ull << 32;
    report->region_report.samples = 7;
    s_give(bench, report);
    cr_assert_eq(global_core_region(bench->core, 0).report->region_report.samples, 7,
                 "a new scheduler counts anew");
    s_free(bench);
}

Test(global, ends_a_run_that_is_complete_in_every_region)
{
    bench_t *bench = s_bench();
    s_placed(bench, 1);
    cr_assert_eq(global_core_state(bench->core), RUN_STARTING);
    s_placed(bench, 0);
    cr_assert_eq(global_core_state(bench->core), RUN_TRAINING);
    s_complete(bench, 0);
    cr_assert_eq(s_count(bench, KIND_stop, "", NULL), 0);
    message_t *stop = NULL;
    s_complete(bench, 1);
    cr_assert_eq(s_count(bench, KIND_stop, "", &stop), 2);
    cr_assert(stop->stop.done);
    message_destroy(&stop);
    s_tick(bench, 300 * MS);
    cr_assert_eq(s_count(bench, KIND_stop, "", NULL), 2, "repeated");
    s_final(bench, 0, 0);
    cr_assert_eq(s_count(bench, KIND_bye, "", NULL), 0, "nobody goes before all have stopped");
    s_tick(bench, 600 * MS);
    cr_assert_eq(s_count(bench, KIND_stop, "", NULL), 1, "only to the one that has not");
    s_final(bench, 1, 0);
    cr_assert_eq(global_core_state(bench->core), RUN_DONE);
    cr_assert_eq(s_count(bench, KIND_bye, "", NULL), 1);
    s_final(bench, 1, 0);
    cr_assert_eq(s_count(bench, KIND_bye, "scheduler/us", NULL), 1, "its bye was lost");
    s_final(bench, 0, 0);
    cr_assert_eq(s_count(bench, KIND_bye, "", NULL), 0);
    s_tick(bench, 900 * MS);
    cr_assert_eq(s_count(bench, KIND_bye, "scheduler/eu", NULL), 1, "the home region goes last");
    s_final(bench, 0, 0);
    cr_assert_eq(s_count(bench, KIND_bye, "scheduler/eu", NULL), 1);
    s_tick(bench, 1899 * MS);
    cr_assert_not(global_role.finished(bench->core));
    s_tick(bench, 1900 * MS);
    cr_assert(global_role.finished(bench->core));
    cr_assert_eq(global_role.due(bench->core), ROLE_NEVER);
    s_free(bench);
}

Test(global, does_not_say_bye_before_it_has_the_whole_curve)
{
    bench_t *bench = s_bench();
    global_core_stop(bench->core, 60 * SECOND, 0);
    s_final(bench, 0, 0);
    s_final(bench, 1, 2);
    cr_assert_eq(s_count(bench, KIND_bye, "", NULL), 0);
    s_row(bench, 1, 0);
    s_row(bench, 1, 1);
    s_final(bench, 1, 2);
    cr_assert_eq(s_count(bench, KIND_bye, "scheduler/us", NULL), 1);
    s_free(bench);
}

Test(global, drains_and_does_not_wait_for_who_was_never_there)
{
    bench_t *bench = s_bench();
    s_placed(bench, 0);
    message_t *stop = NULL;
    global_core_stop(bench->core, 60 * SECOND, 0);
    cr_assert_eq(s_count(bench, KIND_stop, "", &stop), 2);
    cr_assert_not(stop->stop.done);
    message_destroy(&stop);
    s_final(bench, 0, 0);
    cr_assert_eq(global_core_state(bench->core), RUN_STOPPING);
    s_tick(bench, 1999 * MS);
    cr_assert_eq(global_core_state(bench->core), RUN_STOPPING);
    s_tick(bench, 2000 * MS);
    cr_assert_eq(global_core_state(bench->core), RUN_DRAINED);
    s_free(bench);
}

Test(global, gives_up_a_region_that_falls_silent)
{
    bench_t *bench = s_bench();
    s_placed(bench, 0);
    s_placed(bench, 1);
    global_core_stop(bench->core, 300 * SECOND, 0);
    s_final(bench, 0, 0);
    s_tick(bench, AWAY_US - 1);
    cr_assert_eq(global_core_state(bench->core), RUN_STOPPING);
    s_tick(bench, AWAY_US);
    cr_assert_eq(global_core_state(bench->core), RUN_DRAINED);
    s_free(bench);
}

Test(global, patience_is_counted_from_the_newest_progress)
{
    bench_t *bench = s_bench();
    s_placed(bench, 0);
    s_placed(bench, 1);
    global_core_stop(bench->core, 2 * SECOND, 0);
    s_tick(bench, SECOND);
    s_final(bench, 0, 0);
    s_tick(bench, 2900 * MS);
    cr_assert_eq(global_core_state(bench->core), RUN_STOPPING);
    s_placed(bench, 1); /* alive, but nothing moves */
    s_tick(bench, 3 * SECOND);
    cr_assert_eq(global_core_state(bench->core), RUN_DRAINED);
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
    s_give(bench, report);
    cr_assert_eq(s_count(bench, KIND_stop, "", NULL), 2);
    s_final(bench, 0, 0);
    s_final(bench, 1, 0);
    cr_assert_eq(global_core_state(bench->core), RUN_FAILED);
    const char *reason;
    cr_assert_eq(global_core_failure(bench->core, &reason), ERR_IO);
    cr_assert_neq(strstr(reason, "disk on fire"), NULL);
    s_free(bench);
}

Test(global, a_region_whose_process_died_is_not_waited_for)
{
    bench_t *bench = s_bench();
    s_placed(bench, 0);
    s_placed(bench, 1);
    global_core_region_failed(bench->core, 1, ERR_STATE, "killed by signal 9", SECOND);
    cr_assert_eq(s_count(bench, KIND_stop, "scheduler/eu", NULL), 1);
    bench->now_us = SECOND;
    s_final(bench, 0, 0);
    cr_assert_eq(global_core_state(bench->core), RUN_FAILED);
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
        s_give(bench, status);
        cr_assert_eq(global_core_actor_count(bench->core), 2);
        cr_assert_eq(global_core_actor(bench->core, 1).status->status.applied, index == 1 ? 0 : index);
    }
    const message_t *own = global_core_actor(bench->core, 0).status;
    cr_assert_str_eq(own->status.actor, GLOBAL);
    cr_assert_str_eq(own->status.state, "starting");
    cr_assert_str_eq(own->status.waits_for, "scheduler/eu");
    cr_assert_eq(own->status.pid, 42);
    message_t *status = message_new(KIND_status, GLOBAL, "worker/eu/1");
    message_set_name(status->status.actor, "worker/eu/1");
    s_give(bench, status);
    cr_assert_eq(global_core_actor_count(bench->core), 2, "only from regional schedulers");
    s_free(bench);
}

static void s_applied(bench_t *bench, size_t region, uint64_t samples)
{
    message_t *report = s_report(bench, region);
    report->region_report.placed = true;
    report->region_report.samples = samples;
    report->region_report.epoch_samples = 400;
    s_give(bench, report);
}

static void s_marked(bench_t *bench, uint64_t number, uint64_t phase)
{
    for (size_t shard = 0; shard < 4; shard++) {
        char name[32];
        snprintf(name, sizeof name, "shard/%s/%zu", s_names[shard / 2], shard % 2);
        message_t *message = message_new(KIND_marked, GLOBAL, name);
        message->marked.mark = number;
        message->marked.phase = phase;
        s_give(bench, message);
    }
}

Test(global, leads_to_a_common_point_when_all_regions_together_are_there)
{
    bench_t *bench = s_bench();
    message_t *mark = NULL;
    bench->topology.checkpoint.mark_every = 0.25;
    s_applied(bench, 0, 10);
    s_applied(bench, 1, 10);
    s_tick(bench, 2 * SECOND);
    s_applied(bench, 0, 60);
    cr_assert_eq(s_count(bench, KIND_mark, "", NULL), 0);
    s_applied(bench, 1, 40);
    cr_assert_eq(s_count(bench, KIND_mark, "", &mark), 4);
    cr_assert_str_eq(mark->mark.tag, "mark/epoch-0.25:9.1");
    cr_assert_eq(mark->incarnation, 9);
    cr_assert_neq(global_role.due(bench->core), ROLE_NEVER);
    s_marked(bench, mark->mark.mark, 0);
    s_marked(bench, mark->mark.mark, 1);
    cr_assert_eq(global_mark_made(global_core_mark(bench->core)), 1);
    s_applied(bench, 0, 160); /* under way when the run is stopped */
    cr_assert_gt(s_count(bench, KIND_mark, "shard/us/1", NULL), 0);
    global_core_stop(bench->core, SECOND, bench->now_us);
    cr_assert_eq(s_count(bench, KIND_stop, "", NULL), 2, "nothing waits for the point");
    cr_assert_eq(global_mark_given_up(global_core_mark(bench->core)), 1);
    message_destroy(&mark);
    s_free(bench);
}
