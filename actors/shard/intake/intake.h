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
#include "codec/tensor/patch.h"

#define SHARD_WORKERS_MAX 4096u    /* names remembered */
#define SHARD_STAGED_MAX 2u        /* incomplete pushes per worker: one under way and one that overtakes it */
#define SHARD_INTERVALS_MAX 16384u /* of the applied set: what surely fits a map frame, twice */
#define HELD_RESTORED SIZE_MAX
#define AHEAD_BASES (2u + OPTIMIZER_STATE_MAX)

typedef struct {
    bool used;
    uint64_t batch, samples;
    uint64_t pull, pull_batch; /* request 0: none */
    uint64_t touched;          /* grows: the least is replaced first */
    uint64_t serial;           /* of this assembly; no other one has it */
    uint64_t patch;            /* 1 + runs of the patch that the chunks make; 0: they are all elements */
    assembly_t assembly;
} staged_t;

typedef struct {
    wire_name_t name;
    uint64_t incarnation;
    staged_t staged[SHARD_STAGED_MAX];
    bool pull_waits;
    uint64_t pull, pull_batch, pull_answered;
    uint64_t pull_after; /* not 0: not before this worker's push of batch pull_after - 1 is here */
    patch_t *pull_some;  /* what it asks for; NULL: everything */
} worker_entry_t;

/* A push that is whole and checked, or refused for its content, and waits for its step. */
typedef struct {
    size_t worker; /* HELD_RESTORED: of an earlier run */
    uint64_t batch, samples;
    err_code_t code; /* not 0: refused; has no data */
    uint64_t serial; /* of the assembly */
    assembly_t assembly;
    patch_t *patch; /* that the assembly is; NULL: it is all elements */
} held_t;

/* A step that is computed chunk by chunk, while each chunk is in the cache, before its push is whole.
 * Nobody sees it until it is the next one to be applied and nothing that it was computed from has changed;
 * else it is dropped. */
typedef struct {
    uint64_t serial; /* of the assembly; 0: none */
    pass_t pass;
    uint64_t base
        [AHEAD_BASES]; /* buf_id of what was read: parameters, accumulator, what the optimizer remembers */
    size_t elements;   /* done */
    uint64_t *checksums;
    uint64_t summed; /* how many of them are made */
} ahead_t;

/* A step: what it does, and of which batches it is. */
typedef struct {
    bool steps;    /* the gradient changes the parameters at once */
    bool sums;     /* it is added to what other regions get */
    bool counts;   /* its samples are applied with it, and not with its round */
    bool in_order; /* it is the same batches in every shard */
} intake_terms_t;

/* The region's own pushes and pulls. */
typedef struct {
    base_t *base;
    replica_t *replica;
    intake_terms_t terms;
    size_t *picks;    /* (width) */
    part_t *parts;    /* (width) */
    ranges_t touched; /* elements that some part of the next step has */
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

void intake_init(intake_t *self, base_t *base, replica_t *replica, const intake_terms_t *terms);
void intake_fini(intake_t *self);
/* The shard stops: what is incomplete goes; what is held stays where steps are in order,
 * for whoever goes on. */
void intake_stop(intake_t *self);
/* Drops everything that has come and is not in the version: it is sent again, as nothing of
 * it was acknowledged. */
void intake_forget(intake_t *self);

/* state: what is stored. Errors: ERR_MALFORMED, ERR_SHAPE */
void intake_pack(const intake_t *self, message_t *message);
bool intake_values(const intake_t *self, snapshot_t *snapshot, err_t *err);
MUST_USE err_code_t intake_load(intake_t *self, const message_t *message, const snapshot_t *snapshot,
                                err_t *err);

/* ahead */
void ahead_add(intake_t *self, const staged_t *staged, uint64_t chunk, uint64_t offset, const slice_t *data);
/* whether the step was ready; it is in the version then */
bool ahead_commit(intake_t *self, uint64_t serial);
void ahead_drop(intake_t *self);

/* intake_push, shard_step, intake_pull */
worker_entry_t *intake_worker(intake_t *self, const message_t *message); /* NULL: answered already */
void intake_push(intake_t *self, message_t *message);
void intake_ack(intake_t *self, const char *to, uint64_t batch, bool applied, err_code_t code);
void staged_drop(staged_t *self);
void held_drop(intake_t *self, size_t index);
void held_add(intake_t *self, const held_t *held); /* moves its assembly and patch in */
/* The patch that an assembly of 1 + runs `patch` is. Errors: those of patch_load, ERR_SHAPE (its size) */
MUST_USE err_code_t held_read_patch(const intake_t *self, const assembly_t *assembly, uint64_t patch,
                                    patch_t **ret_patch);
/* Makes the next step of what is held; false when there is none, or no memory. Only
 * while steps may be made. */
bool intake_step(intake_t *self);
bool intake_has(const intake_t *self, uint64_t batch);          /* in the version, or held for its step */
bool intake_missing(const intake_t *self, uint64_t *ret_batch); /* a push that a begun step lacks */
void intake_pull(intake_t *self, const message_t *message);
/* Everything, as of a batch. */
void intake_want(intake_t *self, worker_entry_t *worker, uint64_t request, uint64_t batch);
void intake_forget_pull(intake_t *self, worker_entry_t *worker);
/* Answers pulls whose step may begin; `steps`: no round or destination is waited for. */
void intake_serve(intake_t *self, bool steps);
uint64_t intake_chunks(const intake_t *self);
size_t intake_chunk_bytes(const intake_t *self, uint64_t chunk);

#endif
