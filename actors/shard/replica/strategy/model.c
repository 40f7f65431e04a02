#include "actors/shard/replica/strategy/model.h"

bool model_whole(replica_t *self)
{
    if (self->residual)
        version_release(self, &self->residual);
    return true;
}

buf_t *model_cut(replica_t *self, bool whole)
{
    (void)whole;
    return self->open_steps ? buf_ref(self->parameters) : NULL;
}

bool model_take(replica_t *self, const late_t *late, const blend_t *model)
{
    float share = (float)self->base->spec.job->regions[late->origin].share;
    return version_mix(self, model, 1.0f - share, share);
}

void model_again(replica_t *self, const delta_head_t *head, const buf_t *values)
{
    (void)values;
    self->samples_applied += head->samples;
}

void model_open_again(replica_t *self, const former_t *former)
{
    self->samples_applied += self->open_samples;
    model_enter(self, former);
}

void model_enter(replica_t *self, const former_t *former)
{
    if (!former->some && !self->open_steps)
        return;
    float share = (float)self->base->region->share;
    part_t part = {.buf = former->parameters, .weight = 1};
    blend_t blend = {.parts = &part, .count = 1, .divisor = 1, .scratch = self->scratch, .sums = self->sums};
    CHECK(version_mix(self, &blend, 1.0f - share, share)); /* changed in place: no memory is needed */
}
