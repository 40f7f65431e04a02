/* How far a run is: rates, shares and waits (headway), and the line that shows them on any terminal
 * (progress). */
#include "deploy/launch/progress.h"
#include "tests/unit/actors/scheduler/global/global_bench.h"

#include <criterion/criterion.h>

#define TOTAL 100000

static void s_told(bench_t *bench, size_t region, uint64_t samples, uint64_t workers)
{
    message_t *report = s_report(bench, region);
    report->region_report.placed = true;
    report->region_report.samples = samples;
    report->region_report.samples_total = TOTAL;
    report->region_report.workers = workers;
    report->region_report.loss = 0.2794;
    report->region_report.test_accuracy = 0.8866;
    report->region_report.wan_sent_bytes = 1 << 30;
    driver_give(&bench->by, report);
}

static void s_both_told(bench_t *bench, headway_t *headway, int64_t now_us, uint64_t samples,
                        uint64_t workers)
{
    driver_tick(&bench->by, now_us);
    for (size_t region = 0; region < 2; region++)
        s_told(bench, region, samples, workers);
    headway_look(headway, bench->by.core, now_us);
    driver_drop(&bench->by);
}

Test(headway, what_was_done_before_a_resumed_run_is_no_speed)
{
    bench_t *bench = s_bench();
    headway_t headway;
    headway_init(&headway, 0);
    s_both_told(bench, &headway, SECOND, 0, 0);
    s_both_told(bench, &headway, 3 * SECOND, 50000, 0); /* the shards have said what they have */
    cr_assert_eq(headway_rate(&headway, bench->by.core, SIZE_MAX), 0);
    cr_assert(isnan(headway_left_s(&headway, bench->by.core, SIZE_MAX)));
    s_both_told(bench, &headway, 4 * SECOND, 50000, 1);
    s_both_told(bench, &headway, 6 * SECOND, 52000, 1);
    cr_assert_float_eq(headway_rate(&headway, bench->by.core, 0), 1000, 1e-6);
    cr_assert_float_eq(headway_rate(&headway, bench->by.core, SIZE_MAX), 2000, 1e-6);
    cr_assert_float_eq(headway_left_s(&headway, bench->by.core, SIZE_MAX), 48, 1e-6);
    cr_assert_float_eq(headway_share(bench->by.core, SIZE_MAX), 0.52, 1e-9);
    s_free(bench);
}

Test(headway, what_is_lost_and_computed_again_is_no_speed_either)
{
    bench_t *bench = s_bench();
    headway_t headway;
    headway_init(&headway, 0);
    s_both_told(bench, &headway, SECOND, 0, 1);
    s_both_told(bench, &headway, 3 * SECOND, 2000, 1);
    s_both_told(bench, &headway, 5 * SECOND, 1000, 1); /* from an older snapshot */
    cr_assert_float_eq(headway_rate(&headway, bench->by.core, 0), 1000, 1e-6);
    s_both_told(bench, &headway, 6 * SECOND, 2000, 1);
    cr_assert_float_eq(headway_rate(&headway, bench->by.core, 0), 1000, 1e-6);
    s_free(bench);
}

Test(headway, the_slowest_region_says_when_the_run_is_done)
{
    bench_t *bench = s_bench();
    headway_t headway;
    headway_init(&headway, 0);
    for (int64_t at = 0; at < 2; at++) {
        driver_tick(&bench->by, (1 + 2 * at) * SECOND);
        s_told(bench, 0, (uint64_t)at * 20000, 1);
        s_told(bench, 1, (uint64_t)at * 2000, 1);
        headway_look(&headway, bench->by.core, (1 + 2 * at) * SECOND);
    }
    cr_assert_float_eq(headway_left_s(&headway, bench->by.core, 0), 8, 1e-6);
    cr_assert_float_eq(headway_left_s(&headway, bench->by.core, SIZE_MAX), 98, 1e-6);
    s_free(bench);
}

