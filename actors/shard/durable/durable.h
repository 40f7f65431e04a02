/* durable - what is stored of the shard, when, and what that allows.
 *
 * Why      nothing that could be lost by a death is acted on by others: a delta leaves, an origin is told, a
 *          state is given only once the snapshot that contains it is committed (and, with durability
 *          `replica`, kept by keepers).
 * Owns     the snapshot that is out, what the newest committed one contains, going on without a disk;
 *          and its parts, each with a struct of its own: keepers and what they have (keep), snapshots
 *          of common points (mark).
 * Reads    rounds, stream, intake, replica, base.
 * Called   by transfer and the core. What is committed comes back as durable_done_t: the core hands it to
 *          transfer, stream and rounds, in this order.
 * Threads  those of the core.
 */
#ifndef ACTORS_SHARD_DURABLE_DURABLE_H
#define ACTORS_SHARD_DURABLE_DURABLE_H

#include "actors/shard/durable/keep.h"
#include "actors/shard/durable/mark.h"
#include "actors/shard/rounds/rounds.h"
#include "codec/base/backoff.h"
#include "store/snapshot.h"

#define DURABLE_TAKEN_US 20000 /* what others wait to hear of is stored so soon */
#define DURABLE_RETRY_FIRST_US 100000
#define DURABLE_RETRY_LAST_US 5000000

/* Reasons for a snapshot that lie above; set and cleared by the room that wants it. */
#define DURABLE_TRANSFER (1u << 0) /* a newcomer is to be given the state */

/* Contents of the snapshot that is out; they become durable when it is committed. */
typedef struct {
    uint64_t number; /* 0: none is out */
    bool outlived;   /* the state has been replaced since: what becomes of it does not matter */
    uint64_t changes, last, steps, round;
    ranges_t applied;
    bool closed;
    uint64_t taken[TOPOLOGY_REGIONS_MAX];
    bool final[TOPOLOGY_REGIONS_MAX];
} shot_t;

typedef struct {
    base_t *base;
    replica_t *replica;
    intake_t *intake;
    stream_t *stream;
    rounds_t *rounds;
    keep_t keep;
    mark_t mark;
    unsigned wants;       /* DURABLE_TRANSFER */
    uint64_t number;      /* of the newest snapshot taken */
    uint64_t handed_from; /* number of the newest taken before the shard was to be handed over */
    shot_t shot;
    ranges_t applied; /* own batches that are durable */
    uint64_t committed_last, committed_changes, committed_steps;
    bool closed; /* the final cut is durable */
    int64_t retry_us;
    backoff_t retry;
    err_code_t store_error;
    /* Of what has left while the disk was full (uncovered.c): what must be committed before nothing of it can
     * be lost any more. Soft: what is lost by a death is just this. */
    uint64_t uncovered_changes;
} durable_t;

/* The outcome of the snapshot that was out. */
typedef struct {
    uint64_t number;      /* of it; 0: nothing yet */
    err_code_t code;      /* not 0: it must not be given to anybody */
    bool counts;          /* it is durable, and still of the state that this shard goes on from: */
    uint64_t changes;     /* these are durable, */
    uint64_t round;       /* and so is this round; */
    uint64_t first, last; /* these own deltas may leave from now on; none when first > last */
} durable_done_t;

void durable_init(durable_t *self, base_t *base, replica_t *replica, intake_t *intake, stream_t *stream,
                  rounds_t *rounds);
void durable_fini(durable_t *self);

/* -- time and messages (durable.c) */

/* KIND_mark of the global scheduler, KIND_keepers of the own one, KIND_snapshot_kept and KIND_snapshot_fetch
 * of keepers: senders are judged by the core. */
MUST_USE durable_done_t durable_message(durable_t *self, const message_t *message);
MUST_USE durable_done_t durable_tick(durable_t *self);
int64_t durable_due(const durable_t *self); /* the next tick or snapshot */
/* Nothing is out, and all that this shard is to leave behind is stored: it may end. */
bool durable_is_done(const durable_t *self);

/* -- changes of what is to be stored (durable.c) */

/* The shard is to go on elsewhere: one more snapshot is the last. */
void durable_hand_over(durable_t *self);
bool durable_has_handed(const durable_t *self); /* that one is durable, and nothing has changed since */
/* Another region's state is here instead of the former one. */
void durable_replaced(durable_t *self);
/* Own batches went with it, that were durable. */
void durable_lost(durable_t *self);
/* A new history of the own stream follows there. What is out is of the former one. */
void durable_begin_lineage(durable_t *self, const position_t *parent);

/* -- snapshots (snapshot.c) */

bool durable_dirty(const durable_t *self); /* something is not stored */
int64_t durable_snapshot_due(const durable_t *self);
/* The snapshot that is due, at most one at a time; the caller owns it. NULL: none, or no memory. */
snapshot_t *durable_take(durable_t *self);
/* It is on the disk, or not: code. */
MUST_USE durable_done_t durable_committed(durable_t *self, uint64_t number, err_code_t code);
/* Keepers have said something of it. */
MUST_USE durable_done_t durable_news(durable_t *self, keep_news_t news);

/* -- going on while the disk is full (uncovered.c) */

bool durable_may_go_on(const durable_t *self);
void durable_go_on(durable_t *self);
bool durable_goes_on(const durable_t *self);      /* trains without its disk, now */
bool durable_is_uncovered(const durable_t *self); /* a death would lose something that others have */
/* Hands new cuts of the stream to rounds, and to other regions where these do not wait for storage. To be
 * called after all that may cut. */
void durable_collect(durable_t *self);
void durable_send_uncovered(durable_t *self); /* what is cut and has not left does so */
void durable_cover(durable_t *self);          /* what leaves is stored again, from now on */

/* -- the state (state.c) */

/* The message in a snapshot's value "state". Errors: ERR_MALFORMED, and those of message_unpack. */
MUST_USE err_code_t state_decode(const buf_t *state, message_t **ret_message, err_t *err);
/* How many own batches it says are applied. Errors: ERR_MALFORMED. */
MUST_USE err_code_t state_count(const buf_t *state, uint64_t *ret_batches, err_t *err);
/* All values of a snapshot. False without memory. */
bool state_values(durable_t *self, snapshot_t *snapshot, err_t *err);
/* All rooms as they were stored; of no use on failure. Errors: ERR_MALFORMED, ERR_SHAPE,
 * ERR_JOB, ERR_MEMORY. */
MUST_USE err_code_t state_load(durable_t *self, const snapshot_t *snapshot, err_t *err);

#endif
