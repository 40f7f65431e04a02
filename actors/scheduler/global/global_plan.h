/* global_plan - what is rented in all regions: the first plan, what became of it, and the
 * next one when it pays.
 *
 * Why      speeds and rates are assumed before a run and measured in it; nodes die and join; prices change.
 * How      every few seconds the rest of the run is planned anew with what was measured, and compared with
 *          going on as it is. A new plan is taken when it saves more than GLOBAL_PLAN_GAIN of what is left,
 *          with all that going over to it takes: the start of what it rents, as measured, while what it gives
 *          back still computes and is paid for, and handing over. A unit that is not there for `patience`
 *          counts as not to be had for GLOBAL_PLAN_LACK_US. With objective `everything` all there is is
 *          rented and kept until the end.
 * Threads  one at a time; time is given with every call.
 */
#ifndef ACTORS_SCHEDULER_GLOBAL_PLAN_H
#define ACTORS_SCHEDULER_GLOBAL_PLAN_H

#include "actors/scheduler/plan/plan.h"
#include "codec/wire/message.h"

#define GLOBAL_PLAN_LOOK_US ((int64_t)5000000)
#define GLOBAL_PLAN_WINDOW_US ((int64_t)10000000) /* over which speeds are measured */
#define GLOBAL_PLAN_LACK_US ((int64_t)300000000)
#define GLOBAL_PLAN_GAIN 0.03
#define GLOBAL_PLAN_OFF 0.1        /* a speed further from what the plan was made for is a reason to tell */
#define GLOBAL_PLAN_ENTRIES_MAX 64 /* kept for the report: the first and the newest */

typedef struct {
    double samples_per_s; /* of one core of power 1, as emulated */
    uint64_t delta_bytes, last_bytes;
    double start_s;
    job_t job;
} global_plan_with_t;

typedef enum {
    BECAUSE_START,
    BECAUSE_FILE,
    BECAUSE_LOST,
    BECAUSE_JOINED,
    BECAUSE_SPEED,
    BECAUSE_LINK,
    BECAUSE_REST
} because_t;

typedef struct {
    int64_t at_us; /* since the first plan */
    because_t because;
    size_t region;                      /* of LOST, JOINED, SPEED, LINK */
    double value;                       /* of SPEED, LINK: measured / assumed */
    double predicted_s, predicted_cost; /* of the whole run, what was over by then included */
    uint64_t units[TOPOLOGY_REGIONS_MAX][TOPOLOGY_OFFERS_MAX];
} global_plan_entry_t;

typedef struct global_plan global_plan_t;

/* Makes the first plan; of an impossible limit the nearest.
 *
 *   in   topology  as it is now: borrowed, its live keys may change between calls (then call _reread)
 *
 * Errors   those of plan_check, ERR_MEMORY
 */
MUST_USE err_code_t global_plan_new(const topology_t *topology, const global_plan_with_t *with,
                                    int64_t now_us, global_plan_t **ret_self, err_t *err);
void global_plan_destroy(global_plan_t **self_p);

/* Prices, counts or links are others now. */
void global_plan_reread(global_plan_t *self);

/* News of a region; the cost of all regions so far. */
void global_plan_report(global_plan_t *self, size_t region, const message_t *report, int64_t now_us);
void global_plan_spent(global_plan_t *self, double cost);

/* Looks whether a new plan pays, when it is time. Returns whether there is one. */
bool global_plan_tick(global_plan_t *self, int64_t now_us);
int64_t global_plan_due(const global_plan_t *self);

uint64_t global_plan_number(const global_plan_t *self); /* 1, 2 ... */
bool global_plan_stays(const global_plan_t *self);
int64_t global_plan_age_us(const global_plan_t *self, int64_t now_us);
const global_plan_entry_t *global_plan_newest(const global_plan_t *self);
size_t global_plan_count(const global_plan_t *self); /* of entries; the first plan is 0 */
const global_plan_entry_t *global_plan_at(const global_plan_t *self, size_t index);

/* One line for people. Returns out. */
#define GLOBAL_PLAN_REASON_MAX 160
const char *global_plan_reason(const global_plan_entry_t *entry, const topology_t *topology,
                               char out[GLOBAL_PLAN_REASON_MAX]);

/* For a successor. _take: nothing of a state that does not fit. */
void global_plan_put(const global_plan_t *self, int64_t now_us, message_t *global_state);
void global_plan_take(global_plan_t *self, const message_t *global_state, int64_t now_us);

#endif
