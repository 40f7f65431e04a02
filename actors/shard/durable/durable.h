/* durable - what is stored of the shard, when, and what that allows.
 *
 * Owns     the snapshot that is out, what the newest committed one contains, keepers and what they have, common points, going on
 *          without a disk.
 * Reads    rounds, stream, intake, replica, base.
 * Called   by entry and the core.
 */
#ifndef ACTORS_SHARD_DURABLE_DURABLE_H
#define ACTORS_SHARD_DURABLE_DURABLE_H

#include "actors/keeper/transfer.h"
#include "actors/shard/rounds/rounds.h"
#include "store/snapshot.h"

#define SHARD_TAKEN_US 20000
#define SHARD_RETRY_FIRST_US 100000
#define SHARD_RETRY_LAST_US 5000000
#define SHARD_MARK_US 10000000 /* silence of the global scheduler after which a point is given up here */
#define SHARD_MARKS_MAX 128u   /* more than checkpoint.marks may be */
#define SHARD_MARK_FIELDS 2u   /* of a row of marks: incarnation, name */
#define KEEP_KEEPERS_MAX 8u    /* as many as checkpoint.replicas may say */
#define KEEP_GIVEN_MAX (KEEP_KEEPERS_MAX + 1)
#define KEEP_NONE SIZE_MAX
#define KEEP_OFFER_US 500000 /* an offer is repeated when nothing was fetched for so long */
#define KEEP_RETRY_US 1000000
#define KEEP_STOP_US 3000000
#define KEEP_WAIT_SHOWN_US 1000000

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

/* A committed snapshot, while a keeper is given it or may be. */
typedef struct {
    giver_t *giver; /* NULL: the place is free */
    uint64_t number, changes;
    int64_t taken_us;
} given_t;

typedef struct {
    wire_name_t name;
    uint64_t incarnation; /* another one may have another disk: it is asked what it has */
    uint64_t kept;        /* newest number that it has */
    size_t giving;        /* index of what it is given now; KEEP_NONE */
    int64_t offer_us;     /* when the offer is repeated */
    int64_t retry_us;     /* not before: it has refused one */
    err_code_t refused;   /* its newest answer */
} keeper_t;

typedef struct {
    uint64_t assignment; /* newest heard of */
    keeper_t keepers[KEEP_KEEPERS_MAX];
    size_t keeper_count;
    given_t given[KEEP_GIVEN_MAX];
    size_t newest;     /* index of the newest committed; KEEP_NONE */
    snapshot_t *taken; /* is being committed */
    int64_t taken_us;
    uint64_t taken_changes;
    uint64_t
        waits; /* number that is committed here and not kept by all yet, with durability replica; 0: none */
    uint64_t kept, kept_changes; /* newest that all keepers have */
    int64_t kept_us, begun_us, heard_us;
} keep_t;

/* Where the shard stands with common points. A point is over when its snapshot is durable here, or when it was
 * given up. */
typedef struct {
    uint64_t number;    /* newest point that was taken or is over; what is cut next lies behind it; stored */
    uint64_t over;      /* newest point that is over: what lies behind it may be taken from other regions */
    uint64_t held;      /* point that is being made: no kept delta is let go; 0: none */
    uint64_t shot;      /* point of the snapshot that is out; 0: it is not for one */
    uint64_t done;      /* newest point whose snapshot this incarnation has made durable */
    uint64_t ahead;     /* newest point that another region's delta lies behind */
    bool wanted;        /* the snapshot of `held` is to be taken */
    wire_name_t tag;    /* of `held` */
    int64_t patient_us; /* when the global scheduler has been silent for too long; ROLE_NEVER: no matter */
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
    uint64_t number;           /* of the newest snapshot taken */
    uint64_t handed_from;      /* number of the newest taken before the shard was to be handed over */
    uint64_t committed_number; /* of the newest one that is durable in this incarnation, 0: none yet */
    bool stored;               /* some snapshot is durable */
    keep_t keep;
    shot_t shot;
    ranges_t applied;
    uint64_t committed_last, committed_changes, committed_steps;
    bool closed;
    int64_t taken_since_us; /* ROLE_NEVER: everything taken is in a snapshot */
    int64_t retry_us, retry_pause_us;
    err_code_t store_error;
    uncovered_t uncovered;
    shard_mark_t mark;
} durable_t;

#endif
