/* Rounds of the waiting strategies. Number n of every region is its contribution to round n; a region that
 * has made its final cut before n contributes nothing and is not waited for. Every region adds the same
 * contributions in the order of regions with the same arithmetic, so replicas stay equal, bit for bit.
 *
 * With a quorum below 1 a round has the members that shard_vote has decided; what a member sent up to that number counts.
 * A late gradient or difference waits for the first round that its region is a member of, a late model is dropped. A
 * region that was left out goes on with the round after; its next delta stands for the numbers it has missed too. */

#include "actors/shard/shard_internal.h"

#include <stdlib.h>
#include <string.h>

void shard_pending_add(shard_core_t *self, const pending_t *pending)
{
    if (self->pending_count == self->pending_capacity) {
        self->pending_capacity = self->pending_capacity ? 2 * self->pending_capacity : 8;
        self->pending = realloc(self->pending, self->pending_capacity * sizeof *self->pending);
        self->pending_parts =
            realloc(self->pending_parts, self->pending_capacity * sizeof *self->pending_parts);
        CHECK(self->pending && self->pending_parts);
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

static uint64_t s_everybody(const shard_core_t *self)
{
    size_t regions = shard_region_count(self);
    return regions == 64 ? UINT64_MAX : (UINT64_C(1) << regions) - 1;
}

uint64_t shard_round_present(const shard_core_t *self)
{
    uint64_t present = 0;
    for (size_t r = 0; r < shard_region_count(self); r++)
        if (s_reached(self, r) > self->round || s_left(self, r))
            present |= UINT64_C(1) << r;
    return present;
}

bool shard_round_works(const shard_core_t *self)
{
    uint64_t present = shard_round_present(self);
    bool late = false;
    for (size_t i = 0; i < self->pending_count; i++)
        late = late || present >> self->pending[i].region & 1;
    return late || s_anybody(self, self->round + 1);
}

/* A model stands for its round alone; gradients and differences are sums, whenever they come. */
static bool s_sums(const shard_core_t *self)
{
    return self->strategy->cuts != DELTA_MODEL;
}

static bool s_counts(const shard_core_t *self, const pending_t *pending, size_t region, uint64_t number)
{
    if (pending->region != region)
        return false;
    return s_sums(self) ? pending->head.last <= number : pending->head.last == number;
}

/* Adds what region r contributes; returns its weight in the mean. */
static double s_add(shard_core_t *self, size_t r, uint64_t number, blend_t *blend, uint64_t *samples)
{
    bool mean = self->strategy->mean_gradient, sum = self->plain_sum && mean;
    double total = 0;
    for (size_t i = 0; i < self->pending_count; i++) {
        const pending_t *pending = &self->pending[i];
        if (!s_counts(self, pending, r, number))
            continue;
        *samples += pending->head.samples;
        if (!pending->data)
            continue;
        uint64_t share = mean ? pending->head.samples : self->spec.job->regions[r].samples;
        double weight = sum ? 1 : (double)share;
        total = mean ? total + weight : weight;
        blend->parts[blend->count++] = (part_t){.buf = pending->data, .weight = weight};
    }
    return total;
}

/* sma: sum n_r w_r / sum n_r with the regions' samples, diloco: the same of differences; ssgd: the same of gradients
 * with the samples of the round, or their plain sum when they are counts. Only regions that contribute data count. */
static void s_blend(shard_core_t *self, uint64_t number, uint64_t members, blend_t *ret_blend,
                    uint64_t *ret_samples)
{
    *ret_blend = (blend_t){.parts = self->pending_parts, .scratch = self->scratch, .sums = self->sums};
    *ret_samples = 0;
    for (size_t r = 0; r < shard_region_count(self); r++)
        if (members >> r & 1)
            ret_blend->divisor += s_add(self, r, number, ret_blend, ret_samples);
    if (self->plain_sum && self->strategy->mean_gradient)
        ret_blend->divisor = 1;
}

/* What was counted, and late models, whose samples are done all the same. */
static void s_forget(shard_core_t *self, uint64_t number, uint64_t members)
{
    size_t kept = 0;
    for (size_t i = 0; i < self->pending_count; i++) {
        pending_t *pending = &self->pending[i];
        bool member = members >> pending->region & 1, late = pending->head.last <= number;
        if (!late || (!member && s_sums(self))) {
            self->pending[kept++] = *pending;
            continue;
        }
        if (!member || !s_counts(self, pending, pending->region, number))
            self->samples_applied += pending->head.samples;
        if (pending->data)
            version_release(self, &pending->data);
    }
    self->pending_count = kept;
}

bool shard_round_late(const shard_core_t *self, const delta_head_t *head)
{
    return !s_sums(self) && head->last <= self->round;
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

/* Who is in the next round; false when that is not known, or not all of them are here. */
static bool s_members(const shard_core_t *self, uint64_t *ret_members)
{
    *ret_members = s_everybody(self);
    if (!self->vote.on)
        return s_anybody(self, self->round + 1) && shard_round_lacks(self) == SIZE_MAX;
    return shard_vote_members(self, self->round + 1, ret_members) &&
           (*ret_members & ~shard_round_present(self)) == 0;
}

bool shard_round_try(shard_core_t *self)
{
    uint64_t number = self->round + 1, samples, members;
    if (!self->waits || self->short_of_memory || !s_members(self, &members))
        return false;
    blend_t blend;
    s_blend(self, number, members, &blend, &samples);
    bool some = blend.count > 0 && blend.divisor > 0;
    if (!s_apply(self, some ? &blend : NULL))
        return false;
    self->round = number;
    self->version += some;
    self->samples_applied += samples;
    s_forget(self, number, members);
    if (self->vote.on && self->taken_since_us == ROLE_NEVER)
        self->taken_since_us = self->now_us; /* others wait to hear that it is durable */
    shard_changed(self);
    return true;
}
