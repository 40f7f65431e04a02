/* worker_push - one batch's gradient on its way to all shards, until each has said that it applied it.
 *
 * How      chunks are slices of the gradient's buffer, or of a patch cut out of it, sent without a copy. Sent
 *          again when no acknowledgement comes; at once, a few times, when a shard found a chunk damaged. The
 *          name of a batch is never given up for damage on the way: after those tries the timer goes on, and
 *          status shows the shard that is waited for.
 * Threads  one owner.
 */
#ifndef ACTORS_WORKER_WORKER_PUSH_H
#define ACTORS_WORKER_WORKER_PUSH_H

#include "actors/worker/worker_pull.h"

typedef struct {
    bool applied;
    int64_t retry_us;
    backoff_t pause; /* without an acknowledgement */
    unsigned damaged;
    slice_t data;   /* what the shard is sent; empty: the gradient is not finite */
    uint64_t patch; /* as in the message */
} push_part_t;

typedef struct {
    core_base_t *base;             /* borrowed */
    const worker_shards_t *shards; /* borrowed */
    const worker_spec_t *spec;     /* borrowed: size of chunks, checksums */
    push_part_t *parts;            /* one for each shard */
    bool used;
    uint64_t batch;
    uint64_t samples; /* 0: not finite, announced without data */
} worker_push_t;

void worker_push_init(worker_push_t *self, core_base_t *base, const worker_shards_t *shards,
                      const worker_spec_t *spec);
void worker_push_fini(worker_push_t *self);

/* Takes what is sent: the gradient (N), by reference, or what the batch touches of it; NULL: it is not
 * finite. */
void worker_push_load(worker_push_t *self, buf_t *gradient, const worker_touched_t *touched);
/* Sends what was loaded. `pull` (or NULL) has begun: its requests travel with the last chunks. */
void worker_push_begin(worker_push_t *self, uint64_t batch, uint64_t samples, const worker_pull_t *pull,
                       int64_t now_us);
/* An acknowledgement for this batch; true when it was the last one missing: the push is over. */
bool worker_push_take(worker_push_t *self, size_t shard, const message_t *message, int64_t now_us);
/* Pushes that a shard has not applied are sent again then, if not before. */
void worker_push_again(worker_push_t *self, size_t shard, int64_t when_us);

void worker_push_retry(worker_push_t *self, int64_t now_us);
/* From now on what is not acknowledged is sent again soon: the worker is stopping. */
void worker_push_hurry(worker_push_t *self, int64_t now_us);
int64_t worker_push_due(const worker_push_t *self);
/* Gives it up: the batch must be computed again. */
void worker_push_drop(worker_push_t *self);
/* The first shard that has not applied it; the number of shards: all have. */
size_t worker_push_missing(const worker_push_t *self);

#endif
