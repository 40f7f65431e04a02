/* ending - how a region ends: `stop` goes to every node, and when all have stopped the final report is told
 * until bye.
 *
 * Owns     the end's timers, and whether the job is done or was stopped; moves the life of region_base.h on.
 * Reads    base, run (when the global scheduler was heard), nodes, shards, training, adopting.
 * Who      the core tells it of `stop`, `stopped` and `bye`, and has it tick while the region stops.
 * Threads  one owner.
 */
#ifndef ACTORS_SCHEDULER_REGION_ENDING_ENDING_H
#define ACTORS_SCHEDULER_REGION_ENDING_ENDING_H

#include "actors/scheduler/region/placing/adopting.h"

typedef struct {
    region_base_t *base;
    region_run_t *run;
    nodes_t *nodes;
    shards_t *shards;
    training_t *training;
    adopting_t *adopting;
    bool done;       /* the job is; else it was stopped */
    bool own;        /* nobody but this process has asked for it */
    int64_t stop_us; /* next `stop` to nodes */
    int64_t final_us;
} ending_t;

void ending_begin(ending_t *self, bool done, int64_t now_us); /* nothing when it has begun */
void ending_take_stop(ending_t *self, const message_t *message, int64_t now_us);
void ending_take_stopped(ending_t *self, const message_t *message, int64_t now_us);
void ending_take_bye(ending_t *self);
void ending_tick(ending_t *self, int64_t now_us); /* once it has begun */
int64_t ending_due(const ending_t *self);
const char *ending_waits_for(const ending_t *self);
void ending_put(const ending_t *self, message_t *state);

#endif
