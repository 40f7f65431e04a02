/* world - shards and synchronizers of a few regions in one process, joined by lists instead of sockets.
 *
 * Workers and schedulers are the test itself: it pushes and pulls, and what is sent to them is kept in
 * `mail`. A snapshot is committed at once while auto_commit is on; else it stays in `out` until world_commit.
 */
#ifndef TESTS_UNIT_ACTORS_SHARD_WORLD_H
#define TESTS_UNIT_ACTORS_SHARD_WORLD_H

#include "actors/shard/shard_core.h"
#include "actors/synchronizer/synchronizer_core.h"
#include "codec/base/hash.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define WORLD_REGIONS 4
#define WORLD_SHARDS 2
#define WORLD_LAYOUT 77
#define WORLD_ROUNDS_MAX 100000

typedef struct {
    topology_t *topology;
    job_t job;
    size_t elements; /* of the whole model */
    size_t shards;
    shard_core_t *shard[WORLD_REGIONS][WORLD_SHARDS];
    synchronizer_core_t *sync[WORLD_REGIONS][WORLD_SHARDS];
    snapshot_t *out[WORLD_REGIONS][WORLD_SHARDS];  /* taken, not committed */
    snapshot_t *last[WORLD_REGIONS][WORLD_SHARDS]; /* committed */
    bool auto_commit, checksums, no_sync, patches;
    unsigned breaks;         /* of actors/kit/breaks.h */
    const layout_t *tensors; /* NULL: all elements are the optimizer's */
    bool cut[WORLD_REGIONS]; /* nothing passes between this region and others */
    /* the test itself plays its part: what it is sent is mail, it sends nothing */
    bool puppet[WORLD_REGIONS];
    outbox_t mail; /* to workers, schedulers, puppets */
    outbox_t wan;  /* deltas and acks, when no_sync */
    uint64_t requests, incarnation;
    int64_t now;
} world_t;

static inline size_t world_first(const world_t *w, size_t shard)
{
    return w->elements * shard / w->shards;
}

static inline size_t world_size(const world_t *w, size_t shard)
{
    return world_first(w, shard + 1) - world_first(w, shard);
}

static inline topology_t *world_topology(size_t regions, strategy_name_t strategy, uint64_t every,
                                         uint64_t workers)
{
    topology_t *t = calloc(1, sizeof *t);
    snprintf(t->job.data.kind, sizeof t->job.data.kind, "idx");
    t->job.epochs = 1;
    t->job.batch = 4;
    t->job.optimizer.lr = 0.05;
    t->job.sync.strategy = strategy;
    t->job.sync.every = every;
    t->job.sync.inside = INSIDE_ASYNC;
    t->job.sync.staleness = 1000;
    t->job.sync.window_bytes = 1 << 20;
    t->job.sync.away_after_us = 60000000;
    t->job.sync.quorum = 1;
    t->job.sync.outer_lr = 0.7;
    t->job.sync.outer_momentum = 0.9;
    t->job.sync.threshold = 0.01;
    t->region_count = regions;
    for (size_t r = 0; r < regions; r++) {
        snprintf(t->regions[r].name, sizeof t->regions[r].name, "region%zu", r);
        t->regions[r].data_share = 1;
        t->regions[r].workers = workers;
        t->regions[r].shards = WORLD_SHARDS;
    }
    return t;
}

static inline shard_spec_t world_spec(const world_t *w, size_t r, size_t k)
{
    return (shard_spec_t){.topology = w->topology,
                          .job = &w->job,
                          .region_index = r,
                          .shard_index = k,
                          .incarnation = w->incarnation,
                          .elements = world_size(w, k),
                          .layout = WORLD_LAYOUT,
                          .tensors = w->tensors,
                          .first = world_first(w, k),
                          .chunk_bytes = 16,
                          .history = 1000 + r * 10 + k,
                          .patches = w->patches,
                          .checksums = w->checksums,
                          .breaks = w->breaks};
}

static inline void world_start(world_t *w, size_t samples)
{
    err_t err = {0};
    cr_assert_eq(job_derive(w->topology, samples, &w->job, &err), ERR_OK, "%s", err.text);
    w->incarnation = 1;
    w->now = 1;
    for (size_t r = 0; r < w->topology->region_count; r++) {
        for (size_t k = 0; k < w->shards; k++) {
            shard_spec_t spec = world_spec(w, r, k);
            buf_t *zero = buf_new_zero(world_size(w, k) * sizeof(float));
            w->shard[r][k] = shard_core_new(&spec, &zero);
            synchronizer_spec_t sync = {
                .topology = w->topology, .region_index = r, .shard_index = k, .incarnation = 1};
            w->sync[r][k] = synchronizer_core_new(&sync);
        }
    }
}

/* The model has `elements` floats over two shards. Change the topology, then world_start. */
static inline world_t *world_new(topology_t *topology, size_t elements)
{
    world_t *w = calloc(1, sizeof *w);
    w->topology = topology;
    w->elements = elements;
    w->shards = WORLD_SHARDS;
    w->auto_commit = true;
    outbox_init(&w->mail);
    outbox_init(&w->wan);
    return w;
}

