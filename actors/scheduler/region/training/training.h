/* training - what the region's workers compute: leases to them, time and loss, and the curve with its
 * evaluations.
 *
 * Owns     the time that counts as training, what each worker has told of loss and time, the rows of the
 *          curve, whether the job is complete here.
 * Reads    base, run, links (whether another region is away), nodes, actors, shards (its lease table is
 *          written here alone).
 * Who      the core gives it requests and results, and calls training_tick after every event. Rooms above
 *          ask.
 * Files    training_time.c, training_curve.c, training_lease.c: the last calls the first two, the curve calls
 *          time.
 * Threads  one owner.
 */
#ifndef ACTORS_SCHEDULER_REGION_TRAINING_TRAINING_H
#define ACTORS_SCHEDULER_REGION_TRAINING_TRAINING_H

#include "actors/scheduler/base/diverging.h"
#include "actors/scheduler/region/base/region_links.h"
#include "actors/scheduler/region/training/shards.h"

typedef struct {
    int64_t first_lease_us, end_us; /* -1: not yet */
    int64_t before_us;              /* of predecessors */
    bool stands;           /* another region's broker is not there, and nobody has anything to compute ... */
    int64_t stands_us;     /* ... as of then */
    int64_t stood_us;      /* so long until then */
    int64_t evaluating_us; /* sum over workers, before the end of training */
    int64_t compute_us;    /* of all workers */
} training_time_t;

typedef struct {
    uint64_t incarnation;
    uint64_t samples;
    double loss_sum;
    int64_t compute_us;
} worker_told_t;

typedef struct {
    worker_told_t *told; /* per worker */
    uint64_t samples;    /* since the newest row */
    double sum;
    double before; /* mean up to that row, NaN when none was told */
    diverging_t diverging;
} training_loss_t;

typedef struct {
    int64_t train_us;
    double epoch, loss, test_accuracy, test_loss, test_auc; /* 0: no such area */
} region_row_t;

#define EVALUATION_LATER_MAX 16

typedef struct {
    bool pending; /* a worker is to be asked, or has been */
    bool final;
    bool granted;
    size_t worker;
    uint64_t grant;
    int64_t granted_us;
    region_row_t row;                         /* as of the trigger; the result is filled in */
    region_row_t later[EVALUATION_LATER_MAX]; /* of quarters that passed meanwhile */
    size_t later_count;
} evaluation_t;

typedef struct {
    bool quarter_known;
    uint64_t quarter; /* newest quarter of an epoch that has its row */
    evaluation_t evaluation;
    region_row_t *rows;
    size_t row_count, row_capacity;
    uint64_t rows_known; /* by the global scheduler */
    bool complete;
} curve_t;

typedef struct {
    region_base_t *base;
    region_run_t *run;
    region_links_t *links;
    nodes_t *nodes;
    actors_t *actors;
    shards_t *shards;
    training_time_t time;
    training_loss_t loss;
    curve_t curve;
} training_t;

void training_init(training_t *self, region_base_t *base, region_run_t *run, region_links_t *links,
                   nodes_t *nodes, actors_t *actors, shards_t *shards);
void training_start(training_t *self); /* with the plan */
void training_grow(training_t *self);  /* a worker's number was added */
void training_fini(training_t *self);

/* ---- time and loss: training_time.c ---- */

bool training_has_begun(const training_t *self); /* somebody was leased something in this life */
void training_begin(training_t *self, int64_t now_us);
void training_end(training_t *self, int64_t now_us);
/* Looks whether all workers wait while another region is away; before and after whatever changes that. */
void training_note_standing(training_t *self, int64_t now_us);
/* From the first lease until every region's final delta is durable here, or a stop. */
int64_t training_us(const training_t *self, int64_t now_us);
double training_mean_loss(const training_t *self);  /* since the newest row; NaN: none was told */
double training_mean_batch(const training_t *self); /* samples */

/* Samples that a worker has computed since it told the last time. */
typedef struct {
    uint64_t samples;
    int64_t took_us;
} computed_t;

/* The run fails when its training has diverged. */
void training_judge(training_t *self, const message_t *report);
computed_t training_take_figures(training_t *self, const message_t *want, const region_actor_t *worker);

/* ---- the curve: training_curve.c ---- */

/* The end of an evaluation; a result that cannot be is refused, and somebody else asked. */
void training_take_evaluated(training_t *self, const message_t *message, const region_actor_t *worker,
                             int64_t now_us);
void training_tick(training_t *self, int64_t now_us); /* closes, evaluates, completes */
/* The job is complete, as all regions have said; if a predecessor said it here, its last row went with it.
 * `silent`: shards that have not told cannot any more, and had all there is. */
void training_conclude(training_t *self, bool silent, int64_t now_us);
bool training_evaluation_waits(const training_t *self);         /* for somebody who does it */
bool training_evaluates(const training_t *self, size_t worker); /* SIZE_MAX: anybody */
const char *training_waits_for(const training_t *self);
void training_send_curve(training_t *self); /* rows that the global scheduler does not have */
void training_rows_had(training_t *self, uint64_t count);
message_t *training_row(const training_t *self, size_t index, const char *to); /* the caller's */

/* ---- leases: training_lease.c ---- */

/* A worker's request for batches, with what it has computed. False: it was refused as malformed. */
bool training_take_want(training_t *self, const message_t *message, region_actor_t *worker, int64_t now_us,
                        computed_t *ret_computed);
void training_started(training_t *self, const region_actor_t *actor);
void training_worker_adopted(training_t *self, const region_actor_t *worker);
void training_worker_lost(training_t *self, const region_actor_t *worker);

/* ---- figures ---- */

void training_report(const training_t *self, message_t *report, int64_t now_us);
void training_put(const training_t *self, message_t *state, int64_t now_us);
void training_load(training_t *self, const message_t *saved, const legacy_region_t *kept);

#endif
