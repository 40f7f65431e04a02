/* diloco: what the model gained in `every` steps; all regions wait, then one outer step with the mean. With
 * overlap local steps go on while a round is under way.
 * Why: replicas are equal with rare exchanges. Source: DiLoCo, arXiv 2311.08105, and for overlap
 * Streaming DiLoCo, arXiv 2501.18512. */
#include "actors/shard/replica/strategy/difference.h"

static void s_derive_diloco(replica_t *self)
{
    difference_derive(self);
    self->outer.goes_on = self->outer.on && self->base->spec.topology->job.sync.overlap > 0;
}

/* A difference that comes late acts in some later round: what it has must not be in the next one, too. One
 * that is not finite carries nothing, and nothing goes on from it. */
static void s_waits(replica_t *self, bool carries, bool open)
{
    if (!self->outer.on)
        return;
    start_drop_base(self);
    if (!open || (self->outer.goes_on && !carries))
        start_return(self);
    else if (self->outer.goes_on)
        self->outer.base = buf_ref(self->parameters);
}

static bool s_round_diloco(replica_t *self, const blend_t *mean)
{
    if (!mean) {
        start_settle(self);
        return true;
    }
    act_t act = {.lr = self->outer.lr, .mu = self->outer.mu, .share = 1, .average = 1, .nesterov = true};
    return difference_act(self, mean, &act);
}

const exchange_t exchange_diloco = {
    .id = STRATEGY_DILOCO,
    .derive = s_derive_diloco,
    .ready = difference_ready,
    .whole = difference_whole,
    .cut = difference_cut,
    .made = exchange_made_for_round,
    .waits = s_waits,
    .too_late = exchange_nothing,
    .own = exchange_own_never,
    .take = exchange_take_never,
    .round = s_round_diloco,
    .weight = exchange_weight_of_region,
    .counts = exchange_always_counts,
    .is_late = exchange_never_late,
    .again = exchange_again_later,
    .open_again = difference_go_on,
    .scale = exchange_scale_none,
};
