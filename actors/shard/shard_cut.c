/* Cut, encode, commit, send: a delta is made from the open accumulator (or the model), kept in the version,
 * committed with it, and only then leaves the region. It is let go when it is durable at every destination.
 */

#include "actors/shard/shard_internal.h"

#include "codec/base/failpoint.h"
#include "codec/base/hash.h"

#include <stdlib.h>
#include <string.h>

/* -- where the destinations stand --------------------------------------------------------------------------
 */

static uint64_t s_most(uint64_t a, uint64_t b)
{
    return a > b ? a : b;
}

/* The destination with the least of `positions`, of those that are not away; SIZE_MAX when there is none. */
static size_t s_least(const shard_core_t *self, const uint64_t *positions)
{
    size_t least = SIZE_MAX;
    for (size_t r = 0; r < shard_region_count(self); r++) {
        if (r == self->spec.region_index || shard_ignores(self, r))
            continue;
        if (least == SIZE_MAX || positions[r] < positions[least])
            least = r;
    }
    return least;
}

size_t shard_cut_slowest(const shard_core_t *self)
{
    return s_least(self, self->destination_taken);
}

uint64_t shard_cut_stable(const shard_core_t *self)
{
    size_t least = s_least(self, self->destination_durable);
    return least == SIZE_MAX ? self->cut : self->destination_durable[least];
}

/* What is to be under way while local steps go on does not count. */
static uint64_t s_meant(const shard_core_t *self)
{
    const buf_t *newest = self->overlap && self->queue_count ? self->queue[self->queue_count - 1].data : NULL;
    return newest ? buf_size(newest) : 0;
}

static bool s_window_full(const shard_core_t *self)
{
    uint64_t window = self->spec.topology->job.sync.window_bytes;
    return self->queue_count >= SHARD_KEPT_MAX ||
           (self->queue_count && self->kept_bytes - s_meant(self) >= window);
}

/* What every destination that is waited for has taken. */
static uint64_t s_reached(const shard_core_t *self)
{
    size_t slowest = shard_cut_slowest(self);
    return slowest == SIZE_MAX ? self->cut : self->destination_taken[slowest];
}

bool shard_cut_limited(const shard_core_t *self)
{
    if (shard_region_count(self) == 1)
        return false;
    /* A region that lags is left out, or the round that is under way waits for it; what is kept is limited in bytes. */
    if (self->vote.on || self->overlap)
        return s_window_full(self);
    if (self->cut - s_reached(self) >= s_most(self->spec.topology->job.sync.staleness, 1))
        return true;
    return !self->strategy->merges && s_window_full(self);
}

/* -- cutting ----------------------------------------------------------------------------------------------
 */

kept_t *shard_queue_add(shard_core_t *self, const kept_t *kept)
{
    if (self->queue_count == self->queue_capacity) {
        self->queue_capacity = self->queue_capacity ? 2 * self->queue_capacity : 8;
        self->queue = realloc(self->queue, self->queue_capacity * sizeof *self->queue);
        CHECK(self->queue);
    }
    self->queue[self->queue_count] = *kept;
    self->kept_bytes += kept->data ? buf_size(kept->data) : 0;
    return &self->queue[self->queue_count++];
}

static buf_t *s_cursor(const shard_core_t *self)
{
    buf_t *cursor = buf_new_copy(self->applied.items, self->applied.count * sizeof(range_t));
    CHECK(cursor);
    return cursor;
}

/* The values of a cut, moved or shared, never copied; a difference is written into the room kept for it. */
static buf_t *s_values(shard_core_t *self, uint64_t steps, bool whole)
{
    buf_t *data = NULL;
    if (self->outer.on) {
        data = outer_cut(self, whole);
    } else if (self->strategy->cuts == DELTA_GRADIENT) {
        data = self->open;
        self->open = NULL;
    } else if (steps) {
        data = buf_ref(self->parameters);
    }
    return data;
}

