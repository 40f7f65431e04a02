/* Rounds of the waiting strategies. Number n of every region is its contribution to round n; a region that
 * has made its final cut before n contributes nothing and is not waited for. Every region adds the same
 * contributions in the order of regions with the same arithmetic, so replicas stay equal, bit for bit.
 *
 * With a quorum below 1 shard_vote decides what is in a round: of each region everything up to some number. A late
 * gradient or difference is in the first round that has room for it, a late model is dropped. Who comes late with n
 * does not wait for anybody: only a number that no round has had yet does. So a region that lags catches up, and as
 * numbers count steps, the shards of a region, whose rounds may have different members, cannot wait for each other in a
 * circle: the least number that anybody waits with lacks only regions that have not waited yet. */

#include "actors/shard/replica/strategy/exchange.h"
#include "actors/shard/shard_internal.h"

#include <stdlib.h>
#include <string.h>

static uint64_t s_reached(const shard_core_t *self, size_t region)
{
    return region == self->base->spec.region_index ? self->stream->cut : self->stream->origins[region].taken;
}

static bool s_left(const shard_core_t *self, size_t region)
{
    return region == self->base->spec.region_index ? self->stream->closed
                                                   : self->stream->origins[region].final;
}

bool shard_round_open(const shard_core_t *self)
{
    return self->base->rules.waits && self->stream->cut > self->rounds->number;
}

/* A round acts a fixed number of steps after the own cut, however quick the others were, so that what is computed does
 * not depend on the network; at once when no steps are left, and on a region that lags. */
static bool s_travels(const shard_core_t *self)
{
    return self->replica->open_steps < self->base->rules.overlap &&
           self->stream->cut == self->rounds->number + 1 && !self->stream->closed &&
           !ranges_has_all(&self->replica->applied, 0, self->base->region->batches);
}

bool shard_round_bars(const shard_core_t *self)
{
    return shard_round_open(self) && !s_travels(self);
}

size_t shard_round_lacks(const shard_core_t *self)
{
    for (size_t r = 0; r < base_regions(self->base); r++)
        if (s_reached(self, r) < self->rounds->number + 1 && !s_left(self, r))
            return r;
    return SIZE_MAX;
}

static bool s_anybody(const shard_core_t *self, uint64_t number)
{
    for (size_t r = 0; r < base_regions(self->base); r++)
        if (s_reached(self, r) >= number)
            return true;
    return false;
}

uint64_t shard_round_present(const shard_core_t *self)
{
    uint64_t present = 0;
    for (size_t r = 0; r < base_regions(self->base); r++)
        if (s_reached(self, r) > self->rounds->number || s_left(self, r))
            present |= UINT64_C(1) << r;
    return present;
}

uint64_t shard_round_heard(const shard_core_t *self)
{
    uint64_t heard = shard_round_present(self);
    for (size_t i = 0; i < self->replica->pending_count; i++)
        heard |= UINT64_C(1) << self->replica->pending[i].region;
    return heard;
}

bool shard_round_has(const shard_core_t *self, size_t region, uint64_t number)
{
    return number > self->rounds->number || (s_left(self, region) && number >= s_reached(self, region));
}

bool shard_round_works(const shard_core_t *self)
{
    return self->replica->pending_count || s_anybody(self, self->rounds->number + 1);
}

static bool s_is_late(const shard_core_t *self, const delta_head_t *head, uint64_t round)
{
    return self->replica->exchange->is_late(head, round);
}

static bool s_counts(const shard_core_t *self, const pending_t *pending, uint64_t number,
                     const uint64_t *taken)
{
    return pending->head.last <= taken[pending->region] &&
           self->replica->exchange->counts(&pending->head, number);
}

/* Adds what region r contributes. */
static void s_add(shard_core_t *self, size_t r, uint64_t number, const uint64_t *taken, blend_t *blend,
                  uint64_t *samples)
{
    bool first = true;
    for (size_t i = 0; i < self->replica->pending_count; i++) {
        const pending_t *pending = &self->replica->pending[i];
        if (pending->region != r || !s_counts(self, pending, number, taken))
            continue;
        *samples += pending->head.samples;
        if (!pending->data)
            continue;
        double weight = self->replica->exchange->weight(self->replica, pending, first, &blend->divisor);
        blend->parts[blend->count++] = (part_t){.buf = pending->data, .weight = weight};
        first = false;
    }
}

