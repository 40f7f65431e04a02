/* The own stream as a line of histories, whose numbers go on from one to the next: (history, number) names the same
 * set of batches wherever it is met. And which of the other regions are still waited for. */

#include "actors/shard/shard_internal.h"

#include "codec/base/rng.h"

#include <string.h>

/* "ROLE/REGION/K" with this shard's K, of another region. */
size_t shard_region_by_name(const shard_core_t *self, const char *role, const char *from)
{
    char end[24];
    size_t skip = strlen(role), length = strlen(from);
    size_t tail = (size_t)snprintf(end, sizeof end, "/%zu", self->spec.shard_index);
    if (length < skip + 1 + tail || strncmp(from, role, skip) != 0 || from[skip] != '/' ||
        strcmp(from + length - tail, end) != 0)
        return SIZE_MAX;
    const char *name = from + skip + 1;
    length -= skip + 1 + tail;
    for (size_t r = 0; r < shard_region_count(self); r++) {
        const char *region = self->spec.topology->regions[r].name;
        if (r != self->spec.region_index && strncmp(region, name, length) == 0 && !region[length])
            return r;
    }
    return SIZE_MAX;
}

void shard_peer_name(const shard_core_t *self, const char *role, size_t region, char *ret_name, size_t size)
{
    snprintf(ret_name, size, "%s/%s/%zu", role, self->spec.topology->regions[region].name,
             self->spec.shard_index);
}

uint64_t shard_line_last(const shard_core_t *self)
{
    return self->open_first - 1;
}

uint64_t shard_line_oldest(const shard_core_t *self)
{
    return self->queue_count ? self->queue[0].head.first : self->open_first;
}

void shard_line_position(const shard_core_t *self, uint64_t *ret_history, uint64_t *ret_number)
{
    bool made = shard_line_last(self) > self->follows;
    *ret_history = made ? self->history : self->follows_history;
    *ret_number = made ? shard_line_last(self) : self->follows;
}

bool shard_line_has(const shard_core_t *self, uint64_t history, uint64_t number)
{
    bool follows = history == self->follows_history && number == self->follows;
    if (!follows && (history != self->history || number > shard_line_last(self)))
        return false;
    if (number == shard_line_last(self))
        return true;
    for (size_t i = 0; i < self->queue_count; i++)
        if (self->queue[i].head.first == number + 1)
            return true;
    return false;
}

/* Deltas that were cut after the position, or are on their way, must never be taken for those that will be cut now:
 * they have another history, and whoever has taken one of them is seen to stand elsewhere. */
void shard_line_begin(shard_core_t *self, uint64_t follows_history, uint64_t follows)
{
    rng_t rng;
    rng_init_for(&rng, self->spec.history, "history", self->spec.incarnation, ++self->lines);
    shard_cut_forget(self);
    self->history = rng_u64(&rng) | 1;
    self->follows_history = follows_history;
    self->follows = self->cut = follows;
    self->open_first = follows + 1;
    self->committed_last = follows;
    self->uncovered.last = 0;
    for (size_t r = 0; r < shard_region_count(self); r++) {
        self->destination_taken[r] = follows;
        self->destination_durable[r] = 0; /* until it says so: it may lack what nobody can send it any more */
    }
}

/* A newer entry makes the positions of this shard in all streams begin anew for everybody. */
void shard_entry_next(shard_core_t *self)
{
    self->entry_number++;
    if (self->entry_number < self->spec.incarnation)
        self->entry_number = self->spec.incarnation;
}

bool shard_may_speak(const shard_core_t *self, const speaker_t *speaker, uint64_t incarnation)
{
    return incarnation >= speaker->incarnation || self->now_us - speaker->heard_us >= SHARD_SPEAKER_US;
}

void shard_spoke(const shard_core_t *self, speaker_t *speaker, uint64_t incarnation)
{
    *speaker = (speaker_t){incarnation, self->now_us};
}

/* Regions that are not away, this one among them, must be a majority: else it may be this side that is cut off, which
 * keeps everything and waits. Of two halves it is the one with the first region. */
static bool s_majority(const shard_core_t *self)
{
    size_t here = 0, count = shard_region_count(self);
    for (size_t r = 0; r < count; r++)
        here += !self->destination_away[r];
    return 2 * here > count || (2 * here == count && !self->destination_away[0]);
}

/* Under a waiting strategy nobody is left out: all must apply the same contributions. */
bool shard_ignores(const shard_core_t *self, size_t region)
{
    return !self->waits && self->destination_away[region] && s_majority(self);
}

bool shard_holds(const shard_core_t *self)
{
    for (size_t r = 0; r < shard_region_count(self); r++)
        if (self->destination_hold_us[r] > self->now_us)
            return true;
    return false;
}
