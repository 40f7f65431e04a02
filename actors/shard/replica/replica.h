/* replica - the version: parameters, what goes with them, and which of the own batches are in it.
 *
 * Owns     the tensors (copied on write, so that whoever holds one is never disturbed), the accumulator of
 *          what is cut next, the sets of own batches applied and refused.
 * Reads    base.
 * Called   by every room above; the strategy is chosen once, at the start.
 * Errors   what needs memory is all or nothing, and then says so (short_of_memory): it is tried again.
 */
#ifndef ACTORS_SHARD_REPLICA_REPLICA_H
#define ACTORS_SHARD_REPLICA_REPLICA_H

#include "actors/model/optimizer.h"
#include "actors/shard/base/assembly.h"
#include "actors/shard/base/base.h"
#include "actors/shard/base/stored.h"
#include "actors/shard/replica/since.h"
#include "actors/shard/replica/trail.h"
#include "codec/base/ranges.h"
#include "codec/compress/encoding.h"
#include "codec/tensor/patch.h"
#include "codec/tensor/spans.h"

#define REPLICA_TENSORS_MAX (7u + OPTIMIZER_STATE_MAX)
#define REPLICA_STEPPED (1u + OPTIMIZER_TENSORS_MAX) /* tensors that a step changes */
#define SHARD_SPARES 3u                              /* released buffers kept for the next copy on write */

/* One of the tensors that are added up: sum of weight_i x part_i / divisor. */
typedef struct {
    const assembly_t *assembly; /* one of the two */
    const buf_t *buf;
    const patch_t *patch; /* that the assembly is: 0 where it has nothing; NULL: it has everything */
    double weight;
} part_t;

typedef struct {
    part_t *parts; /* in the order in which they are added */
    size_t count;
    double divisor;
    const ranges_t *touched; /* where some part has something; NULL: everywhere */
    float *scratch;          /* (2, SHARD_BLOCK) */
    double *sums;            /* (SHARD_BLOCK) */
} blend_t;

/* One tensor of the version during a pass. */
typedef struct {
    buf_t **slot; /* NULL: takes no part */
    buf_t *next;  /* NULL: in place */
    uint64_t was; /* number of the version that `next` has; 0: of none that leads to the present one */
    const float *from;
    float *to;
} target_t;

/* A pass over the version that applies one gradient. */
typedef struct {
    target_t w, state[OPTIMIZER_TENSORS_MAX], open;
    float evened;  /* blend_evened of what comes */
    float average; /* how far averages go towards what comes; below 0: by their own rate, towards a batch's */
    float lr;
    uint64_t number; /* of the optimizer's step */
} pass_t;

/* The outcome of encoding a cut. */
typedef struct {
    buf_t *data; /* NULL: nothing to send */
    buf_t *view; /* float32, as receivers see it; NULL where only they want to know */
    uint64_t encoding;
    bool refused; /* it is not finite */
} encoded_t;

/* The outer optimizer (strategy/difference). */
typedef struct {
    bool on;      /* cuts are differences from it */
    bool starts;  /* there is a start: of differences, or the mean that a late model gives way to */
    bool goes_on; /* local steps go on from `base` while a cut's round is under way */
    float lr, mu;
    buf_t *start; /* what deltas act on; local steps began here */
    buf_t *base;  /* while a cut's round is under way: local steps since the cut began here; NULL: at start */
    buf_t *momentum;   /* NULL: mu is 0 */
    buf_t *gathered;   /* without rounds: what its momentum lacks yet; NULL: nothing */
    uint64_t arrivals; /* in `gathered` */
    buf_t *room;       /* soft: for the next difference */
} outer_t;

/* Where this region's own steps had led to when it cut a number. */
typedef struct {
    position_t at;
    buf_t *own;
} compensation_base_t;

/* A delta's word on how late it is. */
typedef struct {
    size_t origin;
    uint64_t steps;
    bool tells; /* how far the origin had taken this shard's stream as of its cut: */
    position_t seen;
} late_t;

/* A contribution that has not been applied: to a round, or without rounds an own one that
 * acts as others see it. */
typedef struct {
    size_t region;
    delta_head_t head;
    buf_t *data;
} pending_t;

/* How far this region has gone since others saw it last (shard_drift). Not stored: a restart begins anew. */
typedef struct {
    bool on;
    float lambda;
    buf_t *others; /* what other regions' deltas have added to the parameters; own = parameters - others */
    compensation_base_t *bases; /* (most) oldest first */
    size_t count, most;
    uint64_t going;                       /* a bit for each other region whose last delta has not come */
    uint64_t named[TOPOLOGY_REGIONS_MAX]; /* newest number that a delta of each region was compensated from */
    float *block;                         /* (2, SHARD_BLOCK) */
} compensation_t;

/* Of a tensor that steps change: which elements they have changed. */
typedef struct {
    trail_t trail;
    since_t since;
} stepped_t;

/* The version: parameters and what goes with them, and which own batches are in it. */
typedef struct exchange exchange_t;

typedef struct {
    base_t *base;
    const exchange_t *exchange; /* what the strategy does here */
    spans_t spans;              /* of the tensors that this shard's elements are of */
    optimizer_t optimizer;
    const encoding_t *encoding;
    encoding_setting_t encoding_setting;
    buf_t *parameters, *open;
    buf_t *state[OPTIMIZER_STATE_MAX]; /* what the optimizer remembers */
    uint64_t state_steps;              /* that these have had */
    outer_t outer;
    compensation_t compensation;
    buf_t *residual; /* what encoded cuts have not carried yet; NULL: nothing */
    uint64_t version, steps, samples_applied;
    ranges_t applied, refused;
    uint64_t open_steps, open_samples;
    pending_t *pending;    /* oldest first */
    part_t *pending_parts; /* (pending_capacity) */
    size_t pending_count, pending_capacity;
    buf_t *spares[SHARD_SPARES];
    stepped_t stepped[REPLICA_STEPPED]; /* of parameters, and of what the optimizer remembers */
    float *scratch;                     /* (2, SHARD_BLOCK) */
    double *sums;                       /* (SHARD_BLOCK) */
} replica_t;

