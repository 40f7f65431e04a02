/* adamw: adam, and parameters decay beside it: w <- (1 - lr decay) w before the step, which no average of
 * gradients sees. Source: Loshchilov and Hutter, arXiv 1711.05101, algorithm 2, as PyTorch's AdamW has it. */

#include "actors/model/optimizers/adam.h"

optimizer_stepper_t *const optimizer_adamw = adam_step;
