/* asgd: the gradient of every local step; at the receiver one optimizer step with it.
 * Why: the plainest, to compare with. Source: Downpour SGD, Dean et al., NIPS 2012. */
#include "actors/shard/replica/strategy/gradient.h"

const exchange_t exchange_asgd = {.id = STRATEGY_ASGD, GRADIENT_WITHOUT_ROUNDS};
