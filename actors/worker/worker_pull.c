#include "actors/worker/worker_pull.h"

#include "actors/kit/timers.h"
#include "codec/base/failpoint.h"
#include "codec/base/hash.h"

#include <stdlib.h>
#include <string.h>

#define RETRY_FIRST_US 500000
#define RETRY_MOST_US 4000000
#define REJECTED_MAX 3 /* answers asked for again at once; then by the timer alone */

void worker_pull_init(worker_pull_t *self, core_base_t *base, const worker_shards_t *shards,
                      const worker_spec_t *spec)
{
    *self = (worker_pull_t){.base = base, .shards = shards, .checksums = spec->checksums};
    worker_touched_init(&self->touched, shards, spec);
    size_t elements = worker_shards_all(shards);
    self->params = calloc(elements ? elements : 1, sizeof *self->params);
    self->parts = calloc(shards->count, sizeof *self->parts);
    CHECK(self->params && self->parts);
    uint64_t term = base->incarnation >> 32, count = base->incarnation; /* a term begins to count anew */
    self->request = (term & 0xfff) << 52 | (count & 0xfff) << 40;
}

void worker_pull_fini(worker_pull_t *self)
{
    for (size_t shard = 0; shard < self->shards->count; shard++)
        ranges_fini(&self->parts[shard].covered);
    worker_touched_fini(&self->touched);
    free(self->params);
    free(self->parts);
}

static void s_renew(worker_pull_t *self, pull_part_t *part, int64_t now_us)
{
    part->request = ++self->request;
    part->chunk_count = 0;
    part->covered.count = 0;
    part->retry_us = now_us + backoff_now(&part->pause);
}

void worker_pull_begin(worker_pull_t *self, uint64_t batch, bool newest, int64_t now_us)
{
    self->batch = batch;
    self->newest = newest;
    if (newest)
        worker_touched_all(&self->touched);
    else
        worker_touched_find(&self->touched, batch);
    for (size_t shard = 0; shard < self->shards->count; shard++) {
        pull_part_t *part = &self->parts[shard];
        part->complete = false;
        part->rejected = 0;
        part->pause = backoff_of(RETRY_FIRST_US, RETRY_MOST_US);
        backoff_next(&part->pause);
        s_renew(self, part, now_us);
    }
}

/* Without memory it asks when it asks again. */
static bool s_name_some(const worker_pull_t *self, const patch_t *some, message_t *pull)
{
    buf_t *index = buf_new(2 * some->runs.count * sizeof(uint32_t));
    if (!index)
        return false;
    patch_index(some, buf_data(index));
    pull->pull.some = true;
    pull->data = slice_of(index, 0, buf_size(index));
    if (self->checksums)
        pull->pull.checksum = buf_checksum(index);
    buf_destroy(&index);
    return true;
}

static void s_ask_shard(worker_pull_t *self, size_t shard, uint64_t after)
{
    const patch_t *some = self->touched.parts[shard];
    message_t *pull = core_message(self->base, KIND_pull, self->shards->names[shard]);
    pull->number = self->parts[shard].request;
    pull->pull.batch = self->batch;
    pull->pull.newest = self->newest;
    pull->pull.after = after;
    if (!some || s_name_some(self, some, pull))
        core_send(self->base, &pull);
    else
        message_destroy(&pull);
}

void worker_pull_ask(worker_pull_t *self, uint64_t after)
{
    for (size_t shard = 0; shard < self->shards->count; shard++)
        s_ask_shard(self, shard, after);
}

typedef enum { CHUNK_NEW, CHUNK_SEEN, CHUNK_WRONG } chunk_t;

