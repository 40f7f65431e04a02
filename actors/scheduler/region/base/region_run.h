/* region_run - to which run the region belongs, and which job that is.
 *
 * Why      its directory says so, or the first plan of a global scheduler. Before that nothing is placed and
 *          no figures are told; afterwards a node or a global scheduler of another run is refused.
 * Owns     identity of the run, the job, and who the global scheduler is.
 * Reads    base.
 * Who      the core asks about every message of a global scheduler; nodes ask about every announcement.
 * Threads  one owner.
 */
#ifndef ACTORS_SCHEDULER_REGION_BASE_REGION_RUN_H
#define ACTORS_SCHEDULER_REGION_BASE_REGION_RUN_H

#include "actors/scheduler/region/base/region_base.h"
#include "brokers/job.h"
#include "codec/base/run_id.h"

typedef struct {
    region_base_t *base;
    uint64_t id;       /* RUN_ID_NONE: nobody has said yet */
    bool adopts;       /* directories without an identity may belong to it */
    bool shared;       /* the global scheduler that was heard in this life is of the same */
    uint64_t decision; /* it is in the directory when so many decisions are kept */
    job_t job;
    bool job_known;
    const job_region_t *share; /* this region's part of the job; NULL: not known */
    uint64_t samples_announced;
    uint64_t global_incarnation; /* newest that was heard */
    int64_t global_heard_us;     /* -1: never */
} region_run_t;

void region_run_init(region_run_t *self, region_base_t *base);

/* True: the message is of another run's global scheduler. That one is told, and the own one
 * never learns of it. */
bool region_run_is_foreign(region_run_t *self, const message_t *message);
/* Its own global scheduler is there; a new incarnation of it is a decision. */
void region_run_heard(region_run_t *self, const message_t *message, int64_t now_us);

/* A node may belong to it. Errors: ERR_JOB. */
err_code_t region_run_check(const region_run_t *self, const message_t *announce, err_t *err);
/* The job follows from the topology and the size of the data set, which the first node tells. Errors:
 * ERR_JOB, those of job_derive. */
err_code_t region_run_derive(region_run_t *self, uint64_t samples, err_t *err);

typedef enum {
    RUN_JOINED,  /* by this plan: nodes that came before, of other runs, are to go */
    RUN_SAME,    /* it is of one already */
    RUN_UNNAMED, /* the plan does not say; it was refused */
    /* what a predecessor kept is of no run that anybody knows: the region ends, *ret_why tells */
    RUN_NOT_ITS,
} run_joined_t;

run_joined_t region_run_join(region_run_t *self, const message_t *plan, err_t *ret_why);
bool region_run_ready(const region_run_t *self); /* it is known and kept, and something may be placed */

/* The global scheduler that is there is of another run, and has refused this region. True: this one is the
 * odd one and ends, *ret_why tells; not when it trains, or has heard its own one. */
bool region_run_is_odd(const region_run_t *self, const message_t *refused, bool trains, err_t *ret_why);

void region_run_put(const region_run_t *self, message_t *state);

#endif
