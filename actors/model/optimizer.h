/* optimizer - one update of a shard's parameters, in one pass over memory, and the learning rate that drives
 * it. Which optimizers there are is brokers/optimizers.def; the formula of each is in its file in
 * actors/model/optimizers.
 *
 *   schedule   the rate when `done` of all samples of the job are applied here:
 *              constant  lr
 *              linear    lr (1 - done)
 *              cosine    lr (1 + cos(pi done)) / 2                        (Loshchilov, arXiv 1608.03983)
 *              steps     lr factor^k, k: milestones that are reached
 *   warm-up    the rate times done / warmup while done < warmup           (Goyal et al., arXiv 1706.02677)
 *   decay      g <- g + decay w before the step, or beside it (optimizers.def), of what decays
 *
 * Threads  any; pure functions.
 */
#ifndef ACTORS_MODEL_OPTIMIZER_H
#define ACTORS_MODEL_OPTIMIZER_H

#include "actors/model/vector.h"
#include "brokers/optimizers.h"
#include "codec/base/err.h"

#include <stddef.h>
#include <stdint.h>

typedef struct {
    optimizer_name_t kind;
    float lr;       /* at the start */
    float momentum; /* 0 where it has none */
    float decay;
    bool nesterov;
    schedule_t schedule;
    double warmup;              /* share of all samples over which the rate rises from 0; 0: none */
    const uint64_t *milestones; /* (milestone_count) percent of all samples, ascending; borrowed */
    size_t milestone_count;
    double factor;
} optimizer_t;

/* One step over a part of the parameters: w, g (n) float32, and the same part of each tensor that the
 * optimizer remembers. Results may be what they come from, but not overlap otherwise. */
typedef struct {
    float lr;
    uint64_t number; /* steps that what it remembers has had, with this one: from 1 */
    bool decays;
    size_t row;    /* elements of a row, where a tensor is sparse; 0: it is not */
    size_t before; /* of the first row those that lie before this part */
    size_t n;
    const float *w, *g;
    const float *state[OPTIMIZER_TENSORS_MAX];
    float *ret_w;
    float *ret_state[OPTIMIZER_TENSORS_MAX];
} optimizer_step_t;

/* Learning rate after `applied` of `total` samples; a total of 0 means that nothing is done yet. */
float optimizer_rate(const optimizer_t *self, uint64_t samples_applied, uint64_t samples_total);

/* Each product and sum is rounded by itself: the same bits on every machine. */
void optimizer_step(const optimizer_t *self, const optimizer_step_t *step);

#endif