/* The tensors of a first start: `parameters` (elements) float32 is taken. */
void replica_init(replica_t *self, base_t *base, const exchange_t *exchange);
void replica_fini(replica_t *self);
void replica_start(replica_t *self, buf_t **parameters_p);
/* Makes what the optimizer remembers and is not there, as at a start: 0. */
void replica_begin_state(replica_t *self);
/* -- where local steps began (start.c) */

void start_begin(replica_t *self); /* once the parameters are there */
void start_fini(replica_t *self);
void start_here(replica_t *self);      /* the next steps begin at the parameters */
void start_return(replica_t *self);    /* local steps since `start` have come for nothing */
void start_settle(replica_t *self);    /* when none are open, the next begin at `start` */
void start_drop_base(replica_t *self); /* local steps begin at `start` again */

void pending_add(replica_t *self, const pending_t *pending); /* moves its data in */
void pending_clear(replica_t *self);

/* state: what is stored. The tensors as a list: parameters, and what optimizer and strategy remember. */
size_t replica_tensors(replica_t *self, stored_tensor_t ret_tensors[REPLICA_TENSORS_MAX]);
void replica_pack(const replica_t *self, message_t *message);
bool replica_values(replica_t *self, snapshot_t *snapshot, err_t *err);
/* Errors: ERR_MALFORMED, ERR_SHAPE, ERR_JOB (of another one), ERR_MEMORY */
MUST_USE err_code_t replica_load(replica_t *self, const message_t *message, const snapshot_t *snapshot,
                                 err_t *err);
void pending_pack(const replica_t *self, message_t *message);
bool pending_values(const replica_t *self, snapshot_t *snapshot, err_t *err);
/* Errors: ERR_MALFORMED, ERR_SHAPE */
MUST_USE err_code_t pending_load(replica_t *self, const message_t *message, const snapshot_t *snapshot,
                                 err_t *err);
void pending_reopen(replica_t *self); /* no contribution is a region's last any more */

/* blend */
const float *blend_read(const blend_t *self, size_t first, size_t count);
/* This times what blend_read gives is a mean of the parts: 1, but where the divisor counts a region with two
 * parts once. */
float blend_evened(const blend_t *self);
bool slice_finite(const slice_t *slice, float *scratch); /* any alignment; size a multiple of 4 */

/* version: all or nothing; false without memory */
bool version_step(replica_t *self, const blend_t *gradient, bool step, bool accumulate);
/* A step with the gradients of a region, whose averages are taken by `share`. */
bool version_step_of(replica_t *self, const blend_t *gradient, float share);
/* The same in pieces, block by block; `apart`: nothing is changed in place, so that it can be dropped. */
size_t version_block_end(const replica_t *self, size_t first);
bool version_pass_open(replica_t *self, bool step, bool accumulate, bool apart, pass_t *ret_pass);
void version_pass_block(const replica_t *self, const pass_t *pass, size_t first, size_t count,
                        const float *g);
void version_pass_commit(replica_t *self, pass_t *pass);
void version_pass_drop(replica_t *self, pass_t *pass);
bool version_mix(replica_t *self, const blend_t *model, float keep, float take);
bool version_set(replica_t *self, const blend_t *model);
/* One tensor that is written next: in place, or apart. */
bool version_open(replica_t *self, target_t *target, buf_t **slot, bool apart);
void version_commit(replica_t *self, target_t *target);
void version_drop(replica_t *self, target_t *target);
buf_t *version_fresh(replica_t *self);
void version_release(replica_t *self, buf_t **buf_p);
buf_t *version_gather(replica_t *self, const assembly_t *assembly);

/* compensation */
void compensation_derive(replica_t *self); /* of strategies that send gradients which nobody waits for */
/* The parameters are new, and lie at `own` in the own stream: what was kept of older ones goes. `going`: a
 * bit for each other region whose last delta has not come. */
void compensation_begin(replica_t *self, const position_t *own, uint64_t going);
void compensation_fini(replica_t *self);
void compensation_note(replica_t *self, const position_t *own); /* a number has been cut */
void compensation_trim(replica_t *self, uint64_t going);        /* a delta has been taken */
bool compensation_step(replica_t *self, const late_t *late, const blend_t *gradient);

/* encode_cut */
void encode_derive(replica_t *self);
size_t encode_bytes_most(const replica_t *self); /* of a delta, at most */
/* `view`: as receivers see it, too. */
encoded_t encode_cut(replica_t *self, buf_t **values_p, bool whole, bool view);
/* Own bytes as receivers see them, to ret_view (elements). Errors: those of encoding_decode */
MUST_USE err_code_t encode_view(const replica_t *self, uint64_t encoding, buf_t *data, buf_t *ret_view);
bool encode_accepts(const replica_t *self, uint64_t encoding);
bool encode_fits(const replica_t *self, uint64_t encoding, uint64_t size);
/* Values of a delta that is here whole, to a tensor; *ret_patch: where they may not be 0, NULL: everywhere;
 * *ret_code: they are not what the encoding can have. False without memory. */
bool encode_decode(replica_t *self, uint64_t encoding, const assembly_t *assembly, buf_t **ret_view,
                   patch_t **ret_patch, err_code_t *ret_code);

#endif
