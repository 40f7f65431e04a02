#include "actors/shard/durable/rooms.h"
#include "actors/shard/replica/strategy/rows.h"

#include <stdlib.h>

rooms_t *rooms_new(const shard_spec_t *spec, bool visits)
{
    CHECK(spec->region_index < spec->topology->region_count && spec->chunk_bytes >= 4 &&
          spec->chunk_bytes % 4 == 0);
    rooms_t *self = calloc(1, sizeof *self);
    CHECK(self);
    base_init(&self->base, spec);
    self->base.visits = visits;
    replica_init(&self->replica, &self->base, exchange_find(self->base.rules.strategy->id));
    intake_init(&self->intake, &self->base, &self->replica);
    stream_init(&self->stream, &self->base, &self->replica);
    rounds_init(&self->rounds, &self->base, &self->replica, &self->stream);
    durable_init(&self->durable, &self->base, &self->replica, &self->intake, &self->stream, &self->rounds);
    return self;
}

void rooms_destroy(rooms_t **self_p)
{
    rooms_t *self = *self_p;
    *self_p = NULL;
    if (!self)
        return;
    rounds_fini(&self->rounds);
    stream_fini(&self->stream);
    intake_fini(&self->intake);
    durable_fini(&self->durable);
    replica_fini(&self->replica);
    base_fini(&self->base);
    free(self);
}
