#include "actors/shard/base/assembly.h"

#include <stdalign.h>
#include <stdlib.h>
#include <string.h>

#define ABSENT UINT64_MAX

err_code_t assembly_begin(assembly_t *self, uint64_t chunk_count, uint64_t total_bytes, uint64_t chunk_bytes)
{
    uint64_t least = chunk_bytes / 4 ? chunk_bytes / 4 : 1;
    if (chunk_count == 0 || chunk_count > ASSEMBLY_CHUNKS_MAX || chunk_count > total_bytes / least + 1)
        return ERR_SHAPE;
    *self = (assembly_t){.chunk_count = chunk_count, .total_bytes = total_bytes};
    self->chunks = malloc(chunk_count * (sizeof *self->chunks + sizeof *self->offsets));
    CHECK(self->chunks);
    self->offsets = (uint64_t *)(self->chunks + chunk_count); /* in the same block */
    for (uint64_t i = 0; i < chunk_count; i++) {
        self->chunks[i] = (slice_t){0};
        self->offsets[i] = ABSENT;
    }
    return ERR_OK;
}

void assembly_fini(assembly_t *self)
{
    for (uint64_t i = 0; i < self->chunk_count; i++)
        slice_fini(&self->chunks[i]);
    free(self->chunks);
    *self = (assembly_t){0};
}

bool assembly_begun(const assembly_t *self)
{
    return self->chunks != NULL;
}

err_code_t assembly_add(assembly_t *self, uint64_t chunk, uint64_t offset_bytes, const slice_t *data)
{
    uint64_t size = data->buf ? data->size_bytes : 0;
    if (chunk >= self->chunk_count || offset_bytes > self->total_bytes ||
        size > self->total_bytes - offset_bytes)
        return ERR_SHAPE;
    if (offset_bytes % 4 || size % 4 || (size == 0 && self->total_bytes))
        return ERR_SHAPE;
    if (self->offsets[chunk] != ABSENT)
        return ERR_OK;
    self->chunks[chunk] = slice_ref(data);
    self->offsets[chunk] = offset_bytes;
    self->have++;
    return ERR_OK;
}

bool assembly_complete(const assembly_t *self)
{
    return self->chunk_count && self->have == self->chunk_count;
}

bool assembly_seamless(const assembly_t *self)
{
    uint64_t end = 0;
    for (uint64_t i = 0; i < self->chunk_count; i++) {
        if (self->offsets[i] != end)
            return false;
        end += self->chunks[i].buf ? self->chunks[i].size_bytes : 0;
    }
    return end == self->total_bytes;
}

/* The last chunk that begins at or before `offset`. */
static size_t s_find_chunk(const assembly_t *self, uint64_t offset)
{
    size_t low = 0, high = (size_t)self->chunk_count;
    while (high - low > 1) {
        size_t middle = low + (high - low) / 2;
        if (self->offsets[middle] <= offset)
            low = middle;
        else
            high = middle;
    }
    return low;
}

const float *assembly_read(const assembly_t *self, size_t first, size_t count, float *scratch)
{
    uint64_t offset = (uint64_t)first * 4, left = (uint64_t)count * 4;
    CHECK(offset <= self->total_bytes && left <= self->total_bytes - offset);
    size_t i = s_find_chunk(self, offset);
    const char *at = (const char *)slice_peek(&self->chunks[i]) + (offset - self->offsets[i]);
    if (left <= self->chunks[i].size_bytes - (offset - self->offsets[i]) &&
        (uintptr_t)at % alignof(float) == 0)
        return (const float *)(const void *)at;
    for (char *to = (char *)scratch; left > 0; i++) {
        uint64_t inside = offset - self->offsets[i];
        uint64_t size = self->chunks[i].size_bytes - inside;
        size = size < left ? size : left;
        memcpy(to, (const char *)slice_peek(&self->chunks[i]) + inside, size);
        to += size;
        offset += size;
        left -= size;
    }
    return scratch;
}
