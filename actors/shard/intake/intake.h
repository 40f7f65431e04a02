/* intake - the region's own batches: pushes come in, are staged, checked and held; parameters go out.
 *
 * Owns     workers and what of each is under way, held pushes, a step that is computed ahead.
 * Reads    replica, base.
 * Called   by the core, which knows from the rooms above whether a step may be made.
 */
#ifndef ACTORS_SHARD_INTAKE_INTAKE_H
#define ACTORS_SHARD_INTAKE_INTAKE_H

#include "actors/shard/replica/replica.h"
#include "codec/base/names.h"

#define SHARD_WORKERS_MAX 4096u    /* names remembered */
#define SHARD_STAGED_MAX 2u        /* incomplete pushes per worker: one under way and one that overtakes it */
#define SHARD_INTERVALS_MAX 16384u /* of the applied set: what surely fits a map frame, twice */
#define HELD_RESTORED SIZE_MAX

typedef struct {
    bool used;
    uint64_t batch, samples;
    uint64_t pull, pull_batch; /* request 0: none */
    uint64_t touched;          /* grows: the least is replaced first */
    uint64_t serial;           /* of this assembly; no other one has it */
    assembly_t assembly;
} staged_t;

typedef struct {
    wire_name_t name;
    uint64_t incarnation;
    staged_t staged[SHARD_STAGED_MAX];
    bool pull_waits;
    uint64_t pull, pull_batch, pull_answered;
} worker_entry_t;

/* A push that is whole and checked, or refused for its content, and waits for its step. */
typedef struct {
    size_t worker; /* HELD_RESTORED: of an earlier run */
    uint64_t batch, samples;
    err_code_t code; /* not 0: refused; has no data */
    uint64_t serial; /* of the assembly */
    assembly_t assembly;
} held_t;

/* A step that is computed chunk by chunk, while each chunk is in the cache, before its push is whole. Nobody sees it
 * until it is the next one to be applied and nothing that it was computed from has changed; else it is dropped. */
typedef struct {
    uint64_t serial; /* of the assembly; 0: none */
    pass_t pass;
    uint64_t base[3]; /* buf_id of what was read: parameters, momentum, accumulator */
    size_t elements;  /* done */
    uint64_t *checksums;
    uint64_t summed; /* how many of them are made */
} ahead_t;

/* The region's own pushes and pulls. */
typedef struct {
    size_t *picks; /* (width) */
    part_t *parts; /* (width) */
    worker_entry_t *workers;
    size_t worker_count;
    names_t worker_names; /* index */
    size_t pulls_waiting; /* workers whose pull has not been answered */
    held_t *held;
    size_t held_count, held_capacity;
    uint64_t touches, serials;
    ahead_t ahead;
    uint64_t *checksums; /* of the chunks of the buffer checksums_of */
    uint64_t checksums_of;
} intake_t;

#endif
