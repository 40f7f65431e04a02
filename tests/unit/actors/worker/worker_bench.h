/* worker_bench - a worker driven by hand in virtual time: one region, two shards of 5 and 3 elements, chunks
 * of 2. Who includes it may give other shards, and say what batches touch.
 *
 * Why      its tests are in several files, by topic.
 */
#ifndef TESTS_UNIT_ACTORS_WORKER_WORKER_BENCH_H
#define TESTS_UNIT_ACTORS_WORKER_WORKER_BENCH_H

#include "actors/worker/worker_core.h"
#include "codec/base/hash.h"
#include "tests/unit/actors/driver.h"

#include <stdlib.h>

#define SHARD_0 "shard/eu/0"
#define SHARD_1 "shard/eu/1"
#define SCHEDULER "scheduler/eu"
#define INCARNATION ((1ull << 32) | 4)

#ifndef BENCH_FIRST
#define BENCH_FIRST                                                                                          \
    {                                                                                                        \
        0, 5, 8                                                                                              \
    }
#define BENCH_TOUCHES NULL
#endif

static const size_t s_first[] = BENCH_FIRST;

typedef struct {
    topology_t topology;
    job_t job;
    driver_t by;
} bench_t;

static inline bench_t *s_bench_as(uint64_t incarnation, bool checksums, inside_t inside, uint64_t workers)
{
    bench_t *bench = calloc(1, sizeof *bench);
    cr_assert_not_null(bench);
    topology_t *topology = &bench->topology;
    topology->job.epochs = 1;
    topology->job.batch = 10;
    topology->region_count = 1;
    strcpy(topology->regions[0].name, "eu");
    topology->regions[0].data_share = 1;
    topology->regions[0].workers = workers;
    topology->job.sync.inside = inside;
    topology->regions[0].shards = 2;
    err_t err;
    cr_assert_eq(job_derive(topology, 1000, &bench->job, &err), ERR_OK);
    worker_spec_t spec = {.topology = topology,
                          .job = &bench->job,
                          .incarnation = incarnation,
                          .shard_count = 2,
                          .shard_first = s_first,
                          .chunk_bytes = 8,
                          .checksums = checksums,
                          .touches = BENCH_TOUCHES};
    bench->by = (driver_t){.role = &worker_role, .core = worker_core_new(&spec)};
    worker_role.tick(bench->by.core, 0);
    return bench;
}

static inline bench_t *s_bench_of(bool checksums, inside_t inside, uint64_t workers)
{
    return s_bench_as(INCARNATION, checksums, inside, workers);
}

static inline bench_t *s_bench(bool checksums)
{
    return s_bench_of(checksums, INSIDE_ASYNC, 1);
}

static inline void s_free(bench_t *bench)
{
    driver_fini(&bench->by);
    free(bench);
}

static inline void s_lease_to(bench_t *bench, uint64_t worker, uint64_t grant, uint64_t first, uint64_t end,
                              bool evaluate)
{
    message_t *lease = message_new(KIND_lease, "worker/eu/0", SCHEDULER);
    lease->incarnation = 1ull << 32;
    lease->lease.grant = grant;
    lease->lease.first = first;
    lease->lease.end = end;
    lease->lease.evaluate = evaluate;
    lease->lease.worker = worker;
    driver_give(&bench->by, lease);
}

static inline void s_lease(bench_t *bench, uint64_t grant, uint64_t first, uint64_t end)
{
    s_lease_to(bench, INCARNATION, grant, first, end, false);
}

typedef struct {
    uint64_t request, version, chunk, chunk_count, offset, total;
    size_t count;
    float value;
    uint64_t checksum;
    uint64_t incarnation;
} chunk_t;

static inline void s_params(bench_t *bench, const char *shard, const chunk_t *chunk)
{
    message_t *params = message_new(KIND_params, "worker/eu/0", shard);
    params->incarnation = chunk->incarnation ? chunk->incarnation : 1;
    params->number = chunk->request;
    params->params.version = chunk->version;
    params->params.chunk = chunk->chunk;
    params->params.chunk_count = chunk->chunk_count;
    params->params.offset = chunk->offset;
    params->params.total = chunk->total;
    params->params.checksum = chunk->checksum;
    buf_t *buf = buf_new(chunk->count * sizeof(float));
    float *values = buf_data(buf);
    for (size_t index = 0; index < chunk->count; index++)
        values[index] = chunk->value + (float)index;
    params->data = slice_of(buf, 0, chunk->count * sizeof(float));
    buf_destroy(&buf);
    driver_give(&bench->by, params);
}

/* All chunks of a shard, last first, element i of the shard having the value base + i. */
static inline void s_answer(bench_t *bench, size_t shard, uint64_t request, float base)
{
    size_t total = s_first[shard + 1] - s_first[shard], count = (total + 1) / 2;
    for (size_t index = count; index-- > 0;) {
        size_t length = total - 2 * index < 2 ? 1 : 2;
        chunk_t chunk = {.request = request,
                         .version = 9,
                         .chunk = index,
                         .chunk_count = count,
                         .offset = 2 * index,
                         .total = total,
                         .count = length,
                         .value = base + 2 * (float)index};
        s_params(bench, shard ? SHARD_1 : SHARD_0, &chunk);
    }
}

/* Answers the pulls that lie in the outbox. */
static inline uint64_t s_answer_pulls(bench_t *bench)
{
    uint64_t batch = UINT64_MAX;
    message_t *pull;
    while ((pull = driver_take(&bench->by, KIND_pull))) {
        batch = pull->pull.batch;
        s_answer(bench, strcmp(pull->to, SHARD_0) != 0, pull->number, 100);
        message_destroy(&pull);
    }
    return batch;
}

static inline worker_task_t s_task(bench_t *bench)
{
    worker_task_t task;
    cr_assert(worker_core_take_task(bench->by.core, &task), "a computation should be offered");
    return task;
}

static inline void s_compute(bench_t *bench, const worker_task_t *task)
{
    for (size_t index = 0; index < 8; index++)
        task->gradient[index] = (float)task->batch + (float)index;
    worker_core_computed(bench->by.core, 0.5, bench->by.now_us);
}

static inline void s_ack(bench_t *bench, const char *shard, uint64_t batch, bool applied, err_code_t code)
{
    message_t *ack = message_new(KIND_push_ack, "worker/eu/0", shard);
    ack->incarnation = 1;
    ack->number = ack->push_ack.batch = batch;
    ack->push_ack.applied = applied;
    ack->push_ack.code = code;
    driver_give(&bench->by, ack);
}

/* Computes and pushes batches [0, end); nothing is acknowledged. */
static inline void s_push_unanswered(bench_t *bench, uint64_t end)
{
    s_answer_pulls(bench);
    for (uint64_t batch = 0; batch < end; batch++) {
        worker_task_t task = s_task(bench);
        cr_assert_eq(task.batch, batch);
        driver_drop(&bench->by);
        s_compute(bench, &task);
        message_t *push;
        while ((push = driver_take(&bench->by, KIND_push))) {
            if (push->push.pull)
                s_answer(bench, strcmp(push->to, SHARD_0) != 0, push->push.pull, 0);
            message_destroy(&push);
        }
    }
}

static inline message_t *s_stale(uint64_t incarnation)
{
    message_t *refused = message_new(KIND_refused, "worker/eu/0", SHARD_0);
    refused->refused.code = ERR_STALE;
    refused->refused.kind = KIND_push;
    refused->refused.incarnation = incarnation;
    return refused;
}

#endif
