/* region_bench - a regional scheduler driven by hand in virtual time: region eu of two, two shards, two
 * workers.
 *
 * Why      its tests are in several files, by topic.
 */
#ifndef TESTS_UNIT_ACTORS_SCHEDULER_REGION_BENCH_H
#define TESTS_UNIT_ACTORS_SCHEDULER_REGION_BENCH_H

#include "actors/scheduler/region/region_core.h"
#include "brokers/job.h"
#include "tests/unit/actors/driver.h"

#include <stdlib.h>

#define TERM 6ull
#define RUN 7u
#define NAME "scheduler/eu"
#define GLOBAL "scheduler/global"
#define SAMPLES 300

typedef struct {
    topology_t topology;
    job_t job;
    region_spec_t spec;
    driver_t by;
} bench_t;

static inline bench_t *s_bench(size_t regions, bool evaluates)
{
    bench_t *bench = calloc(1, sizeof *bench);
    cr_assert_not_null(bench);
    topology_t *topology = &bench->topology;
    topology->job.epochs = 1;
    topology->job.batch = 10;
    topology->job.sync.away_after_us = 30 * SECOND;
    topology->region_count = regions;
    for (size_t index = 0; index < regions; index++) {
        strcpy(topology->regions[index].name, index ? "us" : "eu");
        topology->regions[index].data_share = 1;
        topology->regions[index].workers = 2;
        topology->regions[index].shards = 2;
    }
    err_t err;
    cr_assert_eq(job_derive(topology, SAMPLES, &bench->job, &err), ERR_OK);
    bench->spec = (region_spec_t){.topology = topology,
                                  .term = TERM,
                                  .run = RUN,
                                  .nodes_expected = 2,
                                  .settle_us = 3 * SECOND,
                                  .evaluates = evaluates};
    bench->by = (driver_t){.role = &region_role, .core = region_core_new(&bench->spec, 0)};
    return bench;
}

static inline void s_free(bench_t *bench)
{
    driver_fini(&bench->by);
    free(bench);
}

static inline message_t *s_announce(bench_t *bench, const char *node, uint64_t pid)
{
    message_t *announce = message_new(KIND_announce, NAME, node);
    topology_digest(&bench->topology, announce->announce.digest);
    announce->announce.pid = pid;
    announce->announce.run = RUN;
    announce->announce.cores = 2;
    announce->announce.samples = SAMPLES;
    return announce;
}

static inline void s_plan(bench_t *bench)
{
    message_t *plan = message_new(KIND_plan, NAME, GLOBAL);
    plan->plan.plan = 1;
    plan->plan.run = RUN;
    plan->plan.workers = 2;
    plan->plan.shards = 2;
    driver_give(&bench->by, plan);
}

typedef struct {
    wire_name_t actor, node;
    uint64_t incarnation;
} placement_t;

/* Takes the places asked for, up to `most`; answers with `code` when `answers`. */
static inline size_t s_places(bench_t *bench, placement_t *ret_places, size_t most, bool answers,
                              err_code_t code)
{
    size_t count = 0;
    message_t *place;
    while ((place = driver_take(&bench->by, KIND_place))) {
        cr_assert_lt(count, most);
        placement_t *placement = &ret_places[count++];
        message_set_name(placement->actor, place->place.actor);
        message_set_name(placement->node, place->to);
        placement->incarnation = place->place.incarnation;
        message_destroy(&place);
    }
    for (size_t index = 0; answers && index < count; index++) {
        message_t *placed = message_new(KIND_placed, NAME, ret_places[index].node);
        message_set_name(placed->placed.actor, ret_places[index].actor);
        placed->placed.incarnation = ret_places[index].incarnation;
        placed->placed.code = code;
        message_set_text(&placed->placed.reason, "no luck");
        driver_give(&bench->by, placed);
    }
    return count;
}

static inline void s_end(bench_t *bench, const placement_t *placement)
{
    message_t *placed = message_new(KIND_placed, NAME, placement->node);
    message_set_name(placed->placed.actor, placement->actor);
    placed->placed.incarnation = placement->incarnation;
    placed->placed.code = ERR_IO;
    driver_give(&bench->by, placed);
}

typedef struct {
    uint64_t applied, durable, lasts;
    bool closed;
} told_t;

static inline void s_progress(bench_t *bench, const placement_t *shard, told_t told)
{
    message_t *progress = message_new(KIND_progress, NAME, shard->actor);
    progress->incarnation = shard->incarnation;
    progress->progress.history = 1;
    ranges_t set = {0};
    cr_assert_eq(ranges_add(&set, 0, told.applied), ERR_OK);
    message_set_ranges(&progress->progress.applied, &set);
    cr_assert_eq(ranges_remove(&set, told.durable, UINT64_MAX), ERR_OK);
    message_set_ranges(&progress->progress.durable, &set);
    ranges_fini(&set);
    progress->progress.steps = told.applied;
    progress->progress.closed = told.closed;
    progress->progress.lasts = told.lasts;
    progress->progress.duplicates = 2;
    driver_give(&bench->by, progress);
}

typedef struct {
    placement_t shards[2], synchronizers[2], workers[2];
} running_t;

/* Two nodes, all placed and READY at time 0. */
static inline running_t s_running(bench_t *bench)
{
    running_t running;
    s_plan(bench);
    driver_give(&bench->by, s_announce(bench, "node/eu/a", 1));
    driver_give(&bench->by, s_announce(bench, "node/eu/b", 2));
    cr_assert_eq(s_places(bench, running.shards, 2, true, ERR_OK), 2);
    if (bench->topology.region_count > 1)
        cr_assert_eq(s_places(bench, running.synchronizers, 2, true, ERR_OK), 2);
    s_progress(bench, &running.shards[0], (told_t){0});
    s_progress(bench, &running.shards[1], (told_t){0});
    cr_assert_eq(s_places(bench, running.workers, 2, true, ERR_OK), 2);
    return running;
}

static inline void s_want(bench_t *bench, const placement_t *worker, uint64_t last_grant, uint64_t first,
                          uint64_t end, uint64_t samples, double loss_sum)
{
    message_t *want = message_new(KIND_lease_want, NAME, worker->actor);
    want->incarnation = worker->incarnation;
    want->lease_want.last_grant = last_grant;
    want->lease_want.samples = samples;
    want->lease_want.loss_sum = loss_sum;
    ranges_t holding = {0};
    cr_assert_eq(ranges_add(&holding, first, end), ERR_OK);
    message_set_ranges(&want->lease_want.holding, &holding);
    ranges_fini(&holding);
    driver_give(&bench->by, want);
}

static inline message_t *s_report(bench_t *bench)
{
    message_t *newest = NULL, *report;
    driver_tick(&bench->by, bench->by.now_us + 250 * MS);
    while ((report = driver_take(&bench->by, KIND_region_report))) {
        message_destroy(&newest);
        newest = report;
    }
    cr_assert_not_null(newest);
    return newest;
}

static inline void s_from_global(bench_t *bench, message_kind_t kind)
{
    driver_give(&bench->by, message_new(kind, NAME, GLOBAL));
}

static inline void s_alive(bench_t *bench, const placement_t *actor)
{
    message_t *status = message_new(KIND_status, NAME, actor->actor);
    status->incarnation = actor->incarnation;
    driver_give(&bench->by, status);
}

static inline void s_stopped(bench_t *bench, const char *node)
{
    driver_give(&bench->by, message_new(KIND_stopped, NAME, node));
}

#endif
