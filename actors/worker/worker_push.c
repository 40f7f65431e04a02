#include "actors/worker/worker_push.h"

#include "actors/kit/timers.h"
#include "codec/base/failpoint.h"
#include "codec/base/hash.h"

#include <stdlib.h>

#define RETRY_FIRST_US 1000000
#define RETRY_MOST_US 5000000
#define RETRY_HURRY_US 150000 /* at a stop: what was lost on the way must arrive before the worker leaves */
#define DAMAGED_MAX 3

void worker_push_init(worker_push_t *self, core_base_t *base, const worker_shards_t *shards,
                      const worker_spec_t *spec)
{
    *self = (worker_push_t){.base = base, .shards = shards, .spec = spec};
    self->parts = calloc(shards->count, sizeof *self->parts);
    CHECK(self->parts);
}

void worker_push_fini(worker_push_t *self)
{
    worker_push_drop(self);
    free(self->parts);
}

static message_t *s_chunk(const worker_push_t *self, size_t shard, size_t chunk, size_t chunk_count)
{
    message_t *push = core_message(self->base, KIND_push, self->shards->names[shard]);
    const push_part_t *part = &self->parts[shard];
    push->number = push->push.batch = self->batch;
    push->push.samples = self->samples;
    push->push.chunk = chunk;
    push->push.chunk_count = chunk_count;
    push->push.total = worker_shards_elements(self->shards, shard);
    push->push.patch = part->patch;
    push->push.words = part->patch ? part->data.size_bytes / sizeof(float) : 0;
    if (!part->data.buf)
        return push;
    size_t offset = chunk * self->spec->chunk_bytes, left = part->data.size_bytes - offset;
    push->push.offset = offset / sizeof(float);
    push->data = slice_of(part->data.buf, part->data.offset_bytes + offset,
                          left < self->spec->chunk_bytes ? left : self->spec->chunk_bytes);
    if (self->spec->checksums)
        push->push.checksum = hash_checksum(slice_peek(&push->data), push->data.size_bytes);
    return push;
}

static void s_send_chunks(worker_push_t *self, size_t shard, const worker_pull_t *pull, int64_t now_us)
{
    size_t bytes = self->parts[shard].data.size_bytes, chunk_bytes = self->spec->chunk_bytes;
    size_t chunk_count = bytes ? (bytes + chunk_bytes - 1) / chunk_bytes : 1;
    for (size_t chunk = 0; chunk < chunk_count; chunk++) {
        message_t *push = s_chunk(self, shard, chunk, chunk_count);
        if (pull && chunk + 1 == chunk_count) {
            push->push.pull = pull->parts[shard].request;
            push->push.pull_batch = pull->batch;
        }
        core_send(self->base, &push);
    }
    self->parts[shard].retry_us = now_us + backoff_now(&self->parts[shard].pause);
}

void worker_push_load(worker_push_t *self, buf_t *gradient, const worker_touched_t *touched)
{
    CHECK(!self->used);
    for (size_t shard = 0; shard < self->shards->count; shard++) {
        push_part_t *part = &self->parts[shard];
        *part = (push_part_t){.pause = backoff_of(RETRY_FIRST_US, RETRY_MOST_US)};
        if (gradient)
            part->data = worker_touched_cut(touched, shard, gradient, &part->patch);
    }
}

void worker_push_begin(worker_push_t *self, uint64_t batch, uint64_t samples, const worker_pull_t *pull,
                       int64_t now_us)
{
    CHECK(!self->used);
    self->used = true;
    self->batch = batch;
    self->samples = self->parts[0].data.buf ? samples : 0;
    for (size_t shard = 0; shard < self->shards->count; shard++) {
        backoff_next(&self->parts[shard].pause);
        s_send_chunks(self, shard, pull, now_us);
    }
    FAILPOINT(worker_pushed);
}

size_t worker_push_missing(const worker_push_t *self)
{
    size_t shard = 0;
    while (shard < self->shards->count && self->parts[shard].applied)
        shard++;
    return shard;
}

bool worker_push_take(worker_push_t *self, size_t shard, const message_t *message, int64_t now_us)
{
    push_part_t *part = &self->parts[shard];
    if (part->applied)
        return false;
    if (!message->push_ack.applied) {
        if (message->push_ack.code == ERR_CHECKSUM && ++part->damaged <= DAMAGED_MAX)
            s_send_chunks(self, shard, NULL, now_us);
        return false;
    }
    part->applied = true;
    FAILPOINT(worker_acked);
    if (worker_push_missing(self) < self->shards->count)
        return false;
    worker_push_drop(self);
    return true;
}

void worker_push_drop(worker_push_t *self)
{
    self->used = false;
    for (size_t shard = 0; shard < self->shards->count; shard++)
        slice_fini(&self->parts[shard].data);
}

void worker_push_retry(worker_push_t *self, int64_t now_us)
{
    for (size_t shard = 0; self->used && shard < self->shards->count; shard++) {
        push_part_t *part = &self->parts[shard];
        if (part->applied || now_us < part->retry_us)
            continue;
        backoff_next(&part->pause);
        s_send_chunks(self, shard, NULL, now_us);
    }
}

void worker_push_again(worker_push_t *self, size_t shard, int64_t when_us)
{
    push_part_t *part = &self->parts[shard];
    if (!self->used || part->applied)
        return;
    backoff_reset(&part->pause);
    if (when_us < part->retry_us)
        part->retry_us = when_us;
}

void worker_push_hurry(worker_push_t *self, int64_t now_us)
{
    for (size_t shard = 0; self->used && shard < self->shards->count; shard++) {
        push_part_t *part = &self->parts[shard];
        part->pause = backoff_of(RETRY_HURRY_US, RETRY_HURRY_US);
        if (part->retry_us > now_us + RETRY_HURRY_US)
            part->retry_us = now_us + RETRY_HURRY_US;
    }
}

int64_t worker_push_due(const worker_push_t *self)
{
    int64_t due = ROLE_NEVER;
    for (size_t shard = 0; self->used && shard < self->shards->count; shard++)
        if (!self->parts[shard].applied)
            due = timer_first(due, self->parts[shard].retry_us);
    return due;
}
