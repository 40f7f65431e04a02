/* asgd-ga: the sum of the gradients of `every` local steps; at the receiver one
 * optimizer step with the sum.
 * Why: `every` times fewer bytes. Source: ASGD-GA of Cloudless-Training, arXiv 2303.05330. */
#include "actors/shard/replica/strategy/gradient.h"

const exchange_t exchange_asgd_ga = {
    .id = STRATEGY_ASGD_GA,
    .derive = gradient_derive,
    .ready = exchange_ready,
    .whole = gradient_whole,
    .cut = gradient_cut,
    .made = exchange_made_nothing,
    .own = exchange_own_never,
    .take = gradient_take,
    .again = gradient_again,
    .open_again = gradient_open_again,
    EXCHANGE_WITHOUT_ROUNDS,
    .scale = exchange_scale_none,
};
