/* Rounds of the waiting strategies. Number n of every region is its contribution to round n; a region that
 * has made its final cut before n contributes nothing and is not waited for. Every region adds the same
 * contributions in the order of regions with the same arithmetic, so replicas stay equal, bit for bit.
 *
 * With a quorum below 1 a ballot decides what is in a round: of each region everything up to some number. A
 * late gradient or difference is in the first round that has room for it, a late model is dropped. Who comes
 * late with n does not wait for anybody: only a number that no round has had yet does. So a region that lags
 * catches up, and as numbers count steps, the shards of a region, whose rounds may have different members,
 * cannot wait for each other in a circle: the least number that anybody waits with lacks only regions that
 * have not waited yet. */

#include "actors/shard/replica/exchange.h"

#include "actors/kit/timers.h"
#include "actors/shard/rounds/rounds.h"

#include <stdlib.h>
#include <string.h>

static uint64_t s_reached(const rounds_t *self, size_t region)
{
    return region == self->base->spec.region_index ? self->stream->cut : self->stream->origins[region].taken;
}

static bool s_left(const rounds_t *self, size_t region)
{
    return region == self->base->spec.region_index ? self->stream->closed
                                                   : self->stream->origins[region].final;
}

/* No region is two rounds ahead of what is applied here; but for one that lost its disk behind its last
 * delta, and ends its lineage by one more: what is decided to be in the next round is taken, or that round
 * would never be whole. */
void round_bound(rounds_t *self)
{
    const uint64_t *decided = self->base->rules.votes ? vote_decided(self, self->number + 1) : NULL;
    uint64_t most = self->number + 2;
    for (size_t r = 0; r < self->terms.members; r++)
        self->stream->bound[r] = decided && decided[r] > most ? decided[r] : most;
}

bool rounds_are(const rounds_t *self)
{
    return self->terms.members != 0;
}

bool rounds_open(const rounds_t *self)
{
    return rounds_are(self) && self->stream->cut > self->number;
}

bool rounds_steps(const rounds_t *self)
{
    return self->terms.way && rounds_open(self);
}

/* A round acts a fixed number of steps after the own cut, however quick the others were, so that what is
 * computed does not depend on the network; at once when no steps are left, and on a region that lags. */
static bool s_travels(const rounds_t *self)
{
    if (self->replica->open_steps >= self->terms.way || self->stream->cut != self->number + 1)
        return false;
    return !self->stream->closed && !ranges_has_all(&self->replica->applied, 0, self->base->region->batches);
}

bool rounds_bars(const rounds_t *self)
{
    return rounds_open(self) && !s_travels(self);
}

size_t rounds_lacks(const rounds_t *self)
{
    for (size_t r = 0; r < self->terms.members; r++)
        if (s_reached(self, r) < self->number + 1 && !s_left(self, r))
            return r;
    return SIZE_MAX;
}

static bool s_anybody(const rounds_t *self, uint64_t number)
{
    for (size_t r = 0; r < self->terms.members; r++)
        if (s_reached(self, r) >= number)
            return true;
    return false;
}

uint64_t round_present(const rounds_t *self)
{
    uint64_t present = 0;
    for (size_t r = 0; r < base_regions(self->base); r++)
        if (s_reached(self, r) > self->number || s_left(self, r))
            present |= UINT64_C(1) << r;
    return present;
}

uint64_t round_heard(const rounds_t *self)
{
    uint64_t heard = round_present(self);
    for (size_t i = 0; i < self->replica->pending_count; i++)
        heard |= UINT64_C(1) << self->replica->pending[i].region;
    return heard;
}

bool round_has(const rounds_t *self, size_t region, uint64_t number)
{
    return number > self->number || (s_left(self, region) && number >= s_reached(self, region));
}

bool round_works(const rounds_t *self)
{
    return self->replica->pending_count || s_anybody(self, self->number + 1);
}

static bool s_counts(const rounds_t *self, const pending_t *pending, uint64_t number,
                     const uint64_t *included)
{
    return pending->head.last <= included[pending->region] &&
           self->replica->exchange->counts(&pending->head, number);
}

