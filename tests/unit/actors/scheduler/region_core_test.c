/* A regional scheduler driven by hand in virtual time: region eu of two, two shards, two workers. */
#include "actors/scheduler/region_core.h"

#include <criterion/criterion.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#define MS ((int64_t)1000)
#define SECOND (1000 * MS)
#define TERM 6ull
#define NAME "scheduler/eu"
#define GLOBAL "scheduler/global"
#define SAMPLES 300

typedef struct {
    topology_t topology;
    job_t job;
    region_core_t *core;
    int64_t now_us;
} bench_t;

static bench_t *s_bench(size_t regions, bool evaluates)
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
    region_spec_t spec = {.topology = topology,
                          .term = TERM,
                          .nodes_expected = 2,
                          .settle_us = 3 * SECOND,
                          .evaluates = evaluates};
    bench->core = region_core_new(&spec, 0);
    return bench;
}

static void s_free(bench_t *bench)
{
    region_role.destroy((void **)&bench->core);
    free(bench);
}

static message_t *s_take(bench_t *bench, message_kind_t kind)
{
    message_t *message;
    while ((message = outbox_take(region_role.outbox(bench->core)))) {
        if (message->kind == kind)
            return message;
        message_destroy(&message);
    }
    return NULL;
}

static size_t s_count(bench_t *bench, message_kind_t kind)
{
    size_t count = 0;
    message_t *message;
    while ((message = s_take(bench, kind))) {
        count++;
        message_destroy(&message);
    }
    return count;
}

static void s_tick(bench_t *bench, int64_t now_us)
{
    bench->now_us = now_us;
    region_role.tick(bench->core, now_us);
}

static void s_give(bench_t *bench, message_t *message)
{
    region_role.message(bench->core, &message, bench->now_us);
    cr_assert_null(message);
}

static message_t *s_announce(bench_t *bench, const char *node, uint64_t pid)
{
    message_t *announce = message_new(KIND_announce, NAME, node);
    topology_digest(&bench->topology, announce->announce.digest);
    announce->announce.pid = pid;
    announce->announce.cores = 2;
    announce->announce.samples = SAMPLES;
    return announce;
}

static void s_plan(bench_t *bench)
{
    message_t *plan = message_new(KIND_plan, NAME, GLOBAL);
    plan->plan.plan = 1;
    plan->plan.workers = 2;
    plan->plan.shards = 2;
    s_give(bench, plan);
}

typedef struct {
    wire_name_t actor, node;
    uint64_t incarnation;
} placement_t;

/* Takes the places asked for, up to `most`; answers with `code` when `answers`. */
static size_t s_places(bench_t *bench, placement_t *ret_places, size_t most, bool answers, err_code_t code)
{
    size_t count = 0;
    message_t *place;
    while ((place = s_take(bench, KIND_place))) {
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
        s_give(bench, placed);
    }
    return count;
}

static void s_end(bench_t *bench, const placement_t *placement)
{
    message_t *placed = message_new(KIND_placed, NAME, placement->node);
    message_set_name(placed->placed.actor, placement->actor);
    placed->placed.incarnation = placement->incarnation;
    placed->placed.code = ERR_IO;
    s_give(bench, placed);
}

typedef struct {
    uint64_t applied, durable, lasts;
    bool closed;
} told_t;

static void s_progress(bench_t *bench, const placement_t *shard, told_t told)
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
    s_give(bench, progress);
}

typedef struct {
    placement_t shards[2], synchronizers[2], workers[2];
} running_t;

/* Two nodes, all placed and READY at time 0. */
static running_t s_running(bench_t *bench)
{
    running_t running;
    s_plan(bench);
    s_give(bench, s_announce(bench, "node/eu/a", 1));
    s_give(bench, s_announce(bench, "node/eu/b", 2));
    cr_assert_eq(s_places(bench, running.shards, 2, true, ERR_OK), 2);
    if (bench->topology.region_count > 1)
        cr_assert_eq(s_places(bench, running.synchronizers, 2, true, ERR_OK), 2);
    s_progress(bench, &running.shards[0], (told_t){0});
    s_progress(bench, &running.shards[1], (told_t){0});
    cr_assert_eq(s_places(bench, running.workers, 2, true, ERR_OK), 2);
    return running;
}

static void s_want(bench_t *bench, const placement_t *worker, uint64_t last_grant, uint64_t first,
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
    s_give(bench, want);
}

