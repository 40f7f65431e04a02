/* ssgd: the gradient of every step; all regions wait, then one step with their mean: equal to one process
 * with the big batch.
 * Why: what is computed does not depend on where. Source: synchronous SGD, Chen et al., arXiv 1604.00981. */
#include "actors/shard/replica/strategy/gradient.h"

static bool s_round_ssgd(replica_t *self, const blend_t *mean)
{
    return !mean || version_step(self, mean, true, false);
}

/* By its samples, or a plain sum when gradients are counts. */
static double s_weight(const replica_t *self, const pending_t *pending, bool first, double *divisor)
{
    (void)first;
    if (self->base->rules.plain_sum) {
        *divisor = 1;
        return 1;
    }
    *divisor += (double)pending->head.samples;
    return (double)pending->head.samples;
}

static void s_open_again(replica_t *self, const former_t *former)
{
    (void)self;
    (void)former;
}

const exchange_t exchange_ssgd = {
    .id = STRATEGY_SSGD,
    .derive = exchange_nothing,
    .ready = exchange_ready,
    .whole = gradient_whole,
    .cut = gradient_cut,
    .made = exchange_made_for_round,
    .waits = exchange_waits_nothing,
    .too_late = exchange_nothing,
    .own = exchange_own_never,
    .take = exchange_take_never,
    .round = s_round_ssgd,
    .weight = s_weight,
    .counts = exchange_always_counts,
    .is_late = exchange_never_late,
    .again = exchange_again_later,
    .open_again = s_open_again,
    .scale = exchange_scale_none,
};
