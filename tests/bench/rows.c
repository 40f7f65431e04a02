/* rows - a step of a model with a large embedding: bytes to a shard and from it, and time in the shard, when
 * rows travel alone, beside the same step of whole gradients.
 *
 * One shard without sockets. A row has 16 values, and a batch touches 4096 rows. Every 8th step a snapshot is
 * taken, and held until the next.
 */
#include "tests/bench/kit/bench.h"

#include "actors/shard/shard_core.h"
#include "codec/base/hash.h"
#include "codec/tensor/patch.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { COLUMNS = 16, TOUCHED = 4096, STEPS = 40, RUNS = 5, RUNS_MAX = 100 };

typedef struct {
    topology_t *topology;
    job_t job;
    shard_core_t *core;
    size_t elements;
    buf_t *gradient; /* (elements) */
    snapshot_t *held;
    uint64_t bytes; /* both ways */
    int64_t now_us;
} room_t;

static topology_t *s_topology(void)
{
    static const char text[] = "job:\n  name: bench\n  model: ledger\n"
                               "  data: {kind: counter, samples: 4000000000}\n  epochs: 1\n  batch: 1\n"
                               "  optimizer: {name: sgd, lr: 0.001, momentum: 0, schedule: constant}\n"
                               "checkpoint: {every: 8, durability: process}\n"
                               "regions:\n  - {name: eu, data_share: 1}\n";
    topology_t *topology = NULL;
    err_t err = {0};
    if (topology_parse("bench", text, sizeof text - 1, NULL, 0, &topology, &err)) {
        fprintf(stderr, "rows: %s\n", err.text);
        exit(1);
    }
    return topology;
}

static void s_open(room_t *self, size_t rows)
{
    *self = (room_t){.topology = s_topology(), .elements = rows * COLUMNS, .now_us = 1};
    CHECK(!job_derive(self->topology, self->topology->job.data.samples, &self->job, NULL));
    shard_spec_t spec = {.topology = self->topology,
                         .job = &self->job,
                         .incarnation = 1,
                         .elements = self->elements,
                         .chunk_bytes = MESSAGE_CHUNK_BYTES,
                         .history = 1,
                         .patches = true,
                         .checksums = true};
    buf_t *zero = buf_new_zero(self->elements * sizeof(float));
    self->gradient = buf_new_zero(self->elements * sizeof(float));
    CHECK(zero && self->gradient);
    self->core = shard_core_new(&spec, &zero);
}

static void s_close(room_t *self)
{
    snapshot_destroy(&self->held);
    shard_role.destroy((void **)&self->core);
    buf_destroy(&self->gradient);
    topology_destroy(&self->topology);
}

/* Rows that are far apart, and others in each batch. */
static patch_t *s_touch(const room_t *self, uint64_t batch)
{
    ranges_t runs = {0};
    patch_t *patch = NULL;
    size_t apart = self->elements / COLUMNS / TOUCHED;
    for (size_t i = 0; i < TOUCHED; i++) {
        size_t first = (i * apart + batch * 31 % apart) * COLUMNS;
        CHECK(!ranges_add(&runs, first, first + COLUMNS));
    }
    CHECK(!patch_new(&runs, 0, self->elements, &patch));
    ranges_fini(&runs);
    return patch;
}

static buf_t *s_words(const room_t *self, const patch_t *patch, bool values)
{
    buf_t *words = buf_new((values ? patch_words(patch) : 2 * patch->runs.count) * sizeof(uint32_t));
    CHECK(words);
    uint32_t *at = buf_data(words);
    patch_index(patch, at);
    if (values)
        patch_gather(patch, buf_peek(self->gradient), (float *)(void *)(at + 2 * patch->runs.count));
    return words;
}

/* To the shard, and its answers. */
static void s_tell(room_t *self, message_t *message)
{
    self->bytes += message->data.buf ? message->data.size_bytes : 0;
    shard_role.message(self->core, &message, self->now_us);
    while ((message = outbox_take(shard_role.outbox(self->core)))) {
        self->bytes += message->data.buf ? message->data.size_bytes : 0;
        message_destroy(&message);
    }
}

