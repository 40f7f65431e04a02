/* workers - how many workers there are: as many as the plan says, or one for each core of the nodes that are
 * there; and none for which there is nothing to do.
 *
 * Owns     what starts of workers, and joins of nodes, have taken.
 * Reads    base, nodes, actors, shards (what is left to lease), training (whether one evaluates).
 * Who      placing calls workers_tick before it places, and asks where one goes; the core tells what a worker
 *          has said.
 * Threads  one owner. Limits WORKERS_MAX numbers, NODE_WORKERS_MAX of a node.
 */
#ifndef ACTORS_SCHEDULER_REGION_PLACING_WORKERS_H
#define ACTORS_SCHEDULER_REGION_PLACING_WORKERS_H

#include "actors/scheduler/region/training/training.h"

#define NODE_WORKERS_MAX 192 /* of NODE_ACTORS_MAX actors */
#define WORKERS_STARTS_MAX 64

typedef struct {
    region_base_t *base;
    nodes_t *nodes;
    actors_t *actors;
    shards_t *shards;
    training_t *training;
    int64_t starts[WORKERS_STARTS_MAX]; /* the newest, from decision to first computation */
    uint64_t start_count;
    int64_t start_worst_us, join_worst_us;
    uint64_t join_count;
} workers_t;

void workers_init(workers_t *self, region_base_t *base, nodes_t *nodes, actors_t *actors, shards_t *shards,
                  training_t *training);
void workers_look(workers_t *self, int64_t now_us); /* soon: nodes have changed */
void workers_tick(workers_t *self, int64_t now_us);

/* A further number; NULL: there are as many as may be. Actors move. */
region_actor_t *workers_add(workers_t *self);
/* The worker of that name, with as many numbers as it takes: one that a predecessor had for a core. NULL: it
 * is no worker's. */
region_actor_t *workers_found(workers_t *self, const char *name);
bool workers_may_start(const workers_t *self, const region_actor_t *worker);
size_t workers_home(const workers_t *self, const region_actor_t *worker);
void workers_told(workers_t *self, const message_t *want, region_actor_t *worker, int64_t now_us);

void workers_report(const workers_t *self, message_t *report);

#endif
