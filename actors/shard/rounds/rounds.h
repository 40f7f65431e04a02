/* rounds - waiting strategies: contributions that wait for their round, what is in it, and handing on what others lack.
 *
 * Owns     contributions, the log of votes, other regions' contributions kept for those who lack them.
 * Reads    stream, replica, base.
 * Called   by the rooms above and the core.
 */
#ifndef ACTORS_SHARD_ROUNDS_ROUNDS_H
#define ACTORS_SHARD_ROUNDS_ROUNDS_H

#include "actors/shard/stream/stream.h"

#define VOTE_FIELDS 4u        /* and one per region */
#define VOTE_MUTED UINT64_MAX /* until all others have told how far rounds may have been voted on */

/* Another region's contribution, kept for those who lack it; as receivers see it. */
typedef struct {
    size_t region;
    uint64_t history, follows_history, follows;
    kept_t kept;
} relay_t;

/* In the order in which they were taken. */
typedef struct {
    relay_t *items;
    size_t count, capacity;
    size_t lacked, asked; /* soft: whose stream is lacking, who was asked for it */
    int64_t ask_us;
} shard_relays_t;

/* What a shard has promised, accepted or learned about a round; stored. */
typedef struct {
    uint64_t round, promised, ballot;
    uint64_t taken[TOPOLOGY_REGIONS_MAX]; /* accepted or decided: last number of each stream that is in it */
    bool decided;
    uint64_t changes; /* soft: what must be committed before it may be told */
    size_t asker;     /* soft: region that waits for it; SIZE_MAX: none */
} vote_t;

/* Where the shard stands with the members of rounds (shard_vote). All but the log and `muted` is soft. */
typedef struct {
    bool on, works; /* works: the round is wanted and not decided */
    vote_t *log;
    size_t count, capacity;
    uint64_t settled[TOPOLOGY_REGIONS_MAX]; /* last round that is durable there */
    uint64_t muted;                         /* stored; in rounds up to this votes may be lost */
    uint64_t heard, heard_round; /* regions that have said since the loss how far rounds went, and that */
    uint64_t *have;              /* (regions, regions) who has whose stream durably, up to where */
    uint64_t wanted;             /* changes that a snapshot is wanted for */
    size_t leader;               /* region that has decided last: proposes first */
    /* the own proposal */
    uint64_t round, ballot, seen, answers, firm; /* firm: whose answers nothing can be lost of */
    vote_t best;                                 /* of the promises */
    enum { VOTE_IDLE, VOTE_PROMISE, VOTE_ACCEPT } phase;
    int64_t enough_us, ready_us, turn_us, again_us, pause_us;
} shard_vote_t;

/* Contributions that wait for their round, and what is in it. */
typedef struct {
    uint64_t number; /* of the newest that is applied */
    shard_vote_t vote;
    shard_relays_t relays;
} rounds_t;

#endif
