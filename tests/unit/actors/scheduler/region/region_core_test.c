/* The regional scheduler: reports, evaluations and the curve, the end. */
#include "tests/unit/actors/scheduler/region/region_bench.h"

#include <math.h>

Test(region, reports_four_times_a_second)
{
    bench_t *bench = s_bench(2, false);
    driver_tick(&bench->by, 0);
    cr_assert_eq(driver_count(&bench->by, KIND_region_report), 1);
    cr_assert_eq(region_role.due(bench->by.core), 250 * MS);
    driver_tick(&bench->by, 249 * MS);
    cr_assert_eq(driver_count(&bench->by, KIND_region_report), 0);
    message_t *report = s_report(bench);
    cr_assert_str_eq(report->region_report.region, "eu");
    cr_assert_not(report->region_report.placed);
    cr_assert(isnan(report->region_report.test_accuracy));
    message_destroy(&report);
    s_free(bench);
}

Test(region, reports_each_kernel_that_its_nodes_compute_with_once)
{
    static const char *const kernels[] = {"SkylakeX", "Haswell", "SkylakeX", ""};
    bench_t *bench = s_bench(2, false);
    for (uint64_t i = 0; i < 4; i++) {
        char name[32];
        snprintf(name, sizeof name, "node/eu/%llu", (unsigned long long)i);
        message_t *announce = s_announce(bench, name, i + 1);
        message_set_name(announce->announce.kernel, kernels[i]);
        driver_give(&bench->by, announce);
    }
    driver_tick(&bench->by, 0);
    message_t *report = s_report(bench);
    cr_assert_str_eq(report->region_report.kernels, "SkylakeX, Haswell");
    message_destroy(&report);
    s_free(bench);
}

Test(region, evaluates_each_quarter_and_merges_what_passes_meanwhile)
{
    bench_t *bench = s_bench(1, true);
    running_t running = s_running(bench);
    s_want(bench, &running.workers[0], 0, 0, 0, 0, 0);
    message_t *lease = driver_take(&bench->by, KIND_lease);
    uint64_t end = lease->lease.end;
    message_destroy(&lease);
    driver_tick(&bench->by, SECOND);
    for (size_t index = 0; index < 2; index++)
        s_progress(bench, &running.shards[index], (told_t){.applied = 8, .durable = 8});
    s_want(bench, &running.workers[0], 1, 0, end, 80, 40);
    lease = driver_take(&bench->by, KIND_lease);
    cr_assert(lease->lease.evaluate);
    cr_assert_eq(lease->lease.first, lease->lease.end);
    message_destroy(&lease);
    for (size_t index = 0; index < 2; index++)
        s_progress(bench, &running.shards[index], (told_t){.applied = 24, .durable = 24});
    s_want(bench, &running.workers[1], 0, 0, 0, 0, 0);
    lease = driver_take(&bench->by, KIND_lease);
    cr_assert_not(lease->lease.evaluate, "at most one is under way");
    message_destroy(&lease);
    s_want(bench, &running.workers[0], 2, 0, 0, 80, 40);
    cr_assert_eq(driver_count(&bench->by, KIND_lease), 0, "a grant would tell it that its result is here");
    driver_tick(&bench->by, 2 * SECOND);
    message_t *evaluated = message_new(KIND_evaluated, NAME, running.workers[0].actor);
    evaluated->incarnation = running.workers[0].incarnation;
    evaluated->evaluated.grant = 2;
    evaluated->evaluated.accuracy = 0.75;
    evaluated->evaluated.auc = 0.875;
    evaluated->evaluated.loss = 0.5;
    evaluated->evaluated.took_us = 200 * MS;
    driver_give(&bench->by, message_dup(evaluated));
    driver_give(&bench->by, evaluated);
    message_t *curve = driver_take(&bench->by, KIND_curve);
    cr_assert_not_null(curve);
    cr_assert_eq(curve->curve.index, 0);
    cr_assert_eq(curve->curve.test_accuracy, 0.75);
    cr_assert_eq(curve->curve.test_auc, 0.875);
    cr_assert_float_eq(curve->curve.epoch, 80.0 / SAMPLES, 1e-9);
    cr_assert_float_eq(curve->curve.loss, 0.5, 1e-9);
    cr_assert_eq(curve->curve.train_us, SECOND);
    message_destroy(&curve);
    s_want(bench, &running.workers[0], 2, 0, 0, 80, 40);
    lease = driver_take(&bench->by, KIND_lease);
    cr_assert(lease->lease.evaluate, "the two quarters that passed meanwhile are one");
    message_destroy(&lease);
    message_t *report = s_report(bench);
    cr_assert_eq(report->region_report.test_accuracy, 0.75);
    cr_assert_eq(report->region_report.test_auc, 0.875);
    cr_assert_eq(report->region_report.train_us, 2250 * MS - 200 * MS / 2);
    cr_assert_eq(report->region_report.curve_rows, 1);
    cr_assert_float_eq(report->region_report.loss, 0.5, 1e-9);
    cr_assert_eq(report->region_report.samples, 240);
    cr_assert_eq(report->region_report.duplicates_refused, 4);
    message_destroy(&report);
    s_free(bench);
}

