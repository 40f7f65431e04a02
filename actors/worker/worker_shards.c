#include "actors/worker/worker_shards.h"

#include "codec/wire/actor_name.h"

#include <stdlib.h>
#include <string.h>

void worker_shards_init(worker_shards_t *self, const worker_spec_t *spec)
{
    const char *region = spec->topology->regions[spec->region_index].name;
    *self = (worker_shards_t){.count = spec->shard_count};
    self->first = calloc(self->count + 1, sizeof *self->first);
    self->names = calloc(self->count, sizeof *self->names);
    self->incarnations = calloc(self->count, sizeof *self->incarnations);
    CHECK(self->first && self->names && self->incarnations);
    memcpy(self->first, spec->shard_first, (self->count + 1) * sizeof *self->first);
    for (size_t shard = 0; shard < self->count; shard++)
        message_set_name(self->names[shard], actor_name_numbered(ROLE_SHARD, region, shard).text);
}

void worker_shards_fini(worker_shards_t *self)
{
    free(self->first);
    free(self->names);
    free(self->incarnations);
}

size_t worker_shards_elements(const worker_shards_t *self, size_t shard)
{
    return self->first[shard + 1] - self->first[shard];
}

size_t worker_shards_all(const worker_shards_t *self)
{
    return self->first[self->count];
}

size_t worker_shards_named(const worker_shards_t *self, const char *name)
{
    size_t shard = 0;
    while (shard < self->count && strcmp(self->names[shard], name))
        shard++;
    return shard;
}

size_t worker_shards_sender(worker_shards_t *self, const message_t *message, bool *ret_renewed)
{
    size_t shard = worker_shards_named(self, message->from);
    *ret_renewed = false;
    if (shard == self->count || message->incarnation < self->incarnations[shard])
        return self->count;
    *ret_renewed = self->incarnations[shard] && message->incarnation > self->incarnations[shard];
    self->incarnations[shard] = message->incarnation;
    return shard;
}
