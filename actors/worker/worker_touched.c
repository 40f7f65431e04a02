#include "actors/worker/worker_touched.h"

#include <stdlib.h>

void worker_touched_init(worker_touched_t *self, const worker_shards_t *shards, const worker_spec_t *spec)
{
    *self = (worker_touched_t){.shards = shards, .touches = spec->touches, .hint = spec->touches_hint};
    self->parts = calloc(shards->count, sizeof *self->parts);
    CHECK(self->parts);
}

void worker_touched_all(worker_touched_t *self)
{
    for (size_t shard = 0; shard < self->shards->count; shard++)
        patch_destroy(&self->parts[shard]);
}

void worker_touched_fini(worker_touched_t *self)
{
    worker_touched_all(self);
    free(self->parts);
}

/* Without memory all of the shard goes, which is as right. */
static void s_make_part(worker_touched_t *self, size_t shard, const ranges_t *elements)
{
    const size_t *first = self->shards->first + shard;
    patch_t *part = NULL;
    if (patch_new(elements, first[0], first[1], &part))
        return;
    if (patch_fits(first[1] - first[0], part->runs.count, patch_words(part)))
        self->parts[shard] = part;
    else
        patch_destroy(&part);
}

void worker_touched_find(worker_touched_t *self, uint64_t batch)
{
    ranges_t elements = {0};
    worker_touched_all(self);
    if (self->touches && !self->touches(self->hint, batch, &elements))
        for (size_t shard = 0; shard < self->shards->count; shard++)
            s_make_part(self, shard, &elements);
    ranges_fini(&elements);
}

bool worker_touched_some(const worker_touched_t *self)
{
    bool some = false;
    for (size_t shard = 0; shard < self->shards->count; shard++)
        some |= self->parts[shard] != NULL;
    return some;
}

static slice_t s_take(buf_t **buf_p)
{
    slice_t slice = slice_of(*buf_p, 0, buf_size(*buf_p));
    buf_destroy(buf_p);
    return slice;
}

slice_t worker_touched_cut(const worker_touched_t *self, size_t shard, buf_t *gradient, uint64_t *ret_patch)
{
    const patch_t *part = self->parts[shard];
    size_t first = self->shards->first[shard];
    buf_t *words = part ? buf_new(patch_words(part) * sizeof(float)) : NULL;
    *ret_patch = words ? 1 + part->runs.count : 0;
    if (!words)
        return slice_of(gradient, first * sizeof(float),
                        worker_shards_elements(self->shards, shard) * sizeof(float));
    uint32_t *at = buf_data(words);
    patch_index(part, at);
    patch_gather(part, (const float *)buf_peek(gradient) + first,
                 (float *)(void *)(at + 2 * part->runs.count));
    return s_take(&words);
}
