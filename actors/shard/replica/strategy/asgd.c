/* asgd: the gradient of every local step; at the receiver one optimizer step with it.
 * Why: the plainest, to compare with. Source: Downpour SGD, Dean et al., NIPS 2012. */
#include "actors/shard/replica/strategy/gradient.h"

const exchange_t exchange_asgd = {
    .id = STRATEGY_ASGD,
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
