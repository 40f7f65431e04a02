/* shards - what the region's shards have told of themselves, and so which batches there are to do.
 *
 * Owns     per shard its newest progress, the newest snapshot known to be durable, and where it ran last; the
 *          table of leases; how many samples the region has reached.
 * Reads    base, run (the job), nodes, actors (which incarnation of a shard runs).
 * Who      the core gives it progress; workers' leases go through training.h; everybody above asks.
 * Rules    nothing is known before every shard has told once (shards_known): until then all that
 *          asks for batches waits.
 * Threads  one owner.
 */
#ifndef ACTORS_SCHEDULER_REGION_TRAINING_SHARDS_H
#define ACTORS_SCHEDULER_REGION_TRAINING_SHARDS_H

#include "actors/scheduler/region/nodes/actors.h"
#include "actors/scheduler/region/training/lease.h"

typedef struct {
    message_t *progress; /* newest of the newest incarnation, or NULL; its sets are in the lease table */
    uint64_t newest_incarnation, newest_number; /* of the newest snapshot known to be durable */
    uint64_t ran_on, ran_process; /* node (hash of its name) and process where it ran last; 0: not known */
    int64_t close_us;             /* next `close` */
} region_shard_t;

typedef struct {
    region_base_t *base;
    region_run_t *run;
    nodes_t *nodes;
    actors_t *actors;
    region_shard_t *list;     /* NULL before there is a plan */
    lease_table_t *leases;    /* likewise */
    uint64_t samples_reached; /* applied by every shard */
    uint64_t samples_most;    /* that it ever came to: what is done again after a loss is no progress */
    uint64_t samples_repeated;
} shards_t;

void shards_init(shards_t *self, region_base_t *base, region_run_t *run, nodes_t *nodes, actors_t *actors);
void shards_start(shards_t *self); /* with the plan; takes what a predecessor knew of them */
void shards_fini(shards_t *self);

/* ---- telling ---- */

/* A shard's progress, of the incarnation that runs. What no run can have is refused. */
void shards_take_progress(shards_t *self, const message_t *message, size_t shard);
/* where it is now; a successor knows. Not a shard: nothing */
void shards_ran(shards_t *self, const region_actor_t *actor);
void shards_close(shards_t *self, int64_t now_us); /* tells them, once all batches are durable */

/* ---- questions ---- */

bool shards_known(const shards_t *self);
bool shards_all_applied(const shards_t *self); /* known, and nothing is left to do */
bool shards_closed(const shards_t *self);      /* every shard's final cut is durable */
bool shards_have_all(const shards_t *self);    /* and every other region's last delta is */
/* Its newest progress, if it is of the incarnation that runs; NULL: it has not told. */
const message_t *shards_progress(const shards_t *self, size_t shard);
/* True: a node's disk has nothing older than the newest that is known. */
bool shards_newest_is_on(const shards_t *self, size_t shard, size_t node);
const region_actor_t *
shards_untold(const shards_t *self); /* the first of which no progress is known; NULL: none */
const region_actor_t *shards_unclosed(const shards_t *self); /* the first without its final cut; NULL: none */

/* ---- figures ---- */

void shards_report(const shards_t *self, message_t *report);
void shards_conclude(shards_t *self); /* the job is done, and they tell nobody any more */
void shards_put(const shards_t *self, message_t *state);
void shards_load(shards_t *self, const message_t *saved); /* the samples; the rest is taken with the plan */

#endif
