/* replica - the version: parameters, what goes with them, and which of the own batches are in it.
 *
 * Owns     the tensors (copied on write, so that whoever holds one is never disturbed), the accumulator of what is cut next, the
 *          sets of own batches applied and refused.
 * Reads    base.
 * Called   by every room above; the strategy is chosen once, at the start.
 * Errors   what needs memory is all or nothing, and then says so (short_of_memory): it is tried again.
 */
#ifndef ACTORS_SHARD_REPLICA_REPLICA_H
#define ACTORS_SHARD_REPLICA_REPLICA_H

#include "actors/model/optimizer.h"
#include "actors/shard/base/assembly.h"
#include "actors/shard/base/base.h"
#include "codec/base/ranges.h"
#include "codec/compress/encoding.h"

#define SHARD_SPARES 3u /* released buffers kept for the next copy on write */

/* One of the tensors that are added up: sum of weight_i x part_i / divisor. */
typedef struct {
    const assembly_t *assembly; /* one of the two */
    const buf_t *buf;
    double weight;
} part_t;

typedef struct {
    part_t *parts; /* in the order in which they are added */
    size_t count;
    double divisor;
    float *scratch; /* (2, SHARD_BLOCK) */
    double *sums;   /* (SHARD_BLOCK) */
} blend_t;

/* One tensor of the version during a pass. */
typedef struct {
    buf_t **slot; /* NULL: takes no part */
    buf_t *next;  /* NULL: in place */
    const float *from;
    float *to;
} target_t;

/* A pass over the version that applies one gradient. */
typedef struct {
    target_t w, v, open;
    float lr;
} pass_t;

/* What a cut came to. */
typedef struct {
    buf_t *data; /* NULL: nothing to send */
    buf_t *view; /* float32, as receivers see it; NULL where only they want to know */
    uint64_t encoding;
    bool refused; /* it is not finite */
} encoded_t;

/* The outer optimizer (shard_outer). */
typedef struct {
    bool on;
    bool keeps; /* only `start`: the mean that a late model gives way to */
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
    uint64_t history, number;
    buf_t *own;
} drift_base_t;

/* How far this region has gone since others saw it last (shard_drift). Not stored: a restart begins anew. */
typedef struct {
    bool on;
    float lambda;
    buf_t *others; /* what other regions' deltas have added to the parameters; own = parameters - others */
    drift_base_t *bases; /* (most) oldest first */
    size_t count, most;
    uint64_t named[TOPOLOGY_REGIONS_MAX]; /* newest number that a delta of each region was compensated from */
    float *block;                         /* (2, SHARD_BLOCK) */
} drift_t;

/* The version: parameters and what goes with them, and which own batches are in it. */
typedef struct {
    optimizer_t optimizer;
    const encoding_t *encoding;
    encoding_setting_t encoding_setting;
    buf_t *parameters, *momentum, *open;
    outer_t outer;
    drift_t drift;
    buf_t *residual; /* what encoded cuts have not carried yet; NULL: nothing */
    uint64_t version, steps, samples_applied;
    ranges_t applied, refused;
    uint64_t open_steps, open_samples;
    buf_t *spares[SHARD_SPARES];
    float *scratch; /* (2, SHARD_BLOCK) */
    double *sums;   /* (SHARD_BLOCK) */
} replica_t;

#endif
