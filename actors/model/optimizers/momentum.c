/* momentum: v <- m v + g;  w <- w - lr v, or with nesterov  w <- w - lr (g + m v)
 *                                                                   (PyTorch's SGD, dampening 0) */

#include "actors/model/optimizers/step.h"

CLONES
static void s_move_momentum(float lr, float momentum, size_t n, const float *w, const float *v,
                            const float *g, float *ret_w, float *ret_v)
{
    SAME_OR_APART
    for (size_t i = 0; i < n; i++) {
        float velocity = momentum * v[i] + g[i];
        ret_v[i] = velocity;
        ret_w[i] = w[i] - lr * velocity;
    }
}

CLONES
static void s_move_nesterov(float lr, float momentum, size_t n, const float *w, const float *v,
                            const float *g, float *ret_w, float *ret_v)
{
    SAME_OR_APART
    for (size_t i = 0; i < n; i++) {
        float velocity = momentum * v[i] + g[i];
        float way = g[i] + momentum * velocity;
        ret_v[i] = velocity;
        ret_w[i] = w[i] - lr * way;
    }
}

static void s_step_momentum(const optimizer_t *self, const optimizer_step_t *step)
{
    (self->nesterov ? s_move_nesterov : s_move_momentum)(
        step->lr, self->momentum, step->n, step->w, step->state[0], step->g, step->ret_w, step->ret_state[0]);
}

optimizer_stepper_t *const optimizer_momentum = s_step_momentum;
