/* placing - which actors there are to be, and on which node each of them starts.
 *
 * Owns     the plan that was taken, per shard whether its newest snapshot is on no node that is here, and how
 *          many incarnations were placed.
 * Reads    every room below it: run, nodes, actors, shards, training, keeping, moving, workers, adopting,
 *          renting.
 * Who      the core gives it plans and what nodes say of placements, and calls placing_tick after every
 *          event.
 * Rules    nothing is placed before the run is known and kept, the nodes that are expected are there, and
 *          what a predecessor had placed is known. Shards first, then synchronizers, then workers: each finds
 *          those it talks to. A shard goes where its snapshots are.
 * Files    placing.c (the plan, what is due), placing_where.c (a node for each), placing_answer.c (what nodes
 *          say); the first calls the second.
 * Threads  one owner.
 */
#ifndef ACTORS_SCHEDULER_REGION_PLACING_PLACING_H
#define ACTORS_SCHEDULER_REGION_PLACING_PLACING_H

#include "actors/scheduler/region/base/region_events.h"
#include "actors/scheduler/region/placing/adopting.h"
#include "actors/scheduler/region/moving/moving.h"
#include "actors/scheduler/region/placing/workers.h"
#include "actors/scheduler/region/renting/renting.h"

/* The newest snapshot of a shard is on no node that is here. */
typedef enum { MISSING_NONE, MISSING_AWAITED, MISSING_ACCEPTED } missing_t;

typedef struct {
    missing_t missing; /* its newest snapshot, ... */
    bool untold;       /* ... which the log is still to say */
} shard_missing_t;

typedef struct {
    region_base_t *base;
    region_run_t *run;
    nodes_t *nodes;
    actors_t *actors;
    shards_t *shards;
    training_t *training;
    keeping_t *keeping;
    moving_t *moving;
    workers_t *workers;
    adopting_t *adopting;
    renting_t *renting;
    uint64_t plan;
    bool plan_taken;
    shard_missing_t *missing; /* per shard; NULL before there is a plan */
} placing_t;

void placing_fini(placing_t *self);
void placing_tick(placing_t *self, int64_t now_us);
int64_t placing_due(const placing_t *self);
const char *placing_waits_for(const placing_t *self); /* "": nothing */

/* ---- the plan ---- */

/* Numbers of actors follow the plan until the first of them is placed; then the plan's number alone is noted.
 * One that does not fit the topology is refused. */
void placing_take_plan(placing_t *self, const message_t *plan, int64_t now_us);
/* A predecessor's plan goes on: its actors are known at once. */
void placing_load(placing_t *self, const message_t *saved);

/* ---- placements ---- */

void placing_take_placed(placing_t *self, const message_t *placed, int64_t now_us);
size_t placing_home(placing_t *self, region_actor_t *actor, int64_t now_us); /* NOWHERE: not yet */

/* The next shard whose newest snapshot is on no node that is here, for the log; false: none. */
bool placing_take_missing(placing_t *self, region_missing_t *ret_missing);

#endif
