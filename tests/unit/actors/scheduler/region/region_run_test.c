/* The run that a region belongs to: who says which it is, and who is refused. */
#include "codec/base/run_id.h"
#include "tests/unit/actors/scheduler/region/region_bench.h"

#define OTHER 9u

static bench_t *s_unnamed(void)
{
    bench_t *bench = s_bench(2, false);
    driver_fini(&bench->by);
    bench->spec.run = RUN_ID_NONE;
    bench->by.core = region_core_new(&bench->spec, 0);
    return bench;
}

static void s_kept(bench_t *bench)
{
    region_source.stored(bench->by.core, region_source.decisions(bench->by.core));
}

static message_t *s_of_run(bench_t *bench, const char *node, uint64_t run)
{
    message_t *announce = s_announce(bench, node, 1);
    announce->announce.run = run;
    return announce;
}

static void s_from_other(bench_t *bench, message_kind_t kind)
{
    message_t *message = message_new(kind, NAME, GLOBAL);
    message->incarnation = 99; /* newer than anybody */
    if (kind == KIND_plan)
        message->plan = (plan_t_){.plan = 5, .workers = 2, .shards = 2, .run = OTHER};
    else if (kind == KIND_stop)
        message->stop.run = OTHER;
    else if (kind == KIND_bye)
        message->bye.run = OTHER;
    else
        message->report_ack = (report_ack_t_){.run = OTHER};
    driver_give(&bench->by, message);
}

/* A refusal with both identities. */
static void s_expect_refused(bench_t *bench, const char *to, const char *own)
{
    message_t *refused = driver_take(&bench->by, KIND_refused);
    cr_assert_not_null(refused);
    cr_assert_str_eq(refused->to, to);
    cr_assert_eq(refused->refused.code, ERR_JOB);
    cr_assert(strcmp(to, GLOBAL) || refused->refused.run == RUN);
    cr_assert_not_null(strstr(refused->refused.reason, own), "%s", refused->refused.reason);
    cr_assert_not_null(strstr(refused->refused.reason, "0000000000000007"), "%s", refused->refused.reason);
    message_destroy(&refused);
}

Test(region_run, is_what_the_first_plan_says_and_nothing_is_placed_before_it_is_kept)
{
    bench_t *bench = s_unnamed();
    bool adopts;
    driver_give(&bench->by, s_of_run(bench, "node/eu/a", RUN_ID_NONE));
    driver_give(&bench->by, s_of_run(bench, "node/eu/b", RUN_ID_NONE));
    driver_tick(&bench->by, 4 * SECOND);
    cr_assert_eq(driver_count(&bench->by, KIND_place), 0, "not even with patience: nobody has named the run");
    s_plan(bench);
    cr_assert_eq(region_core_run(bench->by.core, &adopts), RUN);
    driver_tick(&bench->by, 4 * SECOND);
    cr_assert_eq(driver_count(&bench->by, KIND_place), 0, "it is not on the disk yet");
    s_kept(bench);
    driver_give(&bench->by, s_of_run(bench, "node/eu/a", RUN_ID_NONE));
    driver_give(&bench->by, s_of_run(bench, "node/eu/b", RUN_ID_NONE));
    driver_tick(&bench->by, 5 * SECOND);
    message_t *place = driver_take(&bench->by, KIND_place);
    cr_assert_not_null(place);
    cr_assert_eq(place->place.run, RUN);
    message_destroy(&place);
    s_free(bench);
}

Test(region_run, a_region_that_knows_it_begins_without_the_global_scheduler)
{
    bench_t *bench = s_bench(2, false);
    driver_give(&bench->by, s_announce(bench, "node/eu/a", 1));
    driver_give(&bench->by, s_announce(bench, "node/eu/b", 2));
    driver_tick(&bench->by, 2 * SECOND);
    cr_assert_gt(driver_count(&bench->by, KIND_place), 0);
    s_free(bench);
}

Test(region_run, without_one_there_are_no_figures)
{
    bench_t *bench = s_unnamed();
    message_t *report = s_report(bench);
    cr_assert_eq(report->region_report.run, RUN_ID_NONE);
    cr_assert_str_eq(report->region_report.region, "eu");
    cr_assert_eq(report->region_report.plan, 0);
    message_destroy(&report);
    s_free(bench);
}

Test(region_run, a_node_that_tells_of_an_impossible_incarnation_is_refused_and_no_term_follows_it)
{
    bench_t *bench = s_bench(2, false);
    s_plan(bench);
    message_t *announce = s_announce(bench, "node/eu/a", 1);
    message_set_u64s(&announce->announce.hosted, (uint64_t[]){UINT64_MAX}, 1);
    driver_give(&bench->by, announce);
    announce = s_announce(bench, "node/eu/a", 1);
    announce->announce.scheduler = UINT64_MAX - 7;
    driver_give(&bench->by, announce);
    cr_assert_eq(driver_count(&bench->by, KIND_refused), 2);
    cr_assert_not(region_core_finished(bench->by.core));
    cr_assert_eq(region_core_failure(bench->by.core, NULL), ERR_OK);
    driver_give(&bench->by, s_announce(bench, "node/eu/a", 1));
    driver_give(&bench->by, s_announce(bench, "node/eu/b", 2));
    message_t *place = driver_take(&bench->by, KIND_place);
    cr_assert_not_null(place);
    cr_assert_eq(place->place.incarnation >> 32, TERM);
    message_destroy(&place);
    s_free(bench);
}

