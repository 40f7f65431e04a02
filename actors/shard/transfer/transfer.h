/* transfer - state transfer: where the shards of other regions stand, taking the state of one of
 * them, giving the own one.
 *
 * Owns     what others have said of themselves, the phase of a state transfer, the donor that was chosen, the
 *          newcomer that is given to.
 * Reads    durable, rounds, stream, intake, replica, base.
 * Called   by the core.
 */
#ifndef ACTORS_SHARD_TRANSFER_TRANSFER_H
#define ACTORS_SHARD_TRANSFER_TRANSFER_H

#include "actors/shard/durable/durable.h"

#include "codec/base/backoff.h"

#define SHARD_PEER_STATUS_FIRST_US                                                                           \
    50000 /* the status of others is asked for again after this, doubling ... */
#define SHARD_PEER_STATUS_LAST_US 500000 /* ... up to this */
/* A shard that has all of its own asks again who owes his last delta; seldom, for the hold below. */
#define SHARD_PEER_STATUS_FINALS_US 15000000
#define SHARD_PEER_STATUS_HOLD_US 3000000 /* nothing is let go for so long after another region has asked */
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
    uint64_t cut, own_history, parent_history, parent_number, oldest, samples, round;
} peer_view_t;

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
    int64_t ask_us; /* next peer_status_want */
    backoff_t pause;
    int64_t heard_us;    /* from the donor */
    bool stayed;         /* after a loss, with what was here: what it lacks of others may be kept no longer */
    int64_t position_us; /* next telling of new positions; ROLE_NEVER: all are known */
    taker_t *taker;
    peer_view_t peers[TOPOLOGY_REGIONS_MAX];
    int64_t finals_us; /* next look at whose last delta is lacking; 0: not begun */
    donor_t giving;
} transfer_t;

void transfer_init(transfer_t *self, base_t *base, replica_t *replica, intake_t *intake, stream_t *stream,
                   rounds_t *rounds, durable_t *durable);
void transfer_fini(transfer_t *self);
void transfer_stop(transfer_t *self); /* nothing is taken or given any more */
void transfer_tick(transfer_t *self);
int64_t transfer_due(const transfer_t *self);

/* peer_status */
void peer_status_want(transfer_t *self, const message_t *message);
void peer_status_take(transfer_t *self, const message_t *message);
void peer_status_ask(transfer_t *self);
void peer_status_ask_one(transfer_t *self, size_t region);
void peer_status_say(transfer_t *self, size_t region);
void peer_status_tick(transfer_t *self);
int64_t peer_status_due(const transfer_t *self);
/* The numbers after this shard's position in the stream of `region` can still come, as
 * that region has said. */
bool peer_status_can_follow(const transfer_t *self, size_t region);
void peer_status_gap(transfer_t *self, const message_t *message);
void peer_status_mute(transfer_t *self); /* own votes may be lost */

/* newcomer */
void transfer_ask_at_start(transfer_t *self);
void transfer_begin(transfer_t *self, bool lossy);
void transfer_decide(transfer_t *self);
void transfer_offer(transfer_t *self, const message_t *message);
void transfer_piece(transfer_t *self, const message_t *message);
void newcomer_tick(transfer_t *self);
int64_t newcomer_due(const transfer_t *self);
void transfer_done(transfer_t *self); /* the new state is durable */
void transfer_drop(transfer_t *self);
const char *transfer_waits_for(const transfer_t *self, wire_name_t text); /* empty: for nobody */

/* install: all or nothing. Errors: those of state_load, ERR_NUMBER, ERR_DENIED (of another
 * region), ERR_MEMORY */
err_code_t transfer_install(transfer_t *self, size_t donor, snapshot_t **snapshot_p, err_t *err);

/* donor */
void donor_want(transfer_t *self, const message_t *message);
void donor_fetch(transfer_t *self, const message_t *message);
void donor_taken(transfer_t *self, const snapshot_t *snapshot);
void donor_committed(transfer_t *self, uint64_t number, err_code_t code);
void donor_tick(transfer_t *self);
void donor_drop(transfer_t *self);

#endif
