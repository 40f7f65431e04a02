/* diloco: what the model gained in `every` steps; all regions wait, then one outer step with the mean. With
 * overlap local steps go on while a round is under way. */
#include "actors/shard/replica/strategy/difference.h"

/* A difference that comes late acts in some later round: what it has must not be in the next one, too. One
 * that is not finite carries nothing, and nothing goes on from it. */
static void s_waits(replica_t *self, bool carries, bool open)
{
    if (!self->outer.on)
        return;
    start_drop_base(self);
    if (!open || (self->base->rules.overlap && !carries))
        start_return(self);
    else if (self->base->rules.overlap)
        self->outer.base = buf_ref(self->parameters);
}

static bool s_round(replica_t *self, const blend_t *mean)
{
    if (!mean) {
        start_settle(self);
        return true;
    }
    act_t act = {.lr = self->outer.lr, .mu = self->outer.mu, .share = 1, .nesterov = true};
    return difference_act(self, mean, &act);
}

const exchange_t exchange_diloco = {
    .id = STRATEGY_DILOCO,
    .derive = difference_derive,
    .ready = difference_ready,
    .whole = difference_whole,
    .cut = difference_cut,
    .made = exchange_made_nothing,
    .waits = s_waits,
    .too_late = exchange_nothing,
    .own = exchange_own_never,
    .take = exchange_take_never,
    .round = s_round,
    .weight = exchange_weight_of_region,
    .counts = exchange_always_counts,
    .is_late = exchange_never_late,
    .again = difference_again,
    .open_again = difference_open_again,
    .scale = exchange_scale_none,
};
