/* The global scheduler that was killed, at the end of a run above all; two of them; and a region that
 * stays away. */
#include "store/kv_mem.h"
#include "tests/unit/actors/scheduler/global/global_bench.h"

static void s_restart(bench_t *bench)
{
    kv_t *kv = kv_mem_new(KV_DURABILITY_DISK);
    journal_t *journal = journal_new(kv, &global_source, 2);
    cr_assert_eq(journal_now(journal, bench->by.core, bench->by.now_us, NULL), ERR_OK);
    driver_fini(&bench->by);
    legacy_t legacy;
    cr_assert_eq(journal_load(journal, KIND_global_state, &legacy, NULL), ERR_OK);
    global_spec_t spec = {
        .topology = &bench->topology, .incarnation = 9 + ++bench->lives, .legacy = &legacy, .run = RUN};
    bench->by.core = global_core_new(&spec, bench->by.now_us);
    legacy_fini(&legacy);
    journal_destroy(&journal);
    kv_destroy(&kv);
}

Test(global_restart, at_any_point_of_the_end_loses_nothing_of_the_report)
{
    bench_t *bench = s_bench();
    s_row(bench, 0, 0);
    s_complete(bench, 0);
    s_restart(bench);
    cr_assert_eq(global_core_region(bench->by.core, 0).curve_count, 1);
    s_complete(bench, 1);
    s_restart(bench);
    cr_assert_eq(global_core_state(bench->by.core), RUN_STOPPING);
    message_t *stop = NULL;
    driver_tick(&bench->by, 300 * MS);
    cr_assert_eq(driver_count_to(&bench->by, KIND_stop, "", &stop), 2);
    cr_assert(stop->stop.done);
    message_destroy(&stop);
    s_final(bench, 0, 1);
    s_restart(bench);
    driver_tick(&bench->by, 600 * MS);
    cr_assert_eq(driver_count_to(&bench->by, KIND_stop, "scheduler/eu", NULL), 0, "its final report is kept");
    s_final(bench, 1, 0);
    cr_assert_eq(global_core_state(bench->by.core), RUN_DONE);
    s_restart(bench);
    driver_tick(&bench->by, 601 * MS);
    cr_assert_eq(global_core_state(bench->by.core), RUN_DONE);
    cr_assert_eq(driver_count_to(&bench->by, KIND_bye, "scheduler/us", NULL), 1, "whoever is left may go");
    region_view_t view = global_core_region(bench->by.core, 0);
    cr_assert(view.report->region_report.stopped);
    cr_assert_eq(view.curve_count, 1);
    cr_assert_eq(view.curve[0].loss, 10);
    driver_tick(&bench->by, 10 * SECOND);
    driver_tick(&bench->by, 12 * SECOND);
    cr_assert(global_role.finished(bench->by.core));
    s_free(bench);
}

/* As the version before stored it: a double as the bits of a number. */
Test(global_restart, after_another_version_knows_what_was_paid)
{
    bench_t *bench = s_bench();
    legacy_t *legacy = calloc(1, sizeof *legacy);
    uint64_t words[2 * (2 + TOPOLOGY_OFFERS_MAX + TOPOLOGY_REGIONS_MAX)] = {0};
    const double rent = 1.5;
    memcpy(words, &rent, sizeof rent);
    cr_assert_not_null(legacy);
    legacy->state = global_source.state(bench->by.core, bench->by.now_us);
    message_set_u64s(&legacy->state->global_state.paid_former, words, sizeof words / sizeof *words);
    driver_fini(&bench->by);
    global_spec_t spec = {.topology = &bench->topology, .incarnation = 9, .legacy = legacy, .run = RUN};
    bench->by.core = global_core_new(&spec, bench->by.now_us);
    cr_assert_eq(global_core_cost(bench->by.core, 0).rent, 1.5);
    cr_assert_eq(global_core_cost(bench->by.core, 1).rent, 0);
    legacy_fini(legacy);
    free(legacy);
    s_free(bench);
}

/* A decision is durable before anything that follows from it is told: the shell stores when this number
 * grows. */
Test(global_restart, every_decision_is_to_be_stored_first)
{
    bench_t *bench = s_bench();
    uint64_t decisions = global_source.decisions(bench->by.core);
    s_complete(bench, 0);
    s_complete(bench, 1);
    cr_assert_gt(global_source.decisions(bench->by.core), decisions);
    decisions = global_source.decisions(bench->by.core);
    s_final(bench, 0, 0);
    cr_assert_gt(global_source.decisions(bench->by.core), decisions);
    s_free(bench);
}

Test(global_restart, a_drain_goes_on_with_regions_of_its_time_alone)
{
    for (uint64_t term = 1; term <= 2; term++) {
        bench_t *bench = s_bench();
        s_placed(bench, 0);
        s_placed(bench, 1);
        global_core_stop(bench->by.core, SECOND, 0);
        s_restart(bench);
        driver_drop(&bench->by);
        cr_assert_lt(global_core_state(bench->by.core), RUN_STOPPING);
        message_t *report = s_report(bench, 0);
        report->incarnation = term << 32;
        driver_give(&bench->by, report);
        cr_assert_eq(driver_count_to(&bench->by, KIND_stop, "", NULL), term == 1 ? 2 : 0);
        s_free(bench);
    }
}