static chunk_t s_check_chunk(const worker_pull_t *self, const pull_part_t *part, size_t elements,
                             const message_t *message)
{
    uint64_t offset = message->params.offset, count = message->data.size_bytes / sizeof(float);
    if (message->params.total != elements || message->data.size_bytes % sizeof(float) ||
        message->params.chunk >= message->params.chunk_count || offset > elements ||
        count > elements - offset)
        return CHUNK_WRONG;
    if (part->chunk_count &&
        (message->params.chunk_count != part->chunk_count || message->params.version != part->version))
        return CHUNK_WRONG;
    uint64_t first, end;
    if (count && ranges_has_all(&part->covered, offset, offset + count))
        return CHUNK_SEEN;
    if (count && !(ranges_gap(&part->covered, offset, offset + count, &first, &end) && first == offset &&
                   end == offset + count))
        return CHUNK_WRONG; /* overlaps another */
    if (self->checksums || message->params.checksum)
        if (count &&
            hash_checksum(slice_peek(&message->data), message->data.size_bytes) != message->params.checksum)
            return CHUNK_WRONG;
    return CHUNK_NEW;
}

static void s_reject(worker_pull_t *self, size_t shard, int64_t now_us)
{
    pull_part_t *part = &self->parts[shard];
    if (++part->rejected > REJECTED_MAX) {
        part->request = 0;
        return;
    }
    s_renew(self, part, now_us);
    s_ask_shard(self, shard, 0);
}

/* How many values a shard answers with. */
static size_t s_expected(const worker_pull_t *self, size_t shard)
{
    const patch_t *some = self->touched.parts[shard];
    return some ? (size_t)some->count : worker_shards_elements(self->shards, shard);
}

static void s_place(worker_pull_t *self, size_t shard, const message_t *message)
{
    const patch_t *some = self->touched.parts[shard];
    float *params = self->params + self->shards->first[shard];
    const void *values = slice_peek(&message->data);
    size_t bytes = message->data.size_bytes;
    if (some)
        patch_scatter(some, message->params.offset, bytes / sizeof *params, values, params);
    else
        memcpy(params + message->params.offset, values, bytes);
}

void worker_pull_take(worker_pull_t *self, size_t shard, const message_t *message, int64_t now_us)
{
    pull_part_t *part = &self->parts[shard];
    size_t elements = s_expected(self, shard);
    if (!part->request || message->number != part->request || part->complete)
        return;
    chunk_t chunk = s_check_chunk(self, part, elements, message);
    uint64_t offset = message->params.offset, count = message->data.size_bytes / sizeof(float);
    if (chunk == CHUNK_NEW && ranges_add(&part->covered, offset, offset + count))
        chunk = CHUNK_WRONG;
    if (chunk == CHUNK_WRONG)
        s_reject(self, shard, now_us);
    if (chunk != CHUNK_NEW)
        return;
    if (count)
        s_place(self, shard, message);
    part->version = message->params.version;
    part->chunk_count = message->params.chunk_count;
    part->retry_us = now_us + backoff_now(&part->pause); /* what makes progress is not asked again */
    part->complete = ranges_has_all(&part->covered, 0, elements);
    FAILPOINT(worker_pulled);
}

void worker_pull_again(worker_pull_t *self, size_t shard, int64_t when_us)
{
    pull_part_t *part = &self->parts[shard];
    backoff_reset(&part->pause);
    if (!part->complete && when_us < part->retry_us)
        part->retry_us = when_us;
}

void worker_pull_retry(worker_pull_t *self, int64_t now_us)
{
    for (size_t shard = 0; shard < self->shards->count; shard++) {
        pull_part_t *part = &self->parts[shard];
        if (part->complete || now_us < part->retry_us)
            continue;
        backoff_next(&part->pause);
        s_renew(self, part, now_us);
        s_ask_shard(self, shard, 0);
    }
}

int64_t worker_pull_due(const worker_pull_t *self)
{
    int64_t due = ROLE_NEVER;
    for (size_t shard = 0; shard < self->shards->count; shard++)
        if (!self->parts[shard].complete)
            due = timer_first(due, self->parts[shard].retry_us);
    return due;
}

size_t worker_pull_missing(const worker_pull_t *self)
{
    size_t shard = 0;
    while (shard < self->shards->count && self->parts[shard].complete)
        shard++;
    return shard;
}
