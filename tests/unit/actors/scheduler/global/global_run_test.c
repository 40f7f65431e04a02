/* The global scheduler and regions of another run. */
#include "tests/unit/actors/scheduler/global/global_bench.h"

static void s_foreign(bench_t *bench, size_t region)
{
    message_t *report = s_report(bench, region);
    report->region_report.run = RUN + 1;
    report->region_report.samples = 1000;
    report->region_report.placed = true;
    driver_give(&bench->by, report);
}

Test(global_run, is_told_with_every_word_to_a_region)
{
    bench_t *bench = s_bench();
    message_t *report = s_report(bench, 0), *told;
    report->region_report.plan = 0;
    driver_give(&bench->by, report);
    told = driver_take(&bench->by, KIND_report_ack);
    cr_assert_eq(told->report_ack.run, RUN);
    message_destroy(&told);
    told = driver_take(&bench->by, KIND_plan);
    cr_assert_eq(told->plan.run, RUN);
    message_destroy(&told);
    global_core_stop(bench->by.core, SECOND, 0);
    told = driver_take(&bench->by, KIND_stop);
    cr_assert_eq(told->stop.run, RUN);
    message_destroy(&told);
    s_free(bench);
}

Test(global_run, a_region_that_does_not_know_it_is_told_whatever_plan_it_has)
{
    bench_t *bench = s_bench();
    message_t *report = s_report(bench, 0);
    report->region_report.run = 0;
    driver_give(&bench->by, report);
    cr_assert_eq(driver_count(&bench->by, KIND_plan), 1);
    s_free(bench);
}

Test(global_run, a_region_of_another_one_is_refused_and_nothing_of_it_lasts)
{
    bench_t *bench = s_bench();
    s_placed(bench, 0);
    driver_drop(&bench->by);
    s_foreign(bench, 1);
    message_t *refused = driver_take(&bench->by, KIND_refused);
    cr_assert_not_null(refused);
    cr_assert_str_eq(refused->to, "scheduler/us");
    cr_assert_eq(refused->refused.code, ERR_JOB);
    cr_assert_eq(refused->refused.run, RUN);
    cr_assert_not_null(strstr(refused->refused.reason, "0000000000000008"));
    cr_assert_not_null(strstr(refused->refused.reason, "0000000000000007"));
    message_destroy(&refused);
    s_row(bench, 1, 0);
    message_t *status = message_new(KIND_status, GLOBAL, "scheduler/us");
    status->incarnation = 1ull << 32;
    message_set_name(status->status.actor, "worker/us/0");
    driver_give(&bench->by, status);
    cr_assert_not(global_core_region(bench->by.core, 1).seen);
    cr_assert_eq(global_core_region(bench->by.core, 1).curve_count, 0);
    cr_assert_eq(global_core_actor_count(bench->by.core), 1);
    driver_tick(&bench->by, 10 * SECOND);
    cr_assert_not(global_role.finished(bench->by.core), "the region is the odd one");
    s_free(bench);
}

/* Whoever looks at the run, or at its log, is told. */
Test(global_run, who_is_refused_is_shown_as_long_as_it_comes_again)
{
    bench_t *bench = s_bench();
    const char *text;
    cr_assert_str_eq(global_core_strangers(bench->by.core, 0), "");
    s_foreign(bench, 1);
    text = global_core_strangers(bench->by.core, bench->by.now_us + SECOND);
    cr_assert(strstr(text, "scheduler/us") && strstr(text, "0000000000000008"), "%s", text);
    cr_assert_str_eq(global_core_strangers(bench->by.core, bench->by.now_us + 60 * SECOND), "");
    message_t *report = s_report(bench, 1);
    message_set_name(report->region_report.digest, "another");
    driver_give(&bench->by, report);
    text = global_core_strangers(bench->by.core, bench->by.now_us);
    cr_assert(strstr(text, "scheduler/us") && strstr(text, "another topology"), "%s", text);
    report = s_report(bench, 1);
    message_set_name(report->from, "scheduler/mars");
    message_set_name(report->region_report.region, "mars");
    driver_give(&bench->by, report);
    text = global_core_strangers(bench->by.core, bench->by.now_us);
    cr_assert(strstr(text, "scheduler/mars") && strstr(text, "no such region"), "%s", text);
    s_free(bench);
}