Test(global_restart, a_failure_stays_one)
{
    bench_t *bench = s_bench();
    message_t *report = s_report(bench, 1);
    report->region_report.code = ERR_IO;
    message_set_text(&report->region_report.reason, "disk on fire");
    driver_give(&bench->by, report);
    s_restart(bench);
    s_final(bench, 0, 0);
    s_final(bench, 1, 0);
    const char *reason;
    cr_assert_eq(global_core_state(bench->by.core), RUN_FAILED);
    cr_assert_eq(global_core_failure(bench->by.core, &reason), ERR_IO);
    cr_assert_neq(strstr(reason, "disk on fire"), NULL);
    s_free(bench);
}

Test(global_restart, the_older_of_two_ends_itself)
{
    bench_t *bench = s_bench();
    for (uint64_t incarnation = 8; incarnation <= 9; incarnation++) {
        cr_assert_not(global_role.finished(bench->by.core));
        message_t *refused = message_new(KIND_refused, GLOBAL, "scheduler/eu");
        refused->refused.code = ERR_STALE;
        refused->refused.incarnation = incarnation;
        driver_give(&bench->by, refused);
    }
    cr_assert(global_role.finished(bench->by.core));
    cr_assert_eq(global_core_failure(bench->by.core, NULL), ERR_STALE);
    s_free(bench);
}

Test(global_restart, refuses_an_older_scheduler_of_a_region)
{
    bench_t *bench = s_bench();
    message_t *report = s_report(bench, 0), *refused = NULL;
    report->incarnation = 3ull << 32;
    driver_give(&bench->by, report);
    driver_drop(&bench->by);
    s_placed(bench, 0);
    cr_assert_eq(driver_count_to(&bench->by, KIND_refused, "scheduler/eu", &refused), 1);
    cr_assert_eq(refused->refused.code, ERR_STALE);
    cr_assert_eq(refused->refused.incarnation, 1ull << 32);
    message_destroy(&refused);
    s_row(bench, 0, 0);
    cr_assert_eq(global_core_region(bench->by.core, 0).curve_count, 0, "nor is its curve taken");
    s_free(bench);
}

static void s_closed(bench_t *bench, size_t region)
{
    message_t *report = s_report(bench, region);
    report->region_report.placed = report->region_report.closed = true;
    driver_give(&bench->by, report);
}

Test(global_away, a_region_that_stays_away_at_the_end_fails_the_run)
{
    bench_t *bench = s_bench();
    message_t *report = s_report(bench, 1);
    report->region_report.placed = true;
    report->region_report.samples = 1800;
    report->region_report.samples_total = 3000;
    driver_give(&bench->by, report);
    s_placed(bench, 0);
    for (int64_t at_us = SECOND; at_us < AWAY_US; at_us += SECOND) {
        driver_tick(&bench->by, at_us);
        s_closed(bench, 0);
    }
    cr_assert_eq(global_core_state(bench->by.core), RUN_TRAINING);
    driver_tick(&bench->by, AWAY_US);
    const char *reason;
    cr_assert_eq(global_core_failure(bench->by.core, &reason), ERR_TIMEOUT);
    cr_assert_neq(strstr(reason, "scheduler/us"), NULL, "%s", reason);
    cr_assert_neq(strstr(reason, "1200 of its 3000 samples"), NULL, "%s", reason);
    cr_assert_neq(strstr(reason, "--resume"), NULL, "%s", reason);
    s_final(bench, 0, 0);
    cr_assert_eq(global_core_state(bench->by.core), RUN_FAILED,
                 "the one that is away is not waited for again");
    s_free(bench);
}

Test(global_away, nobody_fails_while_others_are_at_work_or_this_scheduler_slept)
{
    bench_t *bench = s_bench();
    s_placed(bench, 1);
    s_placed(bench, 0);
    for (int64_t at_us = SECOND; at_us <= 3 * AWAY_US; at_us += SECOND) {
        driver_tick(&bench->by, at_us);
        s_placed(bench, 0);
    }
    cr_assert_eq(global_core_state(bench->by.core), RUN_TRAINING, "region eu has batches left");
    driver_tick(&bench->by, 10 * AWAY_US);
    s_closed(bench, 0);
    cr_assert_eq(global_core_state(bench->by.core), RUN_TRAINING, "it has not listened meanwhile");
    s_free(bench);
}

/* Region us has been silent for most of the time that it may, and eu has done its part, when this scheduler
 * stands still for as long as is left: the first thing that it then does is to look who is silent, before
 * it has read what has come. */
Test(global_away, silence_is_not_counted_while_this_scheduler_stands_still)
{
    bench_t *bench = s_bench();
    s_placed(bench, 1);
    for (int64_t at_us = SECOND; at_us <= AWAY_US - 5 * SECOND; at_us += SECOND) {
        driver_tick(&bench->by, at_us);
        s_closed(bench, 0);
    }
    driver_tick(&bench->by, AWAY_US + 5 * SECOND);
    cr_assert_eq(global_core_failure(bench->by.core, NULL), ERR_OK);
    s_placed(bench, 1);
    cr_assert_eq(global_core_state(bench->by.core), RUN_TRAINING);
    s_free(bench);
}
