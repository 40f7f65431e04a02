/* global_life - the run as a whole: begins, trains, stops, and is done, drained or failed.
 *
 * Owns     the state of the run, who stopped it and why it failed, the patience with regions that do not
 *          answer, the farewell.
 * Reads    base, regions (writes `given_up` and `stopped` there), mark (which is told of a stop).
 * Rules    states only grow. A stop is a decision, told to every region until all have stopped or are given
 *          up; nobody is let go before that, and the home region last: its broker carries what the others and
 *          this scheduler still have to say.
 * Threads  one owner.
 */
#ifndef ACTORS_SCHEDULER_GLOBAL_GLOBAL_LIFE_H
#define ACTORS_SCHEDULER_GLOBAL_GLOBAL_LIFE_H

#include "actors/scheduler/global/global_mark.h"
#include "actors/scheduler/global/global_regions.h"

typedef struct {
    global_base_t *base;
    global_regions_t *regions;
    global_mark_t *mark;
    run_state_t state;
    bool done; /* the stop is the end of the job */
    wire_name_t stopper;
    int64_t since_us; /* of `state` */
    int64_t stop_us, stop_next_us, progress_us, patience_us;
    int64_t farewell_us; /* newest bye, or the end of the run */
    bool home_released;  /* bye was said to the region whose broker carries everybody's messages */
    bool drain_known;    /* the predecessor was draining; carried on when a region of that time is heard */
} global_life_t;

void global_life_init(global_life_t *self, global_base_t *base, global_regions_t *regions,
                      global_mark_t *mark, int64_t now_us);

run_state_t global_life_state(const global_life_t *self);
bool global_life_has_ended(const global_life_t *self); /* done, drained or failed */
const char *global_life_waits_for(const global_life_t *self);

/* Begins a stop; one that has begun becomes as impatient as the least patient. `done`: the job is. */
void global_life_stop(global_life_t *self, bool done, const char *stopper, int64_t patience_us,
                      int64_t now_us);
int64_t global_life_patience_us(const global_life_t *self); /* the topology's */
void global_life_fail(global_life_t *self, err_code_t code, const char *name, const char *reason,
                      int64_t now_us);

/* A region was heard, and may have got on. */
void global_life_heard(global_life_t *self, int64_t now_us);
/* A region's report was taken: its failure, or its stop. `same`: of the incarnation that reported before. */
void global_life_take(global_life_t *self, size_t region, bool same, int64_t now_us);
/* A last report, with the whole curve, lets the region go if all have ended. */
void global_life_note_stopped(global_life_t *self, size_t region, int64_t now_us);

/* One that all others wait for and that cannot be heard ends the run. */
void global_life_look(global_life_t *self, int64_t now_us);
/* Moves on. True: everything has just ended. */
bool global_life_tick(global_life_t *self, int64_t now_us);
int64_t global_life_due(const global_life_t *self); /* of a stop or an end; ROLE_NEVER before */

void global_life_put(const global_life_t *self, message_t *state);
void global_life_load(global_life_t *self, const message_t *state, int64_t now_us);

#endif