Test(headway, who_stands_still_has_no_end_in_sight)
{
    bench_t *bench = s_bench();
    headway_t headway;
    headway_init(&headway, 0);
    s_both_told(bench, &headway, SECOND, 0, 1);
    for (int64_t at = 3; at < 60; at++)
        s_both_told(bench, &headway, at * SECOND, 2000, 1);
    cr_assert(isnan(headway_left_s(&headway, bench->by.core, SIZE_MAX)));
    s_free(bench);
}

Test(headway, a_standstill_is_explained_by_a_link_that_is_missing)
{
    bench_t *bench = s_bench();
    headway_t headway;
    char wait[HEADWAY_WAIT_MAX];
    headway_init(&headway, 0);
    cr_assert_str_eq(headway_wait(&headway, bench->by.core, 2 * SECOND, wait), "", "a start takes a while");
    cr_assert(strstr(headway_wait(&headway, bench->by.core, 5 * SECOND, wait), "the broker of eu"), "%s",
              wait);
    s_both_told(bench, &headway, 6 * SECOND, 10, 1);
    message_t *state = message_new(KIND_link_state, GLOBAL, "scheduler/us");
    message_set_name(state->link_state.region, "eu");
    message_set_text(&state->link_state.error, "name unknown: eu.example");
    driver_give(&bench->by, state);
    cr_assert_str_eq(headway_wait(&headway, bench->by.core, 7 * SECOND, wait), "");
    cr_assert_str_eq(headway_wait(&headway, bench->by.core, 16 * SECOND, wait),
                     "waits for the link to eu since 10 s: name unknown: eu.example");
    s_free(bench);
}

/* A model of two classes has an area beside its accuracy; the others say nothing of one. */
Test(progress, two_classes_have_an_area)
{
    bench_t *bench = s_bench();
    headway_t headway;
    char line[PROGRESS_LINE_MAX];
    headway_init(&headway, 0);
    driver_tick(&bench->by, 4 * SECOND);
    message_t *report = s_report(bench, 0);
    report->region_report.test_accuracy = 0.75;
    report->region_report.test_auc = 0.8125;
    driver_give(&bench->by, report);
    progress_t progress = {.terminal = true};
    progress_compose(&progress, bench->by.core, &headway, 6 * SECOND, 120, line);
    cr_assert(strstr(line, "accuracy 0.7500  AUC 0.8125"), "%s", line);
    s_free(bench);
}

Test(progress, what_is_worth_most_is_on_any_terminal)
{
    static const struct {
        size_t width;
        const char *line;
    } rows[] = {
        {120, "[######......]  52%  eu 52%  us 52%  left 48 s  2000 samples/s  loss 0.2794  accuracy 0.8866  "
              "WAN 2 GiB  6 s"},
        {80, "52%  left 48 s  2000 samples/s  loss 0.2794  accuracy 0.8866  WAN 2 GiB  6 s"},
        {40, "52%  left 48 s  2000 samples/s  6 s"},
        {20, "52%  left 48 s  6 s"},
        {8, "52%"},
    };
    bench_t *bench = s_bench();
    headway_t headway;
    char line[PROGRESS_LINE_MAX];
    headway_init(&headway, 0);
    s_both_told(bench, &headway, 4 * SECOND, 50000, 1);
    s_both_told(bench, &headway, 6 * SECOND, 52000, 1);
    progress_t progress = {.terminal = true};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        progress_compose(&progress, bench->by.core, &headway, 6 * SECOND, rows[i].width, line);
        cr_expect_lt(strlen(line), rows[i].width);
        cr_expect_str_eq(line, rows[i].line, "%zu: %s", rows[i].width, line);
    }
    s_free(bench);
}

Test(progress, a_wait_is_cut_and_never_left_out)
{
    bench_t *bench = s_bench();
    headway_t headway;
    char line[PROGRESS_LINE_MAX];
    headway_init(&headway, 0);
    progress_t progress = {.terminal = true};
    progress_compose(&progress, bench->by.core, &headway, 6 * SECOND, 40, line);
    cr_assert_str_eq(line, "starting  waits for the broker of eu...", "%s", line);
    s_free(bench);
}
