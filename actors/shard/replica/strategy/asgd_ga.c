/* asgd-ga: the sum of the gradients of `every` local steps; at the receiver one
 * optimizer step with the sum.
 * Why: `every` times fewer bytes. Source: ASGD-GA of Cloudless-Training, arXiv 2303.05330. */
#include "actors/shard/replica/strategy/gradient.h"

const exchange_t exchange_asgd_ga = {.id = STRATEGY_ASGD_GA, GRADIENT_WITHOUT_ROUNDS};
