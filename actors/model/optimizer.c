#include "actors/model/optimizers/step.h"

float optimizer_rate(const optimizer_t *self, uint64_t samples_applied, uint64_t samples_total)
{
    double done = samples_total == 0                 ? 0
                  : samples_applied >= samples_total ? 1
                                                     : (double)samples_applied / (double)samples_total;
    double rate = (double)self->lr * (self->schedule == SCHEDULE_LINEAR ? 1.0 - done : 1.0);
    return (float)(done < self->warmup ? rate * done / self->warmup : rate);
}

void optimizer_step(const optimizer_t *self, const optimizer_step_t *step)
{
#define OPTIMIZER(ID, NAME, ...) [OPTIMIZER_##ID] = &optimizer_##NAME,
    static optimizer_stepper_t *const *const steps[] = {
#include "brokers/optimizers.def"
    };
#undef OPTIMIZER
    for (size_t i = 0; step->n && i < optimizer_tensors(optimizer_find(self->kind)); i++)
        CHECK(step->state[i] && step->ret_state[i]);
    (*steps[self->kind])(self, step);
}
