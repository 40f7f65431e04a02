/* Rounds of the waiting strategies. Number n of every region is its contribution to round n; a region that
 * has made its final cut before n contributes nothing and is not waited for. Every region adds the same
 * contributions in the order of regions with the same arithmetic, so replicas stay equal, bit for bit.
 *
 * With a quorum below 1 shard_vote decides what is in a round: of each region everything up to some number. A late
 * gradient or difference is in the first round that has room for it, a late model is dropped. Who comes late with n
 * does not wait for anybody: only a number that no round has had yet does. So a region that lags catches up, and as
 * numbers count steps, the shards of a region, whose rounds may have different members, cannot wait for each other in a
 * circle: the least number that anybody waits with lacks only regions that have not waited yet. */

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

/* A round acts a fixed number of steps after the own cut, however quick the others were, so that what is computed does
 * not depend on the network; at once when no steps are left, and on a region that lags. */
static bool s_travels(const shard_core_t *self)
{
    return self->open_steps < self->overlap && self->cut == self->round + 1 && !self->closed &&
           !ranges_has_all(&self->applied, 0, self->region->batches);
}

bool shard_round_bars(const shard_core_t *self)
{
    return shard_round_open(self) && !s_travels(self);
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

uint64_t shard_round_present(const shard_core_t *self)
{
    uint64_t present = 0;
    for (size_t r = 0; r < shard_region_count(self); r++)
        if (s_reached(self, r) > self->round || s_left(self, r))
            present |= UINT64_C(1) << r;
    return present;
}

uint64_t shard_round_heard(const shard_core_t *self)
{
    uint64_t heard = shard_round_present(self);
    for (size_t i = 0; i < self->pending_count; i++)
        heard |= UINT64_C(1) << self->pending[i].region;
    return heard;
}

bool shard_round_has(const shard_core_t *self, size_t region, uint64_t number)
{
    return number > self->round || (s_left(self, region) && number >= s_reached(self, region));
}

bool shard_round_works(const shard_core_t *self)
{
    return self->pending_count || s_anybody(self, self->round + 1);
}

/* A model stands for its round alone; gradients and differences are sums, whenever they come. */
static bool s_sums(const shard_core_t *self)
{
    return self->strategy->cuts != DELTA_MODEL;
}

static bool s_counts(const shard_core_t *self, const pending_t *pending, uint64_t number,
                     const uint64_t *taken)
{
    return pending->head.last <= taken[pending->region] && (s_sums(self) || pending->head.last == number);
}

/* Adds what region r contributes; returns its weight in the mean. */
static double s_add(shard_core_t *self, size_t r, uint64_t number, const uint64_t *taken, blend_t *blend,
                    uint64_t *samples)
{
    bool mean = self->strategy->mean_gradient, sum = self->plain_sum && mean;
    double total = 0;
    for (size_t i = 0; i < self->pending_count; i++) {
        const pending_t *pending = &self->pending[i];
        if (pending->region != r || !s_counts(self, pending, number, taken))
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
static void s_blend(shard_core_t *self, uint64_t number, const uint64_t *taken, blend_t *ret_blend,
                    uint64_t *ret_samples)
{
    *ret_blend = (blend_t){.parts = self->pending_parts, .scratch = self->scratch, .sums = self->sums};
    *ret_samples = 0;
    for (size_t r = 0; r < shard_region_count(self); r++)
        ret_blend->divisor += s_add(self, r, number, taken, ret_blend, ret_samples);
    if (self->plain_sum && self->strategy->mean_gradient)
        ret_blend->divisor = 1;
}

/* What was counted, and late models, whose samples are done all the same. */
static void s_forget(shard_core_t *self, uint64_t number, const uint64_t *taken)
{
    size_t kept = 0;
    for (size_t i = 0; i < self->pending_count; i++) {
        pending_t *pending = &self->pending[i];
        bool counted = s_counts(self, pending, number, taken);
        if (!counted && (s_sums(self) || pending->head.last > number)) {
            self->pending[kept++] = *pending;
            continue;
        }
        if (!counted)
            self->samples_applied += pending->head.samples;
        if (pending->data)
            version_release(self, &pending->data);
    }
    self->pending_count = kept;
}

bool shard_round_settled(const shard_core_t *self)
{
    return !self->vote.on || self->pending_count == 0;
}

bool shard_round_late(const shard_core_t *self, const delta_head_t *head)
{
    return self->waits && !s_sums(self) && head->last <= self->round;
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
    if (!version_set(self, blend))
        return false;
    outer_keep(self);
    return true;
}

/* What is in the next round; false when that is not known, or not all of it is here. */
static bool s_taken(const shard_core_t *self, uint64_t *ret_taken)
{
    if (!self->vote.on) {
        for (size_t r = 0; r < shard_region_count(self); r++)
            ret_taken[r] = self->round + 1;
        return s_anybody(self, self->round + 1) && shard_round_lacks(self) == SIZE_MAX;
    }
    const uint64_t *decided = shard_vote_decided(self, self->round + 1);
    for (size_t r = 0; decided && r < shard_region_count(self); r++) {
        ret_taken[r] = decided[r];
        if (s_reached(self, r) < decided[r])
            return false;
    }
    return decided != NULL;
}

bool shard_round_try(shard_core_t *self)
{
    uint64_t number = self->round + 1, samples, taken[TOPOLOGY_REGIONS_MAX];
    if (!self->waits || self->short_of_memory || s_travels(self) || !s_taken(self, taken))
        return false;
    blend_t blend;
    s_blend(self, number, taken, &blend, &samples);
    bool some = blend.count > 0 && blend.divisor > 0;
    if (!s_apply(self, some ? &blend : NULL))
        return false;
    self->round = number;
    self->version += some;
    self->samples_applied += samples;
    s_forget(self, number, taken);
    if (self->vote.on && self->taken_since_us == ROLE_NEVER)
        self->taken_since_us = self->now_us; /* others wait to hear that it is durable */
    shard_changed(self);
    return true;
}
