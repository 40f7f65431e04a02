/* global_run - regions of another run: what they say is not taken, and they are told. One among others of
 * this run is the odd one, and ends; where all that are heard are of another run, this scheduler is.
 *
 * Owns     which other run was heard and since when, and who was turned away last.
 * Reads    base, regions (writes `foreign` there).
 * Threads  one owner.
 */
#ifndef ACTORS_SCHEDULER_GLOBAL_GLOBAL_RUN_H
#define ACTORS_SCHEDULER_GLOBAL_GLOBAL_RUN_H

#include "actors/scheduler/global/global_regions.h"

typedef struct {
    global_base_t *base;
    global_regions_t *regions;
    int64_t foreign_us; /* since when regions of another run are heard, -1: none is */
    uint64_t foreign_run;
    char strangers
        [ERR_TEXT_MAX];   /* why somebody who does not belong here was refused last; empty: nobody was */
    int64_t strangers_us; /* when */
} global_run_t;

void global_run_init(global_run_t *self, global_base_t *base, global_regions_t *regions);
/* True: the report is of another run; it is refused. */
bool global_run_is_foreign(global_run_t *self, size_t region, const message_t *report, int64_t now_us);
void global_run_refused(global_run_t *self, size_t region, const message_t *refused, int64_t now_us);
/* Refuses one that does not belong to this job, which somebody ought to know. */
void global_run_turn_away(global_run_t *self, const message_t *message, err_code_t code, const char *reason,
                          int64_t now_us);
void global_run_tick(global_run_t *self, int64_t now_us);
const char *global_run_strangers(const global_run_t *self, int64_t now_us); /* borrowed */

#endif