/* Makes the delta [open_first, cut] of everything that is open; `whole`: as it is, not encoded. What is not finite does
 * not leave the region. */
static void s_make(shard_core_t *self, bool final, bool whole)
{
    buf_t *values = s_values(self, self->open_steps, whole);
    encoded_t encoded = shard_encode(self, &values, whole);
    buf_t *data = encoded.data;
    outer_go_on(self, encoded.refused);
    FAILPOINT(shard_delta_encoded);
    kept_t kept = {
        .head = {.first = self->open_first,
                 .last = self->cut,
                 .kind = data ? self->strategy->cuts : DELTA_NOTHING,
                 .steps = self->open_steps,
                 .samples = data || !self->waits ? self->open_samples : 0,
                 .final = final},
        .mark = self->mark.number,
        .data = data,
        .encoding = encoded.encoding,
        .cursor = s_cursor(self),
        .seen = drift_seen(self),
    };
    self->open_first = self->cut + 1;
    self->open_steps = 0;
    self->open_samples = 0;
    shard_queue_add(self, &kept);
    drift_keep(self);
    if (self->sees_own && shard_round_late(self, &kept.head)) {
        self->samples_applied += kept.head.samples;
        if (self->outer.start) /* none: a region that had closed says so again, behind rounds that need all */
            outer_return(self);
    } else if (self->sees_own) {
        pending_t own = {.region = self->spec.region_index, .head = kept.head, .data = buf_ref(encoded.view)};
        shard_pending_add(self, &own);
        outer_made(self, encoded.view != NULL);
    }
    buf_destroy(&encoded.view);
    FAILPOINT(shard_delta_cut);
    shard_uncovered_send(self);
}

static bool s_merged(const shard_core_t *self)
{
    return self->cut >= self->open_first;
}

uint64_t shard_cut_sendable(const shard_core_t *self)
{
    return self->spec.breaks & BREAK_OUTPUT_COMMIT ? shard_line_last(self) : shard_uncovered_sent(self);
}

/* All that is open goes into a delta at once and as it is, with what earlier ones left out, so that the state can be named
 * by a number. Under a waiting strategy a delta is a contribution to a round, and nothing is cut between two. */
bool shard_cut_now(shard_core_t *self)
{
    if (self->waits || self->closed || (self->open_steps == 0 && !self->residual))
        return true;
    if (!shard_encode_whole(self) || !outer_ready(self))
        return false;
    if (!s_merged(self))
        self->cut++;
    s_make(self, false, true);
    shard_changed(self);
    return true;
}

void shard_cut_announce(shard_core_t *self)
{
    self->cut++;
    s_make(self, self->closed, true);
}

void shard_cut_catch_up(shard_core_t *self)
{
    uint64_t most = self->round;
    for (size_t r = 0; r < shard_region_count(self); r++)
        most = s_most(most, self->origins[r].taken);
    while (self->waits && self->cut < most) {
        shard_cut_announce(self);
        shard_changed(self);
    }
}

static void s_kept_fini(shard_core_t *self, kept_t *kept)
{
    self->kept_bytes -= kept->data ? buf_size(kept->data) : 0;
    if (kept->data)
        version_release(self, &kept->data);
    buf_destroy(&kept->cursor);
    buf_destroy(&kept->seen);
    free(kept->checksums);
}

void shard_cut_forget(shard_core_t *self)
{
    while (self->queue_count)
        s_kept_fini(self, &self->queue[--self->queue_count]);
}

/* A round ends with every `every` steps; merged rounds are still open. When automatic it ends earlier if every
 * destination has taken all that was cut: then the links are free. */
static bool s_due(const shard_core_t *self)
{
    uint64_t span = self->cut ? (self->cut - self->open_first + 2) * self->every : self->first;
    if (self->open_steps >= span)
        return true;
    return self->automatic && !s_merged(self) &&
           self->open_steps >= self->spec.topology->job.sync.every_least && s_reached(self) >= self->cut;
}

