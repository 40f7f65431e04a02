/* worker_pull - fetches the parameters of all shards into one flat array, whatever order their chunks come
 * in.
 *
 * How      every request has a number of its own and an answer counts only under the newest one; asked again
 *          with a new number when nothing came for a while. Chunks must agree in version, count and size,
 *          match their checksum and lie inside the shard; an answer that does not is dropped whole and asked
 *          for again. Of a batch only what it touches is asked for, and comes to its place; the rest of the
 *          array is as old as it is.
 * Threads  one owner.
 */
#ifndef ACTORS_WORKER_WORKER_PULL_H
#define ACTORS_WORKER_WORKER_PULL_H

#include "actors/kit/core_base.h"
#include "actors/worker/worker_touched.h"
#include "codec/base/backoff.h"

typedef struct {
    uint64_t request; /* 0: none is open */
    bool complete;
    int64_t retry_us;
    backoff_t pause;   /* without anything new */
    unsigned rejected; /* answers in a row */
    uint64_t version;
    uint64_t chunk_count; /* 0: no chunk yet */
    ranges_t covered;     /* elements that have arrived */
} pull_part_t;

typedef struct {
    core_base_t *base;             /* borrowed */
    const worker_shards_t *shards; /* borrowed */
    bool checksums;                /* whether they are insisted on */
    float *params;                 /* (N) */
    worker_touched_t touched;      /* by the batch */
    pull_part_t *parts;            /* one for each shard */
    uint64_t request;              /* newest number; never repeats, also not after a restart of the worker */
    uint64_t batch;
    bool newest;
} worker_pull_t;

void worker_pull_init(worker_pull_t *self, core_base_t *base, const worker_shards_t *shards,
                      const worker_spec_t *spec);
void worker_pull_fini(worker_pull_t *self);

/* A new fetch; what came for the one before is forgotten. Nothing is sent. */
void worker_pull_begin(worker_pull_t *self, uint64_t batch, bool newest, int64_t now_us);
/* Asks every shard by a message of its own; else the numbers of the parts travel in a push. `after`: as in
 * the message. */
void worker_pull_ask(worker_pull_t *self, uint64_t after);
/* A params message of a shard. */
void worker_pull_take(worker_pull_t *self, size_t shard, const message_t *message, int64_t now_us);
/* A shard's answer will not come: its process is gone, or is another one now. Asked again when it says so. */
void worker_pull_again(worker_pull_t *self, size_t shard, int64_t when_us);
/* Asks again where nothing came in time. */
void worker_pull_retry(worker_pull_t *self, int64_t now_us);
int64_t worker_pull_due(const worker_pull_t *self);
/* The first shard that has not answered; the number of shards: all have. */
size_t worker_pull_missing(const worker_pull_t *self);

#endif
