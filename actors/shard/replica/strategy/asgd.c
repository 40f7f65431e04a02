/* asgd: the gradient of every local step; at the receiver one optimizer step with it. */
#include "actors/shard/replica/strategy/gradient.h"

const exchange_t exchange_asgd = {
    .id = STRATEGY_ASGD,
    .derive = gradient_derive,
    .ready = exchange_ready,
    .whole = gradient_whole,
    .cut = gradient_cut,
    .made = exchange_made_nothing,
    .waits = exchange_waits_nothing,
    .too_late = exchange_nothing,
    .own = exchange_own_never,
    .take = gradient_take,
    .round = exchange_round_never,
    .weight = exchange_weight_of_region,
    .counts = exchange_always_counts,
    .is_late = exchange_never_late,
    .again = gradient_again,
    .open_again = gradient_open_again,
    .scale = exchange_scale_none,
};
