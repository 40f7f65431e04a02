/* Whole runs in virtual time: the cores of workers, regional and global schedulers, with nodes and shards
 * played by the test, over a network that loses, doubles and delays; while workers die and shards come back
 * with what was durable. */
#include "actors/scheduler/global/global_core.h"
#include "actors/scheduler/region/region_core.h"
#include "actors/worker/worker_core.h"
#include "codec/base/rng.h"

#include <criterion/criterion.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MS ((int64_t)1000)
#define SECOND (1000 * MS)
#define REGIONS 2
#define SHARDS 2
#define WORKERS 3
#define ELEMENTS 8
#define SAMPLES 900
#define LIMIT_US (900 * SECOND)
#define EVENTS_MAX 65536

static const size_t s_first[] = {0, 5, ELEMENTS};

typedef struct {
    int64_t at_us;
    message_t *message;
} event_t;

typedef struct {
    worker_core_t *core; /* NULL: not running */
    uint64_t incarnation;
    bool busy, evaluates;
    worker_task_t task;
    int64_t began_us, ready_us;
} played_worker_t;

typedef struct {
    uint64_t incarnation; /* 0: not running */
    ranges_t applied, durable;
    uint8_t chunks[SAMPLES]; /* bits of the chunks that have come, per batch */
    int64_t report_us, commit_us;
    bool closed;
    uint64_t steps, rolled_back;
} played_shard_t;

typedef struct {
    region_core_t *core;
    played_worker_t workers[WORKERS];
    played_shard_t shards[SHARDS];
    uint64_t synchronizers[SHARDS];
    int64_t announce_us, stopped_us;
    bool stopping, gone;
    wire_name_t node;
} played_region_t;

typedef struct {
    rng_t rng;
    uint64_t seed;
    double loss, deaths;
    bool deaf; /* the global scheduler is away at first */
    int64_t now_us;
    topology_t topology;
    job_t job;
    global_core_t *global;
    played_region_t regions[REGIONS];
    event_t events[EVENTS_MAX];
    size_t event_count;
    uint64_t killed;
} world_t;

/* ---- the network ---- */

static void s_deliver_later(world_t *world, const message_t *message)
{
    cr_assert_lt(world->event_count, EVENTS_MAX);
    int64_t delay_us = MS / 10 + (int64_t)rng_below(&world->rng, 20 * MS);
    world->events[world->event_count++] = (event_t){world->now_us + delay_us, message_dup(message)};
}

static void s_send(world_t *world, message_t **message_p)
{
    size_t copies = rng_unit(&world->rng) < world->loss ? 0 : rng_unit(&world->rng) < world->loss ? 2 : 1;
    while (copies-- > 0)
        s_deliver_later(world, *message_p);
    message_destroy(message_p);
}

static void s_drain(world_t *world, outbox_t *outbox)
{
    message_t *message;
    while ((message = outbox_take(outbox)))
        s_send(world, &message);
}

/* ---- shards ---- */

static message_t *s_from_shard(const world_t *world, size_t region, size_t shard, message_kind_t kind,
                               const char *to)
{
    char name[WIRE_NAME_SIZE];
    snprintf(name, sizeof name, "shard/%s/%zu", world->topology.regions[region].name, shard);
    message_t *message = message_new(kind, to, name);
    message->incarnation = world->regions[region].shards[shard].incarnation;
    return message;
}

static void s_shard_params(world_t *world, size_t region, size_t shard, const char *to, uint64_t request)
{
    size_t total = s_first[shard + 1] - s_first[shard];
    for (size_t offset = 0; offset < total; offset += 2) {
        message_t *params = s_from_shard(world, region, shard, KIND_params, to);
        params->number = request;
        params->params.version = world->regions[region].shards[shard].steps;
        params->params.chunk = offset / 2;
        params->params.chunk_count = (total + 1) / 2;
        params->params.offset = offset;
        params->params.total = total;
        buf_t *buf = buf_new_zero((total - offset < 2 ? 1 : 2) * sizeof(float));
        params->data = slice_of(buf, 0, buf_size(buf));
        buf_destroy(&buf);
        s_send(world, &params);
    }
}