static message_t *s_report(bench_t *bench)
{
    message_t *newest = NULL, *report;
    s_tick(bench, bench->now_us + 250 * MS);
    while ((report = s_take(bench, KIND_region_report))) {
        message_destroy(&newest);
        newest = report;
    }
    cr_assert_not_null(newest);
    return newest;
}

static void s_from_global(bench_t *bench, message_kind_t kind)
{
    s_give(bench, message_new(kind, NAME, GLOBAL));
}

Test(region, reports_four_times_a_second)
{
    bench_t *bench = s_bench(2, false);
    s_tick(bench, 0);
    cr_assert_eq(s_count(bench, KIND_region_report), 1);
    cr_assert_eq(region_role.due(bench->core), 250 * MS);
    s_tick(bench, 249 * MS);
    cr_assert_eq(s_count(bench, KIND_region_report), 0);
    message_t *report = s_report(bench);
    cr_assert_str_eq(report->region_report.region, "eu");
    cr_assert_not(report->region_report.placed);
    cr_assert(isnan(report->region_report.test_accuracy));
    message_destroy(&report);
    s_free(bench);
}

Test(region, places_shards_then_synchronizers_then_workers)
{
    bench_t *bench = s_bench(2, false);
    placement_t places[4];
    s_give(bench, s_announce(bench, "node/eu/a", 1));
    s_give(bench, s_announce(bench, "node/eu/b", 2));
    cr_assert_eq(s_places(bench, places, 4, false, ERR_OK), 0, "no plan yet");
    s_plan(bench);
    cr_assert_eq(s_places(bench, places, 4, false, ERR_OK), 2);
    cr_assert_str_eq(places[0].actor, "shard/eu/0");
    cr_assert_eq(places[0].incarnation, TERM << 32 | 1);
    cr_assert_str_neq(places[0].node, places[1].node, "spread");
    s_tick(bench, 299 * MS);
    cr_assert_eq(s_count(bench, KIND_place), 0);
    s_tick(bench, 300 * MS);
    placement_t again[4];
    cr_assert_eq(s_places(bench, again, 4, true, ERR_OK), 2, "repeated");
    cr_assert_eq(again[0].incarnation, places[0].incarnation);
    cr_assert_eq(s_places(bench, places, 4, true, ERR_OK), 2);
    cr_assert_str_eq(places[0].actor, "synchronizer/eu/0");
    cr_assert_str_eq(places[1].node, again[1].node, "a synchronizer goes with its shard");
    cr_assert_eq(s_places(bench, places, 4, true, ERR_OK), 0,
                 "workers wait until shards have told what they have");
    s_progress(bench, &again[0], (told_t){0});
    s_progress(bench, &again[1], (told_t){0});
    cr_assert_eq(s_places(bench, places, 4, true, ERR_OK), 2);
    cr_assert_str_eq(places[0].actor, "worker/eu/0");
    message_t *report = s_report(bench);
    cr_assert(report->region_report.placed);
    cr_assert_eq(report->region_report.workers, 2);
    cr_assert_eq(report->region_report.plan, 1);
    message_destroy(&report);
    s_free(bench);
}

Test(region, goes_on_without_the_global_scheduler_and_with_fewer_nodes)
{
    bench_t *bench = s_bench(1, false);
    s_give(bench, s_announce(bench, "node/eu/a", 1));
    s_tick(bench, 1999 * MS);
    cr_assert_str_eq(region_core_waits_for(bench->core, NULL), GLOBAL);
    s_tick(bench, 2000 * MS);
    cr_assert_eq(s_count(bench, KIND_place), 0, "it expects two nodes");
    cr_assert_str_eq(region_core_waits_for(bench->core, NULL), "nodes");
    s_tick(bench, 2999 * MS);
    cr_assert_eq(s_count(bench, KIND_place), 0);
    s_tick(bench, 3000 * MS);
    cr_assert_eq(s_count(bench, KIND_place), 2, "nobody new for settle_us");
    cr_assert_str_eq(region_core_waits_for(bench->core, NULL), "shard/eu/0");
    s_free(bench);
}

