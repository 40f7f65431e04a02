/* worker_gradients - the buffers that gradients are computed into, which pushes refer to until every shard
 * has them.
 *
 * Why      a buffer that a shard in the same process still reads is not written; the others are used again.
 * Owns     one buffer for each push, one that is computed, and one that a shard still reads.
 * Called   by the worker alone.
 * Threads  those of the worker; buffers are shared by reference.
 */
#ifndef ACTORS_WORKER_WORKER_GRADIENTS_H
#define ACTORS_WORKER_WORKER_GRADIENTS_H

#include "actors/worker/worker_clip.h"
#include "codec/base/buf.h"

#include <stdbool.h>

typedef struct {
    buf_t **items; /* (count) NULL: not made yet */
    size_t count;
    size_t bytes; /* of each */
    size_t taken; /* the one that is computed */
    worker_clip_t clip;
} worker_gradients_t;

void worker_gradients_init(worker_gradients_t *self, size_t push_count, size_t elements);
void worker_gradients_fini(worker_gradients_t *self);

/* Takes one that nobody reads, or a fresh one in the place of one that is on its way. False: memory is
 * short. */
bool worker_gradients_take(worker_gradients_t *self);
/* The one that was taken last; borrowed. */
buf_t *worker_gradients_taken(const worker_gradients_t *self);

#endif
