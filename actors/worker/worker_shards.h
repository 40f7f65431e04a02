/* worker_shards - the shards of a worker's region: what each is called, which elements it holds, and its
 * newest incarnation.
 *
 * Owns     all of it.
 * Called   by the worker and what it pulls and pushes. Only the worker tells of messages.
 * Threads  those of the worker.
 */
#ifndef ACTORS_WORKER_WORKER_SHARDS_H
#define ACTORS_WORKER_WORKER_SHARDS_H

#include "actors/worker/worker_core.h"

typedef struct {
    size_t count;
    size_t *first; /* (count + 1): first element of each, and the number of all */
    wire_name_t *names;
    uint64_t *incarnations; /* newest seen; 0: none */
} worker_shards_t;

void worker_shards_init(worker_shards_t *self, const worker_spec_t *spec);
void worker_shards_fini(worker_shards_t *self);

size_t worker_shards_elements(const worker_shards_t *self, size_t shard);
size_t worker_shards_all(const worker_shards_t *self); /* elements of all */

/* Index of the shard of a name; count: none. */
size_t worker_shards_named(const worker_shards_t *self, const char *name);
/* Index of the shard that sent a message; count: nobody, or a former incarnation of a shard. `ret_renewed`: a
 * later one than before, which has nothing of what that was sent and had not stored. */
size_t worker_shards_sender(worker_shards_t *self, const message_t *message, bool *ret_renewed);

#endif
