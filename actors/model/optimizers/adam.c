/* adam: steps are about as long as the rate, and shorter where gradients disagree. In step t
 *
 *   m <- b1 m + (1 - b1) g;   v <- b2 v + (1 - b2) g g
 *   w <- w - lr (m / (1 - b1^t)) / (sqrt(v / (1 - b2^t)) + epsilon)
 *
 * b1 is job.optimizer.momentum. Source: Adam, Kingma and Ba, arXiv 1412.6980, algorithm 1. */

#include "actors/model/optimizers/adam.h"

#include <math.h>

#define BETA2 0.999F
#define EPSILON 1e-8F

typedef struct {
    float lr, beta1, beta2;
    float share1, share2; /* 1 - beta^t: how much of the gradients is in an average that began at 0 */
} rates_t;

/* By squares, as pow differs from library to library. */
static double s_power(double base, uint64_t exponent)
{
    double power = 1;
    for (; exponent; exponent >>= 1, base *= base)
        if (exponent & 1)
            power *= base;
    return power;
}

CLONES
static void s_move_adam(const rates_t *rates, const optimizer_step_t *step)
{
    const float *w = step->w, *g = step->g, *m = step->state[0], *v = step->state[1];
    float *ret_w = step->ret_w, *ret_m = step->ret_state[0], *ret_v = step->ret_state[1];
    const rates_t r = *rates;
    size_t n = step->n;
    SAME_OR_APART
    for (size_t i = 0; i < n; i++) {
        float mean = r.beta1 * m[i] + (1 - r.beta1) * g[i];
        float square = r.beta2 * v[i] + (1 - r.beta2) * (g[i] * g[i]);
        ret_m[i] = mean;
        ret_v[i] = square;
        ret_w[i] = w[i] - r.lr * (mean / r.share1) / (sqrtf(square / r.share2) + EPSILON);
    }
}

void adam_step(const optimizer_t *self, const optimizer_step_t *step)
{
    rates_t rates = {.lr = step->lr,
                     .beta1 = self->momentum,
                     .beta2 = BETA2,
                     .share1 = (float)(1 - s_power((double)self->momentum, step->number)),
                     .share2 = (float)(1 - s_power((double)BETA2, step->number))};
    s_move_adam(&rates, step);
}

optimizer_stepper_t *const optimizer_adam = adam_step;