Test(region, a_shard_goes_where_its_newest_snapshot_is)
{
    bench_t *bench = s_bench(1, false);
    uint64_t shards[] = {0, 1}, older[] = {5ull << 32 | 1, 5ull << 32 | 2},
             newer[] = {5ull << 32 | 9, 5ull << 32 | 9};
    uint64_t numbers[] = {40, 41};
    const char *const nodes[] = {"node/eu/a", "node/eu/b"};
    s_plan(bench);
    for (int node = 0; node < 2; node++) {
        message_t *announce = s_announce(bench, nodes[node], 1);
        message_set_u64s(&announce->announce.held_shards, shards, 2);
        message_set_u64s(&announce->announce.held_incarnations, node ? newer : older, 2);
        message_set_u64s(&announce->announce.held_numbers, numbers, 2);
        s_give(bench, announce);
    }
    placement_t places[2];
    cr_assert_eq(s_places(bench, places, 2, false, ERR_OK), 2);
    cr_assert_str_eq(places[0].node, "node/eu/b");
    cr_assert_str_eq(places[1].node, "node/eu/b");
    s_free(bench);
}

Test(region, refuses_nodes_of_another_job)
{
    bench_t *bench = s_bench(1, false);
    message_t *announce = s_announce(bench, "node/eu/a", 1);
    announce->announce.digest[0] ^= 1;
    s_give(bench, announce);
    message_t *refused = s_take(bench, KIND_refused);
    cr_assert_not_null(refused);
    cr_assert_eq(refused->refused.code, ERR_JOB);
    cr_assert_eq(refused->refused.kind, KIND_announce);
    cr_assert_str_eq(refused->to, "node/eu/a");
    message_destroy(&refused);
    s_give(bench, s_announce(bench, "node/eu/b", 1));
    cr_assert_eq(s_count(bench, KIND_refused), 0);
    announce = s_announce(bench, "node/eu/c", 1);
    announce->announce.samples++;
    s_give(bench, announce);
    cr_assert_eq(s_count(bench, KIND_refused), 1, "another data set");
    uint64_t one = 1;
    announce = s_announce(bench, "node/eu/d", 1);
    message_set_u64s(&announce->announce.held_shards, &one, 1);
    s_give(bench, announce);
    cr_assert_eq(s_count(bench, KIND_refused), 1, "lists of different lengths");
    s_free(bench);
}

Test(region, does_not_start_below_a_term_that_was_used)
{
    bench_t *bench = s_bench(1, false);
    uint64_t shard = 0, incarnation = TERM << 32 | 1, number = 3;
    message_t *announce = s_announce(bench, "node/eu/a", 1);
    message_set_u64s(&announce->announce.held_shards, &shard, 1);
    message_set_u64s(&announce->announce.held_incarnations, &incarnation, 1);
    message_set_u64s(&announce->announce.held_numbers, &number, 1);
    s_give(bench, announce);
    const char *reason;
    cr_assert_eq(region_core_failure(bench->core, &reason), ERR_STALE);
    message_t *report = s_report(bench);
    cr_assert_eq(report->region_report.code, ERR_STALE);
    cr_assert_str_eq(report->region_report.reason, reason);
    message_destroy(&report);
    s_free(bench);
}

Test(region, an_actor_that_does_not_start_is_tried_four_times)
{
    bench_t *bench = s_bench(1, false);
    s_plan(bench);
    s_give(bench, s_announce(bench, "node/eu/a", 1));
    s_give(bench, s_announce(bench, "node/eu/b", 2));
    placement_t places[4];
    uint64_t newest = 0;
    int tries = 0;
    while (!region_core_failure(bench->core, NULL)) {
        size_t count = s_places(bench, places, 4, false, ERR_OK);
        for (size_t index = 0; index < count; index++) {
            bool first = !strcmp(places[index].actor, "shard/eu/0");
            cr_assert(!first || places[index].incarnation > newest, "a new incarnation each time");
            newest = first ? places[index].incarnation : newest;
            message_t *placed = message_new(KIND_placed, NAME, places[index].node);
            message_set_name(placed->placed.actor, places[index].actor);
            placed->placed.incarnation = places[index].incarnation;
            placed->placed.code = first ? ERR_IO : ERR_OK;
            message_set_text(&placed->placed.reason, "disk on fire");
            tries += first;
            s_give(bench, placed);
        }
        s_tick(bench, bench->now_us + 100 * MS);
        cr_assert_lt(bench->now_us, 60 * SECOND);
    }
    cr_assert_eq(tries, 4);
    const char *reason;
    cr_assert_eq(region_core_failure(bench->core, &reason), ERR_IO);
    cr_assert_neq(strstr(reason, "shard/eu/0"), NULL);
    cr_assert_neq(strstr(reason, "disk on fire"), NULL);
    cr_assert_gt(region_role.due(bench->core), bench->now_us);
    s_free(bench);
}

