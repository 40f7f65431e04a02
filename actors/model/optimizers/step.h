/* step - what a file with an optimizer's step includes, before anything else. No fused multiply-add
 * in it: see vector.h. */
#ifndef ACTORS_MODEL_OPTIMIZERS_STEP_H
#define ACTORS_MODEL_OPTIMIZERS_STEP_H

#include "actors/model/exact.h"

#include "actors/model/clones.h"
#include "actors/model/optimizer.h"

typedef void optimizer_stepper_t(const optimizer_t *self, const optimizer_step_t *step);

#define OPTIMIZER(ID, NAME, ...) extern optimizer_stepper_t *const optimizer_##NAME;
#include "brokers/optimizers.def"
#undef OPTIMIZER

#endif
