/* durable - what is stored of the shard, when, and what that allows.
 *
 * Owns     the snapshot that is out, what the newest committed one contains, keepers and what they have, common points, going on
 *          without a disk.
 * Reads    rounds, stream, intake, replica, base.
 * Called   by entry and the core.
 */
#ifndef ACTORS_SHARD_DURABLE_DURABLE_H
#define ACTORS_SHARD_DURABLE_DURABLE_H

#include "actors/shard/durable/keep.h"
#include "actors/shard/rounds/rounds.h"
#include "store/snapshot.h"

#define SHARD_TAKEN_US 20000
#define SHARD_RETRY_FIRST_US 100000
#define SHARD_RETRY_LAST_US 5000000
#define SHARD_MARKS_MAX 128u /* more than checkpoint.marks may be */
#define SHARD_MARK_FIELDS 2u /* of a row of marks: incarnation, name */

/* What the snapshot that is out contains; becomes durable when it is committed. */
typedef struct {
    uint64_t number; /* 0: none is out */
    bool outlived;   /* the state has been replaced since: what becomes of it does not matter */
    uint64_t changes, last, steps, round;
    ranges_t applied;
    bool closed;
    uint64_t taken[TOPOLOGY_REGIONS_MAX];
    bool final[TOPOLOGY_REGIONS_MAX];
} shot_t;

/* Snapshots of common points; where the shard stands with the points is base/gate. */
typedef struct {
    uint64_t shot;   /* point of the snapshot that is out; 0: it is not for one */
    uint64_t done;   /* newest point whose snapshot this incarnation has made durable */
    uint64_t wanted; /* point whose snapshot is to be taken, while it is the one that is held */
    wire_name_t tag; /* of the point that is held */
    uint64_t kept[SHARD_MARKS_MAX * SHARD_MARK_FIELDS]; /* stored; rows of kept_count */
    size_t kept_count;
} shard_mark_t;

/* While the disk is full, and the job says to go on (shard_uncovered). Soft: what is lost by a death is just this. */
typedef struct {
    bool on;
    uint64_t last;    /* own delta that has left so */
    uint64_t count;   /* of those */
    uint64_t changes; /* what must be committed before nothing of it can be lost any more */
} uncovered_t;

/* What is stored, and what that allows. */
typedef struct {
    uint64_t number;      /* of the newest snapshot taken */
    uint64_t handed_from; /* number of the newest taken before the shard was to be handed over */
    keep_t keep;
    shot_t shot;
    ranges_t applied;
    uint64_t committed_last, committed_changes, committed_steps;
    bool closed;
    int64_t retry_us, retry_pause_us;
    err_code_t store_error;
    uncovered_t uncovered;
    shard_mark_t mark;
} durable_t;

#endif