static void s_shard_push(world_t *world, size_t region, size_t index, const message_t *message)
{
    played_shard_t *shard = &world->regions[region].shards[index];
    uint64_t batch = message->push.batch;
    cr_assert_lt(batch, world->job.regions[region].batches);
    const float *values = slice_peek(&message->data);
    for (size_t k = 0; k < message->data.size_bytes / sizeof(float); k++)
        cr_assert_eq(values[k], (float)batch * 10 + (float)(s_first[index] + message->push.offset + k),
                     "CLOUDLESS_SEED=%" PRIu64 ": a gradient was overwritten on its way", world->seed);
    shard->chunks[batch] |= (uint8_t)(1u << message->push.chunk);
    if (shard->chunks[batch] == (1u << message->push.chunk_count) - 1 &&
        !ranges_has(&shard->applied, batch)) {
        cr_assert_eq(ranges_add(&shard->applied, batch, batch + 1), ERR_OK);
        shard->steps++;
    }
    if (ranges_has(&shard->applied, batch)) {
        message_t *ack = s_from_shard(world, region, index, KIND_push_ack, message->from);
        ack->number = ack->push_ack.batch = batch;
        ack->push_ack.applied = true;
        s_send(world, &ack);
    }
    if (message->push.pull)
        s_shard_params(world, region, index, message->from, message->push.pull);
}

static void s_shard_message(world_t *world, size_t region, size_t index, const message_t *message)
{
    played_shard_t *shard = &world->regions[region].shards[index];
    if (message->kind == KIND_pull)
        s_shard_params(world, region, index, message->from, message->number);
    else if (message->kind == KIND_push)
        s_shard_push(world, region, index, message);
    else if (message->kind == KIND_close) {
        cr_assert(ranges_has_all(&shard->durable, 0, world->job.regions[region].batches),
                  "CLOUDLESS_SEED=%" PRIu64 ": closed before its batches are durable", world->seed);
        shard->closed = true;
    }
}

static uint64_t s_lasts(const world_t *world, size_t region, size_t index)
{
    uint64_t lasts = 0;
    for (size_t other = 0; other < REGIONS; other++)
        lasts += other != region && world->regions[other].shards[index].closed;
    return lasts;
}

static void s_shard_tick(world_t *world, size_t region, size_t index)
{
    played_shard_t *shard = &world->regions[region].shards[index];
    if (!shard->incarnation)
        return;
    if (world->now_us >= shard->commit_us) {
        cr_assert_eq(ranges_copy(&shard->durable, &shard->applied), ERR_OK);
        shard->commit_us = world->now_us + 400 * MS;
    }
    if (world->now_us < shard->report_us)
        return;
    shard->report_us = world->now_us + 250 * MS;
    char scheduler[WIRE_NAME_SIZE];
    snprintf(scheduler, sizeof scheduler, "scheduler/%s", world->topology.regions[region].name);
    message_t *progress = s_from_shard(world, region, index, KIND_progress, scheduler);
    progress->progress.history = 77;
    message_set_ranges(&progress->progress.applied, &shard->applied);
    message_set_ranges(&progress->progress.durable, &shard->durable);
    progress->progress.steps = shard->steps;
    progress->progress.closed = shard->closed;
    progress->progress.lasts = s_lasts(world, region, index);
    progress->progress.rolled_back = shard->rolled_back;
    s_send(world, &progress);
}

/* ---- nodes ---- */

static message_t *s_from_node(const world_t *world, size_t region, message_kind_t kind)
{
    char scheduler[WIRE_NAME_SIZE];
    snprintf(scheduler, sizeof scheduler, "scheduler/%s", world->topology.regions[region].name);
    return message_new(kind, scheduler, world->regions[region].node);
}

static void s_placed(world_t *world, size_t region, const char *actor, uint64_t incarnation, err_code_t code)
{
    message_t *placed = s_from_node(world, region, KIND_placed);
    message_set_name(placed->placed.actor, actor);
    placed->placed.incarnation = incarnation;
    placed->placed.code = code;
    s_send(world, &placed);
}

static void s_end_worker(played_worker_t *worker)
{
    worker_role.destroy((void **)&worker->core);
    worker->busy = false;
}

static void s_start_worker(world_t *world, size_t region, size_t index, uint64_t incarnation)
{
    played_worker_t *worker = &world->regions[region].workers[index];
    if (incarnation <= worker->incarnation)
        return;
    s_end_worker(worker);
    worker_spec_t spec = {.topology = &world->topology,
                          .job = &world->job,
                          .region_index = region,
                          .worker_index = index,
                          .incarnation = incarnation,
                          .shard_count = SHARDS,
                          .shard_first = s_first,
                          .chunk_bytes = 8};
    worker->core = worker_core_new(&spec);
    worker->incarnation = incarnation;
}

