/* optimizer - one update of a shard's parameters, in one pass over memory, and the learning rate that drives
 * it.
 *
 *   sgd        w <- w - lr g
 *   momentum   v <- m v + g;  w <- w - lr v                      (PyTorch's SGD, dampening 0)
 *   schedule   constant: lr;  linear: lr (1 - done), done = share of all samples of the job applied here
 *   warm-up    the rate times done / warmup while done < warmup           (Goyal et al., arXiv 1706.02677)
 *
 * Threads  any; pure functions.
 */
#ifndef ACTORS_MODEL_OPTIMIZER_H
#define ACTORS_MODEL_OPTIMIZER_H

#include "actors/model/vector.h"
#include "codec/base/err.h"

#include <stddef.h>
#include <stdint.h>

typedef enum { OPTIMIZER_SGD, OPTIMIZER_MOMENTUM } optimizer_kind_t;
typedef enum { SCHEDULE_CONSTANT, SCHEDULE_LINEAR } schedule_t;

typedef struct {
    optimizer_kind_t kind;
    float lr;       /* at the start */
    float momentum; /* 0 for sgd */
    schedule_t schedule;
    double warmup; /* share of all samples over which the rate rises from 0; 0: none */
} optimizer_t;

/* Learning rate after `applied` of `total` samples; a total of 0 means that nothing is done yet. */
float optimizer_rate(const optimizer_t *self, uint64_t samples_applied, uint64_t samples_total);

/* w, v, g (n) float32 -> ret_w, ret_v (n), each of which may be w or v itself but not overlap otherwise.
 * v and ret_v are NULL for sgd. Each product and sum is rounded by itself: the same bits on every machine. */
void optimizer_step(const optimizer_t *self, float lr, size_t n, const float *w, const float *v,
                    const float *g, float *ret_w, float *ret_v);

#endif
