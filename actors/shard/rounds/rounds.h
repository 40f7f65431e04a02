/* rounds - the rounds of waiting strategies: what each region contributes waits for its round,
 * which acts as a whole.
 *
 * Owns     the newest round that is applied; what is decided to be in rounds that do not need every region
 *          (ballot), and who has what of whom; other regions' contributions, kept for those who lack them.
 * Reads    stream (how far each region is), replica (where contributions wait, and what a round does), base.
 * Tells    the stream how far others may be ahead: stream->bound.
 * Called   by the rooms above and the core: rounds_advance, rounds_due and messages
 *          only while the shard runs.
 * Errors   ERR_MALFORMED, ERR_SHAPE of what was stored; a message that breaks the protocol is
 *          answered, counted and dropped.
 * Threads  those of the core.
 */
#ifndef ACTORS_SHARD_ROUNDS_ROUNDS_H
#define ACTORS_SHARD_ROUNDS_ROUNDS_H

#include "actors/shard/rounds/ballot.h"
#include "actors/shard/stream/stream.h"

/* Another region's contribution, kept for those who lack it; as receivers see it. */
typedef struct {
    size_t region;
    uint64_t history, parent_history, parent_number;
    queued_t delta;
} forward_t;

typedef struct {
    forward_t *items; /* in the order in which they were taken */
    size_t count, capacity;
    uint64_t handed;      /* soft: bit r: what came last of region r's stream was handed on by another one */
    size_t lacked, asked; /* soft: whose stream is lacking, who was asked for it */
    int64_t ask_us;
} forwards_t;

/* Whose rounds there are. */
typedef struct {
    size_t members; /* regions that contribute, which is all of them; 0: there are no rounds */
    uint64_t way; /* local steps between the own contribution and what its round does; 0: steps wait for it */
} rounds_terms_t;

typedef struct {
    base_t *base;
    replica_t *replica;
    stream_t *stream;
    rounds_terms_t terms;
    uint64_t number; /* of the newest that is applied */
    ballot_t ballot;
    bool works; /* soft: the next round is wanted and not decided */
    /* soft: other regions should be asked where they stand; the room above does, and says false */
    bool wants_peer_status;
    uint64_t *have;              /* soft: (regions, regions) who has whose stream durably, up to where */
    int64_t enough_us, ready_us; /* soft: since when a share of quorum is there; when it may be proposed */
    forwards_t forwards;
} rounds_t;

void rounds_init(rounds_t *self, base_t *base, replica_t *replica, stream_t *stream,
                 const rounds_terms_t *terms);
void rounds_fini(rounds_t *self);

/* -- contributions (round.c) */

/* The own one, as others see it, waits for its round; its data is moved in. */
void rounds_contribute(rounds_t *self, pending_t *own);
/* Another region's does; false without memory, and nothing has changed. */
bool rounds_take(rounds_t *self, size_t origin, const incoming_t *delta);
bool rounds_late(const rounds_t *self, const delta_head_t *head); /* it has come for nothing */

/* -- the next round (round.c) */

bool rounds_are(const rounds_t *self);     /* a delta is a contribution to one */
bool rounds_open(const rounds_t *self);    /* own contribution made, round not applied */
bool rounds_bars(const rounds_t *self);    /* and no local step may be made before it is */
bool rounds_steps(const rounds_t *self);   /* and steps that were made meanwhile follow what it does */
bool rounds_settled(const rounds_t *self); /* no contribution waits for a decision: what is final is done */
size_t rounds_lacks(const rounds_t *self); /* a region whose contribution is missing; SIZE_MAX: none */
bool rounds_apply(rounds_t *self);         /* when it is whole, and there is memory; whether it was */

/* -- time and messages */

/* Votes and asks for what is lacking. */
void rounds_advance(rounds_t *self);
int64_t rounds_due(const rounds_t *self);
/* vote_want, vote, decision. True: an older state than this shard's own was gone on
 * from, so it must enter. */
bool rounds_message(rounds_t *self, const message_t *message);
/* stream_fetch of another region's stream. */
void rounds_give(rounds_t *self, const message_t *message);
/* Some of an origin's stream has come; `handed`: from another region. */
void rounds_given(rounds_t *self, size_t origin, bool handed);

/* -- what is stored */

/* These changes are, and with them that `round` is applied. Whether something may go on now. */
bool rounds_committed(rounds_t *self, uint64_t changes, uint64_t round);
bool rounds_wants_snapshot(const rounds_t *self);

void rounds_pack(const rounds_t *self, message_t *message);
bool rounds_values(const rounds_t *self, snapshot_t *snapshot, err_t *err);
MUST_USE err_code_t rounds_load(rounds_t *self, const message_t *message, const snapshot_t *snapshot,
                                err_t *err);
/* The job has got more epochs since: nothing that was the last of a region is. */
void rounds_reopen(rounds_t *self);

/* -- losses */

uint64_t rounds_last(const rounds_t *self); /* nobody can have voted in a later round, as far as is known */
void rounds_mute(
    rounds_t *self); /* own votes may be lost; then rounds_heard of all who have said how far they are */
void rounds_heard(rounds_t *self, size_t region, uint64_t round);
void rounds_join(rounds_t *self, const rounds_t *peer); /* with its state */
void rounds_unsettle(rounds_t *self, size_t region);    /* it may go back: decisions are kept for it */

/* -- between the files of this room alone */

void round_bound(rounds_t *self);             /* after every change of `number`, and of what is decided */
bool round_works(const rounds_t *self);       /* somebody has reached the next round, or is late */
uint64_t round_present(const rounds_t *self); /* bit r: region r has reached the next round or left */
uint64_t round_heard(const rounds_t *self);   /* the same, or has sent something late */
bool round_has(const rounds_t *self, size_t region,
               uint64_t number); /* it is all that the next round wants of it */

void vote_init(rounds_t *self);
void vote_fini(rounds_t *self);
void vote_advance(rounds_t *self);
int64_t vote_due(const rounds_t *self);
const uint64_t *vote_decided(const rounds_t *self, uint64_t round); /* per region; NULL: not decided */
/* A region has told that it has a number of an origin's stream durably; some other one has not. */
bool vote_has(const rounds_t *self, size_t region, size_t origin, uint64_t number);
bool vote_lacked(const rounds_t *self, size_t origin, uint64_t number);

void forward_init(rounds_t *self);
void forward_fini(rounds_t *self);
void forward_add(rounds_t *self, const forward_t *forward); /* moves its buffers in */
void forward_hold(rounds_t *self, size_t origin, const incoming_t *incoming, buf_t *data);
void forward_trim(rounds_t *self);    /* what nobody lacks any more goes */
void forward_drop(rounds_t *self);    /* all of it */
void forward_advance(rounds_t *self); /* asks for what a decided round needs */
int64_t forward_due(const rounds_t *self);

#endif