static inline void world_destroy(world_t *w)
{
    for (size_t r = 0; r < w->topology->region_count; r++) {
        for (size_t k = 0; k < w->shards; k++) {
            shard_role.destroy((void **)&w->shard[r][k]);
            synchronizer_role.destroy((void **)&w->sync[r][k]);
            snapshot_destroy(&w->out[r][k]);
            snapshot_destroy(&w->last[r][k]);
        }
    }
    outbox_fini(&w->mail);
    outbox_fini(&w->wan);
    free(w->topology);
    free(w);
}

/* -- moving messages --------------------------------------------------------------------------------------
 */

static inline size_t world_region(const world_t *w, const char *actor)
{
    for (size_t r = 0; r < w->topology->region_count; r++)
        if (strstr(actor, w->topology->regions[r].name))
            return r;
    return SIZE_MAX;
}

static inline void world_deliver(world_t *w, message_t **m)
{
    if (!(*m)->to[0]) { /* an answer to somebody without a name */
        message_destroy(m);
        return;
    }
    size_t to = world_region(w, (*m)->to), from = world_region(w, (*m)->from);
    size_t k = (size_t)((*m)->to[strlen((*m)->to) - 1] - '0');
    bool wan = to != from && to != SIZE_MAX && from != SIZE_MAX;
    if (wan && (w->cut[to] || w->cut[from] || w->puppet[from]))
        message_destroy(m);
    else if (wan && w->puppet[to])
        outbox_add(&w->mail, m);
    else if (strncmp((*m)->to, "shard/", 6) == 0)
        shard_role.message(w->shard[to][k], m, w->now);
    else if (strncmp((*m)->to, "synchronizer/", 13) == 0 && !w->no_sync)
        synchronizer_role.message(w->sync[to][k], m, w->now);
    else
        outbox_add(strncmp((*m)->to, "synchronizer/", 13) == 0 ? &w->wan : &w->mail, m);
}

static inline bool world_pass(world_t *w, outbox_t *box)
{
    message_t *m;
    bool moved = false;
    while ((m = outbox_take(box))) {
        world_deliver(w, &m);
        moved = true;
    }
    return moved;
}

static inline void world_commit(world_t *w, size_t r, size_t k, err_code_t code)
{
    snapshot_t *out = w->out[r][k];
    w->out[r][k] = NULL;
    cr_assert_not_null(out, "no snapshot is out");
    uint64_t number = out->id.number;
    if (code) {
        snapshot_destroy(&out);
    } else {
        snapshot_destroy(&w->last[r][k]);
        w->last[r][k] = out;
    }
    shard_core_committed(w->shard[r][k], number, code, w->now);
}

static inline bool world_store(world_t *w, size_t r, size_t k)
{
    if (!w->out[r][k])
        w->out[r][k] = shard_core_take_snapshot(w->shard[r][k], w->now);
    if (!w->out[r][k] || !w->auto_commit)
        return false;
    world_commit(w, r, k, ERR_OK);
    return true;
}

/* Until nothing moves any more; what moves for ever is wrong, and must not hang the test. */
static inline void world_run(world_t *w)
{
    bool moved = true;
    for (size_t rounds = 0; moved; rounds++) {
        cr_assert_lt(rounds, WORLD_ROUNDS_MAX, "something moves for ever");
        moved = false;
        for (size_t r = 0; r < w->topology->region_count; r++) {
            for (size_t k = 0; k < w->shards; k++) {
                moved |= world_pass(w, shard_role.outbox(w->shard[r][k]));
                moved |= world_pass(w, synchronizer_role.outbox(w->sync[r][k]));
                moved |= world_store(w, r, k);
            }
        }
    }
}

static inline void world_tick(world_t *w, int64_t us)
{
    w->now += us;
    for (size_t r = 0; r < w->topology->region_count; r++) {
        for (size_t k = 0; k < w->shards; k++) {
            shard_role.tick(w->shard[r][k], w->now);
            synchronizer_role.tick(w->sync[r][k], w->now);
        }
    }
    world_run(w);
}

static inline void world_settle(world_t *w, int64_t us)
{
    for (int64_t end = w->now + us; w->now < end;)
        world_tick(w, 50000);
}

static inline void world_send_shard(world_t *w, message_t *m)
{
    world_deliver(w, &m);
    world_run(w);
}

/* -- the part of the workers ------------------------------------------------------------------------------
 */