void shard_cut_step(shard_core_t *self)
{
    if (shard_region_count(self) == 1) {
        self->open_steps = 0;
        self->open_samples = 0;
        return;
    }
    if (!s_due(self))
        return;
    self->cut++;
    if (self->strategy->merges && s_window_full(self))
        return;
    s_make(self, false, false);
    if (self->spec.breaks & BREAK_OUTPUT_COMMIT)
        shard_cut_send(self, shard_line_last(self), shard_line_last(self));
}

void shard_close(shard_core_t *self, const message_t *message)
{
    if (self->closed || self->stopping)
        return;
    if (strcmp(message->from, self->scheduler) != 0) {
        shard_refuse(self, message, ERR_DENIED, "only the region's scheduler closes");
        return;
    }
    if (!ranges_has_all(&self->durable, 0, self->region->batches)) {
        shard_refuse(self, message, ERR_STATE, "some batch of the region is not durable here");
        return;
    }
    if (self->overlap && shard_round_open(self))
        return; /* steps since its cut are counted from what it does; the scheduler asks again */
    if (shard_region_count(self) > 1 && (!outer_ready(self) || !shard_encode_whole(self)))
        return; /* the scheduler asks again */
    self->closed = true;
    shard_changed(self);
    if (shard_region_count(self) == 1)
        return;
    self->cut++;
    s_make(self, true, true);
    FAILPOINT(shard_closed);
}

/* -- sending ----------------------------------------------------------------------------------------------
 */

static uint64_t s_chunk_count(const shard_core_t *self, const kept_t *kept)
{
    size_t size = kept->data ? buf_size(kept->data) : 0;
    return size ? (size + self->spec.chunk_bytes - 1) / self->spec.chunk_bytes : 1;
}

static slice_t s_chunk(const shard_core_t *self, const kept_t *kept, uint64_t chunk)
{
    if (!kept->data)
        return (slice_t){0};
    size_t offset = (size_t)chunk * self->spec.chunk_bytes, left = buf_size(kept->data) - offset;
    return slice_of(kept->data, offset, left < self->spec.chunk_bytes ? left : self->spec.chunk_bytes);
}

static void s_checksums(const shard_core_t *self, kept_t *kept)
{
    if (kept->checksums)
        return;
    uint64_t count = s_chunk_count(self, kept);
    kept->checksums = calloc(count, sizeof *kept->checksums);
    CHECK(kept->checksums);
    for (uint64_t i = 0; i < count; i++) {
        slice_t data = s_chunk(self, kept, i);
        kept->checksums[i] = hash_checksum(slice_peek(&data), data.buf ? data.size_bytes : 0);
        slice_fini(&data);
    }
}

static void s_set_cursor(wire_ranges_t *field, const kept_t *kept)
{
    ranges_t view = {.items = buf_data(kept->cursor), .count = buf_size(kept->cursor) / sizeof(range_t)};
    message_set_ranges(field, &view);
}

static void s_set_seen(wire_u64s_t *field, const kept_t *kept)
{
    if (kept->seen)
        message_set_u64s(field, buf_peek(kept->seen), buf_size(kept->seen) / sizeof(uint64_t));
}