Test(region, an_actor_that_ends_is_placed_again_and_counted)
{
    bench_t *bench = s_bench(2, false);
    running_t running = s_running(bench);
    placement_t again[2];
    s_end(bench, &running.shards[1]);
    cr_assert_eq(s_places(bench, again, 2, true, ERR_OK), 1);
    cr_assert_str_eq(again[0].actor, "shard/eu/1");
    cr_assert_str_eq(again[0].node, running.shards[1].node, "where its snapshots are");
    cr_assert_gt(again[0].incarnation, running.workers[1].incarnation);
    s_end(bench, &running.shards[1]);
    cr_assert_eq(s_places(bench, again, 2, true, ERR_OK), 0, "news of a former incarnation");
    message_t *report = s_report(bench);
    cr_assert_eq(report->region_report.restarts, 1);
    message_destroy(&report);
    s_free(bench);
}

Test(region, a_silent_node_is_lost_and_workers_move)
{
    bench_t *bench = s_bench(1, false);
    running_t running = s_running(bench);
    const char *stays = running.workers[0].node;
    size_t moved = 0;
    for (int64_t second = 1; second <= 5; second++) {
        s_tick(bench, second * SECOND);
        s_give(bench, s_announce(bench, stays, strcmp(stays, "node/eu/a") ? 2 : 1));
        for (size_t index = 0; index < 2; index++)
            if (!strcmp(running.workers[index].node, stays)) {
                message_t *status = message_new(KIND_status, NAME, running.workers[index].actor);
                status->incarnation = running.workers[index].incarnation;
                s_give(bench, status);
            }
    }
    message_t *place;
    while ((place = s_take(bench, KIND_place))) {
        cr_assert_str_eq(place->to, stays);
        moved += !strncmp(place->place.actor, "worker/", 7);
        message_destroy(&place);
    }
    cr_assert_eq(moved, 1);
    s_free(bench);
}

Test(region, a_shard_waits_for_the_disk_that_holds_it)
{
    bench_t *bench = s_bench(1, false);
    running_t running = s_running(bench);
    s_progress(bench, &running.shards[0], (told_t){.applied = 5, .durable = 5});
    const char *stays = running.shards[1].node;
    cr_assert_str_neq(stays, running.shards[0].node);
    for (int64_t second = 1; second <= 34; second++) {
        s_tick(bench, second * SECOND);
        s_give(bench, s_announce(bench, stays, strcmp(stays, "node/eu/a") ? 2 : 1));
        message_t *place;
        while ((place = s_take(bench, KIND_place))) {
            cr_assert_str_neq(place->place.actor, "shard/eu/0",
                              "a start from nothing would lose five batches");
            message_destroy(&place);
        }
    }
    cr_assert_str_eq(region_core_waits_for(bench->core, NULL), "shard/eu/0");
    s_tick(bench, 36 * SECOND);
    s_give(bench, s_announce(bench, running.shards[0].node, 77));
    bool placed = false;
    message_t *place;
    s_tick(bench, 37 * SECOND);
    while ((place = s_take(bench, KIND_place))) {
        placed |= !strcmp(place->place.actor, "shard/eu/0");
        message_destroy(&place);
    }
    cr_assert(placed);
    s_free(bench);
}

Test(region, a_silent_workers_batches_go_to_another)
{
    bench_t *bench = s_bench(1, false);
    running_t running = s_running(bench);
    s_want(bench, &running.workers[0], 0, 0, 0, 0, 0);
    message_t *lease = s_take(bench, KIND_lease);
    cr_assert_eq(lease->lease.first, 0);
    cr_assert_eq(lease->lease.worker, running.workers[0].incarnation);
    uint64_t end = lease->lease.end;
    message_destroy(&lease);
    for (int64_t second = 1; second <= 5; second++) {
        s_tick(bench, second * SECOND);
        s_give(bench, s_announce(bench, "node/eu/a", 1));
        s_give(bench, s_announce(bench, "node/eu/b", 2));
        message_t *status = message_new(KIND_status, NAME, running.workers[1].actor);
        status->incarnation = running.workers[1].incarnation;
        s_give(bench, status);
    }
    s_want(bench, &running.workers[1], 0, 0, 0, 0, 0);
    lease = s_take(bench, KIND_lease);
    cr_assert_eq(lease->lease.first, 0);
    cr_assert_leq(lease->lease.end, end);
    message_destroy(&lease);
    s_want(bench, &running.workers[0], 1, 0, end, 0, 0);
    cr_assert_eq(s_count(bench, KIND_lease), 0, "its incarnation is over");
    s_free(bench);
}

