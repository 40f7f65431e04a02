/* The parts of the global scheduler without a scheduler: what regions have reported, and how a run ends. */
#include "actors/scheduler/global/global_life.h"

#include <criterion/criterion.h>
#include <stdlib.h>

#define SECOND ((int64_t)1000000)

typedef struct {
    topology_t topology;
    global_spec_t spec;
    global_base_t base;
    global_regions_t regions;
    global_mark_t *mark;
    global_life_t life;
} parts_t;

static parts_t *s_parts(void)
{
    parts_t *parts = calloc(1, sizeof *parts);
    cr_assert_not_null(parts);
    parts->topology.region_count = 2;
    strcpy(parts->topology.regions[0].name, "eu");
    strcpy(parts->topology.regions[1].name, "us");
    parts->topology.job.sync.away_after_us = 30 * SECOND;
    parts->spec = (global_spec_t){.topology = &parts->topology, .incarnation = 5, .run = 7};
    global_base_init(&parts->base, &parts->spec, 0);
    global_regions_init(&parts->regions, &parts->base);
    parts->mark = global_mark_new(&parts->topology, 5);
    global_life_init(&parts->life, &parts->base, &parts->regions, parts->mark, 0);
    return parts;
}

static void s_free(parts_t *parts)
{
    global_mark_destroy(&parts->mark);
    global_regions_fini(&parts->regions);
    global_base_fini(&parts->base);
    free(parts);
}

typedef struct {
    uint64_t incarnation, number, samples, rows;
    bool placed, complete, stopped;
} told_t;

static bool s_report(parts_t *parts, size_t region, told_t told, int64_t now_us)
{
    message_t *report = message_new(KIND_region_report, ACTOR_GLOBAL, parts->regions.list[region].scheduler);
    report->incarnation = told.incarnation;
    report->number = told.number;
    report->region_report.samples = told.samples;
    report->region_report.curve_rows = told.rows;
    report->region_report.placed = told.placed;
    report->region_report.complete = told.complete;
    report->region_report.stopped = told.stopped;
    bool progress = global_regions_take(&parts->regions, region, &report, false, now_us);
    cr_assert_null(report);
    return progress;
}

static size_t s_sent(parts_t *parts, message_kind_t kind)
{
    size_t count = 0;
    for (message_t *message; (message = outbox_take(&parts->base.core.outbox)); message_destroy(&message))
        count += message->kind == kind;
    return count;
}

/* ---- regions ---- */

Test(global_regions, a_report_that_says_nothing_new_is_no_progress)
{
    parts_t *parts = s_parts();
    cr_assert(s_report(parts, 0, (told_t){.incarnation = 1, .number = 1, .samples = 10}, 0));
    cr_assert_not(s_report(parts, 0, (told_t){.incarnation = 1, .number = 2, .samples = 10}, 1));
    cr_assert(s_report(parts, 0, (told_t){.incarnation = 1, .number = 3, .samples = 20}, 2));
    s_free(parts);
}

Test(global_regions, rows_come_in_order_and_begin_anew_with_another_scheduler)
{
    parts_t *parts = s_parts();
    s_report(parts, 0, (told_t){.incarnation = 1}, 0);
    message_t *row = message_new(KIND_curve, ACTOR_GLOBAL, "scheduler/eu");
    row->incarnation = 1;
    row->curve.index = 1;
    global_regions_take_curve(&parts->regions, row);
    cr_assert_eq(parts->regions.list[0].row_count, 0, "the one before it is missing");
    row->curve.index = 0;
    global_regions_take_curve(&parts->regions, row);
    cr_assert_eq(parts->regions.list[0].row_count, 1);
    s_report(parts, 0, (told_t){.incarnation = 2}, 0);
    cr_assert_eq(parts->regions.list[0].row_count, 0);
    global_regions_take_curve(&parts->regions, row);
    cr_assert_eq(parts->regions.list[0].row_count, 0, "of the scheduler before");
    message_destroy(&row);
    s_free(parts);
}

/* ---- life ---- */

