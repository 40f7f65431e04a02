#include "deploy/simulate/sizes.h"

#include "actors/synchronizer/strategy.h"
#include "codec/wire/actor_name.h"

#include <stdlib.h>
#include <string.h>

void sizes_init(sizes_t *self, const topology_t *topology, const layout_t *layout)
{
    encoding_setting_t setting;
    const encoding_t *encoding = strategy_encoding(topology, &setting);
    size_t shards = topology->regions[0].shards;
    *self = (sizes_t){.shard_count = shards,
                      .plain = calloc(shards, sizeof *self->plain),
                      .encoded = calloc(shards, sizeof *self->encoded),
                      .element_bytes = encoding_size_most(encoding, &setting, 1),
                      .encoding = encoding->number};
    CHECK(self->plain && self->encoded);
    for (size_t k = 0; k < shards; k++) {
        size_t first, end;
        layout_shard(layout, shards, k, &first, &end);
        self->plain[k] = (end - first) * sizeof(float);
        self->encoded[k] = strategy_delta_bytes(topology, end - first);
    }
}

void sizes_fini(sizes_t *self)
{
    free(self->plain);
    free(self->encoded);
    *self = (sizes_t){0};
}

size_t sizes_shard(const sizes_t *self, const char *shard)
{
    actor_parts_t parts;
    bool known = actor_split(shard, strlen(shard), &parts) && parts.number < self->shard_count;
    return known ? parts.number : 0;
}

uint64_t sizes_data(const sizes_t *self, const message_t *message)
{
    if (!message->data.buf)
        return 0;
    switch (message->kind) {
    case KIND_push:
        return self->plain[sizes_shard(self, message->to)];
    case KIND_params:
        return self->plain[sizes_shard(self, message->from)];
    case KIND_delta:
        return message->delta.shard < self->shard_count
                   ? (message->delta.encoding ? self->encoded : self->plain)[message->delta.shard]
                   : 0;
    case KIND_snapshot_piece: /* a value of one element stands for a tensor */
        return message->data.size_bytes == sizeof(float) ? self->plain[0] : message->data.size_bytes;
    default:
        return message->data.size_bytes;
    }
}

uint64_t sizes_message(const message_t *message, uint64_t data_bytes)
{
    size_t envelope_bytes;
    buf_t *frames = message_pack(message, &envelope_bytes);
    uint64_t chunks = (data_bytes + MESSAGE_CHUNK_BYTES - 1) / MESSAGE_CHUNK_BYTES;
    uint64_t bytes = data_bytes + (chunks ? chunks : 1) * buf_size(frames);
    buf_destroy(&frames);
    return bytes;
}

double sizes_scale(const sizes_t *self)
{
    return self->element_bytes ? (double)self->encoded[0] / (double)self->element_bytes : 1;
}
