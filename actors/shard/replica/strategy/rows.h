/* rows - the strategies' rows, and the functions that several of them share.
 *
 * Called   exchange_find once, by whoever joins the rooms; the rest by the strategies' files.
 */
#ifndef ACTORS_SHARD_REPLICA_STRATEGY_ROWS_H
#define ACTORS_SHARD_REPLICA_STRATEGY_ROWS_H

#include "actors/shard/replica/exchange.h"

#define STRATEGY(ID, NAME, ...) extern const exchange_t exchange_##NAME;
#include "brokers/strategies.def"
#undef STRATEGY

const exchange_t *exchange_find(strategy_name_t id);

/* -- what several rows share */

void exchange_nothing(replica_t *self);
bool exchange_ready(replica_t *self); /* always */
void exchange_made_nothing(replica_t *self, const encoded_t *cut);
/* A contribution that carries nothing counts for nothing in its round. */
void exchange_made_for_round(replica_t *self, const encoded_t *cut);
void exchange_waits_nothing(replica_t *self, bool carries, bool open);
bool exchange_own_never(replica_t *self);
bool exchange_take_never(replica_t *self, const late_t *late, const blend_t *delta);
/* It is made or taken again with its round. */
void exchange_again_later(replica_t *self, const delta_head_t *head, const buf_t *values);
bool exchange_round_never(replica_t *self, const blend_t *mean);
/* The samples of its region, once for each region. */
double exchange_weight_of_region(const replica_t *self, const pending_t *pending, bool first,
                                 double *divisor);
bool exchange_always_counts(const delta_head_t *head, uint64_t round);
bool exchange_never_late(const delta_head_t *head, uint64_t round); /* sums count whenever they come */
const float *exchange_scale_none(const replica_t *self, float *ret_threshold);

/* The part of a row that is the same wherever nobody waits: a contribution never waits for a round. */
#define EXCHANGE_WITHOUT_ROUNDS                                                                              \
    .waits = exchange_waits_nothing, .too_late = exchange_nothing, .round = exchange_round_never,            \
    .weight = exchange_weight_of_region, .counts = exchange_always_counts, .is_late = exchange_never_late

#endif