Test(global_life, all_placed_is_training_and_all_complete_is_the_end)
{
    parts_t *parts = s_parts();
    s_report(parts, 0, (told_t){.incarnation = 1, .placed = true}, 0);
    global_life_tick(&parts->life, 0);
    cr_assert_eq(global_life_state(&parts->life), RUN_STARTING);
    cr_assert_str_eq(global_life_waits_for(&parts->life), "scheduler/us");
    s_report(parts, 1, (told_t){.incarnation = 1, .placed = true}, 0);
    global_life_tick(&parts->life, 0);
    cr_assert_eq(global_life_state(&parts->life), RUN_TRAINING);
    for (size_t i = 0; i < 2; i++)
        s_report(parts, i, (told_t){.incarnation = 1, .number = 1, .complete = true}, 1);
    cr_assert_not(global_life_tick(&parts->life, 1));
    cr_assert_eq(s_sent(parts, KIND_stop), 2);
    for (size_t i = 0; i < 2; i++) {
        s_report(parts, i, (told_t){.incarnation = 1, .number = 2, .complete = true, .stopped = true}, 2);
        global_life_note_stopped(&parts->life, i, 2);
    }
    cr_assert(global_life_tick(&parts->life, 2));
    cr_assert_eq(global_life_state(&parts->life), RUN_DONE);
    cr_assert_eq(s_sent(parts, KIND_bye), 1, "the home region is let go last");
    s_free(parts);
}

Test(global_life, a_final_report_counts_with_its_whole_curve)
{
    parts_t *parts = s_parts();
    s_report(parts, 0, (told_t){.incarnation = 1, .stopped = true, .rows = 1}, 0);
    global_life_note_stopped(&parts->life, 0, 0);
    cr_assert_not(parts->regions.list[0].stopped);
    message_t *row = message_new(KIND_curve, ACTOR_GLOBAL, "scheduler/eu");
    row->incarnation = 1;
    global_regions_take_curve(&parts->regions, row);
    message_destroy(&row);
    uint64_t before = parts->base.decisions;
    global_life_note_stopped(&parts->life, 0, 0);
    cr_assert(parts->regions.list[0].stopped);
    cr_assert_eq(parts->base.decisions, before + 1, "a successor need not ask for it");
    s_free(parts);
}

Test(global_life, regions_that_do_not_answer_are_given_up)
{
    parts_t *parts = s_parts();
    s_report(parts, 0, (told_t){.incarnation = 1}, 0);
    global_life_stop(&parts->life, false, "somebody", 30 * SECOND, 0);
    for (int64_t now_us = 0; now_us < 2 * SECOND; now_us += SECOND / 2) {
        global_life_look(&parts->life, now_us);
        cr_assert_not(global_life_tick(&parts->life, now_us));
    }
    cr_assert_not(parts->regions.list[1].given_up);
    global_life_look(&parts->life, 2 * SECOND);
    global_life_tick(&parts->life, 2 * SECOND);
    cr_assert(parts->regions.list[1].given_up, "it was never there");
    cr_assert_not(parts->regions.list[0].given_up);
    s_free(parts);
}

Test(global_life, the_first_failure_is_the_one_that_is_told)
{
    parts_t *parts = s_parts();
    global_life_fail(&parts->life, ERR_IO, "scheduler/eu", "first", 0);
    global_life_fail(&parts->life, ERR_FULL, "scheduler/us", "second", 0);
    cr_assert_eq(parts->base.failure, ERR_IO);
    cr_assert_str_eq(parts->base.reason, "scheduler/eu: first");
    cr_assert_eq(global_life_state(&parts->life), RUN_STOPPING);
    s_free(parts);
}

Test(global_life, a_run_that_is_another_ones_has_failed_at_once)
{
    parts_t *parts = s_parts();
    global_end(&parts->base, ERR_STALE, "a newer one");
    cr_assert_eq(global_life_state(&parts->life), RUN_FAILED);
    cr_assert(global_life_has_ended(&parts->life));
    s_free(parts);
}
