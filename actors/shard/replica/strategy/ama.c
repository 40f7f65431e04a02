/* ama: the model every `every` steps; at the receiver w <- (1 - a) w + a w_remote, a =
 * n_remote / N. Nobody waits.
 * Why: an exchange may be rare and old. Source: model averaging of Cloudless-Training, arXiv 2303.05330. */
#include "actors/shard/replica/strategy/model.h"

const exchange_t exchange_ama = {
    .id = STRATEGY_AMA,
    .derive = exchange_nothing,
    .ready = exchange_ready,
    .whole = model_whole,
    .cut = model_cut,
    .made = exchange_made_nothing,
    .own = exchange_own_never,
    .take = model_take,
    .again = model_again,
    .open_again = model_open_again,
    EXCHANGE_WITHOUT_ROUNDS,
    .scale = exchange_scale_none,
};
