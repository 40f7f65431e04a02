#include "actors/shard/stream/stream.h"

#include <stdlib.h>

void stream_init(stream_t *self, base_t *base, replica_t *replica, const stream_terms_t *terms)
{
    *self = (stream_t){.base = base, .replica = replica, .terms = *terms, .open_first = 1};
    for (size_t r = 0; r < TOPOLOGY_REGIONS_MAX; r++)
        self->bound[r] = UINT64_MAX;
}

void stream_stop(stream_t *self)
{
    for (size_t r = 0; r < base_regions(self->base); r++)
        for (size_t i = 0; i < SHARD_INCOMING_MAX; i++)
            incoming_drop(&self->origins[r].incoming[i]);
}

void stream_fini(stream_t *self)
{
    stream_stop(self);
    for (size_t r = 0; r < TOPOLOGY_REGIONS_MAX; r++)
        buf_destroy(&self->origins[r].cursor);
    for (size_t i = 0; i < self->handed.count; i++)
        buf_destroy(&self->handed.items[i].data);
    free(self->handed.items);
    stream_forget(self);
    free(self->queue);
}