static void s_alive(bench_t *bench, const placement_t *actor)
{
    message_t *status = message_new(KIND_status, NAME, actor->actor);
    status->incarnation = actor->incarnation;
    s_give(bench, status);
}

Test(region, a_silent_shard_or_synchronizer_is_placed_again)
{
    bench_t *bench = s_bench(2, false);
    running_t running = s_running(bench);
    placement_t again[8];
    for (int64_t second = 1; second <= 5; second++) {
        cr_assert_eq(s_places(bench, again, 8, false, ERR_OK), 0, "second %d", (int)second);
        s_tick(bench, second * SECOND);
        s_give(bench, s_announce(bench, "node/eu/a", 1));
        s_give(bench, s_announce(bench, "node/eu/b", 2));
        s_alive(bench, &running.shards[0]);
        s_alive(bench, &running.synchronizers[1]);
        s_alive(bench, &running.workers[0]);
        s_alive(bench, &running.workers[1]);
    }
    cr_assert_eq(s_places(bench, again, 8, true, ERR_OK), 2);
    cr_assert_str_eq(again[0].actor, running.shards[1].actor);
    cr_assert_str_eq(again[0].node, running.shards[1].node, "where its snapshots are");
    cr_assert_gt(again[0].incarnation, running.workers[1].incarnation);
    cr_assert_str_eq(again[1].actor, running.synchronizers[0].actor);
    cr_assert_gt(again[1].incarnation, running.workers[1].incarnation);
    s_progress(bench, &running.shards[1], (told_t){.applied = 5, .durable = 5});
    message_t *report = s_report(bench);
    cr_assert_eq(report->region_report.samples, 0, "its former incarnation is not listened to");
    cr_assert_eq(report->region_report.restarts, 2);
    message_destroy(&report);
    s_free(bench);
}

Test(region, that_stood_still_itself_takes_nobody_for_lost)
{
    bench_t *bench = s_bench(2, false);
    s_running(bench);
    placement_t again[8];
    s_tick(bench, 1 * SECOND);
    s_tick(bench, 60 * SECOND);
    for (int64_t second = 60; second < 65; second++) {
        s_tick(bench, second * SECOND);
        s_give(bench, s_announce(bench, "node/eu/a", 1));
        s_give(bench, s_announce(bench, "node/eu/b", 2));
        cr_assert_eq(s_places(bench, again, 8, false, ERR_OK), 0, "what they said may still be read");
    }
    s_tick(bench, 65 * SECOND);
    cr_assert_eq(s_places(bench, again, 8, false, ERR_OK), 6, "but not for ever");
    s_free(bench);
}

