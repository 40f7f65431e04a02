/* sma: the model every `every` steps; all regions wait, then w <- sum n_r w_r / N in the order of regions.
 * Why: replicas are equal, bit for bit. Source: as ama's, with regions that wait.
 *
 * Where rounds need not all regions `start` is the last mean: a region whose model came
 * late goes back to it. */
#include "actors/shard/replica/strategy/difference.h"
#include "actors/shard/replica/strategy/model.h"

static void s_derive_sma(replica_t *self)
{
    self->outer.starts = self->base->rules.votes;
}

static void s_too_late(replica_t *self)
{
    if (self->outer.start) /* none: a region that had closed says so again, behind rounds that need all */
        start_return(self);
}

static bool s_round_sma(replica_t *self, const blend_t *mean)
{
    if (!mean)
        return true;
    if (!version_set(self, mean))
        return false;
    if (self->outer.starts)
        start_here(self);
    return true;
}

/* A model stands for its round alone. */
static bool s_counts(const delta_head_t *head, uint64_t round)
{
    return head->last == round;
}

static bool s_is_late(const delta_head_t *head, uint64_t round)
{
    return head->last <= round;
}

const exchange_t exchange_sma = {
    .id = STRATEGY_SMA,
    .derive = s_derive_sma,
    .ready = exchange_ready,
    .whole = model_whole,
    .cut = model_cut,
    .made = exchange_made_for_round,
    .waits = exchange_waits_nothing,
    .too_late = s_too_late,
    .own = exchange_own_never,
    .take = exchange_take_never,
    .round = s_round_sma,
    .weight = exchange_weight_of_region,
    .counts = s_counts,
    .is_late = s_is_late,
    .again = exchange_again_later,
    .open_again = model_enter,
    .scale = exchange_scale_none,
};