Test(region, every_quarter_has_its_row_though_evaluations_take_long)
{
    bench_t *bench = s_bench(1, true);
    running_t running = s_running(bench);
    for (uint64_t applied = 8; applied <= 24; applied += 8)
        for (size_t index = 0; index < 2; index++)
            s_progress(bench, &running.shards[index], (told_t){.applied = applied, .durable = applied});
    s_want(bench, &running.workers[0], 0, 0, 0, 0, 0);
    message_t *lease = driver_take(&bench->by, KIND_lease);
    cr_assert(lease->lease.evaluate);
    message_destroy(&lease);
    message_t *evaluated = message_new(KIND_evaluated, NAME, running.workers[0].actor);
    evaluated->incarnation = running.workers[0].incarnation;
    evaluated->evaluated.grant = 1;
    evaluated->evaluated.accuracy = 0.5;
    driver_give(&bench->by, evaluated);
    double epochs[2] = {0}, accuracies[2] = {0};
    message_t *curve;
    while ((curve = driver_take(&bench->by, KIND_curve))) {
        cr_assert_lt(curve->curve.index, 2);
        epochs[curve->curve.index] = curve->curve.epoch;
        accuracies[curve->curve.index] = curve->curve.test_accuracy;
        message_destroy(&curve);
    }
    cr_assert_float_eq(epochs[0], 80.0 / SAMPLES, 1e-9);
    cr_assert_eq(accuracies[0], 0.5);
    cr_assert_float_eq(epochs[1], 160.0 / SAMPLES, 1e-9);
    cr_assert(isnan(accuracies[1]), "passed while a worker evaluated");
    s_want(bench, &running.workers[0], 1, 0, 0, 0, 0);
    lease = driver_take(&bench->by, KIND_lease);
    cr_assert(lease->lease.evaluate, "the newest of them is evaluated now");
    message_destroy(&lease);
    s_free(bench);
}

Test(region, rows_are_sent_until_the_global_scheduler_has_them)
{
    bench_t *bench = s_bench(1, false);
    running_t running = s_running(bench);
    for (size_t index = 0; index < 2; index++)
        s_progress(bench, &running.shards[index], (told_t){.applied = 8, .durable = 8});
    cr_assert_eq(driver_count(&bench->by, KIND_curve), 1, "at once");
    driver_tick(&bench->by, 250 * MS);
    cr_assert_eq(driver_count(&bench->by, KIND_curve), 1, "and with every report");
    driver_tick(&bench->by, 500 * MS);
    message_t *curve = driver_take(&bench->by, KIND_curve);
    cr_assert(isnan(curve->curve.test_accuracy));
    message_destroy(&curve);
    message_t *ack = message_new(KIND_report_ack, NAME, GLOBAL);
    ack->report_ack.curve_have = 1;
    driver_give(&bench->by, ack);
    driver_tick(&bench->by, 750 * MS);
    cr_assert_eq(driver_count(&bench->by, KIND_curve), 0);
    s_free(bench);
}

