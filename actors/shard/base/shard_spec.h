/* shard_spec - what a shard is told when it is started.
 *
 * Threads  a value.
 */
#ifndef ACTORS_SHARD_BASE_SHARD_SPEC_H
#define ACTORS_SHARD_BASE_SHARD_SPEC_H

#include "brokers/job.h"
#include "codec/tensor/layout.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct {
    const topology_t *topology; /* borrowed for the life of the core */
    const job_t *job;           /* borrowed for the life of the core */
    size_t region_index;
    size_t shard_index;
    uint64_t incarnation;
    size_t elements; /* of this shard */
    uint64_t layout; /* layout_digest of the model */
    /* the model's, borrowed for the life of the core; NULL: all of it is the optimizer's */
    const layout_t *tensors;
    size_t first;       /* of the model's elements, the first of this shard's */
    uint64_t run;       /* identity of the run, stored with every snapshot; RUN_ID_NONE: not known */
    size_t chunk_bytes; /* MESSAGE_CHUNK_BYTES; small in the simulator; a multiple of 4 */
    uint64_t history;   /* random, for a start that loses something; not 0 */
    /* one region: it starts from less than it had, and a new history begins (actors/shard/shard_start.h) */
    bool loses;
    uint64_t lost;  /* own batches that the newest had and this one lacks, as far as known */
    bool patches;   /* gradients may come as patches: outside of them a step changes nothing */
    bool checksums; /* false: pushes and params without checksum are fine (one process) */
    /* several regions: what it starts from may not be all that it had; asks the others first */
    bool uncertain;
    unsigned breaks; /* of actors/kit/breaks.h; 0 but in tests */
} shard_spec_t;

#endif
