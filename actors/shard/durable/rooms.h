/* rooms - the rooms that a stored state fills, joined: those of a shard, or of another region's
 * whose state is looked at.
 *
 * Called   by the core for its own, by transfer for a donor's.
 */
#ifndef ACTORS_SHARD_DURABLE_ROOMS_H
#define ACTORS_SHARD_DURABLE_ROOMS_H

#include "actors/shard/durable/durable.h"

/* The job's settings, in the words of each room. */
typedef struct {
    const exchange_t *exchange;
    intake_terms_t intake;
    stream_terms_t stream;
    rounds_terms_t rounds;
} terms_t;

terms_t rooms_terms(const base_t *base);

typedef struct {
    base_t base;
    replica_t replica;
    intake_t intake;
    stream_t stream;
    rounds_t rounds;
    durable_t durable;
} rooms_t;

/* `visits`: of another region, to be looked at alone; its spec says which. */
rooms_t *rooms_new(const shard_spec_t *spec, bool visits);
void rooms_destroy(rooms_t **self_p);

#endif
