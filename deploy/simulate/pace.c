#include "deploy/simulate/pace.h"

#include "actors/kit/clock.h"
#include "actors/model/model.h"
#include "actors/shard/shard_core.h"
#include "actors/synchronizer/strategy.h"
#include "actors/worker/probe.h"
#include "codec/base/rng.h"
#include "codec/wire/actor_name.h"

#include <poll.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#define TEST_BATCH 200 /* as workers evaluate: actors/worker/worker_actor.c */
#define ROUNDS_MIN 5
#define ROUNDS_MAX 400
#define HANDOVERS 400

/* Costs of a step beside its gradient, for those who have only said what a core computes: as pace_measure
 * found it with lenet on one core of a cloud's Xeon with AVX-512; commits as tests/bench/snapshot_write finds
 * them on a local disk, without and with a sync. */
static const pace_t s_table = {.apply_bytes_per_s = 5.5e9,
                               .copy_bytes_per_s = 16e9,
                               .delta_bytes_per_s = 6e9,
                               .hop_us = 2,
                               .spread = 0.03};
#define TESTS_PER_SAMPLE 3 /* a gradient goes forward once and back twice */

static void s_set_commit(const topology_t *topology, pace_t *self)
{
    bool synced = topology->checkpoint.durability != DURABILITY_PROCESS;
    self->commit_us = synced ? 1000 : 200;
    self->commit_bytes_per_s = synced ? 0.9e9 : 1.5e9;
}

pace_t pace_given(const topology_t *topology)
{
    pace_t self = s_table;
    self.samples_per_s = topology->plan.samples_per_s;
    self.tests_per_s = TESTS_PER_SAMPLE * self.samples_per_s;
    s_set_commit(topology, &self);
    return self;
}

/* ---- measuring ---- */

static int s_by_value(const void *a, const void *b)
{
    double left = *(const double *)a, right = *(const double *)b;
    return (left > right) - (left < right);
}

typedef void work_fn(void *hint);

/* The median of its times in seconds, so that a neighbour's burst does not count. */
static double s_median_s(work_fn *work, void *hint, int64_t least_us)
{
    double took_s[ROUNDS_MAX];
    size_t count = 0;
    int64_t began_us = clock_now_us();
    work(hint); /* warms the caches up */
    while (count < ROUNDS_MAX && (count < ROUNDS_MIN || clock_now_us() - began_us < least_us)) {
        int64_t from_us = clock_now_us();
        work(hint);
        took_s[count++] = (double)(clock_now_us() - from_us) / 1e6;
    }
    qsort(took_s, count, sizeof *took_s, s_by_value);
    return took_s[count / 2] > 0 ? took_s[count / 2] : 1e-6;
}

/* ---- the model ---- */

typedef struct {
    model_t *model;
    float *w, *x;
    uint32_t *labels;
    double loss;
    uint64_t correct;
} tests_t;

static void s_evaluate(void *hint)
{
    tests_t *self = hint;
    model_evaluate(self->model, self->w, self->x, self->labels, TEST_BATCH, &self->loss, &self->correct,
                   NULL);
}

static err_code_t s_measure_tests(const topology_t *topology, int64_t least_us, pace_t *self, err_t *err)
{
    tests_t tests = {0};
    err_code_t rc = model_new(&topology->job.model, TEST_BATCH, &tests.model, err);
    if (rc)
        return rc;
    size_t size = TEST_BATCH * model_sample_size(tests.model);
    tests.w = malloc(model_layout(tests.model)->count * sizeof *tests.w);
    tests.x = malloc(size * sizeof *tests.x);
    tests.labels = calloc(TEST_BATCH, sizeof *tests.labels);
    CHECK(tests.w && tests.x && tests.labels);
    rng_t rng;
    rng_init(&rng, 1);
    model_init(tests.model, 1, tests.w);
    for (size_t i = 0; i < size; i++)
        tests.x[i] = (float)rng_unit(&rng);
    self->tests_per_s = TEST_BATCH / s_median_s(s_evaluate, &tests, least_us);
    free(tests.w);
    free(tests.x);
    free(tests.labels);
    model_destroy(&tests.model);
    return ERR_OK;
}

/* ---- a shard that is pushed gradients ---- */

typedef struct {
    topology_t *topology;
    job_t job;
    shard_core_t *core;
    buf_t *gradient;
    float *copy;
    uint64_t batch;
    size_t elements;
    int64_t now_us;
} pushes_t;