Test(region_run, a_plan_without_one_is_refused)
{
    bench_t *bench = s_unnamed();
    message_t *plan = message_new(KIND_plan, NAME, GLOBAL);
    plan->plan = (plan_t_){.plan = 1, .workers = 2, .shards = 2};
    driver_give(&bench->by, plan);
    cr_assert_eq(driver_count(&bench->by, KIND_refused), 1);
    s_free(bench);
}

Test(region_run, a_node_of_another_one_is_refused)
{
    bench_t *bench = s_bench(2, false);
    s_plan(bench);
    driver_give(&bench->by, s_of_run(bench, "node/eu/a", OTHER));
    s_expect_refused(bench, "node/eu/a", "0000000000000009");
    driver_tick(&bench->by, 10 * SECOND);
    cr_assert_eq(driver_count(&bench->by, KIND_place), 0);
    s_free(bench);
}

Test(region_run, a_node_that_came_before_it_was_known_is_sent_away)
{
    bench_t *bench = s_unnamed();
    driver_give(&bench->by, s_of_run(bench, "node/eu/a", OTHER));
    driver_give(&bench->by, s_of_run(bench, "node/eu/b", RUN_ID_NONE));
    driver_drop(&bench->by);
    s_plan(bench);
    s_expect_refused(bench, "node/eu/a", "0000000000000009");
    s_kept(bench);
    driver_give(&bench->by, s_of_run(bench, "node/eu/b", RUN_ID_NONE));
    driver_tick(&bench->by, 4 * SECOND);
    message_t *place;
    size_t count = 0;
    for (; (place = driver_take(&bench->by, KIND_place)); count++) {
        cr_assert_str_eq(place->to, "node/eu/b");
        message_destroy(&place);
    }
    cr_assert_gt(count, 0);
    s_free(bench);
}

static message_t *s_with_snapshots(bench_t *bench)
{
    message_t *announce = s_of_run(bench, "node/eu/a", RUN_ID_NONE);
    message_set_rows(&announce->announce.held, 1);
    announce->announce.held.items[0] = (announce_held_t){.incarnation = 5, .number = 3};
    return announce;
}

Test(region_run, snapshots_of_no_run_belong_only_to_one_that_is_as_old)
{
    bench_t *bench = s_bench(2, false);
    driver_give(&bench->by, s_with_snapshots(bench));
    s_expect_refused(bench, "node/eu/a", "without an identity");
    s_free(bench);
    bench = s_bench(2, false);
    driver_fini(&bench->by);
    bench->spec.run_adopts = true;
    bench->by.core = region_core_new(&bench->spec, 0);
    driver_give(&bench->by, s_with_snapshots(bench));
    cr_assert_eq(driver_count(&bench->by, KIND_refused), 0);
    s_free(bench);
}

Test(region_run, another_one_s_global_scheduler_moves_nothing_and_is_told)
{
    static const message_kind_t kinds[] = {KIND_plan, KIND_stop, KIND_bye, KIND_report_ack};
    bench_t *bench = s_bench(2, false);
    s_running(bench);
    driver_drop(&bench->by);
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
        s_from_other(bench, kinds[i]);
        s_expect_refused(bench, GLOBAL, "0000000000000009");
    }
    driver_drop(&bench->by);
    s_from_global(bench, KIND_report_ack); /* an older number than the stranger's */
    cr_assert_eq(driver_count(&bench->by, KIND_refused), 0, "the stranger's number is not remembered");
    driver_tick(&bench->by, SECOND);
    cr_assert_eq(driver_count(&bench->by, KIND_stop), 0);
    s_free(bench);
}

static void s_refuse(bench_t *bench)
{
    message_t *refused = message_new(KIND_refused, NAME, GLOBAL);
    refused->refused.kind = KIND_region_report;
    refused->refused.code = ERR_JOB;
    refused->refused.incarnation = TERM << 32;
    refused->refused.run = OTHER;
    message_set_text(&refused->refused.reason, "both identities");
    driver_give(&bench->by, refused);
}

Test(region_run, the_odd_region_ends_and_tells_its_nodes)
{
    const char *reason;
    bench_t *bench = s_bench(2, false);
    driver_give(&bench->by, s_announce(bench, "node/eu/a", 1));
    driver_drop(&bench->by);
    s_refuse(bench);
    message_t *refused = driver_take(&bench->by, KIND_refused);
    cr_assert_not_null(refused);
    cr_assert_str_eq(refused->to, "node/eu/a");
    cr_assert_eq(refused->refused.kind, KIND_announce);
    cr_assert_str_eq(refused->refused.reason, "both identities");
    message_destroy(&refused);
    cr_assert(region_core_finished(bench->by.core));
    cr_assert_eq(region_core_failure(bench->by.core, &reason), ERR_JOB);
    cr_assert_str_eq(reason, "both identities");
    s_free(bench);
}

Test(region_run, a_region_that_trains_is_not_the_odd_one)
{
    bench_t *bench = s_bench(2, false);
    s_running(bench);
    s_refuse(bench);
    cr_assert_not(region_core_finished(bench->by.core));
    cr_assert_eq(region_core_failure(bench->by.core, NULL), ERR_OK);
    s_free(bench);
}
