/* The own stream as a lineage of histories, whose numbers go on from one to the next: (history, number) names
 * the same set of batches wherever it is met. And which of the other regions are still waited for. */

#include "actors/kit/breaks.h"
#include "actors/shard/base/majority.h"
#include "actors/shard/stream/stream.h"

#include "codec/base/rng.h"

#include <string.h>

uint64_t stream_last(const stream_t *self)
{
    return self->open_first - 1;
}

uint64_t stream_oldest(const stream_t *self)
{
    return self->queue_count ? self->queue[0].head.first : self->open_first;
}

position_t stream_position(const stream_t *self)
{
    bool made = stream_last(self) > self->parent_number;
    return made ? (position_t){self->history, stream_last(self)}
                : (position_t){self->parent_history, self->parent_number};
}

bool stream_has(const stream_t *self, uint64_t history, uint64_t number)
{
    bool at_parent = history == self->parent_history && number == self->parent_number;
    if (!at_parent && (history != self->history || number > stream_last(self)))
        return false;
    if (number == stream_last(self))
        return true;
    for (size_t i = 0; i < self->queue_count; i++)
        if (self->queue[i].head.first == number + 1)
            return true;
    return false;
}

/* Deltas that were cut after the position, or are on their way, must never be taken for those that will be
 * cut now: they have another history, and whoever has taken one of them is seen to stand elsewhere. */
void stream_begin(stream_t *self, const position_t *parent)
{
    rng_t rng;
    rng_init_for(&rng, self->base->spec.history, "history", self->base->spec.incarnation, ++self->histories);
    stream_forget(self);
    self->history = rng_u64(&rng) | 1;
    self->parent_history = parent->history;
    self->parent_number = self->cut = parent->number;
    self->open_first = parent->number + 1;
    self->sendable = parent->number;
    for (size_t r = 0; r < base_regions(self->base); r++) {
        self->destination_taken[r] = parent->number;
        self->destination_durable[r] = 0; /* until it says so: it may lack what nobody can send it any more */
    }
}

/* A newer generation makes the positions of this shard in all streams begin anew for everybody. */
void stream_next_generation(stream_t *self)
{
    self->generation++;
    if (self->generation < self->base->spec.incarnation)
        self->generation = self->base->spec.incarnation;
}

bool stream_may_speak(const stream_t *self, const speaker_t *speaker, uint64_t incarnation)
{
    return incarnation >= speaker->incarnation ||
           self->base->core.now_us - speaker->heard_us >= STREAM_SPEAKER_US;
}

void stream_spoke(const stream_t *self, speaker_t *speaker, uint64_t incarnation)
{
    *speaker = (speaker_t){incarnation, self->base->core.now_us};
}

/* Regions that are not away, this one among them, must be a majority: else it may be this side that is cut
 * off, which keeps everything and waits. Of two halves it is the one with the first region. */
static bool s_majority(const stream_t *self)
{
    size_t here = 0, count = base_regions(self->base);
    for (size_t r = 0; r < count; r++)
        here += !self->destination_away[r];
    return majority_is(here, count, !self->destination_away[0]);
}

/* In step nobody is left out: all must apply the same contributions. */
bool stream_ignores(const stream_t *self, size_t region)
{
    return !self->terms.in_step && self->destination_away[region] && s_majority(self);
}

bool stream_holds(const stream_t *self)
{
    for (size_t r = 0; r < base_regions(self->base); r++)
        if (self->destination_hold_us[r] > self->base->core.now_us)
            return true;
    return false;
}

uint64_t stream_going(const stream_t *self)
{
    uint64_t going = 0;
    for (size_t r = 0; r < base_regions(self->base); r++)
        if (r != self->base->spec.region_index && !self->origins[r].final)
            going |= UINT64_C(1) << r;
    return going;
}

void stream_rebase(stream_t *self)
{
    position_t own = stream_position(self);
    compensation_begin(self->replica, &own, stream_going(self));
}
