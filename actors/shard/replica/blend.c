/* No fused multiply-add here: every machine adds contributions to the same bits. */
#include "actors/model/exact.h"

#include "actors/shard/replica/replica.h"

#include <stdalign.h>
#include <string.h>

/* Elements [first, first + count) of a patch, with 0 where it has none; in place where one run has all. */
static const float *s_patch_read(const part_t *part, size_t first, size_t count, float *scratch)
{
    const patch_t *patch = part->patch;
    const size_t end = first + count, words = 2 * patch->runs.count; /* of the index */
    size_t i = patch_find(patch, first);
    const range_t *run = patch->runs.items + i;
    if (i < patch->runs.count && run->first <= first && end <= run->end)
        return assembly_read(part->assembly, words + patch->at[i] + (first - run->first), count, scratch);
    memset(scratch, 0, count * sizeof *scratch);
    for (; i < patch->runs.count && run->first < end; i++, run++) {
        size_t from = run->first > first ? run->first : first, to = run->end < end ? run->end : end;
        float *at = scratch + (from - first);
        const float *x =
            assembly_read(part->assembly, words + patch->at[i] + (from - run->first), to - from, at);
        if (x != at)
            memcpy(at, x, (to - from) * sizeof *at);
    }
    return scratch;
}

static const float *s_part_read(const part_t *part, size_t first, size_t count, float *scratch)
{
    if (part->patch)
        return s_patch_read(part, first, count, scratch);
    if (part->assembly)
        return assembly_read(part->assembly, first, count, scratch);
    return (const float *)buf_peek(part->buf) + first;
}

/* Sums in double and in the order of the parts, so that every region that adds the same parts gets the same
 * bits. */
const float *blend_read(const blend_t *self, size_t first, size_t count)
{
    CHECK(count <= SHARD_BLOCK && self->count);
    if (self->count == 1 && self->parts[0].weight == self->divisor)
        return s_part_read(&self->parts[0], first, count, self->scratch);
    memset(self->sums, 0, count * sizeof *self->sums);
    for (size_t p = 0; p < self->count; p++) {
        const float *x = s_part_read(&self->parts[p], first, count, self->scratch);
        double weight = self->parts[p].weight;
        for (size_t i = 0; i < count; i++)
            self->sums[i] += weight * x[i];
    }
    float *y = self->scratch + SHARD_BLOCK;
    for (size_t i = 0; i < count; i++)
        y[i] = (float)(self->sums[i] / self->divisor);
    return y;
}

float blend_evened(const blend_t *self)
{
    double weights = 0;
    for (size_t p = 0; p < self->count; p++)
        weights += self->parts[p].weight;
    return (float)(self->divisor / weights);
}

bool slice_finite(const slice_t *slice, float *scratch)
{
    const char *at = slice_peek(slice);
    size_t left = slice->buf ? slice->size_bytes / 4 : 0;
    if ((uintptr_t)at % alignof(float) == 0)
        return vector_finite(left, (const float *)(const void *)at);
    while (left > 0) {
        size_t count = left < SHARD_BLOCK ? left : SHARD_BLOCK;
        memcpy(scratch, at, count * 4);
        if (!vector_finite(count, scratch))
            return false;
        at += count * 4;
        left -= count;
    }
    return true;
}
