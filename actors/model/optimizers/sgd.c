/* sgd: w <- w - lr g */

#include "actors/model/optimizers/step.h"

CLONES
static void s_move_sgd(float lr, size_t n, const float *w, const float *g, float *ret_w)
{
    SAME_OR_APART
    for (size_t i = 0; i < n; i++)
        ret_w[i] = w[i] - lr * g[i];
}

static void s_step_sgd(const optimizer_t *self, const optimizer_step_t *step)
{
    (void)self;
    s_move_sgd(step->lr, step->n, step->w, step->g, step->ret_w);
}

optimizer_stepper_t *const optimizer_sgd = s_step_sgd;
