/* moving - shards that go on elsewhere, mostly from nodes that leave; nodes on which nothing is left are let
 * go.
 *
 * Why      one trains on until there is a copy of it where it can go on, and is never stopped before: a node
 *          may have no room, or nobody may get there. Then it stops and hands its last snapshot to the keeper
 *          there, and goes on. Training goes on meanwhile: what workers ask of such a shard waits for a
 *          moment.
 * Owns     per shard whether it is to hand over, to where and why; when the spread of shards over nodes is
 *          looked at next.
 * Reads    base, nodes, actors, shards, keeping (which it has make copies for a move).
 * Who      placing calls moving_balance and moving_tick before it places, asks where one that handed over
 *          goes, and tells when a shard has started. The core lets nodes go.
 * Files    moving.c (handing over, letting go), moving_balance.c (onto nodes that join: marks what is to go,
 *          and nothing else).
 * Threads  one owner.
 */
#ifndef ACTORS_SCHEDULER_REGION_MOVING_MOVING_H
#define ACTORS_SCHEDULER_REGION_MOVING_MOVING_H

#include "actors/scheduler/region/base/region_events.h"
#include "actors/scheduler/region/keeping/keeping.h"

typedef struct {
    bool handing; /* its node leaves, or it goes to another one: it is to hand over */
    bool goes;    /* to `target_node`, although its own stays ... */
    size_t target_node;
    int64_t goes_us; /* ... since then, as ... */
    char why[64];
    size_t from_node; /* where it handed over; NOWHERE: nothing is to be told */
    int64_t hand_us;  /* next `hand_over` */
    bool handed;      /* its newest snapshot is its last, and its keepers have it */
    int64_t handed_us;
    uint64_t handed_incarnation, handed_number; /* the newest that was handed over */
} shard_move_t;

typedef struct {
    region_base_t *base;
    nodes_t *nodes;
    actors_t *actors;
    shards_t *shards;
    keeping_t *keeping;
    shard_move_t *list; /* per shard; NULL before there is a plan */
    uint64_t moves;
    int64_t balance_us; /* when it is next looked at who hosts how many shards */
} moving_t;

void moving_init(moving_t *self, region_base_t *base, nodes_t *nodes, actors_t *actors, shards_t *shards,
                 keeping_t *keeping);
void moving_start(moving_t *self); /* with the plan */
void moving_fini(moving_t *self);

void moving_balance(moving_t *self, int64_t now_us);
void moving_tick(moving_t *self, int64_t now_us);
int64_t moving_due(const moving_t *self);
/* Tells nodes that leave, and on which nothing is left, to end. `coming`: somebody who can go on is on the
 * way. */
void moving_let_go(moving_t *self, bool coming, int64_t now_us);

/* Where the keeper is that has all that a shard handed over; NOWHERE: not yet. When none answers any more it
 * has not handed over. */
size_t moving_home(moving_t *self, region_actor_t *shard, int64_t now_us);
bool moving_has_handed(const moving_t *self, size_t shard);
/* True: its newest snapshot is known, and was handed over as its last. */
bool moving_is_last(const moving_t *self, size_t shard);
void moving_started(moving_t *self, const region_actor_t *shard);
/* A node tells that a former incarnation has ended there. */
void moving_former_ended(moving_t *self, size_t node, const char *name, uint64_t incarnation);

/* The next shard that goes on on another node, for the log; false: none. */
bool moving_take(moving_t *self, region_move_t *ret_move);

void moving_put(const moving_t *self, message_t *state);

#endif
