#include "actors/shard/replica/strategy/gradient.h"

void gradient_derive(replica_t *self)
{
    compensation_derive(self);
}

bool gradient_whole(replica_t *self)
{
    if (!self->residual)
        return true;
    if (!self->open) {
        self->open = self->residual;
        self->residual = NULL;
        return true;
    }
    buf_t *sum = version_fresh(self);
    if (!sum)
        return false;
    encoding_add(buf_peek(self->open), buf_peek(self->residual), buf_data(sum), self->base->spec.elements);
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
static void s_step(replica_t *self, const buf_t *gradient, uint64_t samples)
{
    if (gradient) {
        part_t part = {.buf = gradient, .weight = 1};
        blend_t blend = {
            .parts = &part, .count = 1, .divisor = 1, .scratch = self->scratch, .sums = self->sums};
        CHECK(version_step(self, &blend, true, false));
    }
    self->samples_applied += samples;
}

/* The cuts that the donor lacks are applied as they were sent ... */
void gradient_again(replica_t *self, const delta_head_t *head, const buf_t *values)
{
    s_step(self, values, head->samples);
}

/* ... and what they left out, so that it is all there is. */
void gradient_open_again(replica_t *self, const former_t *former)
{
    (void)former;
    s_step(self, self->open, self->open_samples);
    s_step(self, self->residual, 0);
}
