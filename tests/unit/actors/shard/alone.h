/* alone - the rooms of a shard, joined, without a shard: a test plays what is above the room it looks at.
 *
 * Why      a room is tested by what it owns: each test sets those below it as it needs them.
 */
#ifndef TESTS_UNIT_ACTORS_SHARD_ALONE_H
#define TESTS_UNIT_ACTORS_SHARD_ALONE_H

#include "actors/shard/durable/rooms.h"
#include "tests/unit/actors/shard/world.h"

typedef rooms_t alone_t;

/* All parameters are zero. The topology is taken; the spec needs neither it nor a job. */
static inline alone_t *alone_new(topology_t *topology, uint64_t samples, shard_spec_t spec)
{
    job_t *job = calloc(1, sizeof *job);
    cr_assert_not_null(job);
    cr_assert_eq(job_derive(topology, samples, job, NULL), ERR_OK);
    spec.topology = topology;
    spec.job = job;
    alone_t *self = rooms_new(&spec, false);
    buf_t *zero = buf_new_zero(base_bytes(&self->base));
    replica_start(&self->replica, &zero);
    self->stream.history = spec.history;
    return self;
}

/* Of these rooms alone: a test may change it. */
static inline topology_t *alone_topology(const alone_t *self)
{
    return (topology_t *)(uintptr_t)self->base.spec.topology;
}

static inline void alone_free(alone_t *self)
{
    topology_t *topology = alone_topology(self);
    job_t *job = (job_t *)(uintptr_t)self->base.spec.job;
    rooms_destroy(&self);
    free(job);
    free(topology);
}

#endif
