/* worker_pushes - the gradients of a worker that are on their way at the same time: a whole step, as the
 * other workers may be away.
 *
 * Owns     the pushes.
 * Called   by the worker alone.
 * Threads  those of the worker.
 */
#ifndef ACTORS_WORKER_WORKER_PUSHES_H
#define ACTORS_WORKER_WORKER_PUSHES_H

#include "actors/worker/worker_push.h"

typedef struct {
    worker_push_t *items; /* (count) */
    size_t count;
} worker_pushes_t;

void worker_pushes_init(worker_pushes_t *self, size_t count, core_base_t *base, const worker_shards_t *shards,
                        const worker_spec_t *spec);
void worker_pushes_fini(worker_pushes_t *self);

size_t worker_pushes_used(const worker_pushes_t *self); /* on their way */
/* One that is not used, NULL: all are; the used one of the highest batch, NULL: none is. */
worker_push_t *worker_pushes_free(const worker_pushes_t *self);
worker_push_t *worker_pushes_furthest(const worker_pushes_t *self);

/* As for one push, for all that are on their way. */
void worker_pushes_again(worker_pushes_t *self, size_t shard, int64_t when_us);
void worker_pushes_hurry(worker_pushes_t *self, int64_t now_us);
void worker_pushes_retry(worker_pushes_t *self, int64_t now_us);
int64_t worker_pushes_due(const worker_pushes_t *self);

#endif
