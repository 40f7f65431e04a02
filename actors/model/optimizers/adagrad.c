/* adagrad: each element has a rate of its own, that falls with what its gradients were:
 *
 *   s <- s + g g;   w <- w - lr g / (sqrt(s) + epsilon)
 *
 * Of a tensor with sparse rows each row has one: s <- s + the mean of g g over the row, which stands in all
 * its elements, so that the tensor has the shape of the parameters. A row that lies in two shards is two.
 * Source: Duchi et al., JMLR 12 (2011), as PyTorch's Adagrad has it; for rows as FBGEMM's rowwise_adagrad. */

#include "actors/model/optimizers/step.h"

#include <math.h>

#define EPSILON 1e-10F

CLONES
static void s_move_adagrad(float lr, size_t n, const float *w, const float *s, const float *g, float *ret_w,
                           float *ret_s)
{
    SAME_OR_APART
    for (size_t i = 0; i < n; i++) {
        float sum = s[i] + g[i] * g[i];
        ret_s[i] = sum;
        ret_w[i] = w[i] - lr * g[i] / (sqrtf(sum) + EPSILON);
    }
}

CLONES
static void s_move_row(float lr, size_t n, const float *w, float sum, const float *g, float *ret_w,
                       float *ret_s)
{
    float rate = lr / (sqrtf(sum) + EPSILON);
    SAME_OR_APART
    for (size_t i = 0; i < n; i++) {
        ret_s[i] = sum;
        ret_w[i] = w[i] - rate * g[i];
    }
}

static void s_step_rows(const optimizer_step_t *step)
{
    size_t end = step->row - step->before;
    for (size_t first = 0; first < step->n; first = end, end += step->row) {
        size_t n = (end < step->n ? end : step->n) - first;
        float sum = step->state[0][first] + (float)(vector_squares(n, step->g + first) / (double)n);
        s_move_row(step->lr, n, step->w + first, sum, step->g + first, step->ret_w + first,
                   step->ret_state[0] + first);
    }
}

static void s_step_adagrad(const optimizer_t *self, const optimizer_step_t *step)
{
    (void)self;
    if (step->row)
        s_step_rows(step);
    else
        s_move_adagrad(step->lr, step->n, step->w, step->state[0], step->g, step->ret_w, step->ret_state[0]);
}

optimizer_stepper_t *const optimizer_adagrad = s_step_adagrad;
