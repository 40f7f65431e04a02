/* adam - the step that adam and adamw share. */
#ifndef ACTORS_MODEL_OPTIMIZERS_ADAM_H
#define ACTORS_MODEL_OPTIMIZERS_ADAM_H

#include "actors/model/optimizers/step.h"

optimizer_stepper_t adam_step;

#endif