Test(global_run, where_all_regions_are_of_another_one_it_ends_and_stops_nobody)
{
    const char *reason;
    bench_t *bench = s_bench();
    s_foreign(bench, 0);
    s_foreign(bench, 1);
    driver_drop(&bench->by);
    driver_tick(&bench->by, 2 * SECOND);
    cr_assert_not(global_role.finished(bench->by.core), "one of this run may still come");
    driver_tick(&bench->by, 4 * SECOND);
    cr_assert(global_role.finished(bench->by.core));
    cr_assert_eq(global_core_state(bench->by.core), RUN_FAILED);
    cr_assert_eq(global_core_failure(bench->by.core, &reason), ERR_JOB);
    cr_assert_not_null(strstr(reason, "0000000000000008"), "%s", reason);
    cr_assert_not_null(strstr(reason, "0000000000000007"), "%s", reason);
    cr_assert_eq(driver_count(&bench->by, KIND_stop), 0);
    s_free(bench);
}

Test(global_run, told_by_a_region_of_another_one_it_ends_too)
{
    bench_t *bench = s_bench();
    message_t *refused = message_new(KIND_refused, GLOBAL, "scheduler/eu");
    refused->refused.kind = KIND_plan;
    refused->refused.code = ERR_JOB;
    refused->refused.incarnation = 9;
    refused->refused.run = RUN + 1;
    driver_give(&bench->by, refused);
    driver_tick(&bench->by, 4 * SECOND);
    cr_assert(global_role.finished(bench->by.core));
    s_free(bench);
}

/* ---- cut off ---- */

Test(global_run, one_that_was_cut_off_declares_nobody_missing_whom_it_could_not_hear)
{
    bench_t *bench = s_bench();
    s_placed(bench, 0);
    s_placed(bench, 1);
    for (int64_t at = SECOND; at <= 3 * AWAY_US; at += SECOND)
        driver_tick(&bench->by, at); /* it hears nothing, and meanwhile all finish */
    s_complete(bench, 0);            /* the first word: the other one's is on its way */
    driver_tick(&bench->by, bench->by.now_us + SECOND);
    cr_assert_eq(global_core_failure(bench->by.core, NULL), ERR_OK);
    s_complete(bench, 1);
    cr_assert_eq(global_core_state(bench->by.core), RUN_STOPPING);
    s_final(bench, 0, 0);
    s_final(bench, 1, 0);
    cr_assert_eq(global_core_state(bench->by.core), RUN_DONE);
    s_free(bench);
}

Test(global_run, one_that_was_cut_off_does_not_stop_a_region_that_still_trains)
{
    bench_t *bench = s_bench();
    s_placed(bench, 0);
    s_placed(bench, 1);
    for (int64_t at = SECOND; at <= 3 * AWAY_US; at += SECOND)
        driver_tick(&bench->by, at);
    driver_drop(&bench->by);
    s_complete(bench, 0);
    s_placed(bench, 1);
    cr_assert_eq(driver_count(&bench->by, KIND_stop), 0);
    cr_assert_eq(global_core_state(bench->by.core), RUN_TRAINING);
    s_free(bench);
}

Test(global_run, cut_off_while_it_stops_it_waits_for_the_final_reports_again)
{
    bench_t *bench = s_bench();
    s_complete(bench, 0);
    s_complete(bench, 1);
    cr_assert_eq(global_core_state(bench->by.core), RUN_STOPPING);
    bench->by.now_us += 3 * AWAY_US; /* not even a tick */
    s_final(bench, 0, 0);
    driver_tick(&bench->by, bench->by.now_us + SECOND);
    cr_assert_eq(global_core_state(bench->by.core), RUN_STOPPING, "the other one gets its time, too");
    s_final(bench, 1, 0);
    cr_assert_eq(global_core_state(bench->by.core), RUN_DONE);
    s_free(bench);
}

Test(global_run, another_process_by_its_name_ends_it_with_the_broker_s_words_and_without_a_report)
{
    const char *reason;
    bench_t *bench = s_bench();
    message_t *refused = message_new(KIND_refused, GLOBAL, "broker/eu");
    refused->refused.kind = KIND_hello;
    refused->refused.code = ERR_IN_USE;
    message_set_text(&refused->refused.reason, "runs already: process 5 on first");
    driver_give(&bench->by, refused);
    cr_assert(global_role.finished(bench->by.core));
    cr_assert(global_core_displaced(bench->by.core));
    cr_assert_eq(global_core_failure(bench->by.core, &reason), ERR_IN_USE);
    cr_assert_str_eq(reason, "runs already: process 5 on first");
    cr_assert_eq(driver_count(&bench->by, KIND_stop), 0);
    s_free(bench);
}