static void s_start_shard(world_t *world, size_t region, size_t index, uint64_t incarnation)
{
    played_shard_t *shard = &world->regions[region].shards[index];
    if (incarnation <= shard->incarnation)
        return;
    shard->incarnation = incarnation;
    shard->report_us = world->now_us;
}

static void s_node_place(world_t *world, size_t region, const message_t *message)
{
    size_t index = strtoul(strrchr(message->place.actor, '/') + 1, NULL, 10);
    uint64_t incarnation = message->place.incarnation, newest;
    played_region_t *played = &world->regions[region];
    if (!strncmp(message->place.actor, "worker/", 7)) {
        s_start_worker(world, region, index, incarnation);
        newest = played->workers[index].core ? played->workers[index].incarnation : 0;
    } else if (!strncmp(message->place.actor, "shard/", 6)) {
        s_start_shard(world, region, index, incarnation);
        newest = played->shards[index].incarnation;
    } else
        newest = played->synchronizers[index] = incarnation;
    s_placed(world, region, message->place.actor, incarnation, newest == incarnation ? ERR_OK : ERR_STOPPED);
}

/* Of shards only incarnations that were told to have ended, or have a successor. */
static void s_node_retire(world_t *world, size_t region, const message_t *message)
{
    size_t index = strtoul(strrchr(message->retire.actor, '/') + 1, NULL, 10);
    played_worker_t *worker = &world->regions[region].workers[index];
    bool works = !strncmp(message->retire.actor, "worker/", 7);
    cr_assert(works || message->retire.incarnation <= world->regions[region].shards[index].incarnation);
    if (works && worker->core && worker->incarnation == message->retire.incarnation)
        s_end_worker(worker);
    s_placed(world, region, message->retire.actor, message->retire.incarnation, ERR_STOPPED);
}

static void s_node_message(world_t *world, size_t region, const message_t *message)
{
    played_region_t *played = &world->regions[region];
    if (message->kind == KIND_place && !played->stopping)
        s_node_place(world, region, message);
    else if (message->kind == KIND_retire && !played->stopping)
        s_node_retire(world, region, message);
    else if (message->kind == KIND_stop && !played->stopping) {
        played->stopping = true;
        played->stopped_us = world->now_us;
        for (size_t index = 0; index < WORKERS; index++)
            s_end_worker(&played->workers[index]);
    } else if (message->kind == KIND_bye && played->stopping)
        played->gone = true;
}

/* All that is played of a synchronizer: it says that it runs. */
static void s_synchronizers_tell(world_t *world, size_t region)
{
    for (size_t index = 0; index < SHARDS; index++) {
        if (!world->regions[region].synchronizers[index])
            continue;
        message_t *status = s_from_node(world, region, KIND_status);
        snprintf(status->from, sizeof status->from, "synchronizer/%s/%zu",
                 world->topology.regions[region].name, index);
        status->incarnation = world->regions[region].synchronizers[index];
        s_send(world, &status);
    }
}

static void s_node_tick(world_t *world, size_t region)
{
    played_region_t *played = &world->regions[region];
    if (played->stopping && !played->gone && world->now_us >= played->stopped_us) {
        played->stopped_us = world->now_us + 200 * MS;
        message_t *stopped = s_from_node(world, region, KIND_stopped);
        s_send(world, &stopped);
    } else if (!played->stopping && world->now_us >= played->announce_us) {
        played->announce_us = world->now_us + SECOND;
        message_t *announce = s_from_node(world, region, KIND_announce);
        topology_digest(&world->topology, announce->announce.digest);
        announce->announce.pid = 100 + region;
        announce->announce.cores = 4;
        announce->announce.samples = SAMPLES;
        s_send(world, &announce);
        s_synchronizers_tell(world, region);
    }
}

/* ---- workers ---- */