Test(region, closes_then_evaluates_then_is_complete)
{
    bench_t *bench = s_bench(2, true);
    running_t running = s_running(bench);
    uint64_t all = bench->job.regions[0].batches;
    s_want(bench, &running.workers[0], 0, 0, 0, 0, 0);
    driver_tick(&bench->by, SECOND);
    s_progress(bench, &running.shards[0], (told_t){.applied = all, .durable = all});
    s_progress(bench, &running.shards[1], (told_t){.applied = all, .durable = all - 1});
    cr_assert_eq(driver_count(&bench->by, KIND_close), 0, "one batch is not durable");
    s_progress(bench, &running.shards[1], (told_t){.applied = all, .durable = all});
    cr_assert_eq(driver_count(&bench->by, KIND_close), 2);
    s_progress(bench, &running.shards[0],
               (told_t){.applied = all, .durable = all, .closed = true, .lasts = 1});
    driver_tick(&bench->by, 2 * SECOND);
    cr_assert_eq(driver_count(&bench->by, KIND_close), 1, "repeated to the one that has not");
    s_progress(bench, &running.shards[1], (told_t){.applied = all, .durable = all, .closed = true});
    s_want(bench, &running.workers[1], 0, 0, 0, 0, 0);
    cr_assert_eq(driver_count(&bench->by, KIND_lease), 0, "the other region's last delta is missing");
    s_progress(bench, &running.shards[1],
               (told_t){.applied = all, .durable = all, .closed = true, .lasts = 1});
    s_want(bench, &running.workers[1], 0, 0, 0, 0, 0);
    message_t *lease = driver_take(&bench->by, KIND_lease);
    cr_assert(lease->lease.evaluate);
    message_t *evaluated = message_new(KIND_evaluated, NAME, running.workers[1].actor);
    evaluated->incarnation = running.workers[1].incarnation;
    evaluated->evaluated.grant = lease->lease.grant;
    evaluated->evaluated.accuracy = 1;
    message_destroy(&lease);
    driver_give(&bench->by, evaluated);
    message_t *report = s_report(bench);
    cr_assert(report->region_report.complete);
    cr_assert_eq(report->region_report.train_us, 2 * SECOND, "the last evaluation is no training");
    message_destroy(&report);
    s_free(bench);
}

Test(region, adds_up_links_and_survives_a_restart_of_the_broker)
{
    bench_t *bench = s_bench(2, false);
    uint64_t sent[] = {100, 250, 40};
    for (size_t index = 0; index < 3; index++) {
        message_t *state = message_new(KIND_link_state, NAME, "broker/eu");
        message_set_name(state->link_state.region, "us");
        state->link_state.sent_bytes = sent[index];
        driver_give(&bench->by, state);
    }
    message_t *state = message_new(KIND_link_state, NAME, "broker/eu");
    message_set_name(state->link_state.region, "moon");
    state->link_state.sent_bytes = 5000;
    driver_give(&bench->by, state);
    message_t *report = s_report(bench);
    cr_assert_eq(report->region_report.wan_sent_bytes, 290);
    message_destroy(&report);
    s_free(bench);
}

Test(region, stops_its_nodes_and_waits_for_bye)
{
    bench_t *bench = s_bench(1, false);
    running_t running = s_running(bench);
    message_t *stop = message_new(KIND_stop, NAME, GLOBAL);
    stop->stop.done = true;
    driver_give(&bench->by, stop);
    stop = driver_take(&bench->by, KIND_stop);
    cr_assert(stop->stop.done);
    message_destroy(&stop);
    cr_assert_eq(driver_count(&bench->by, KIND_stop), 1);
    s_want(bench, &running.workers[0], 0, 0, 0, 0, 0);
    cr_assert_eq(driver_count(&bench->by, KIND_lease), 0);
    s_stopped(bench, "node/eu/a");
    cr_assert_eq(driver_count(&bench->by, KIND_bye), 1);
    s_stopped(bench, "node/eu/a");
    cr_assert_eq(driver_count(&bench->by, KIND_bye), 1, "its bye was lost");
    driver_tick(&bench->by, 300 * MS);
    cr_assert_eq(driver_count(&bench->by, KIND_stop), 1, "only to the other");
    cr_assert_str_eq(region_core_waits_for(bench->by.core, NULL), "node/eu/b");
    s_from_global(bench, KIND_bye);
    cr_assert_not(region_core_finished(bench->by.core), "not before its nodes have stopped");
    s_stopped(bench, "node/eu/b");
    message_t *report = s_report(bench);
    cr_assert(report->region_report.stopped);
    message_destroy(&report);
    s_from_global(bench, KIND_bye);
    cr_assert(region_core_finished(bench->by.core));
    cr_assert_eq(region_role.due(bench->by.core), ROLE_NEVER);
    s_free(bench);
}

