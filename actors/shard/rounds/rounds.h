/* rounds - waiting strategies: contributions that wait for their round, what is in it, and handing on what others lack.
 *
 * Owns     contributions, the log of votes, other regions' contributions kept for those who lack them.
 * Reads    stream, replica, base.
 * Called   by the rooms above and the core.
 */
#ifndef ACTORS_SHARD_ROUNDS_ROUNDS_H
#define ACTORS_SHARD_ROUNDS_ROUNDS_H

#include "actors/shard/rounds/ballot.h"
#include "actors/shard/stream/stream.h"

#define VOTE_FIELDS 4u /* and one per region */

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

/* Contributions that wait for their round, and what is in it. */
typedef struct {
    uint64_t number; /* of the newest that is applied */
    ballot_t ballot;
    bool works;                  /* soft: the next round is wanted and not decided */
    uint64_t *have;              /* soft: (regions, regions) who has whose stream durably, up to where */
    int64_t enough_us, ready_us; /* soft: since when a share of quorum is there; when it may be proposed */
    shard_relays_t relays;
} rounds_t;

#endif
