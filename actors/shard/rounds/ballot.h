/* ballot - one decision per round, the same for all regions whoever dies: single-decree Paxos for each round.
 *
 * Why      what is in a round is of each region's stream everything up to some number. When not all regions
 *          need to have reached it, somebody has to say which: a majority of the regions (of two halves,
 *          the one with the first).
 * Pure     no messages, no shard, no clock. What another region says goes in (ballot_hear), with what holds
 *          at that time; what is to be said comes out (ballot_take). What one says is what another one hears.
 * Rules    - Ballot c R + r + 1 is region r's c-th, of R regions. Ballot 1 can only be the first region's and
 *            nothing can have been accepted before it, so it needs no promises.
 *          - Nothing that is promised, accepted or proposed is said before it is stored.
 *          - Where votes may have been lost (`muted`), everybody has to answer instead of a majority.
 *          - A decision is kept until all regions have that round durably: one that comes back asks for those
 *            it missed.
 * Source   Lamport, "Paxos made simple", 2001.
 * Threads  one owner.
 */
#ifndef ACTORS_SHARD_ROUNDS_BALLOT_H
#define ACTORS_SHARD_ROUNDS_BALLOT_H

#include "brokers/topology.h"
#include "codec/base/backoff.h"
#include "codec/base/err.h"

#include <stdbool.h>
#include <stdint.h>

#define BALLOT_MUTED UINT64_MAX /* until all others have told how far rounds may have been voted on */

/* A region's vote about one round: promised, accepted or learned. */
typedef struct {
    uint64_t round, promised, ballot;
    uint64_t
        included[TOPOLOGY_REGIONS_MAX]; /* accepted or decided: last number of each stream that is in it */
    bool decided;
    uint64_t changes; /* soft: what must be stored before it may be told */
    size_t asker;     /* soft: region that waits for it; SIZE_MAX: none */
} vote_t;

typedef enum { SAY_WANT, SAY_VOTE, SAY_DECISION } say_kind_t;

/* A word of one region's ballot to that of another. */
typedef struct {
    say_kind_t kind;
    uint64_t to; /* bit r: region r */
    uint64_t round;
    uint64_t promised; /* SAY_VOTE */
    /* SAY_WANT: that is proposed, 0: only asks; SAY_VOTE: in which it accepted, 0: nothing */
    uint64_t ballot;
    bool muted; /* SAY_VOTE: it may have lost what it promised */
    /* with `included`. SAY_WANT without asks for a promise; SAY_DECISION without: let go, as all had it */
    bool whole;
    uint64_t included[TOPOLOGY_REGIONS_MAX];
} say_t;

typedef enum { BALLOT_IDLE, BALLOT_PROMISE, BALLOT_ACCEPT } ballot_phase_t;

/* The own proposal. */
typedef struct {
    ballot_phase_t phase;
    uint64_t round, ballot;
    uint64_t seen;          /* highest ballot of others that was met */
    uint64_t answers, firm; /* bit r: region r; firm: nothing can be lost of what it voted */
    vote_t best;            /* of the promises: what was accepted in the highest ballot */
    int64_t turn_us, again_us;
    backoff_t pause;
} proposal_t;

typedef struct {
    size_t regions, own;
    vote_t *log; /* stored */
    size_t count, capacity;
    uint64_t muted;              /* stored; in rounds up to this votes may be lost */
    uint64_t heard, heard_round; /* regions that have said since the loss how far rounds went, and that */
    uint64_t settled[TOPOLOGY_REGIONS_MAX]; /* last round that is durable there */
    uint64_t stored;                        /* changes that are */
    uint64_t wanted;                        /* changes that must be, before something can be said */
    size_t leader;                          /* region that has decided last: proposes first */
    proposal_t proposal;
    say_t *says; /* in the order in which they are to be said */
    size_t say_count, say_capacity;
} ballot_t;

/* The circumstances of an event. */
typedef struct {
    int64_t us;
    uint64_t change;       /* number that a change of what is stored gets now */
    uint64_t applied;      /* newest round that is applied here */
    const uint64_t *value; /* (regions) what is proposed where nothing has been accepted */
} ballot_now_t;

void ballot_init(ballot_t *self, size_t regions, size_t own);
void ballot_fini(ballot_t *self);

/* As it was stored. */
vote_t *ballot_add(ballot_t *self, const vote_t *vote);

/* -- events: they return whether what is to be stored has changed (its number is now->change) */

/* Another region, whose newest incarnation it is, has said something of a round that can be near. */
MUST_USE bool ballot_hear(ballot_t *self, const ballot_now_t *now, size_t from, const say_t *say);
/* Proposes when its turn has come; `ready`: from now on somebody's turn comes. */
MUST_USE bool ballot_propose(ballot_t *self, const ballot_now_t *now, bool ready);
/* Says what is stored and has waited for that, and goes on with the own proposal. After ballot_store. */
MUST_USE bool ballot_go_on(ballot_t *self, const ballot_now_t *now);

/* -- events that change nothing that is stored */

/* The own proposal is for this round from now on; whether it is another one than before. 0: for none yet. */
bool ballot_begin(ballot_t *self, uint64_t round, int64_t now_us);
/* These changes are stored. */
void ballot_store(ballot_t *self, uint64_t changes);
/* The last round that a region has durably: less than before when it goes back. */
void ballot_settle(ballot_t *self, size_t region, uint64_t round);
/* Everything unanswered is to be said again, beginning with the shortest pause. */
void ballot_hurry(ballot_t *self, int64_t now_us);
/* It is time to say again what is not answered; a proposal that is under way is said by it. */
bool ballot_repeat(ballot_t *self, int64_t now_us);
/* When ballot_propose or ballot_repeat has something to do at the latest. */
int64_t ballot_due(const ballot_t *self);

/* -- losses */

/* Own votes may be lost. One that nobody can do without has had nobody to contradict, and is not muted. */
void ballot_mute(ballot_t *self);
/* Region r has said since that rounds went no further than `round`. Returns whether what is
 * stored has changed. */
MUST_USE bool ballot_heard(ballot_t *self, size_t region, uint64_t round);
/* With another region's state: what is decided is decided for everybody; promises are the own ones. */
void ballot_join(ballot_t *self, const ballot_t *peer);

/* -- what comes out */

/* The next word to be said; false: there is none. */
bool ballot_take(ballot_t *self, say_t *ret_say);
/* (regions) what was decided; NULL: nothing yet. Until the next event. */
const uint64_t *ballot_decided(const ballot_t *self, uint64_t round);
/* The newest round that it has voted in; nobody can have voted in a later one, as far as it knows. */
uint64_t ballot_last(const ballot_t *self);
/* Something waits to be stored before it can be said. */
bool ballot_waits(const ballot_t *self);

#endif
