/* Rounds of the waiting strategies. Number n of every region is its contribution to round n; a region that
 * has made its final cut before n contributes nothing and is not waited for. Every region adds the same
 * contributions in the order of regions with the same arithmetic, so replicas stay equal, bit for bit. */

#include "actors/shard/shard_internal.h"

#include <stdlib.h>
#include <string.h>

void shard_pending_add(shard_core_t *self, const pending_t *pending)
{
    if (self->pending_count == self->pending_capacity) {
        self->pending_capacity = self->pending_capacity ? 2 * self->pending_capacity : 8;
        self->pending = realloc(self->pending, self->pending_capacity * sizeof *self->pending);
        CHECK(self->pending);
    }
    self->pending[self->pending_count++] = *pending;
}

static uint64_t s_reached(const shard_core_t *self, size_t region)
{
    return region == self->spec.region_index ? self->cut : self->origins[region].taken;
}

static bool s_left(const shard_core_t *self, size_t region)
{
    return region == self->spec.region_index ? self->closed : self->origins[region].final;
}

bool shard_round_open(const shard_core_t *self)
{
    return self->waits && self->cut > self->round;
}

size_t shard_round_lacks(const shard_core_t *self)
{
    for (size_t r = 0; r < shard_region_count(self); r++)
        if (s_reached(self, r) < self->round + 1 && !s_left(self, r))
            return r;
    return SIZE_MAX;
}

static bool s_anybody(const shard_core_t *self, uint64_t number)
{
    for (size_t r = 0; r < shard_region_count(self); r++)
        if (s_reached(self, r) >= number)
            return true;
    return false;
}

static pending_t *s_find(const shard_core_t *self, size_t region, uint64_t number)
{
    for (size_t i = 0; i < self->pending_count; i++)
        if (self->pending[i].region == region && self->pending[i].head.last == number)
            return &self->pending[i];
    return NULL;
}

/* sma: sum n_r w_r / sum n_r with the regions' samples, diloco: the same of differences; ssgd: the same of gradients with the samples of the
 * round, or their plain sum when they are counts. Only regions that contribute data count. */
static void s_blend(shard_core_t *self, uint64_t number, blend_t *ret_blend, part_t *parts,
                    uint64_t *ret_samples)
{
    *ret_blend = (blend_t){.parts = parts, .scratch = self->scratch, .sums = self->sums};
    *ret_samples = 0;
    bool sum = self->plain_sum && self->strategy->mean_gradient;
    for (size_t r = 0; r < shard_region_count(self); r++) {
        const pending_t *pending = s_find(self, r, number);
        if (!pending)
            continue;
        *ret_samples += pending->head.samples;
        if (!pending->data)
            continue;
        uint64_t share =
            self->strategy->mean_gradient ? pending->head.samples : self->spec.job->regions[r].samples;
        double weight = sum ? 1 : (double)share;
        ret_blend->divisor += weight;
        parts[ret_blend->count++] = (part_t){.buf = pending->data, .weight = weight};
    }
    if (sum)
        ret_blend->divisor = 1;
}

static void s_forget(shard_core_t *self, uint64_t number)
{
    size_t kept = 0;
    for (size_t i = 0; i < self->pending_count; i++) {
        if (self->pending[i].head.last > number)
            self->pending[kept++] = self->pending[i];
        else if (self->pending[i].data)
            version_release(self, &self->pending[i].data);
    }
    self->pending_count = kept;
}

/* NULL: nobody contributes anything. */
static bool s_apply(shard_core_t *self, const blend_t *blend)
{
    if (self->outer.on)
        return outer_round(self, blend);
    if (!blend)
        return true;
    if (self->strategy->cuts == DELTA_GRADIENT)
        return version_step(self, blend, true, false);
    return version_set(self, blend);
}

bool shard_round_try(shard_core_t *self)
{
    if (!self->waits || self->short_of_memory)
        return false;
    uint64_t number = self->round + 1, samples;
    if (!s_anybody(self, number) || shard_round_lacks(self) != SIZE_MAX)
        return false;
    part_t parts[TOPOLOGY_REGIONS_MAX];
    blend_t blend;
    s_blend(self, number, &blend, parts, &samples);
    bool some = blend.count > 0 && blend.divisor > 0;
    if (!s_apply(self, some ? &blend : NULL))
        return false;
    self->round = number;
    self->version += some;
    self->samples_applied += samples;
    s_forget(self, number);
    shard_changed(self);
    return true;
}