static void s_send_chunk(shard_core_t *self, const kept_t *kept, uint64_t chunk, const stream_t *stream)
{
    message_t *message = shard_message(self, KIND_delta, stream->to);
    size_t regions = shard_region_count(self);
    message->number = kept->head.last;
    message_set_name(message->delta.origin, self->spec.topology->regions[stream->origin].name);
    message->delta.shard = self->spec.shard_index;
    message->delta.history = stream->history;
    message->delta.first = kept->head.first;
    message->delta.last = kept->head.last;
    message->delta.kind = (uint64_t)kept->head.kind;
    message->delta.steps = kept->head.steps;
    message->delta.samples = kept->head.samples;
    message->delta.final = kept->head.final;
    message->delta.mark = kept->mark;
    message->delta.stable = stream->stable;
    message->delta.follows_history = stream->follows_history;
    message->delta.follows = stream->follows;
    message->delta.encoding = kept->encoding;
    message->delta.layout = self->spec.layout;
    message->delta.elements = self->spec.elements;
    message->delta.members = regions >= 64 ? UINT64_MAX : (UINT64_C(1) << regions) - 1;
    message->delta.chunk = chunk;
    message->delta.chunk_count = s_chunk_count(self, kept);
    message->delta.offset = chunk * self->spec.chunk_bytes;
    message->delta.total = kept->data ? buf_size(kept->data) : 0;
    message->delta.checksum = kept->checksums[chunk];
    if (chunk == 0) {
        s_set_cursor(&message->delta.cursor, kept);
        s_set_seen(&message->delta.seen, kept);
    }
    message->data = s_chunk(self, kept, chunk);
    shard_send(self, &message);
}

void shard_cut_send_kept(shard_core_t *self, kept_t *kept, const stream_t *stream)
{
    s_checksums(self, kept);
    FAILPOINT(shard_delta_before_send);
    uint64_t count = s_chunk_count(self, kept);
    for (uint64_t chunk = 0; chunk < count; chunk++)
        s_send_chunk(self, kept, chunk, stream);
}

void shard_cut_send(shard_core_t *self, uint64_t from, uint64_t to)
{
    stream_t stream = {.origin = self->spec.region_index,
                       .history = self->history,
                       .follows_history = self->follows_history,
                       .follows = self->follows,
                       .stable = shard_cut_stable(self)};
    message_set_name(stream.to, self->synchronizer);
    for (size_t i = 0; i < self->queue_count; i++) {
        kept_t *kept = &self->queue[i];
        if (kept->head.last < from || kept->head.last > to)
            continue;
        shard_cut_send_kept(self, kept, &stream);
    }
}

/* Also a destination that was away, and for which nothing was kept, is to hear that it lacks something. */
bool shard_cut_owes(const shard_core_t *self)
{
    for (size_t r = 0; r < shard_region_count(self); r++)
        if (r != self->spec.region_index && self->destination_durable[r] < shard_line_last(self))
            return true;
    return self->queue_count > 0 && shard_region_count(self) > 1;
}

/* Says what is kept; nothing is said any more once everything is durable everywhere. */
void shard_cut_head(shard_core_t *self)
{
    self->head_us = self->now_us + SHARD_HEAD_US;
    uint64_t last = shard_cut_sendable(self);
    bool committed = self->queue_count == 0 || self->queue[0].head.last <= last;
    if (!self->stored || !shard_cut_owes(self) || !committed || (!shard_runs(self) && self->entry.lossy))
        return;
    message_t *message = shard_message(self, KIND_stream_head, self->synchronizer);
    message->number = last;
    message->stream_head.history = self->history;
    message->stream_head.oldest = shard_line_oldest(self);
    message->stream_head.last = last;
    message->stream_head.follows_history = self->follows_history;
    message->stream_head.follows = self->follows;
    shard_send(self, &message);
}

/* -- what the synchronizer says ----------------------------------------------------------------------------
 */

void shard_cut_release(shard_core_t *self)
{
    uint64_t stable = shard_cut_stable(self), sendable = shard_cut_sendable(self);
    stable = stable < sendable ? stable : sendable;
    size_t gone = 0;
    bool holds = shard_holds(self) || shard_mark_holds(self);
    while (!holds && gone < self->queue_count && self->queue[gone].head.last <= stable)
        s_kept_fini(self, &self->queue[gone++]);
    self->queue_count -= gone;
    if (gone) {
        memmove(self->queue, self->queue + gone, self->queue_count * sizeof *self->queue);
        shard_changed(self);
    }
    if (s_merged(self) && !s_window_full(self) && outer_ready(self)) {
        s_make(self, false, false); /* the rounds that were merged need not wait for another one to end */
        shard_changed(self);
    }
}