/* Each of these is taken from somebody, and from nobody else. */
Test(region, what_somebody_else_says_is_not_heard)
{
    static const struct {
        message_kind_t kind;
        const char *from;
    } said[] = {
        {KIND_stop, "worker/eu/0"},        {KIND_stop, "scheduler/us"},     {KIND_stop, "node/eu/a"},
        {KIND_plan, "scheduler/us"},       {KIND_bye, "scheduler/eu"},      {KIND_stopped, "shard/eu/0"},
        {KIND_stopped, "node/us/a"},       {KIND_announce, "node/us/c"},    {KIND_placed, "worker/eu/0"},
        {KIND_progress, "worker/eu/0"},    {KIND_lease_want, "shard/eu/0"}, {KIND_sealed, "shard/eu/0"},
        {KIND_keeper_want, "worker/eu/0"},
    };
    bench_t *bench = s_bench(2, false);
    s_running(bench);
    driver_drop(&bench->by);
    for (size_t i = 0; i < sizeof said / sizeof *said; i++) {
        message_t *message = message_new(said[i].kind, NAME, said[i].from);
        message->incarnation = UINT64_MAX;
        driver_give(&bench->by, message);
    }
    cr_assert_eq(driver_count(&bench->by, KIND_stop), 0);
    message_t *report = s_report(bench);
    cr_assert(report->region_report.placed && !report->region_report.stopped);
    cr_assert_eq(report->region_report.nodes, 2);
    cr_assert_eq(report->region_report.plan, 1);
    message_destroy(&report);
    s_free(bench);
}

Test(region, ends_without_a_bye_after_five_seconds)
{
    bench_t *bench = s_bench(1, false);
    driver_give(&bench->by, message_new(KIND_stop, NAME, NAME));
    driver_tick(&bench->by, 4999 * MS);
    cr_assert_not(region_core_finished(bench->by.core));
    driver_tick(&bench->by, 5000 * MS);
    cr_assert(region_core_finished(bench->by.core));
    s_free(bench);
}

Test(region, a_node_that_comes_when_all_is_over_is_told_at_once)
{
    bench_t *bench = s_bench(1, false);
    driver_give(&bench->by, message_new(KIND_stop, NAME, GLOBAL));
    message_t *report = s_report(bench);
    cr_assert(report->region_report.stopped, "it was stopped before anybody came");
    message_destroy(&report);
    driver_give(&bench->by, s_announce(bench, "node/eu/a", 1));
    driver_tick(&bench->by, 400 * MS);
    cr_assert_eq(driver_count(&bench->by, KIND_stop), 1);
    s_stopped(bench, "node/eu/a");
    cr_assert_eq(driver_count(&bench->by, KIND_bye), 1);
    cr_assert_not(region_core_finished(bench->by.core), "the global scheduler lets it go");
    s_free(bench);
}

Test(region, a_failure_while_stopping_is_reported)
{
    bench_t *bench = s_bench(1, false);
    s_running(bench);
    driver_give(&bench->by, message_new(KIND_stop, NAME, GLOBAL));
    message_t *stopped = message_new(KIND_stopped, NAME, "node/eu/a");
    stopped->stopped.code = ERR_FULL;
    message_set_text(&stopped->stopped.reason, "no room for the snapshot");
    driver_give(&bench->by, stopped);
    message_t *report = s_report(bench);
    cr_assert_eq(report->region_report.code, ERR_FULL);
    cr_assert_neq(strstr(report->region_report.reason, "no room"), NULL);
    message_destroy(&report);
    s_free(bench);
}

Test(region, forwards_statuses_with_node_and_pid)
{
    bench_t *bench = s_bench(1, false);
    running_t running = s_running(bench);
    message_t *status = message_new(KIND_status, NAME, running.shards[0].actor);
    status->incarnation = running.shards[0].incarnation;
    message_set_name(status->status.state, "waiting");
    message_set_name(status->status.waits_for, "us");
    status->status.since_us = 1000;
    status->status.pid = 77; /* of the process that hosts it, which need not be its node's */
    driver_give(&bench->by, status);
    driver_count(&bench->by, KIND_status);
    driver_tick(&bench->by, 500 * MS);
    size_t count = 0, own = 0;
    while ((status = driver_take(&bench->by, KIND_status))) {
        cr_assert_str_eq(status->to, GLOBAL);
        if (!strcmp(status->status.actor, "shard/eu/0")) {
            cr_assert_str_eq(status->status.state, "waiting");
            cr_assert_str_eq(status->status.node, running.shards[0].node);
            cr_assert_eq(status->status.since_us, 1000 + 500 * MS);
            cr_assert_eq(status->status.pid, 77);
        }
        own += !strcmp(status->status.actor, NAME);
        count++;
        message_destroy(&status);
    }
    cr_assert_eq(count, 5);
    cr_assert_eq(own, 1);
    s_free(bench);
}

