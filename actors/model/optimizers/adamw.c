/* adamw: adam, and parameters decay beside it: w <- (1 - lr decay) w before the step, which no average of
 * gradients sees. Source: Loshchilov and Hutter, arXiv 1711.05101, algorithm 2, as PyTorch's AdamW has it. */

#include "actors/model/optimizers/adam.h"

static void s_step_adamw(const optimizer_t *self, const optimizer_step_t *step)
{
    adam_step(self, step);
}

optimizer_stepper_t *const optimizer_adamw = s_step_adamw;