static void s_worker_work(world_t *world, played_worker_t *worker)
{
    if (worker->busy && world->now_us >= worker->ready_us) {
        worker->busy = false;
        if (worker->task.evaluate) {
            worker_core_evaluated(worker->core, &(worker_result_t){0.1, 0.9, 0},
                                  world->now_us - worker->began_us, world->now_us);
        } else {
            for (size_t k = 0; k < ELEMENTS; k++)
                worker->task.gradient[k] = (float)worker->task.batch * 10 + (float)k;
            worker_core_computed(worker->core, 1.5, world->now_us);
        }
    }
    if (!worker->busy && worker_core_take_task(worker->core, &worker->task)) {
        worker->busy = true;
        worker->began_us = world->now_us;
        worker->ready_us = world->now_us + 5 * MS + (int64_t)rng_below(&world->rng, 50 * MS);
    }
}

static void s_kill_some(world_t *world, size_t region)
{
    played_region_t *played = &world->regions[region];
    char name[WIRE_NAME_SIZE];
    if (played->stopping || rng_unit(&world->rng) >= world->deaths)
        return;
    size_t index = rng_below(&world->rng, WORKERS);
    if (played->workers[index].core) {
        s_end_worker(&played->workers[index]);
        world->killed++;
        snprintf(name, sizeof name, "worker/%s/%zu", world->topology.regions[region].name, index);
        s_placed(world, region, name, played->workers[index].incarnation, ERR_IO);
    }
    index = rng_below(&world->rng, SHARDS);
    played_shard_t *shard = &played->shards[index];
    if (!shard->incarnation || shard->closed || rng_unit(&world->rng) >= 0.3)
        return;
    shard->rolled_back += ranges_size(&shard->applied) - ranges_size(&shard->durable);
    cr_assert_eq(ranges_copy(&shard->applied, &shard->durable), ERR_OK);
    memset(shard->chunks, 0, sizeof shard->chunks);
    world->killed++;
    snprintf(name, sizeof name, "shard/%s/%zu", world->topology.regions[region].name, index);
    s_placed(world, region, name, shard->incarnation, ERR_IO);
}

/* ---- the world ---- */

static void s_unreachable(world_t *world, const message_t *message)
{
    if (message->kind == KIND_unreachable)
        return;
    message_t *answer = message_new(KIND_unreachable, message->from, "broker/x");
    message_set_name(answer->unreachable.actor, message->to);
    s_send(world, &answer);
}

static void s_route_within(world_t *world, size_t region, message_t **message_p)
{
    played_region_t *played = &world->regions[region];
    const message_t *message = *message_p;
    size_t index = strtoul(strrchr(message->to, '/') + 1, NULL, 10);
    if (!strncmp(message->to, "scheduler/", 10) && !region_core_finished(played->core))
        region_role.message(played->core, message_p, world->now_us);
    else if (!strncmp(message->to, "node/", 5) && !played->gone)
        s_node_message(world, region, message);
    else if (!strncmp(message->to, "worker/", 7) && played->workers[index].core)
        worker_role.message(played->workers[index].core, message_p, world->now_us);
    else if (!strncmp(message->to, "shard/", 6) && played->shards[index].incarnation)
        s_shard_message(world, region, index, message);
    else
        s_unreachable(world, message);
}

static void s_route(world_t *world, message_t **message_p)
{
    const char *to = (*message_p)->to;
    if (!strcmp(to, "scheduler/global")) {
        if (world->deaf && world->now_us < 10 * SECOND)
            s_unreachable(world, *message_p);
        else
            global_role.message(world->global, message_p, world->now_us);
    } else
        for (size_t region = 0; *message_p && region < REGIONS; region++) {
            const char *slash = strchr(to, '/');
            size_t length = strlen(world->topology.regions[region].name);
            if (slash && !strncmp(slash + 1, world->topology.regions[region].name, length) &&
                (slash[1 + length] == 0 || slash[1 + length] == '/')) {
                s_route_within(world, region, message_p);
                break;
            }
        }
    message_destroy(message_p);
}

static void s_deliver(world_t *world)
{
    for (size_t index = 0; index < world->event_count;) {
        if (world->events[index].at_us > world->now_us) {
            index++;
            continue;
        }
        message_t *message = world->events[index].message;
        world->events[index] = world->events[--world->event_count];
        s_route(world, &message);
    }
}

