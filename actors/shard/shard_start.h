/* shard_start - whether a start is a restart or a loss: whether what a shard goes on from is all that it had.
 *
 * Why      what others have seen of a shard, and it has not any more, must not be made again under the same
 *          numbers.
 * How      the first of the cases below that holds says what is to be done, and why.
 * Called   by the shell for what lies on a disk, by the simulator for what lies on one of its own.
 * Threads  pure.
 */
#ifndef ACTORS_SHARD_SHARD_START_H
#define ACTORS_SHARD_SHARD_START_H

#include "actors/shard/base/shard_spec.h"

#include <stdbool.h>
#include <stdint.h>

typedef enum {
    START_NOTHING, /* no store of this shard holds a snapshot */
    START_SPOILED, /* none that is whole */
    START_OWN,     /* the newest whole one was stored here */
    START_COPY     /* it was stored on another node, and copied here */
} start_disk_t;

/* Inputs of the decision. */
typedef struct {
    const topology_t *topology;
    start_disk_t disk;
    uint64_t incarnation, number; /* of the newest whole snapshot */
    uint32_t skipped;             /* newer ones, or newer stores, that are damaged */
    bool uncovered;               /* the shard went on while this disk was full (store/cover.h) */
    /* as the message place: of the newest snapshot known to be durable, 0: none is known; whether it was
     * handed over */
    uint64_t newest_incarnation, newest_number;
    bool handed;
    /* to tell how much is lost: own batches in the newest damaged snapshot and its number, as far as they
     * can be read, else 0; own batches in the whole one */
    uint64_t damaged_batches, damaged_number, batches;
} start_facts_t;

typedef enum {
    START_GOES_ON, /* a restart: this is all that it had */
    /* several regions: the others are asked where they stand, and one of their states may be taken */
    START_ASKS,
    /* one region, where nobody can be asked: goes on, in a new history, and what is lost is reported */
    START_LOSES,
    START_FAILS /* one region, and nothing to go on from though it was stored */
} start_verdict_t;

/* Every case, in the order in which they are looked for: its name, the verdicts in one region and in several,
 * and why. */
#define START_CASES(X)                                                                                       \
    X(spoiled, FAILS, ASKS, "no snapshot of it is whole")                                                    \
    X(first, GOES_ON, ASKS, "nothing is known to have been stored")                                          \
    X(emptied, LOSES, ASKS, "what was or may have been stored is not here")                                  \
    X(damaged, LOSES, ASKS, "what is newer is damaged")                                                      \
    X(handed_over, GOES_ON, GOES_ON, "it was handed over, and nothing was done after it")                    \
    X(copied, LOSES, ASKS, "a copy, and something newer may have been seen by others")                       \
    X(uncovered, LOSES, ASKS, "others have seen what was done while the disk was full")                      \
    X(older, LOSES, ASKS, "something newer than that was or may have been seen by others")                   \
    X(whole, GOES_ON, GOES_ON, "the newest that is known")

typedef enum {
#define START_CASE(name, alone, several, why) START_CASE_##name,
    START_CASES(START_CASE)
#undef START_CASE
} start_case_t;

typedef struct {
    start_verdict_t verdict;
    start_case_t found;
    const char *why; /* for people */
    uint64_t lost;   /* own batches that the newest had and this one lacks, as far as known */
} start_t;

start_t shard_start_decide(const start_facts_t *facts);

/* Fills what a shard is told of it: loses, uncertain, lost. */
void shard_start_tell(const start_t *self, shard_spec_t *spec);

#endif
