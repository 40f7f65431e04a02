#include "actors/shard/replica/strategy/gradient.h"

#include <string.h>

void gradient_derive(replica_t *self)
{
    compensation_derive(self);
}

/* A residual has no averages: the parameters' go along. */
static void s_put_averages(const replica_t *self, float *values)
{
    const float *w = buf_peek(self->parameters);
    for (size_t i = 0; i < self->spans.count; i++) {
        const span_t *span = &self->spans.items[i];
        if (span->rule == TENSOR_AVERAGE)
            memcpy(values + span->first, w + span->first, (span->end - span->first) * sizeof *w);
    }
}

bool gradient_whole(replica_t *self)
{
    if (!self->residual)
        return true;
    if (!self->open && !spans_count(&self->spans, TENSOR_AVERAGE)) {
        self->open = self->residual;
        self->residual = NULL;
        return true;
    }
    buf_t *sum = version_fresh(self);
    if (!sum)
        return false;
    encoding_add(buf_peek(self->residual), self->open ? buf_peek(self->open) : NULL, buf_data(sum),
                 self->base->spec.elements);
    if (!self->open)
        s_put_averages(self, buf_data(sum));
    version_release(self, &self->open);
    version_release(self, &self->residual);
    self->open = sum;
    return true;
}

buf_t *gradient_cut(replica_t *self, bool whole)
{
    (void)whole; /* the residual has joined it */
    buf_t *open = self->open;
    self->open = NULL;
    return open;
}

bool gradient_take(replica_t *self, const late_t *late, const blend_t *delta)
{
    return compensation_step(self, late, delta);
}

/* Everything is unique: no memory is needed, so it cannot fail. */
static void s_step(replica_t *self, const buf_t *gradient, uint64_t samples, double share)
{
    if (gradient) {
        part_t part = {.buf = gradient, .weight = 1};
        blend_t blend = {
            .parts = &part, .count = 1, .divisor = 1, .scratch = self->scratch, .sums = self->sums};
        CHECK(version_step_of(self, &blend, (float)share));
    }
    self->samples_applied += samples;
}

/* The cuts that the donor lacks are applied as they were sent ... */
void gradient_again(replica_t *self, const delta_head_t *head, const buf_t *values)
{
    s_step(self, values, head->samples, self->base->region->share);
}

/* ... and what they left out, so that it is all there is. */
void gradient_open_again(replica_t *self, const former_t *former)
{
    (void)former;
    s_step(self, self->open, self->open_samples, self->base->region->share);
    s_step(self, self->residual, 0, 0); /* which has no averages */
}
