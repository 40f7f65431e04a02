/* adam - the step that adam and adamw share. */
#ifndef ACTORS_MODEL_OPTIMIZERS_ADAM_H
#define ACTORS_MODEL_OPTIMIZERS_ADAM_H

#include "actors/model/optimizers/step.h"

void adam_step(const optimizer_t *self, const optimizer_step_t *step);

#endif