static void s_link(bench_t *bench, bool up)
{
    message_t *state = message_new(KIND_link_state, NAME, "broker/eu");
    message_set_name(state->link_state.region, "us");
    state->link_state.up = up;
    state->link_state.since_us = 3 * SECOND;
    message_set_text(&state->link_state.address, "tcp://us.example:5590");
    message_set_text(&state->link_state.error, up ? "" : "name unknown: us.example");
    driver_give(&bench->by, state);
}

Test(region, hands_on_how_the_other_regions_are_reached)
{
    bench_t *bench = s_bench(2, false);
    s_link(bench, false);
    driver_drop(&bench->by);
    driver_tick(&bench->by, SECOND);
    message_t *state = driver_take(&bench->by, KIND_link_state);
    cr_assert_not_null(state);
    cr_assert_str_eq(state->to, GLOBAL);
    cr_assert_str_eq(state->from, NAME);
    cr_assert_eq(state->link_state.since_us, 4 * SECOND, "as old as it is by now");
    cr_assert_str_eq(state->link_state.error, "name unknown: us.example");
    message_destroy(&state);
    driver_drop(&bench->by);
    s_link(bench, true);
    driver_tick(&bench->by, 1500 * MS);
    cr_assert_eq(driver_count(&bench->by, KIND_link_state), 1, "a change is told with the next statuses");
    s_free(bench);
}

static int64_t s_train_us(bench_t *bench)
{
    message_t *report = s_report(bench);
    int64_t train_us = report->region_report.train_us;
    message_destroy(&report);
    return train_us;
}

static void s_worker_is(bench_t *bench, const placement_t *worker, const char *waits_for)
{
    message_t *status = message_new(KIND_status, NAME, worker->actor);
    status->incarnation = worker->incarnation;
    message_set_name(status->status.waits_for, waits_for);
    driver_give(&bench->by, status);
}

Test(region, waiting_for_another_regions_broker_is_no_training_time)
{
    bench_t *bench = s_bench(2, false);
    running_t running = s_running(bench);
    s_want(bench, &running.workers[0], 0, 0, 0, 0, 0);
    s_link(bench, true);
    s_worker_is(bench, &running.workers[0], "shard/eu/0");
    s_worker_is(bench, &running.workers[1], "shard/eu/0");
    driver_tick(&bench->by, 2 * SECOND);
    cr_assert_eq(s_train_us(bench), 2250 * MS, "everybody is there, and what they send is waited for");
    s_worker_is(bench, &running.workers[1], "");
    s_link(bench, false);
    driver_tick(&bench->by, 4 * SECOND);
    cr_assert_eq(s_train_us(bench), 4250 * MS, "a worker computes on while the other is away");
    s_worker_is(bench, &running.workers[1], "shard/eu/0");
    for (int i = 0; i < 240; i++) /* both have to be heard of, or they would be lost */ {
        driver_tick(&bench->by, bench->by.now_us + 250 * MS);
        driver_drop(&bench->by);
    }
    int64_t train_us = s_train_us(bench);
    cr_assert(train_us >= 5250 * MS && train_us <= 5500 * MS, "it stands: %lld", (long long)train_us);
    s_link(bench, true);
    cr_assert_eq(s_train_us(bench), train_us + 250 * MS, "and trains again since the other is back");
    s_free(bench);
}

Test(region, says_on_which_machine_everybody_is)
{
    bench_t *bench = s_bench(1, false);
    s_plan(bench);
    message_t *announce = s_announce(bench, "node/eu/a", 1);
    message_set_name(announce->announce.host, "machine-7");
    driver_give(&bench->by, announce);
    driver_give(&bench->by, s_announce(bench, "node/eu/b", 2));
    driver_drop(&bench->by);
    driver_tick(&bench->by, SECOND);
    bool told = false;
    message_t *status;
    while ((status = driver_take(&bench->by, KIND_status))) {
        told |= !strcmp(status->status.node, "node/eu/a") && !strcmp(status->status.machine, "machine-7");
        message_destroy(&status);
    }
    cr_assert(told);
    s_free(bench);
}
