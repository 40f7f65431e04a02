/* global_bench - the global scheduler driven by hand in virtual time: two regions, eu and us.
 *
 * Why      its tests are in several files, by topic.
 */
#ifndef TESTS_UNIT_ACTORS_SCHEDULER_GLOBAL_BENCH_H
#define TESTS_UNIT_ACTORS_SCHEDULER_GLOBAL_BENCH_H

#include "actors/scheduler/global/global_core.h"
#include "tests/unit/actors/driver.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define GLOBAL "scheduler/global"
#define RUN 7u
#define AWAY_US (30 * SECOND)

static const char *const s_names[] = {"eu", "us"};
static const char *const s_schedulers[] = {"scheduler/eu", "scheduler/us"};

typedef struct {
    topology_t topology;
    driver_t by;
    uint64_t number;
    uint64_t lives;
} bench_t;

static inline bench_t *s_bench(void)
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
    bench->by = (driver_t){
        .role = &global_role,
        .core = global_core_new(
            &(global_spec_t){.topology = &bench->topology, .incarnation = 9, .pid = 42, .run = RUN}, 0)};
    return bench;
}

static inline void s_free(bench_t *bench)
{
    driver_fini(&bench->by);
    free(bench);
}

static inline message_t *s_report(bench_t *bench, size_t region)
{
    message_t *report = message_new(KIND_region_report, GLOBAL, s_schedulers[region]);
    report->incarnation = 1ull << 32;
    report->number = ++bench->number;
    message_set_name(report->region_report.region, s_names[region]);
    topology_digest(&bench->topology, report->region_report.digest);
    report->region_report.plan = 1;
    report->region_report.run = RUN;
    return report;
}

static inline void s_placed(bench_t *bench, size_t region)
{
    message_t *report = s_report(bench, region);
    report->region_report.placed = true;
    driver_give(&bench->by, report);
}

static inline void s_complete(bench_t *bench, size_t region)
{
    message_t *report = s_report(bench, region);
    report->region_report.placed = report->region_report.complete = true;
    driver_give(&bench->by, report);
}

static inline void s_final(bench_t *bench, size_t region, uint64_t rows)
{
    message_t *report = s_report(bench, region);
    report->region_report.stopped = true;
    report->region_report.curve_rows = rows;
    driver_give(&bench->by, report);
}

static inline void s_row(bench_t *bench, size_t region, uint64_t index)
{
    message_t *curve = message_new(KIND_curve, GLOBAL, s_schedulers[region]);
    curve->incarnation = 1ull << 32;
    curve->curve.index = index;
    curve->curve.loss = 10 - (double)index;
    curve->curve.test_accuracy = NAN;
    driver_give(&bench->by, curve);
}

#endif