static bool s_from_synchronizer(shard_core_t *self, const message_t *message)
{
    if (strcmp(message->from, self->synchronizer) != 0) {
        shard_refuse(self, message, ERR_DENIED, "only the shard's own synchronizer says so");
        return false;
    }
    if (message->incarnation < self->origins[self->spec.region_index].incarnation &&
        !(self->spec.breaks & BREAK_FENCING)) {
        shard_refuse(self, message, ERR_STALE, "a newer incarnation of the synchronizer has spoken");
        return false;
    }
    return true;
}

/* It has said something of the line that there is: whoever is older has been replaced. */
static void s_hear_synchronizer(shard_core_t *self, const message_t *message)
{
    uint64_t *incarnation = &self->origins[self->spec.region_index].incarnation;
    if (message->incarnation > *incarnation)
        *incarnation = message->incarnation;
}

/* A region that is not waited for any more lets this one go on, and what was kept for it alone go. */
static void s_away(shard_core_t *self, size_t region, bool away)
{
    if (self->destination_away[region] == away)
        return;
    self->destination_away[region] = away;
    self->report_soon = true;
    shard_cut_release(self);
}

/* The destination has taken another region's state: it stands where that one stood. */
static void s_reset(shard_core_t *self, size_t region, const message_t *message)
{
    self->destination_entry[region] = message->stream.entry;
    self->destination_hold_us[region] = 0;
    self->destination_taken[region] = s_most(message->stream.applied, message->stream.durable);
    self->destination_durable[region] = message->stream.durable;
    if (self->donor.region == region)
        shard_donor_drop(self);
    shard_changed(self);
    shard_cut_release(self);
}

void shard_stream(shard_core_t *self, const message_t *message)
{
    if (self->stopping || !self->stored || !s_from_synchronizer(self, message))
        return;
    size_t region = topology_region_index(self->spec.topology, message->stream.region);
    if (region == SIZE_MAX || region == self->spec.region_index || message->stream.history != self->history)
        return;
    uint64_t taken = s_most(message->stream.applied, message->stream.durable);
    /* Nobody can have what has not been sent. */
    if (taken > shard_cut_sendable(self)) {
        if (message->stream.code == ERR_STALE)
            shard_enter(self, true);
        else
            shard_refuse(self, message, ERR_LIMIT, "no such delta was sent");
        return;
    }
    if (!incarnation_is_possible(message->stream.entry)) {
        self->refusals++;
        shard_refuse(self, message, ERR_LIMIT, "an entry in an incarnation that there cannot have been");
        return;
    }
    s_hear_synchronizer(self, message);
    s_away(self, region, message->stream.away);
    if (message->stream.entry < self->destination_entry[region])
        return;
    if (message->stream.entry > self->destination_entry[region]) {
        if (!shard_mark_holds(self))
            s_reset(self, region, message);
        return;
    }
    /* While a common point is made nothing more counts as durable elsewhere: the next head has it said again. */
    uint64_t durable = shard_mark_holds(self) ? 0 : message->stream.durable;
    if (taken <= self->destination_taken[region] && durable <= self->destination_durable[region])
        return;
    /* A destination that came back may have lost what it had only taken; it is sent again, so this may lag behind. */
    self->destination_taken[region] = s_most(self->destination_taken[region], taken);
    self->destination_durable[region] = s_most(self->destination_durable[region], durable);
    shard_changed(self);
    shard_cut_release(self);
}

void shard_fetch(shard_core_t *self, const message_t *message)
{
    if (!s_from_synchronizer(self, message))
        return;
    if (message->stream_fetch.history == self->history)
        s_hear_synchronizer(self, message);
    if (message->stream_fetch.history == 0 || message->stream_fetch.history == self->history)
        shard_cut_send(self, message->stream_fetch.from, shard_cut_sendable(self));
    shard_cut_head(self);
}
