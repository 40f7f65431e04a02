/* entry - state transfer: where the shards of other regions stand, taking the state of one of
 * them, giving the own one.
 *
 * Owns     what others have said of themselves, the phase of an entry, the donor that was chosen, the
 *          newcomer that is given to.
 * Reads    durable, rounds, stream, intake, replica, base.
 * Called   by the core.
 */
#ifndef ACTORS_SHARD_ENTRY_ENTRY_H
#define ACTORS_SHARD_ENTRY_ENTRY_H

#include "actors/shard/durable/durable.h"

#include "codec/base/backoff.h"

#define SHARD_STAND_FIRST_US 50000 /* stands are asked for again after this, doubling ... */
#define SHARD_STAND_LAST_US 500000 /* ... up to this */
/* A shard that has all of its own asks again who owes his last delta; seldom, for the hold below. */
#define SHARD_STAND_FINALS_US 15000000
#define SHARD_STAND_HOLD_US 3000000 /* nothing is let go for so long after another region has asked */
#define SHARD_DONOR_SILENCE_US 5000000
#define SHARD_DONOR_PATIENCE 4    /* times sync.away_after */
#define SHARD_POSITION_US 1000000 /* new positions are told again until all say that they know them */
#define SHARD_TRANSFER_WINDOW 8
#define SHARD_TRANSFER_PATIENCE_US 1000000

/* The last words of another region's shard about itself, and about this shard's stream. */
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
    base_t *base;
    replica_t *replica;
    intake_t *intake;
    stream_t *stream;
    rounds_t *rounds;
    durable_t *durable;
    bool start; /* asked by a start that is not sure of what it goes on from */
    size_t donor;
    uint64_t attempt;
    int64_t since_us;
    int64_t ask_us; /* next stand_want */
    backoff_t pause;
    int64_t heard_us;    /* from the donor */
    bool stayed;         /* after a loss, with what was here: what it lacks of others may be kept no longer */
    int64_t position_us; /* next telling of new positions; ROLE_NEVER: all are known */
    taker_t *taker;
    stand_view_t stands[TOPOLOGY_REGIONS_MAX];
    int64_t finals_us; /* next look at whose last delta is lacking; 0: not begun */
    donor_t giving;
} entry_t;

void entry_init(entry_t *self, base_t *base, replica_t *replica, intake_t *intake, stream_t *stream,
                rounds_t *rounds, durable_t *durable);
void entry_fini(entry_t *self);
void entry_stop(entry_t *self); /* nothing is taken or given any more */
void entry_tick(entry_t *self);
int64_t entry_due(const entry_t *self);

/* stand_take */
void stand_want(entry_t *self, const message_t *message);
void stand_take(entry_t *self, const message_t *message);
void stand_ask(entry_t *self);
void stand_ask_one(entry_t *self, size_t region);
void stand_say(entry_t *self, size_t region);
void stand_tick(entry_t *self);
int64_t stand_due(const entry_t *self);
/* The numbers after this shard's position in the stream of `region` can still come, as
 * that region has said. */
bool stand_can_follow(const entry_t *self, size_t region);
void stand_gap(entry_t *self, const message_t *message);
void stand_mute(entry_t *self); /* own votes may be lost */

/* entry_begin */
void entry_ask_at_start(entry_t *self);
void entry_begin(entry_t *self, bool lossy);
void entry_decide(entry_t *self);
void entry_offer(entry_t *self, const message_t *message);
void entry_piece(entry_t *self, const message_t *message);
void enter_tick(entry_t *self);
int64_t enter_due(const entry_t *self);
void entry_done(entry_t *self); /* the new state is durable */
void entry_drop(entry_t *self);
const char *entry_waits_for(const entry_t *self, wire_name_t text); /* empty: for nobody */

/* entry_adopt: all or nothing. Errors: those of state_load, ERR_NUMBER, ERR_DENIED (of another
 * region), ERR_MEMORY */
err_code_t entry_adopt(entry_t *self, size_t donor, snapshot_t **snapshot_p, err_t *err);

/* donor */
void donor_want(entry_t *self, const message_t *message);
void donor_fetch(entry_t *self, const message_t *message);
void donor_taken(entry_t *self, const snapshot_t *snapshot);
void donor_committed(entry_t *self, uint64_t number, err_code_t code);
void donor_tick(entry_t *self);
void donor_drop(entry_t *self);

#endif