/* Adds what region r contributes. */
static void s_add_contributions(rounds_t *self, size_t r, uint64_t number, const uint64_t *included,
                                blend_t *blend, uint64_t *samples)
{
    bool first = true;
    for (size_t i = 0; i < self->replica->pending_count; i++) {
        const pending_t *pending = &self->replica->pending[i];
        if (pending->region != r || !s_counts(self, pending, number, included))
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
static void s_blend(rounds_t *self, uint64_t number, const uint64_t *included, blend_t *ret_blend,
                    uint64_t *ret_samples)
{
    *ret_blend = (blend_t){.parts = self->replica->pending_parts,
                           .scratch = self->replica->scratch,
                           .sums = self->replica->sums};
    *ret_samples = 0;
    for (size_t r = 0; r < base_regions(self->base); r++)
        s_add_contributions(self, r, number, included, ret_blend, ret_samples);
}

/* Drops contributions that were counted, and late models, whose samples are done all the same. */
static void s_forget(rounds_t *self, uint64_t number, const uint64_t *included)
{
    size_t kept = 0;
    for (size_t i = 0; i < self->replica->pending_count; i++) {
        pending_t *pending = &self->replica->pending[i];
        bool counted = s_counts(self, pending, number, included);
        if (!counted && !self->replica->exchange->is_late(&pending->head, number)) {
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

bool rounds_settled(const rounds_t *self)
{
    return !self->base->rules.votes || self->stream->replica->pending_count == 0;
}

bool rounds_late(const rounds_t *self, const delta_head_t *head)
{
    return self->replica->exchange->is_late(head, self->number);
}

void rounds_contribute(rounds_t *self, pending_t *own)
{
    bool carries = own->data != NULL;
    if (!rounds_late(self, &own->head)) {
        pending_add(self->replica, own);
        self->replica->exchange->waits(self->replica, carries, rounds_open(self));
        return;
    }
    self->replica->samples_applied += own->head.samples;
    buf_destroy(&own->data);
    self->replica->exchange->too_late(self->replica);
}

bool rounds_take(rounds_t *self, size_t origin, const incoming_t *delta)
{
    pending_t pending = {.region = origin, .head = delta->head};
    part_t part;
    if (stream_values(delta, &part)) {
        pending.data =
            delta->decoded ? buf_ref(delta->decoded) : version_gather(self->replica, part.assembly);
        if (!pending.data)
            return false;
    }
    forward_hold(self, origin, delta, pending.data);
    if (!rounds_late(self, &delta->head)) {
        pending_add(self->replica, &pending);
        return true;
    }
    self->replica->samples_applied += delta->head.samples;
    if (pending.data)
        version_release(self->replica, &pending.data);
    return true;
}

/* The contents of the next round; false when they are not known, or not all of them are here. */
static bool s_included(const rounds_t *self, uint64_t *ret_included)
{
    if (!self->base->rules.votes) {
        for (size_t r = 0; r < base_regions(self->base); r++)
            ret_included[r] = self->number + 1;
        return s_anybody(self, self->number + 1) && rounds_lacks(self) == SIZE_MAX;
    }
    const uint64_t *decided = vote_decided(self, self->number + 1);
    for (size_t r = 0; decided && r < base_regions(self->base); r++) {
        ret_included[r] = decided[r];
        if (s_reached(self, r) < decided[r])
            return false;
    }
    return decided != NULL;
}

bool rounds_apply(rounds_t *self)
{
    uint64_t number = self->number + 1, samples, included[TOPOLOGY_REGIONS_MAX];
    if (self->base->short_of_memory || s_travels(self) || !s_included(self, included))
        return false;
    blend_t blend;
    s_blend(self, number, included, &blend, &samples);
    bool some = blend.count > 0 && blend.divisor > 0;
    if (!self->replica->exchange->round(self->replica, some ? &blend : NULL))
        return false;
    self->number = number;
    round_bound(self);
    self->replica->version += some;
    self->replica->samples_applied += samples;
    s_forget(self, number, included);
    if (self->base->rules.votes)
        base_tell_soon(self->base); /* others wait to hear that it is durable */
    base_changed(self->base);
    return true;
}

/* -- life */

void rounds_init(rounds_t *self, base_t *base, replica_t *replica, stream_t *stream,
                 const rounds_terms_t *terms)
{
    *self = (rounds_t){.base = base, .replica = replica, .stream = stream, .terms = *terms};
    vote_init(self);
    forward_init(self);
    round_bound(self);
}

void rounds_fini(rounds_t *self)
{
    vote_fini(self);
    forward_fini(self);
}

void rounds_advance(rounds_t *self)
{
    vote_advance(self);
    forward_advance(self);
}

int64_t rounds_due(const rounds_t *self)
{
    return timer_first(vote_due(self), forward_due(self));
}
