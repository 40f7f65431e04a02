/* stream - own deltas on their way to other regions, and theirs on their way here.
 *
 * Owns     the lineage of histories and numbers, the queue of kept deltas, where each destination and each origin stands.
 * Reads    intake, replica, base.
 * Called   by the rooms above and the core.
 */
#ifndef ACTORS_SHARD_STREAM_STREAM_H
#define ACTORS_SHARD_STREAM_STREAM_H

#include "actors/shard/intake/intake.h"

#define SHARD_INCOMING_MAX 4u /* deltas per origin that are being assembled */
#define SHARD_HEAD_US 200000

/* An own delta, kept until it is durable at every destination. Its bytes never change. */
typedef struct {
    delta_head_t head;
    uint64_t mark;     /* newest common point before it was cut */
    buf_t *data;       /* NULL for kind nothing */
    uint64_t encoding; /* of data */
    buf_t *cursor;     /* pairs of uint64: own batches applied as of the cut */
    buf_t *seen; /* pairs of uint64: per region, history and number taken as of the cut; NULL: not told */
    uint64_t *checksums; /* per chunk, when it was sent once */
} kept_t;

/* Whose deltas go to whom, and how that line goes on from an earlier one. */
typedef struct {
    wire_name_t to;
    size_t origin;
    uint64_t history, follows_history, follows, stable;
} delivery_t;

typedef struct {
    bool used;
    delta_head_t head;
    uint64_t history, stable, mark, follows_history, follows;
    err_code_t code; /* not 0: refused for its content; consumes its number in its turn */
    uint64_t encoding;
    assembly_t assembly;
    buf_t *cursor; /* pairs of uint64: the origin's batches as of its cut; comes with chunk 0 */
    bool tells;    /* how far the origin had taken this shard's stream as of its cut: */
    uint64_t seen_history, seen;
    buf_t *decoded; /* what the assembly held, once its turn has come; NULL: not encoded */
} incoming_t;

typedef struct {
    uint64_t history, taken, samples, stable, incarnation;
    bool final;
    uint64_t durable; /* taken, as of the newest committed snapshot */
    bool final_durable;
    buf_t *cursor;      /* pairs of uint64: the origin's batches that are in this shard's state; NULL: none */
    bool suspect;       /* its stream may have gone on without this shard: its stand will tell */
    bool position_told; /* its shard has said that it knows the present entry */
    uint64_t shard_incarnation; /* newest of its shard that has spoken */
    bool handed;                /* what came last of it was handed on by another region */
    incoming_t incoming[SHARD_INCOMING_MAX];
} origin_t;

/* Own deltas on their way out, and other regions' on their way in. */
typedef struct {
    uint64_t history;
    uint64_t follows_history, follows; /* where the history goes on from */
    uint64_t cut, open_first;
    bool closed;    /* the final cut is made */
    uint64_t lines; /* histories begun by this core */
    kept_t *queue;
    size_t queue_count, queue_capacity;
    uint64_t kept_bytes;
    uint64_t destination_durable[TOPOLOGY_REGIONS_MAX];
    uint64_t destination_taken[TOPOLOGY_REGIONS_MAX]; /* not stored: a restart begins with what is durable */
    uint64_t destination_entry[TOPOLOGY_REGIONS_MAX];
    int64_t destination_hold_us[TOPOLOGY_REGIONS_MAX]; /* nothing is let go before this */
    bool destination_away[TOPOLOGY_REGIONS_MAX];
    origin_t origins[TOPOLOGY_REGIONS_MAX];
    bool nothing_comes; /* no delta of any region is being assembled, or waits for its turn */
    int64_t head_us;
} stream_t;

#endif