static void s_tick_core(world_t *world, const role_t *role, void *core)
{
    if (!core)
        return;
    if (role->due(core) <= world->now_us) {
        role->tick(core, world->now_us);
        cr_assert_gt(role->due(core), world->now_us,
                     "CLOUDLESS_SEED=%" PRIu64 ": %s would be ticked without end", world->seed, role->name);
    }
    s_drain(world, role->outbox(core));
}

static void s_step(world_t *world)
{
    s_deliver(world);
    s_tick_core(world, &global_role, world->global);
    for (size_t region = 0; region < REGIONS; region++) {
        played_region_t *played = &world->regions[region];
        s_kill_some(world, region);
        s_node_tick(world, region);
        for (size_t index = 0; index < SHARDS; index++)
            s_shard_tick(world, region, index);
        for (size_t index = 0; index < WORKERS; index++)
            if (played->workers[index].core) {
                s_worker_work(world, &played->workers[index]);
                s_tick_core(world, &worker_role, played->workers[index].core);
            }
        s_tick_core(world, &region_role, played->core);
    }
    world->now_us += 5 * MS;
}

static bool s_over(const world_t *world)
{
    for (size_t region = 0; region < REGIONS; region++)
        if (!region_core_finished(world->regions[region].core))
            return false;
    return global_role.finished(world->global);
}

static void s_describe(topology_t *topology, inside_t inside)
{
    static const char *const names[] = {"eu", "us"};
    topology->job.epochs = 2;
    topology->job.batch = 10;
    topology->job.sync.inside = inside;
    topology->job.sync.away_after_us = 30 * SECOND;
    topology->region_count = REGIONS;
    for (size_t region = 0; region < REGIONS; region++) {
        snprintf(topology->regions[region].name, sizeof topology->regions[region].name, "%s", names[region]);
        topology->regions[region].data_share = (double)(2 - region);
        topology->regions[region].workers = WORKERS - region;
        topology->regions[region].shards = SHARDS;
    }
}

static world_t *s_world(uint64_t seed, double loss, double deaths, inside_t inside)
{
    world_t *world = calloc(1, sizeof *world);
    cr_assert_not_null(world);
    err_t err;
    *world = (world_t){.seed = seed, .loss = loss, .deaths = deaths};
    rng_init(&world->rng, seed);
    s_describe(&world->topology, inside);
    cr_assert_eq(job_derive(&world->topology, SAMPLES, &world->job, &err), ERR_OK);
    world->global =
        global_core_new(&(global_spec_t){.topology = &world->topology, .incarnation = 5, .run = 7}, 0);
    for (size_t region = 0; region < REGIONS; region++) {
        region_spec_t spec = {.topology = &world->topology,
                              .region_index = region,
                              .term = 3,
                              .run = 7,
                              .nodes_expected = 1,
                              .settle_us = SECOND,
                              .evaluates = region == 0};
        world->regions[region].core = region_core_new(&spec, 0);
        snprintf(world->regions[region].node, sizeof world->regions[region].node, "node/%s/a",
                 world->topology.regions[region].name);
        world->regions[region].announce_us = (int64_t)rng_below(&world->rng, 4 * SECOND);
    }
    return world;
}

static void s_run(world_t *world)
{
    while (!s_over(world) && world->now_us < LIMIT_US)
        s_step(world);
}

static void s_world_free(world_t **world_p)
{
    world_t *world = *world_p;
    for (size_t index = 0; index < world->event_count; index++)
        message_destroy(&world->events[index].message);
    for (size_t region = 0; region < REGIONS; region++) {
        region_role.destroy((void **)&world->regions[region].core);
        for (size_t index = 0; index < WORKERS; index++)
            s_end_worker(&world->regions[region].workers[index]);
        for (size_t index = 0; index < SHARDS; index++) {
            ranges_fini(&world->regions[region].shards[index].applied);
            ranges_fini(&world->regions[region].shards[index].durable);
        }
    }
    global_role.destroy((void **)&world->global);
    free(world);
    *world_p = NULL;
}

