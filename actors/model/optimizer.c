#include "actors/model/optimizers/step.h"

#include "brokers/optimizers.h"

/* -- rates ------------------------------------------------------------------------------------------------
 */

#define PI 3.14159265358979323846
#define TERMS 11 /* of a sine up to a right angle: the next is below 1e-19 */

static double s_constant(const optimizer_t *self, double done)
{
    (void)self;
    (void)done;
    return 1;
}

static double s_linear(const optimizer_t *self, double done)
{
    (void)self;
    return 1 - done;
}

/* (1 + cos(pi done)) / 2, by the series of sin(pi (1/2 - done)), as cos differs from library to library. */
static double s_cosine(const optimizer_t *self, double done)
{
    double x = PI * (0.5 - done), term = x, sine = x;
    (void)self;
    for (int i = 1; i < TERMS; i++) {
        term *= -x * x / (2.0 * i * (2.0 * i + 1));
        sine += term;
    }
    return (1 + sine) / 2;
}

static double s_steps(const optimizer_t *self, double done)
{
    double rate = 1;
    for (size_t i = 0; i < self->milestone_count && done >= (double)self->milestones[i] / 100; i++)
        rate *= self->factor;
    return rate;
}

float optimizer_rate(const optimizer_t *self, uint64_t samples_applied, uint64_t samples_total)
{
    static double (*const schedules[])(const optimizer_t *self,
                                       double done) = {[SCHEDULE_CONSTANT] = s_constant,
                                                       [SCHEDULE_LINEAR] = s_linear,
                                                       [SCHEDULE_COSINE] = s_cosine,
                                                       [SCHEDULE_STEPS] = s_steps};
    double done = samples_total == 0                 ? 0
                  : samples_applied >= samples_total ? 1
                                                     : (double)samples_applied / (double)samples_total;
    double rate = (double)self->lr * schedules[self->schedule](self, done);
    return (float)(done < self->warmup ? rate * done / self->warmup : rate);
}

/* -- steps ------------------------------------------------------------------------------------------------
 */

#define BLOCK 4096 /* elements that decay at a time */

static void s_move(const optimizer_t *self, const optimizer_step_t *step)
{
#define OPTIMIZER(ID, NAME, ...) [OPTIMIZER_##ID] = &optimizer_##NAME,
    static optimizer_stepper_t *const *const steps[] = {
#include "brokers/optimizers.def"
    };
#undef OPTIMIZER
    (*steps[self->kind])(self, step);
}

CLONES
static void s_add_decay(size_t n, float *restrict ret_g, float decay, const float *restrict w,
                        const float *restrict g)
{
    for (size_t i = 0; i < n; i++)
        ret_g[i] = g[i] + decay * w[i];
}

CLONES
static void s_shrink(size_t n, float *ret_w, float keep, const float *w)
{
    SAME_OR_APART
    for (size_t i = 0; i < n; i++)
        ret_w[i] = keep * w[i];
}

static optimizer_step_t s_part(const optimizer_step_t *step, size_t first, size_t n)
{
    optimizer_step_t part = *step;
    part.n = n;
    part.w += first;
    part.g += first;
    part.ret_w += first;
    part.before = step->row ? (step->before + first) % step->row : 0;
    for (size_t i = 0; i < OPTIMIZER_TENSORS_MAX; i++) {
        part.state[i] = step->state[i] ? step->state[i] + first : NULL;
        part.ret_state[i] = step->ret_state[i] ? step->ret_state[i] + first : NULL;
    }
    return part;
}

/* As a part of the gradient, or beside it. */
static void s_decay(const optimizer_t *self, const optimizer_step_t *step)
{
    float decayed[BLOCK];
    bool apart = optimizer_find(self->kind)->decays_apart;
    for (size_t first = 0; first < step->n; first += BLOCK) {
        size_t n = step->n - first < BLOCK ? step->n - first : BLOCK;
        optimizer_step_t part = s_part(step, first, n);
        if (apart) {
            s_shrink(n, part.ret_w, 1 - step->lr * self->decay, part.w);
            part.w = part.ret_w;
        } else {
            s_add_decay(n, decayed, self->decay, part.w, part.g);
            part.g = decayed;
        }
        s_move(self, &part);
    }
}

void optimizer_step(const optimizer_t *self, const optimizer_step_t *step)
{
    for (size_t i = 0; step->n && i < optimizer_tensors(optimizer_find(self->kind)); i++)
        CHECK(step->state[i] && step->ret_state[i]);
    if (step->decays && self->decay > 0)
        s_decay(self, step);
    else
        s_move(self, step);
}