static void s_drain(pushes_t *self)
{
    message_t *message;
    while ((message = outbox_take(shard_role.outbox(self->core))))
        message_destroy(&message);
    snapshot_t *snapshot = shard_core_take_snapshot(self->core, self->now_us);
    if (snapshot)
        shard_core_committed(self->core, snapshot->id.number, ERR_OK, self->now_us);
    snapshot_destroy(&snapshot);
}

static void s_push(void *hint)
{
    pushes_t *self = hint;
    size_t bytes = self->elements * sizeof(float);
    uint64_t chunks = (bytes + MESSAGE_CHUNK_BYTES - 1) / MESSAGE_CHUNK_BYTES, first, end;
    actor_name_t shard = actor_name_numbered(ROLE_SHARD, "a", 0),
                 worker = actor_name_numbered(ROLE_WORKER, "a", 0);
    job_batch_samples(&self->job.regions[0], self->batch, &first, &end);
    for (uint64_t chunk = 0; chunk < chunks; chunk++) {
        size_t offset = (size_t)chunk * MESSAGE_CHUNK_BYTES;
        size_t size = bytes - offset < MESSAGE_CHUNK_BYTES ? bytes - offset : MESSAGE_CHUNK_BYTES;
        message_t *push = message_new(KIND_push, shard.text, worker.text);
        push->incarnation = 1;
        push->number = push->push.batch = self->batch;
        push->push.samples = end - first;
        push->push.chunk = chunk;
        push->push.chunk_count = chunks;
        push->push.offset = offset / sizeof(float);
        push->push.total = self->elements;
        push->data = slice_of(self->gradient, offset, size);
        shard_role.message(self->core, &push, self->now_us += 10);
    }
    self->batch++;
    s_drain(self);
}

static void s_copy(void *hint)
{
    pushes_t *self = hint;
    memcpy(self->copy, buf_peek(self->gradient), self->elements * sizeof(float));
}

/* As the job's, with other regions to accumulate for when it has some, and never a snapshot of its own. */
static topology_t *s_one_shard(const topology_t *topology)
{
    topology_t *copy = malloc(sizeof *copy);
    CHECK(copy);
    *copy = *topology;
    copy->job.sync.inside = INSIDE_ASYNC;
    copy->job.sync.strategy = STRATEGY_ASGD_GA;
    copy->job.sync.every = 1000000;
    copy->job.epochs = 1000000;
    copy->checkpoint.every = 1000000000;
    copy->checkpoint.replicas = 0;
    copy->region_count = topology->region_count < 2 ? topology->region_count : 2;
    for (size_t r = 0; r < copy->region_count; r++)
        snprintf(copy->regions[r].name, sizeof copy->regions[r].name, "%c", (char)('a' + r));
    return copy;
}

static void s_measure_pushes(const topology_t *topology, const layout_t *layout, int64_t least_us,
                             pace_t *self)
{
    pushes_t pushes = {.topology = s_one_shard(topology), .elements = layout->count};
    CHECK(
        !job_derive(pushes.topology, 1000 * topology->job.batch * topology->region_count, &pushes.job, NULL));
    shard_spec_t spec = {.topology = pushes.topology,
                         .job = &pushes.job,
                         .incarnation = 1,
                         .elements = pushes.elements,
                         .layout = 1,
                         .chunk_bytes = MESSAGE_CHUNK_BYTES,
                         .history = 1};
    buf_t *initial = buf_new_zero(pushes.elements * sizeof(float));
    pushes.gradient = buf_new_zero(pushes.elements * sizeof(float));
    pushes.copy = malloc(pushes.elements * sizeof(float));
    CHECK(initial && pushes.gradient && pushes.copy);
    pushes.core = shard_core_new(&spec, &initial);
    s_drain(&pushes);
    double bytes = (double)(pushes.elements * sizeof(float));
    self->apply_bytes_per_s = bytes / s_median_s(s_push, &pushes, least_us);
    self->copy_bytes_per_s = bytes / s_median_s(s_copy, &pushes, least_us / 4);
    shard_role.destroy((void **)&pushes.core);
    buf_destroy(&pushes.gradient);
    free(pushes.copy);
    free(pushes.topology);
}

/* ---- a delta ---- */

typedef struct {
    const encoding_t *encoding;
    encoding_setting_t setting;
    bool selects;
    size_t elements;
    float *values, *residual, *decoded;
    buf_t *bytes;
} delta_t;