static inline message_t *world_push_chunk(const world_t *w, size_t r, size_t worker, size_t k, uint64_t batch,
                                          const float *g, uint64_t chunk, uint64_t chunk_count)
{
    char to[64], from[64];
    snprintf(to, sizeof to, "shard/region%zu/%zu", r, k);
    snprintf(from, sizeof from, "worker/region%zu/%zu", r, worker);
    uint64_t first, end;
    job_batch_samples(&w->job.regions[r], batch, &first, &end);
    size_t size = world_size(w, k);
    size_t begin = size * chunk / chunk_count, stop = size * (chunk + 1) / chunk_count;
    message_t *m = message_new(KIND_push, to, from);
    m->incarnation = 1;
    m->number = m->push.batch = batch;
    m->push.samples = end - first;
    m->push.chunk = chunk;
    m->push.chunk_count = chunk_count;
    m->push.offset = begin;
    m->push.total = size;
    buf_t *buf = buf_new_copy(g + world_first(w, k) + begin, (stop - begin) * sizeof(float));
    m->data = slice_of(buf, 0, (stop - begin) * sizeof(float));
    buf_destroy(&buf);
    m->push.checksum = hash_checksum(slice_peek(&m->data), m->data.size_bytes);
    return m;
}

static inline void world_push_shard(world_t *w, size_t r, size_t worker, size_t k, uint64_t batch,
                                    const float *g)
{
    for (uint64_t chunk = 0; chunk < 2; chunk++) {
        message_t *m = world_push_chunk(w, r, worker, k, batch, g, chunk, 2);
        world_deliver(w, &m);
    }
}

/* The gradient g (elements) of a batch, in two chunks to every shard. */
static inline void world_push(world_t *w, size_t r, size_t worker, uint64_t batch, const float *g)
{
    for (size_t k = 0; k < w->shards; k++)
        world_push_shard(w, r, worker, k, batch, g);
    world_run(w);
}

static inline message_t *world_mail(world_t *w, message_kind_t kind)
{
    message_t *m;
    while ((m = outbox_take(&w->mail))) {
        if (m->kind == kind)
            return m;
        message_destroy(&m);
    }
    return NULL;
}

static inline void world_forget_mail(world_t *w)
{
    outbox_fini(&w->mail);
    outbox_init(&w->mail);
}

static inline uint64_t world_ask(world_t *w, size_t r, size_t worker, uint64_t batch, bool newest)
{
    uint64_t request = ++w->requests;
    for (size_t k = 0; k < w->shards; k++) {
        char to[64], from[64];
        snprintf(to, sizeof to, "shard/region%zu/%zu", r, k);
        snprintf(from, sizeof from, "worker/region%zu/%zu", r, worker);
        message_t *m = message_new(KIND_pull, to, from);
        m->incarnation = 1;
        m->number = request;
        m->pull.batch = batch;
        m->pull.newest = newest;
        world_deliver(w, &m);
    }
    world_run(w);
    return request;
}

/* Collects the answers to a request; false when some element has not come. Forgets all other mail. */
static inline bool world_params(world_t *w, uint64_t request, float *ret_params)
{
    size_t have = 0;
    message_t *m;
    while ((m = world_mail(w, KIND_params))) {
        if (m->number == request) {
            size_t k = (size_t)(m->from[strlen(m->from) - 1] - '0');
            memcpy(ret_params + world_first(w, k) + m->params.offset, slice_peek(&m->data),
                   m->data.size_bytes);
            have += m->data.size_bytes / sizeof(float);
        }
        message_destroy(&m);
    }
    return have == w->elements;
}

static inline bool world_pull(world_t *w, size_t r, size_t worker, uint64_t batch, float *ret_params)
{
    return world_params(w, world_ask(w, r, worker, batch, false), ret_params);
}

/* The replica of a region. */
static inline void world_replica(const world_t *w, size_t r, float *ret_params)
{
    for (size_t k = 0; k < w->shards; k++)
        memcpy(ret_params + world_first(w, k), shard_core_parameters(w->shard[r][k]),
               world_size(w, k) * sizeof(float));
}

/* -- the part of the scheduler ----------------------------------------------------------------------------
 */

static inline void world_close(world_t *w, size_t r)
{
    for (size_t k = 0; k < w->shards; k++) {
        char to[64], from[64];
        snprintf(to, sizeof to, "shard/region%zu/%zu", r, k);
        snprintf(from, sizeof from, "scheduler/region%zu", r);
        message_t *m = message_new(KIND_close, to, from);
        world_deliver(w, &m);
    }
    world_run(w);
}

/* Every region's end of the run, until nothing is left to do. */
static inline void world_finish(world_t *w)
{
    world_settle(w, 1000000);
    for (size_t r = 0; r < w->topology->region_count; r++)
        world_close(w, r);
    world_settle(w, 3000000);
    for (size_t r = 0; r < w->topology->region_count; r++) {
        for (size_t k = 0; k < w->shards; k++) {
            cr_assert(shard_core_closed(w->shard[r][k]));
            cr_assert_eq(shard_core_lasts(w->shard[r][k]), w->topology->region_count - 1);
        }
    }
}

/* Replaces a shard by one that goes on from its newest snapshot; what was not committed is lost. */
static inline void world_crash(world_t *w, size_t r, size_t k)
{
    snapshot_destroy(&w->out[r][k]);
    shard_role.destroy((void **)&w->shard[r][k]);
    w->incarnation++;
    shard_spec_t spec = world_spec(w, r, k);
    err_t err = {0};
    cr_assert_eq(shard_core_restore(&spec, w->last[r][k], &w->shard[r][k], &err), ERR_OK, "%s", err.text);
}

#endif
