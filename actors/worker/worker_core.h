/* worker_core - asks for leases, pulls parameters, has gradients computed, pushes them until every shard has
 * them.
 *
 * Why      soft state only: whatever a dead worker held is leased again. Several batches may be on their way:
 *          the next lease is asked for before the last batch of the old one is done.
 * Effects  worker_core_take_task offers one computation at a time; the driver runs the model and calls
 *          worker_core_computed or worker_core_evaluated.
 * Checks   a whole gradient is checked for finiteness, and clipped, before any part of it is sent; one that
 *          is not finite is announced to every shard by a push with samples = 0 and no data, which consumes
 *          the batch's name and records it as refused.
 */
#ifndef ACTORS_WORKER_WORKER_CORE_H
#define ACTORS_WORKER_WORKER_CORE_H

#include "actors/kit/role.h"
#include "brokers/job.h"
#include "codec/base/ranges.h"
#include "codec/tensor/layout.h"

/* The elements of the flat array in which the gradient of a batch may not be 0, to ret_elements, which is
 * empty. Never called while a computation is under way. Any error: it touches everything. */
typedef err_code_t worker_touches_fn(void *hint, uint64_t batch, ranges_t *ret_elements);

typedef struct {
    const topology_t *topology; /* borrowed */
    const job_t *job;           /* borrowed */
    size_t region_index;
    size_t worker_index;
    uint64_t incarnation;
    size_t shard_count;
    const size_t
        *shard_first; /* (shard_count + 1): first element of each shard, and the number of all; copied */
    const layout_t *layout;     /* of the model, borrowed for the call; NULL: all is the optimizer's */
    size_t chunk_bytes;         /* MESSAGE_CHUNK_BYTES; a multiple of 4 */
    bool checksums;             /* whether to send them (not within one process) and to insist on them */
    worker_touches_fn *touches; /* NULL: every batch touches everything */
    void *touches_hint;
    int64_t status_us; /* between two statuses; 0: as the scheduler expects of a real worker */
} worker_spec_t;

typedef struct worker_core worker_core_t;
extern const role_t worker_role;

typedef struct {
    bool evaluate;       /* else: the gradient of `batch` */
    uint64_t batch;      /* global number */
    const float *params; /* (N) borrowed until the task is done; of a batch, where it touches them */
    float *gradient;     /* (N) to be filled; borrowed until the task is done; NULL for evaluate */
} worker_task_t;

/* Of the whole test set. */
typedef struct {
    double loss; /* mean */
    double accuracy;
    double auc; /* area under the ROC curve of two classes; 0: none */
} worker_result_t;

worker_core_t *worker_core_new(const worker_spec_t *spec);

bool worker_core_take_task(worker_core_t *self, worker_task_t *ret_task);
/* The task that is likely to come next, as far as is known: its samples may be prepared. */
bool worker_core_foresee(const worker_core_t *self, bool *ret_evaluate, uint64_t *ret_batch);
void worker_core_computed(worker_core_t *self, double mean_loss, int64_t now_us);
void worker_core_evaluated(worker_core_t *self, const worker_result_t *result, int64_t took_us,
                           int64_t now_us);

uint64_t worker_core_done(const worker_core_t *self); /* batches applied by every shard */
/* Returns what it waits for now ("" when it computes), since when; for status. */
const char *worker_core_waits_for(const worker_core_t *self, int64_t *ret_since_us);
/* Returns whether it was stopped in the midst of a batch that took too long to be waited for, and which: that
 * is computed again. */
bool worker_core_gave_up(const worker_core_t *self, uint64_t *ret_batch);

/* ERR_OK, or why it gave up: ERR_STALE when a newer incarnation of it runs. The role is finished then. Text
 * borrowed. */
err_code_t worker_core_failure(const worker_core_t *self, const char **ret_reason);

#endif
