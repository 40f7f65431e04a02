/* model - what ama and sma share: a cut is the model itself, and a difference from it is nobody's.
 *
 * Called   by these strategies' files.
 */
#ifndef ACTORS_SHARD_REPLICA_STRATEGY_MODEL_H
#define ACTORS_SHARD_REPLICA_STRATEGY_MODEL_H

#include "actors/shard/replica/strategy/rows.h"

bool model_whole(replica_t *self); /* the model is whole; what earlier ones left out is in it */
buf_t *model_cut(replica_t *self, bool whole);
/* w <- (1 - a) w + a w_remote, a: its region's share. */
bool model_take(replica_t *self, const late_t *late, const blend_t *model);
/* Without rounds, which count samples themselves: */
void model_again(replica_t *self, const delta_head_t *head, const buf_t *values);
void model_open_again(replica_t *self, const former_t *former);
/* The own model enters by its share, as it would at any other region. */
void model_enter(replica_t *self, const former_t *former);

#endif