static void s_check_end(const world_t *world)
{
    const char *where, *reason;
    for (size_t region = 0; region < REGIONS; region++) {
        where = region_core_waits_for(world->regions[region].core, NULL);
        cr_assert_eq(region_core_failure(world->regions[region].core, &reason), ERR_OK,
                     "CLOUDLESS_SEED=%" PRIu64 ": %s", world->seed, reason);
        cr_assert(region_core_finished(world->regions[region].core),
                  "CLOUDLESS_SEED=%" PRIu64 ": region %zu waits for %s", world->seed, region, where);
        region_view_t view = global_core_region(world->global, region);
        cr_assert_not_null(view.report);
        cr_assert(view.report->region_report.complete);
        cr_assert_eq(view.report->region_report.samples, 2 * world->job.regions[region].samples);
        cr_assert_eq(view.curve_count, view.report->region_report.curve_rows);
        cr_assert_geq(view.curve_count, 1);
        const curve_row_t *last = &view.curve[view.curve_count - 1];
        cr_assert_eq(last->epoch, 2);
        cr_assert_eq(isnan(last->test_accuracy), region != 0, "only one region evaluates");
        for (size_t row = 1; row < view.curve_count; row++)
            cr_assert_geq(view.curve[row].train_us, view.curve[row - 1].train_us);
        cr_assert_gt(view.report->region_report.train_us, 0);
    }
    cr_assert_eq(global_core_state(world->global), RUN_DONE, "CLOUDLESS_SEED=%" PRIu64, world->seed);
}

static uint64_t s_seed(void)
{
    const char *text = getenv("CLOUDLESS_SEED");
    uint64_t seed = text ? strtoull(text, NULL, 10) : 1;
    fprintf(stderr, "CLOUDLESS_SEED=%" PRIu64 "\n", seed);
    return seed;
}

static size_t s_worlds(size_t count)
{
    return getenv("CLOUDLESS_SEED") ? 1 : count;
}

Test(run, ends_on_a_quiet_network_with_every_row_of_the_curve)
{
    world_t *world = s_world(s_seed(), 0, 0, INSIDE_ASYNC);
    s_run(world);
    s_check_end(world);
    region_view_t view = global_core_region(world->global, 0);
    cr_assert_geq(view.curve_count, 8 - 1, "a row per quarter of two epochs, few of them merged");
    cr_assert_eq(view.report->region_report.restarts, 0);
    cr_assert_leq(view.report->region_report.workers, WORKERS, "those for whom there is nothing end");
    cr_assert_float_eq(view.curve[0].loss, 1.5, 1e-9);
    s_world_free(&world);
}

Test(run, ends_though_messages_are_lost_and_doubled)
{
    uint64_t seed = s_seed();
    for (size_t index = 0; index < s_worlds(12); index++) {
        world_t *world = s_world(seed + index, 0.2, 0, index % 2 ? INSIDE_ASYNC : INSIDE_SYNC);
        s_run(world);
        s_check_end(world);
        s_world_free(&world);
    }
}

Test(run, ends_though_workers_and_shards_die)
{
    uint64_t seed = s_seed(), killed = 0, repeated = 0;
    for (size_t index = 0; index < s_worlds(12); index++) {
        world_t *world = s_world(seed + index, 0.1, 0.01, index % 2 ? INSIDE_ASYNC : INSIDE_SSP);
        s_run(world);
        s_check_end(world);
        killed += world->killed;
        for (size_t region = 0; region < REGIONS; region++)
            repeated += global_core_region(world->global, region).report->region_report.samples_repeated;
        s_world_free(&world);
    }
    cr_assert_gt(killed, 0, "the faults must have happened");
    if (!getenv("CLOUDLESS_SEED"))
        cr_assert_gt(repeated, 0, "some of them must have cost something");
}

Test(run, trains_while_the_global_scheduler_is_away)
{
    world_t *world = s_world(s_seed(), 0.05, 0, INSIDE_ASYNC);
    world->deaf = true;
    while (world->now_us < 9 * SECOND)
        s_step(world);
    cr_assert_gt(ranges_size(&world->regions[0].shards[0].applied), 0);
    s_run(world);
    s_check_end(world);
    s_world_free(&world);
}

Test(run, drains_on_request)
{
    world_t *world = s_world(s_seed(), 0.1, 0, INSIDE_ASYNC);
    while (world->now_us < 6 * SECOND)
        s_step(world);
    global_core_stop(world->global, 20 * SECOND, world->now_us);
    s_run(world);
    cr_assert_eq(global_core_state(world->global), RUN_DRAINED);
    cr_assert_lt(world->now_us, 30 * SECOND);
    for (size_t region = 0; region < REGIONS; region++)
        cr_assert(world->regions[region].gone || world->regions[region].stopping);
    s_world_free(&world);
}