static message_t *s_message(message_kind_t kind, buf_t *data, size_t offset, uint64_t *ret_checksum)
{
    message_t *message = message_new(kind, "shard/eu/0", "worker/eu/0");
    size_t left = buf_size(data) - offset;
    message->incarnation = 1;
    message->data = slice_of(data, offset, left < MESSAGE_CHUNK_BYTES ? left : MESSAGE_CHUNK_BYTES);
    *ret_checksum = hash_checksum(slice_peek(&message->data), message->data.size_bytes);
    return message;
}

/* `runs`: of a patch, or 0. */
static void s_push(room_t *self, uint64_t batch, buf_t *data, uint64_t runs)
{
    size_t chunks = (buf_size(data) + MESSAGE_CHUNK_BYTES - 1) / MESSAGE_CHUNK_BYTES;
    for (size_t i = 0; i < chunks; i++) {
        uint64_t checksum;
        message_t *push = s_message(KIND_push, data, i * MESSAGE_CHUNK_BYTES, &checksum);
        push->push.checksum = checksum;
        push->push.batch = push->number = batch;
        push->push.samples = 1;
        push->push.chunk = i;
        push->push.chunk_count = chunks;
        push->push.offset = i * MESSAGE_CHUNK_BYTES / sizeof(float);
        push->push.total = self->elements;
        push->push.patch = runs ? 1 + runs : 0;
        push->push.words = runs ? buf_size(data) / sizeof(float) : 0;
        s_tell(self, push);
    }
}

static void s_pull(room_t *self, uint64_t batch, buf_t *index)
{
    message_t *pull = message_new(KIND_pull, "shard/eu/0", "worker/eu/0");
    uint64_t checksum;
    if (index) {
        message_destroy(&pull);
        pull = s_message(KIND_pull, index, 0, &checksum);
        pull->pull.checksum = checksum;
        pull->pull.some = true;
    }
    pull->incarnation = 1;
    pull->number = batch + 1;
    pull->pull.batch = batch;
    s_tell(self, pull);
}

static void s_store(room_t *self)
{
    snapshot_t *next = shard_core_take_snapshot(self->core, self->now_us);
    if (!next)
        return;
    shard_core_committed(self->core, next->id.number, ERR_OK, self->now_us);
    snapshot_destroy(&self->held);
    self->held = next;
}

static void s_step(room_t *self, uint64_t batch, const patch_t *patch, bool alone)
{
    self->now_us += 1000;
    if (!alone) {
        s_pull(self, batch, NULL);
        s_push(self, batch, self->gradient, 0);
    } else {
        buf_t *index = s_words(self, patch, false), *words = s_words(self, patch, true);
        s_pull(self, batch, index);
        s_push(self, batch, words, patch->runs.count);
        buf_destroy(&index);
        buf_destroy(&words);
    }
    s_store(self);
}

/* Seconds and bytes a step. */
static double s_run(size_t rows, bool alone, double *ret_bytes)
{
    room_t room;
    double took_s = 0;
    s_open(&room, rows);
    for (uint64_t batch = 0; batch < STEPS; batch++) {
        patch_t *patch = s_touch(&room, batch);
        double began_s = bench_now_s();
        s_step(&room, batch, patch, alone);
        took_s += bench_now_s() - began_s;
        patch_destroy(&patch);
    }
    CHECK(ranges_size(shard_core_applied(room.core)) == STEPS);
    *ret_bytes = (double)room.bytes / STEPS;
    s_close(&room);
    return took_s / STEPS;
}

static void s_scene(size_t rows)
{
    double alone[RUNS_MAX], whole[RUNS_MAX], bytes, whole_bytes;
    int runs = bench_runs(RUNS);
    for (int i = 0; i < runs; i++) {
        alone[i] = s_run(rows, true, &bytes);
        whole[i] = s_run(rows, false, &whole_bytes);
    }
    bench_row_t row = {
        .size_bytes = rows * COLUMNS * sizeof(float), .peer = "whole", .runs = runs, .at_most = true};
    row.name = "rows/bytes_a_step";
    row.value = bytes;
    row.unit = "B";
    row.peer_value = whole_bytes;
    bench_row(&row);
    row.name = "rows/time_a_step";
    row.value = 1e6 * bench_median(alone, (size_t)runs);
    row.unit = "us";
    row.peer_value = 1e6 * bench_median(whole, (size_t)runs);
    bench_row(&row);
}

int main(int argc, char **argv)
{
    bench_open(argc, argv);
    for (size_t rows = 1 << 14; rows <= 1 << 20; rows <<= 3)
        s_scene(rows);
    return bench_close();
}