/* The mean of what is in the round, in the order of regions. Only regions that contribute data count. */
static void s_blend(shard_core_t *self, uint64_t number, const uint64_t *taken, blend_t *ret_blend,
                    uint64_t *ret_samples)
{
    *ret_blend = (blend_t){.parts = self->replica->pending_parts,
                           .scratch = self->replica->scratch,
                           .sums = self->replica->sums};
    *ret_samples = 0;
    for (size_t r = 0; r < base_regions(self->base); r++)
        s_add(self, r, number, taken, ret_blend, ret_samples);
}

/* What was counted, and late models, whose samples are done all the same. */
static void s_forget(shard_core_t *self, uint64_t number, const uint64_t *taken)
{
    size_t kept = 0;
    for (size_t i = 0; i < self->replica->pending_count; i++) {
        pending_t *pending = &self->replica->pending[i];
        bool counted = s_counts(self, pending, number, taken);
        if (!counted && !s_is_late(self, &pending->head, number)) {
            self->replica->pending[kept++] = *pending;
            continue;
        }
        if (!counted)
            self->replica->samples_applied += pending->head.samples;
        if (pending->data)
            version_release(self->replica, &pending->data);
    }
    self->replica->pending_count = kept;
}

bool shard_round_settled(const shard_core_t *self)
{
    return !self->base->rules.votes || self->replica->pending_count == 0;
}

bool shard_round_late(const shard_core_t *self, const delta_head_t *head)
{
    return self->base->rules.waits && s_is_late(self, head, self->rounds->number);
}

void shard_round_contribute(shard_core_t *self, pending_t *own)
{
    bool carries = own->data != NULL;
    if (!shard_round_late(self, &own->head)) {
        pending_add(self->replica, own);
        if (self->base->rules.waits)
            self->replica->exchange->waits(self->replica, carries, shard_round_open(self));
        return;
    }
    self->replica->samples_applied += own->head.samples;
    buf_destroy(&own->data);
    self->replica->exchange->too_late(self->replica);
}

bool shard_round_take(shard_core_t *self, size_t origin, const incoming_t *delta)
{
    pending_t pending = {.region = origin, .head = delta->head};
    part_t part;
    if (stream_values(delta, &part)) {
        pending.data =
            delta->decoded ? buf_ref(delta->decoded) : version_gather(self->replica, part.assembly);
        if (!pending.data)
            return false;
    }
    shard_relay_keep(self, origin, delta, pending.data);
    if (!shard_round_late(self, &delta->head)) {
        pending_add(self->replica, &pending);
        return true;
    }
    self->replica->samples_applied += delta->head.samples;
    if (pending.data)
        version_release(self->replica, &pending.data);
    return true;
}

/* What is in the next round; false when that is not known, or not all of it is here. */
static bool s_taken(const shard_core_t *self, uint64_t *ret_taken)
{
    if (!self->base->rules.votes) {
        for (size_t r = 0; r < base_regions(self->base); r++)
            ret_taken[r] = self->rounds->number + 1;
        return s_anybody(self, self->rounds->number + 1) && shard_round_lacks(self) == SIZE_MAX;
    }
    const uint64_t *decided = shard_vote_decided(self, self->rounds->number + 1);
    for (size_t r = 0; decided && r < base_regions(self->base); r++) {
        ret_taken[r] = decided[r];
        if (s_reached(self, r) < decided[r])
            return false;
    }
    return decided != NULL;
}

bool shard_round_try(shard_core_t *self)
{
    uint64_t number = self->rounds->number + 1, samples, taken[TOPOLOGY_REGIONS_MAX];
    if (!self->base->rules.waits || self->base->short_of_memory || s_travels(self) || !s_taken(self, taken))
        return false;
    blend_t blend;
    s_blend(self, number, taken, &blend, &samples);
    bool some = blend.count > 0 && blend.divisor > 0;
    if (!self->replica->exchange->round(self->replica, some ? &blend : NULL))
        return false;
    self->rounds->number = number;
    self->replica->version += some;
    self->replica->samples_applied += samples;
    s_forget(self, number, taken);
    if (self->base->rules.votes)
        base_tell_soon(self->base); /* others wait to hear that it is durable */
    base_changed(self->base);
    return true;
}