Test(region, evaluates_each_quarter_and_merges_what_passes_meanwhile)
{
    bench_t *bench = s_bench(1, true);
    running_t running = s_running(bench);
    s_want(bench, &running.workers[0], 0, 0, 0, 0, 0);
    message_t *lease = s_take(bench, KIND_lease);
    uint64_t end = lease->lease.end;
    message_destroy(&lease);
    s_tick(bench, SECOND);
    for (size_t index = 0; index < 2; index++)
        s_progress(bench, &running.shards[index], (told_t){.applied = 8, .durable = 8});
    s_want(bench, &running.workers[0], 1, 0, end, 80, 40);
    lease = s_take(bench, KIND_lease);
    cr_assert(lease->lease.evaluate);
    cr_assert_eq(lease->lease.first, lease->lease.end);
    message_destroy(&lease);
    for (size_t index = 0; index < 2; index++)
        s_progress(bench, &running.shards[index], (told_t){.applied = 24, .durable = 24});
    s_want(bench, &running.workers[1], 0, 0, 0, 0, 0);
    lease = s_take(bench, KIND_lease);
    cr_assert_not(lease->lease.evaluate, "at most one is under way");
    message_destroy(&lease);
    s_want(bench, &running.workers[0], 2, 0, 0, 80, 40);
    cr_assert_eq(s_count(bench, KIND_lease), 0, "a grant would tell it that its result is here");
    s_tick(bench, 2 * SECOND);
    message_t *evaluated = message_new(KIND_evaluated, NAME, running.workers[0].actor);
    evaluated->incarnation = running.workers[0].incarnation;
    evaluated->evaluated.grant = 2;
    evaluated->evaluated.accuracy = 0.75;
    evaluated->evaluated.loss = 0.5;
    evaluated->evaluated.took_us = 200 * MS;
    s_give(bench, message_dup(evaluated));
    s_give(bench, evaluated);
    message_t *curve = s_take(bench, KIND_curve);
    cr_assert_not_null(curve);
    cr_assert_eq(curve->curve.index, 0);
    cr_assert_eq(curve->curve.test_accuracy, 0.75);
    cr_assert_float_eq(curve->curve.epoch, 80.0 / SAMPLES, 1e-9);
    cr_assert_float_eq(curve->curve.loss, 0.5, 1e-9);
    cr_assert_eq(curve->curve.train_us, SECOND);
    message_destroy(&curve);
    s_want(bench, &running.workers[0], 2, 0, 0, 80, 40);
    lease = s_take(bench, KIND_lease);
    cr_assert(lease->lease.evaluate, "the two quarters that passed meanwhile are one");
    message_destroy(&lease);
    message_t *report = s_report(bench);
    cr_assert_eq(report->region_report.test_accuracy, 0.75);
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
    message_t *lease = s_take(bench, KIND_lease);
    cr_assert(lease->lease.evaluate);
    message_destroy(&lease);
    message_t *evaluated = message_new(KIND_evaluated, NAME, running.workers[0].actor);
    evaluated->incarnation = running.workers[0].incarnation;
    evaluated->evaluated.grant = 1;
    evaluated->evaluated.accuracy = 0.5;
    s_give(bench, evaluated);
    double epochs[2] = {0}, accuracies[2] = {0};
    message_t *curve;
    while ((curve = s_take(bench, KIND_curve))) {
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
    lease = s_take(bench, KIND_lease);
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
    cr_assert_eq(s_count(bench, KIND_curve), 1, "at once");
    s_tick(bench, 250 * MS);
    cr_assert_eq(s_count(bench, KIND_curve), 1, "and with every report");
    s_tick(bench, 500 * MS);
    message_t *curve = s_take(bench, KIND_curve);
    cr_assert(isnan(curve->curve.test_accuracy));
    message_destroy(&curve);
    message_t *ack = message_new(KIND_report_ack, NAME, GLOBAL);
    ack->report_ack.curve_have = 1;
    s_give(bench, ack);
    s_tick(bench, 750 * MS);
    cr_assert_eq(s_count(bench, KIND_curve), 0);
    s_free(bench);
}

Test(region, closes_then_evaluates_then_is_complete)
{
    bench_t *bench = s_bench(2, true);
    running_t running = s_running(bench);
    uint64_t all = bench->job.regions[0].batches;
    s_want(bench, &running.workers[0], 0, 0, 0, 0, 0);
    s_tick(bench, SECOND);
    s_progress(bench, &running.shards[0], (told_t){.applied = all, .durable = all});
    s_progress(bench, &running.shards[1], (told_t){.applied = all, .durable = all - 1});
    cr_assert_eq(s_count(bench, KIND_close), 0, "one batch is not durable");
    s_progress(bench, &running.shards[1], (told_t){.applied = all, .durable = all});
    cr_assert_eq(s_count(bench, KIND_close), 2);
    s_progress(bench, &running.shards[0],
               (told_t){.applied = all, .durable = all, .closed = true, .lasts = 1});
    s_tick(bench, 2 * SECOND);
    cr_assert_eq(s_count(bench, KIND_close), 1, "repeated to the one that has not");
    s_progress(bench, &running.shards[1], (told_t){.applied = all, .durable = all, .closed = true});
    s_want(bench, &running.workers[1], 0, 0, 0, 0, 0);
    cr_assert_eq(s_count(bench, KIND_lease), 0, "the other region's last delta is missing");
    s_progress(bench, &running.shards[1],
               (told_t){.applied = all, .durable = all, .closed = true, .lasts = 1});
    s_want(bench, &running.workers[1], 0, 0, 0, 0, 0);
    message_t *lease = s_take(bench, KIND_lease);
    cr_assert(lease->lease.evaluate);
    message_t *evaluated = message_new(KIND_evaluated, NAME, running.workers[1].actor);
    evaluated->incarnation = running.workers[1].incarnation;
    evaluated->evaluated.grant = lease->lease.grant;
    evaluated->evaluated.accuracy = 1;
    message_destroy(&lease);
    s_give(bench, evaluated);
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
        s_give(bench, state);
    }
    message_t *state = message_new(KIND_link_state, NAME, "broker/eu");
    message_set_name(state->link_state.region, "moon");
    state->link_state.sent_bytes = 5000;
    s_give(bench, state);
    message_t *report = s_report(bench);
    cr_assert_eq(report->region_report.wan_sent_bytes, 290);
    message_destroy(&report);
    s_free(bench);
}

