/* global_core - the global scheduler: makes the plan, gathers reports and curves, ends the run everywhere.
 *
 * Why      one place that people and programs ask how the run is doing. Training does not depend on it, and
 *          it may be killed at any moment: its decisions and the regions' reports and curves are kept
 *          (journal.h) before anything that follows from them is told.
 * How      every region reports every 250 ms; the answer carries how much of its curve is known. When all are
 *          complete, or a stop was asked for, it tells all regional schedulers to stop, takes their final
 *          reports and says bye. When all regions that can be heard have done their part and one cannot be
 *          heard for longer than it may be away, the run fails.
 */
#ifndef ACTORS_SCHEDULER_GLOBAL_CORE_H
#define ACTORS_SCHEDULER_GLOBAL_CORE_H

#include "actors/kit/dispatch.h"
#include "actors/kit/role.h"
#include "actors/scheduler/global/global_cost.h"
#include "actors/scheduler/global/global_mark.h"
#include "actors/scheduler/global/global_plan.h"
#include "actors/scheduler/global/global_spec.h"
#include "brokers/job.h"

typedef struct global_core global_core_t;
extern const role_t global_role;
extern const dispatch_t global_dispatch; /* who may say what to it, and when */
extern const journal_source_t global_source;

global_core_t *global_core_new(const global_spec_t *spec, int64_t now_us);

run_state_t global_core_state(const global_core_t *self);
/* Asks for a drain; says bye when every region that can be reached has stopped, or after patience_us without
 * progress. */
void global_core_stop(global_core_t *self, int64_t patience_us, int64_t now_us);
/* Marks a region as failed from outside (its process died). */
void global_core_region_failed(global_core_t *self, size_t region_index, err_code_t code, const char *reason,
                               int64_t now_us);

/* The topology's file has changed; topology_may_become has said that this is one to go on with. Copied. */
void global_core_reread(global_core_t *self, const topology_t *changed, int64_t now_us);

/* Takes the document that anybody who asks is shown from now on. */
void global_core_show(global_core_t *self, buf_t **picture_p, int64_t now_us);

/* Everything that is known, borrowed until the next call into the core. */
typedef struct {
    bool seen;               /* has reported */
    int64_t seen_us;         /* when last */
    const message_t *report; /* newest region_report, NULL before the first */
    const curve_row_t *curve;
    size_t curve_count;
} region_view_t;

typedef struct {
    const message_t *status; /* a status message */
    int64_t seen_us;
} actor_view_t;

typedef struct {
    const message_t *state; /* the newest link_state from its scheduler, NULL before the first */
    int64_t seen_us;
} link_view_t;

/* How a region reaches another one, as it says. */
link_view_t global_core_link(const global_core_t *self, size_t from, size_t to);

size_t global_core_actor_count(const global_core_t *self);
actor_view_t global_core_actor(const global_core_t *self, size_t index);
region_view_t global_core_region(const global_core_t *self, size_t index);
/* Asks for a common point: see global_mark_ask. */
void global_core_ask_mark(global_core_t *self, const char *name, bool fresh, int64_t now_us);
const global_mark_t *global_core_mark(const global_core_t *self);  /* the common points of all shards */
const topology_t *global_core_topology(const global_core_t *self); /* with the prices of now */
global_cost_t global_core_cost(const global_core_t *self, size_t index);
const global_plan_t *global_core_plan(const global_core_t *self); /* NULL: nothing is rented by plan */
/* From the first plan to the end of the run, or until now. */
int64_t global_core_planned_us(const global_core_t *self, int64_t now_us);
/* The newest of those that say to be of this job and were refused just now, and why; empty: nobody. Borrowed
 * until the next call. */
const char *global_core_strangers(const global_core_t *self, int64_t now_us);

/* It ended because the run is another scheduler's: its figures are nobody's. */
bool global_core_displaced(const global_core_t *self);
err_code_t global_core_failure(const global_core_t *self, const char **ret_reason);
/* The name behind a drain: GLOBAL_STOPPER_HERE, a region's scheduler, or another actor; empty:
 * nobody asked. Borrowed. */
#define GLOBAL_STOPPER_HERE "here" /* by global_core_stop */
const char *global_core_stopper(const global_core_t *self);
const char *global_core_machine(const global_core_t *self); /* the spec's, or empty; borrowed */

#endif
