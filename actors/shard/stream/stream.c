#include "actors/shard/stream/stream.h"

#include <stdlib.h>

void stream_init(stream_t *self, base_t *base, replica_t *replica)
{
    *self = (stream_t){.base = base, .replica = replica, .open_first = 1};
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
    for (size_t i = 0; i < self->own_count; i++)
        buf_destroy(&self->own[i].data);
    free(self->own);
    stream_forget(self);
    free(self->queue);
}
