/* global_rooms - the global scheduler as a whole: its parts, each above those before it, and nothing else.
 *
 * Why      two files compose them: global_core.c (who may say what, the advance loop, the contract) and
 *          global_state.c (what a successor must know). The first calls the second.
 * Not      for anybody else: the contract is global_core.h, and a part takes those below it one by one.
 */
#ifndef ACTORS_SCHEDULER_GLOBAL_GLOBAL_ROOMS_H
#define ACTORS_SCHEDULER_GLOBAL_GLOBAL_ROOMS_H

#include "actors/scheduler/global/global_core.h"
#include "actors/scheduler/global/global_life.h"
#include "actors/scheduler/global/global_rent.h"
#include "actors/scheduler/global/global_run.h"
#include "actors/scheduler/global/global_view.h"

struct global_core {
    global_base_t base;
    global_regions_t regions;
    global_run_t run;
    global_view_t view;
    global_rent_t rent;
    global_mark_t *mark;
    global_life_t life;
};

/* global_state.c: what a predecessor kept; once, before any event. */
void global_restore(global_core_t *self, int64_t now_us);

#endif
