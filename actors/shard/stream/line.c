/* The own stream as a line of histories, whose numbers go on from one to the next: (history, number) names the same
 * set of batches wherever it is met. And which of the other regions are still waited for. */

#include "actors/shard/shard_internal.h"

#include "codec/base/rng.h"

#include <string.h>

uint64_t shard_line_last(const shard_core_t *self)
{
    return self->stream->open_first - 1;
}

uint64_t shard_line_oldest(const shard_core_t *self)
{
    return self->stream->queue_count ? self->stream->queue[0].head.first : self->stream->open_first;
}

void shard_line_position(const shard_core_t *self, uint64_t *ret_history, uint64_t *ret_number)
{
    bool made = shard_line_last(self) > self->stream->follows;
    *ret_history = made ? self->stream->history : self->stream->follows_history;
    *ret_number = made ? shard_line_last(self) : self->stream->follows;
}

bool shard_line_has(const shard_core_t *self, uint64_t history, uint64_t number)
{
    bool follows = history == self->stream->follows_history && number == self->stream->follows;
    if (!follows && (history != self->stream->history || number > shard_line_last(self)))
        return false;
    if (number == shard_line_last(self))
        return true;
    for (size_t i = 0; i < self->stream->queue_count; i++)
        if (self->stream->queue[i].head.first == number + 1)
            return true;
    return false;
}

/* Deltas that were cut after the position, or are on their way, must never be taken for those that will be cut now:
 * they have another history, and whoever has taken one of them is seen to stand elsewhere. */
void shard_line_begin(shard_core_t *self, uint64_t follows_history, uint64_t follows)
{
    rng_t rng;
    rng_init_for(&rng, self->base->spec.history, "history", self->base->spec.incarnation,
                 ++self->stream->lines);
    shard_cut_forget(self);
    self->stream->history = rng_u64(&rng) | 1;
    self->stream->follows_history = follows_history;
    self->stream->follows = self->stream->cut = follows;
    self->stream->open_first = follows + 1;
    self->durable->committed_last = follows;
    self->durable->uncovered.last = 0;
    for (size_t r = 0; r < base_regions(self->base); r++) {
        self->stream->destination_taken[r] = follows;
        /* until it says so: it may lack what nobody can send it any more */
        self->stream->destination_durable[r] = 0;
    }
}

/* A newer entry makes the positions of this shard in all streams begin anew for everybody. */
void shard_entry_next(shard_core_t *self)
{
    self->entry->number++;
    if (self->entry->number < self->base->spec.incarnation)
        self->entry->number = self->base->spec.incarnation;
}

/* Regions that are not away, this one among them, must be a majority: else it may be this side that is cut off, which
 * keeps everything and waits. Of two halves it is the one with the first region. */
static bool s_majority(const shard_core_t *self)
{
    size_t here = 0, count = base_regions(self->base);
    for (size_t r = 0; r < count; r++)
        here += !self->stream->destination_away[r];
    return 2 * here > count || (2 * here == count && !self->stream->destination_away[0]);
}

/* Under a waiting strategy nobody is left out: all must apply the same contributions. */
bool shard_ignores(const shard_core_t *self, size_t region)
{
    return !self->base->rules.waits && self->stream->destination_away[region] && s_majority(self);
}

bool shard_holds(const shard_core_t *self)
{
    for (size_t r = 0; r < base_regions(self->base); r++)
        if (self->stream->destination_hold_us[r] > self->base->now_us)
            return true;
    return false;
}

uint64_t shard_line_going(const shard_core_t *self)
{
    uint64_t going = 0;
    for (size_t r = 0; r < base_regions(self->base); r++)
        if (r != self->base->spec.region_index && !self->stream->origins[r].final)
            going |= UINT64_C(1) << r;
    return going;
}

void shard_drift_begin(shard_core_t *self)
{
    position_t own;
    shard_line_position(self, &own.history, &own.number);
    drift_begin(self->replica, &own, shard_line_going(self));
}
