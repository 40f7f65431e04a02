/* asp: every `every` steps the values that have changed by more than `threshold` of themselves; others add
 * them plainly, and the own change stays in the model as it is. Nobody waits.
 * Why: few bytes, and soon. Source: the significance filter of Gaia, Hsieh et al., NSDI 2017. */
#include "actors/shard/replica/strategy/difference.h"

static void s_derive_asp(replica_t *self)
{
    self->outer.on = self->outer.starts = base_regions(self->base) > 1;
    self->outer.lr = 1;
}

/* The others have what was cut now: the next difference begins here. */
static void s_made(replica_t *self, const encoded_t *cut)
{
    if (!self->outer.on)
        return;
    if (cut->refused)
        start_return(self);
    else
        start_here(self);
}

static bool s_take_asp(replica_t *self, const late_t *late, const blend_t *delta)
{
    act_t act = {.lr = self->outer.lr,
                 .share = 1,
                 .average = (float)self->base->spec.job->regions[late->origin].share};
    return difference_act(self, delta, &act);
}

static void s_subtract(replica_t *self, const buf_t *difference)
{
    const float *d = buf_peek(difference);
    float *x = buf_data(self->outer.start);
    for (size_t s = 0; s < self->spans.count; s++) {
        const span_t *span = &self->spans.items[s];
        for (size_t i = span->first; span->rule == TENSOR_OPTIMIZER && i < span->end; i++)
            x[i] -= d[i];
    }
    buf_touch(self->outer.start);
}

/* Own differences that are not in the donor's state ... */
static void s_again(replica_t *self, const delta_head_t *head, const buf_t *values)
{
    difference_again(self, head, values);
    if (values)
        s_subtract(self, values);
}

/* ... and what they left out, which no region but this one has. */
static void s_open_again(replica_t *self, const former_t *former)
{
    if (self->residual)
        s_subtract(self, self->residual);
    difference_open_again(self, former);
}

/* Steps are part of the version: a job that goes on from a snapshot goes on with the same threshold. */
static const float *s_scale(const replica_t *self, float *ret_threshold)
{
    *ret_threshold =
        strategy_threshold(self->base->spec.topology, self->steps / self->base->region->steps_per_epoch);
    return buf_peek(self->parameters);
}

const exchange_t exchange_asp = {
    .id = STRATEGY_ASP,
    .derive = s_derive_asp,
    .ready = difference_ready,
    .whole = difference_whole,
    .cut = difference_cut,
    .made = s_made,
    .own = exchange_own_never,
    .take = s_take_asp,
    .again = s_again,
    .open_again = s_open_again,
    EXCHANGE_WITHOUT_ROUNDS,
    .scale = s_scale,
};
