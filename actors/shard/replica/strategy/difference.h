/* difference - what diloco, diloco-async and asp share: a cut is what local steps have gained since `start`,
 * which is what deltas act on.
 *
 * Called   by these strategies' files.
 */
#ifndef ACTORS_SHARD_REPLICA_STRATEGY_DIFFERENCE_H
#define ACTORS_SHARD_REPLICA_STRATEGY_DIFFERENCE_H

#include "actors/shard/replica/strategy/rows.h"

/* The arithmetic of one delta, or of the mean of a round's. */
typedef struct {
    float lr, mu;
    float share;   /* of the delta */
    float average; /* how far averages go towards the delta's */
    bool nesterov; /* of a round: the momentum acts with the delta itself */
    bool turn;     /* of the late momentum: it acts now */
    target_t start, momentum, gathered, parameters;
    const float *gathered_from; /* NULL: nothing is gathered */
    float evened;               /* what makes a mean of averages (blend_evened) */
    const float *base;          /* where open steps began, when not at start */
} act_t;

void difference_derive(replica_t *self);
bool difference_ready(replica_t *self);
bool difference_whole(replica_t *self);
buf_t *difference_cut(replica_t *self, bool whole);
/* All the memory before the first element; nothing has changed when there is not enough. */
bool difference_act(replica_t *self, const blend_t *delta, act_t *act);
/* Without rounds, which count samples themselves: */
void difference_again(replica_t *self, const delta_head_t *head, const buf_t *values);
void difference_open_again(replica_t *self, const former_t *former);
/* Open local steps lead on from where its start is. */
void difference_go_on(replica_t *self, const former_t *former);

#endif
