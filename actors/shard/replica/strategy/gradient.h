/* gradient - what asgd, asgd-ga and ssgd share: what is open is the sum of the gradients since the last cut.
 *
 * Called   by these strategies' files.
 */
#ifndef ACTORS_SHARD_REPLICA_STRATEGY_GRADIENT_H
#define ACTORS_SHARD_REPLICA_STRATEGY_GRADIENT_H

#include "actors/shard/replica/strategy/rows.h"

void gradient_derive(replica_t *self); /* nobody waits: late ones are compensated, if the job says so */
bool gradient_whole(replica_t *self);
buf_t *gradient_cut(replica_t *self, bool whole);
bool gradient_take(replica_t *self, const late_t *late,
                   const blend_t *delta); /* one optimizer step with it */
void gradient_again(replica_t *self, const delta_head_t *head, const buf_t *values);
void gradient_open_again(replica_t *self, const former_t *former);

/* The row of a strategy that sends gradients, where nobody waits. */
#define GRADIENT_WITHOUT_ROUNDS                                                                              \
    .derive = gradient_derive, .ready = exchange_ready, .whole = gradient_whole, .cut = gradient_cut,        \
    .made = exchange_made_nothing, .own = exchange_own_never, .take = gradient_take,                         \
    .again = gradient_again, .open_again = gradient_open_again, .scale = exchange_scale_none,                \
    EXCHANGE_WITHOUT_ROUNDS

#endif