/* Encoded here, decoded and added there: half of it each. */
static void s_code(void *hint)
{
    delta_t *self = hint;
    size_t size;
    encoding_input_t input = {.count = self->elements,
                              .values = self->values,
                              .residual = self->residual,
                              .ret_residual = self->residual,
                              .scale = self->selects ? self->values : NULL};
    CHECK(!encoding_encode(self->encoding, &self->setting, &input, buf_data(self->bytes), &size, NULL));
    slice_t whole = slice_of(self->bytes, 0, size);
    CHECK(!encoding_decode(self->encoding, &whole, 1, self->decoded, self->elements, NULL));
    slice_fini(&whole);
    /* not into the values: they would grow without end */
    encoding_add(self->decoded, self->values, self->decoded, self->elements);
}

static void s_measure_delta(const topology_t *topology, const layout_t *layout, int64_t least_us,
                            pace_t *self)
{
    delta_t delta = {.elements = layout->count,
                     .selects = strategy_find(topology->job.sync.strategy)->selects};
    delta.encoding = strategy_encoding(topology, &delta.setting);
    delta.values = calloc(3 * delta.elements, sizeof *delta.values);
    delta.bytes = buf_new(encoding_size_most(delta.encoding, &delta.setting, delta.elements));
    CHECK(delta.values && delta.bytes);
    delta.residual = delta.values + delta.elements;
    delta.decoded = delta.residual + delta.elements;
    rng_t rng;
    rng_init(&rng, 1);
    for (size_t i = 0; i < delta.elements; i++)
        delta.values[i] = (float)rng_unit(&rng) * 1e-6f;
    double took_s = s_median_s(s_code, &delta, least_us);
    self->delta_bytes_per_s = (double)(delta.elements * sizeof(float)) / (took_s / 2);
    free(delta.values);
    buf_destroy(&delta.bytes);
}

/* ---- a message ---- */

typedef struct {
    int there, back; /* eventfds, as shells are woken by */
} handover_t;

static void s_wait(int fd)
{
    struct pollfd item = {.fd = fd, .events = POLLIN};
    uint64_t count;
    while (poll(&item, 1, -1) < 0 || read(fd, &count, sizeof count) < 0)
        ;
}

static void s_wake(int fd)
{
    uint64_t one = 1;
    CHECK(write(fd, &one, sizeof one) == sizeof one);
}

static void *s_answer(void *hint)
{
    handover_t *self = hint;
    for (size_t i = 0; i < HANDOVERS; i++) {
        s_wait(self->there);
        s_wake(self->back);
    }
    return NULL;
}

/* Two threads are woken on its way: the broker's and the receiver's; so as long as there and back. It is
 * packed and unpacked. */
static void s_measure_hop(pace_t *self)
{
    handover_t handover = {.there = eventfd(0, 0), .back = eventfd(0, 0)};
    pthread_t thread;
    CHECK(handover.there >= 0 && handover.back >= 0);
    CHECK(!pthread_create(&thread, NULL, s_answer, &handover));
    double took_us[HANDOVERS];
    for (size_t i = 0; i < HANDOVERS; i++) {
        int64_t from_us = clock_now_us();
        s_wake(handover.there);
        s_wait(handover.back);
        took_us[i] = (double)(clock_now_us() - from_us);
    }
    pthread_join(thread, NULL);
    close(handover.there);
    close(handover.back);
    qsort(took_us, HANDOVERS, sizeof *took_us, s_by_value);
    self->hop_us = took_us[HANDOVERS / 2];
}

err_code_t pace_measure(const topology_t *topology, uint64_t cores, int64_t least_us, pace_t *ret_self,
                        err_t *err)
{
    pace_t self = {.spread = s_table.spread, .measured = true};
    layout_t *layout = calloc(1, sizeof *layout);
    CHECK(layout);
    err_code_t rc = model_layout_of(&topology->job.model, layout, err);
    if (!rc)
        rc = probe_measure(&topology->job.model, (size_t)topology->job.batch, cores, least_us / 2,
                           &self.samples_per_s, err);
    if (!rc)
        rc = s_measure_tests(topology, least_us / 8, &self, err);
    if (!rc) {
        s_measure_pushes(topology, layout, least_us / 4, &self);
        s_measure_delta(topology, layout, least_us / 8, &self);
        s_measure_hop(&self);
        s_set_commit(topology, &self);
        *ret_self = self;
    }
    free(layout);
    return rc;
}