static void s_stopped(bench_t *bench, const char *node)
{
    s_give(bench, message_new(KIND_stopped, NAME, node));
}

Test(region, stops_its_nodes_and_waits_for_bye)
{
    bench_t *bench = s_bench(1, false);
    running_t running = s_running(bench);
    message_t *stop = message_new(KIND_stop, NAME, GLOBAL);
    stop->stop.done = true;
    s_give(bench, stop);
    stop = s_take(bench, KIND_stop);
    cr_assert(stop->stop.done);
    message_destroy(&stop);
    cr_assert_eq(s_count(bench, KIND_stop), 1);
    s_want(bench, &running.workers[0], 0, 0, 0, 0, 0);
    cr_assert_eq(s_count(bench, KIND_lease), 0);
    s_stopped(bench, "node/eu/a");
    cr_assert_eq(s_count(bench, KIND_bye), 1);
    s_stopped(bench, "node/eu/a");
    cr_assert_eq(s_count(bench, KIND_bye), 1, "its bye was lost");
    s_tick(bench, 300 * MS);
    cr_assert_eq(s_count(bench, KIND_stop), 1, "only to the other");
    cr_assert_str_eq(region_core_waits_for(bench->core, NULL), "node/eu/b");
    s_from_global(bench, KIND_bye);
    cr_assert_not(region_core_finished(bench->core), "not before its nodes have stopped");
    s_stopped(bench, "node/eu/b");
    message_t *report = s_report(bench);
    cr_assert(report->region_report.stopped);
    message_destroy(&report);
    s_from_global(bench, KIND_bye);
    cr_assert(region_core_finished(bench->core));
    cr_assert_eq(region_role.due(bench->core), ROLE_NEVER);
    s_free(bench);
}

Test(region, ends_without_a_bye_after_five_seconds)
{
    bench_t *bench = s_bench(1, false);
    s_give(bench, message_new(KIND_stop, NAME, NAME));
    s_tick(bench, 4999 * MS);
    cr_assert_not(region_core_finished(bench->core));
    s_tick(bench, 5000 * MS);
    cr_assert(region_core_finished(bench->core));
    s_free(bench);
}

Test(region, a_failure_while_stopping_is_reported)
{
    bench_t *bench = s_bench(1, false);
    s_running(bench);
    s_give(bench, message_new(KIND_stop, NAME, GLOBAL));
    message_t *stopped = message_new(KIND_stopped, NAME, "node/eu/a");
    stopped->stopped.code = ERR_FULL;
    message_set_text(&stopped->stopped.reason, "no room for the snapshot");
    s_give(bench, stopped);
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
    s_give(bench, status);
    s_count(bench, KIND_status);
    s_tick(bench, 500 * MS);
    size_t count = 0, own = 0;
    while ((status = s_take(bench, KIND_status))) {
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

Test(region, a_node_that_leaves_by_itself_is_told_bye_and_its_actors_move)
{
    bench_t *bench = s_bench(1, false);
    running_t running = s_running(bench);
    const char *leaves = running.workers[0].node;
    s_stopped(bench, leaves);
    message_t *message;
    size_t byes = 0, places = 0;
    while ((message = outbox_take(region_role.outbox(bench->core)))) {
        byes += message->kind == KIND_bye;
        if (message->kind == KIND_place) {
            cr_assert_str_neq(message->to, leaves);
            places++;
        }
        message_destroy(&message);
    }
    cr_assert_eq(byes, 1);
    cr_assert_geq(places, 1);
    cr_assert_not(region_core_finished(bench->core));
    s_free(bench);
}
