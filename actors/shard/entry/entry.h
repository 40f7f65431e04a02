/* entry - state transfer: where the shards of other regions stand, taking the state of one of them, giving the own one.
 *
 * Owns     what others have said of themselves, the phase of an entry, the donor that was chosen, the newcomer that is given to.
 * Reads    durable, rounds, stream, intake, replica, base.
 * Called   by the core.
 */
#ifndef ACTORS_SHARD_ENTRY_ENTRY_H
#define ACTORS_SHARD_ENTRY_ENTRY_H

#include "actors/shard/durable/durable.h"

#define SHARD_STAND_FIRST_US 50000 /* stands are asked for again after this, doubling ... */
#define SHARD_STAND_LAST_US 500000 /* ... up to this */
#define SHARD_STAND_FINALS_US                                                                                \
    15000000 /* a shard that has all of its own asks again who owes his last delta; seldom, for the hold below */
#define SHARD_STAND_HOLD_US 3000000 /* nothing is let go for so long after another region has asked */
#define SHARD_DONOR_SILENCE_US 5000000
#define SHARD_DONOR_PATIENCE 4    /* times sync.away_after */
#define SHARD_POSITION_US 1000000 /* new positions are told again until all say that they know them */
#define SHARD_TRANSFER_WINDOW 8
#define SHARD_TRANSFER_PATIENCE_US 1000000

/* What another region's shard has said of itself, and of this shard's stream. */
typedef struct {
    bool heard;
    bool entering, lossy;
    uint64_t history, taken; /* of this shard's stream */
    uint64_t cut, line, follows_history, follows, oldest, samples, round;
} stand_view_t;

/* The newcomer that is being given this shard's state. */
typedef struct {
    size_t region; /* SIZE_MAX: nobody */
    uint64_t incarnation, attempt;
    uint64_t number;      /* of the snapshot for it; 0: to be taken */
    snapshot_t *snapshot; /* taken, not durable yet */
    giver_t *giver;       /* once it is */
    int64_t heard_us;
} donor_t;

typedef struct {
    bool start; /* asked by a start that is not sure of what it goes on from */
    size_t donor;
    uint64_t attempt;
    int64_t since_us;
    int64_t ask_us, pause_us; /* next stand_want */
    int64_t heard_us;         /* from the donor */
    bool stayed;         /* after a loss, with what was here: what it lacks of others may be kept no longer */
    int64_t position_us; /* next telling of new positions; ROLE_NEVER: all are known */
    taker_t *taker;
    stand_view_t stands[TOPOLOGY_REGIONS_MAX];
    int64_t finals_us; /* next look at whose last delta is lacking; 0: not begun */
    donor_t giving;
} entry_t;

#endif
