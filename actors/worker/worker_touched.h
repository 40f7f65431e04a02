/* worker_touched - which elements a batch touches, as patches, one for each shard.
 *
 * Why      the rows of an embedding that a batch has are known before it is pulled for: its data are here.
 *          Only those are pulled, and pushed. What a patch would not make shorter goes whole.
 * Owns     the patches of the newest batch.
 * Called   by the worker alone.
 * Threads  those of the worker.
 */
#ifndef ACTORS_WORKER_WORKER_TOUCHED_H
#define ACTORS_WORKER_WORKER_TOUCHED_H

#include "actors/worker/worker_shards.h"
#include "codec/tensor/patch.h"

typedef struct {
    const worker_shards_t *shards; /* borrowed */
    worker_touches_fn *touches;    /* NULL: a batch touches everything */
    void *hint;
    patch_t **parts; /* one for each shard; NULL: all of it */
} worker_touched_t;

void worker_touched_init(worker_touched_t *self, const worker_shards_t *shards, const worker_spec_t *spec);
void worker_touched_fini(worker_touched_t *self);

void worker_touched_find(worker_touched_t *self, uint64_t batch);
void worker_touched_all(worker_touched_t *self); /* an evaluation does */
/* Returns whether there is a patch. */
bool worker_touched_some(const worker_touched_t *self);

/* The part of a gradient (N) that a shard is sent, with its own reference; *ret_patch: as push.patch. */
slice_t worker_touched_cut(const worker_touched_t *self, size_t shard, buf_t *gradient, uint64_t *ret_patch);

#endif
