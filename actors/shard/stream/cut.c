/* Cut, encode, commit, send: a delta is made from the open accumulator (or the model), kept in the version,
 * committed with it, and only then leaves the region. It is let go when it is durable at every destination.
 */

#include "actors/kit/breaks.h"
#include "actors/shard/replica/exchange.h"
#include "actors/shard/stream/stream.h"

#include "codec/base/failpoint.h"
#include "codec/base/grow.h"
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
static size_t s_least(const stream_t *self, const uint64_t *positions)
{
    size_t least = SIZE_MAX;
    for (size_t r = 0; r < base_regions(self->base); r++) {
        if (r == self->base->spec.region_index || stream_ignores(self, r))
            continue;
        if (least == SIZE_MAX || positions[r] < positions[least])
            least = r;
    }
    return least;
}

size_t stream_slowest(const stream_t *self)
{
    return s_least(self, self->destination_taken);
}

uint64_t stream_stable(const stream_t *self)
{
    size_t least = s_least(self, self->destination_durable);
    return least == SIZE_MAX ? self->cut : self->destination_durable[least];
}

/* A cut that is under way by intent, while local steps go on, does not count. */
static uint64_t s_meant(const stream_t *self)
{
    bool some = self->terms.spares_newest && self->queue_count;
    const buf_t *newest = some ? self->queue[self->queue_count - 1].data : NULL;
    return newest ? buf_size(newest) : 0;
}

static bool s_window_full(const stream_t *self)
{
    uint64_t window = self->base->spec.topology->job.sync.window_bytes;
    return self->queue_count >= SHARD_QUEUE_MAX ||
           (self->queue_count && self->queue_bytes - s_meant(self) >= window);
}

/* The number that every destination that is waited for has taken. */
static uint64_t s_reached(const stream_t *self)
{
    size_t slowest = stream_slowest(self);
    return slowest == SIZE_MAX ? self->cut : self->destination_taken[slowest];
}

bool stream_limited(const stream_t *self)
{
    if (base_regions(self->base) == 1)
        return false;
    if (self->cut - s_reached(self) >= self->terms.lag)
        return true;
    return !self->terms.merges && s_window_full(self);
}

/* -- cutting ----------------------------------------------------------------------------------------------
 */

queued_t *stream_queue_add(stream_t *self, const queued_t *queued)
{
    self->queue = grow(self->queue, self->queue_count, &self->queue_capacity, sizeof *self->queue);
    self->queue[self->queue_count] = *queued;
    self->queue_bytes += queued->data ? buf_size(queued->data) : 0;
    return &self->queue[self->queue_count++];
}

static buf_t *s_cursor(const stream_t *self)
{
    buf_t *cursor =
        buf_new_copy(self->replica->applied.items, self->replica->applied.count * sizeof(range_t));
    CHECK(cursor);
    return cursor;
}

/* How far this shard has taken every region's stream, for those who compensate; NULL: nobody does. */
static buf_t *s_seen(const stream_t *self)
{
    if (!self->replica->compensation.on)
        return NULL;
    position_t items[TOPOLOGY_REGIONS_MAX];
    size_t count = base_regions(self->base);
    for (size_t r = 0; r < count; r++)
        items[r] = (position_t){self->origins[r].history, self->origins[r].taken};
    buf_t *seen = buf_new_copy(items, count * sizeof *items);
    CHECK(seen);
    return seen;
}

static void s_hand(stream_t *self, const delta_head_t *head, buf_t *view)
{
    handed_t *handed = &self->handed;
    handed->items = grow(handed->items, handed->count, &handed->capacity, sizeof *handed->items);
    handed->items[handed->count++] =
        (pending_t){.region = self->base->spec.region_index, .head = *head, .data = buf_ref(view)};
}

bool stream_own(stream_t *self, pending_t *ret_own)
{
    handed_t *handed = &self->handed;
    if (!handed->count)
        return false;
    *ret_own = handed->items[0];
    memmove(handed->items, handed->items + 1, --handed->count * sizeof *handed->items);
    return true;
}

/* Makes the delta [open_first, cut] of everything that is open; `whole`: as it is, not encoded. What is not
 * finite does not leave the region. */
static void s_make(stream_t *self, bool final, bool whole)
{
    const exchange_t *exchange = self->replica->exchange;
    buf_t *values = exchange->cut(self->replica, whole);
    encoded_t encoded = encode_cut(self->replica, &values, whole, self->terms.hands);
    buf_t *data = encoded.data;
    exchange->made(self->replica, &encoded);
    FAILPOINT(shard_delta_encoded);
    queued_t queued = {
        .head = {.first = self->open_first,
                 .last = self->cut,
                 .kind = data ? self->terms.kind : DELTA_NOTHING,
                 .steps = self->replica->open_steps,
                 .samples = self->replica->open_samples,
                 .final = final},
        .point = self->base->gate.number,
        .data = data,
        .encoding = encoded.encoding,
        .cursor = s_cursor(self),
        .seen = s_seen(self),
    };
    self->open_first = self->cut + 1;
    self->replica->open_steps = 0;
    self->replica->open_samples = 0;
    stream_queue_add(self, &queued);
    position_t at = stream_position(self);
    compensation_note(self->replica, &at);
    if (self->terms.hands)
        s_hand(self, &queued.head, encoded.view);
    if (encoded.view && buf_is_unique(encoded.view))
        version_release(self->replica, &encoded.view);
    buf_destroy(&encoded.view);
    FAILPOINT(shard_delta_cut);
}

static bool s_merged(const stream_t *self)
{
    return self->cut >= self->open_first;
}

uint64_t stream_sendable(const stream_t *self)
{
    return self->base->spec.breaks & BREAK_OUTPUT_COMMIT ? stream_last(self) : self->sendable;
}

/* All that is open goes into a delta at once and as it is, with what earlier ones left out, so that the
 * state can be named by a number. Under a waiting strategy a delta is a contribution to a round, and nothing
 * is cut between two. */
bool stream_cut_now(stream_t *self)
{
    bool some = self->replica->open_steps || self->replica->residual;
    if (self->terms.in_step || self->closed || !some)
        return true;
    if (!self->replica->exchange->whole(self->replica) || !self->replica->exchange->ready(self->replica))
        return false;
    if (!s_merged(self))
        self->cut++;
    s_make(self, false, true);
    base_changed(self->base);
    return true;
}

static void s_make_empty(stream_t *self)
{
    self->cut++;
    s_make(self, self->closed, true);
}

void stream_announce(stream_t *self)
{
    if (!self->terms.in_step || self->closed)
        s_make_empty(self);
}

void stream_catch_up(stream_t *self, uint64_t round)
{
    uint64_t most = round;
    for (size_t r = 0; r < base_regions(self->base); r++)
        most = s_most(most, self->origins[r].taken);
    while (self->terms.in_step && self->cut < most) {
        s_make_empty(self);
        base_changed(self->base);
    }
}

static void s_queued_fini(stream_t *self, queued_t *queued)
{
    self->queue_bytes -= queued->data ? buf_size(queued->data) : 0;
    if (queued->data)
        version_release(self->replica, &queued->data);
    buf_destroy(&queued->cursor);
    buf_destroy(&queued->seen);
    free(queued->checksums);
}

void stream_forget(stream_t *self)
{
    while (self->queue_count)
        s_queued_fini(self, &self->queue[--self->queue_count]);
}

/* A round ends with every `every` steps; merged rounds are still open. When automatic it ends earlier if
 * every destination has taken all that was cut: then the links are free. */
static bool s_due(const stream_t *self)
{
    uint64_t span = self->cut ? (self->cut - self->open_first + 2) * self->terms.every : self->terms.first;
    if (self->replica->open_steps >= span)
        return true;
    return self->terms.automatic && !s_merged(self) &&
           self->replica->open_steps >= self->base->spec.topology->job.sync.every_least &&
           s_reached(self) >= self->cut;
}

void stream_cut_step(stream_t *self)
{
    if (base_regions(self->base) == 1) {
        self->replica->open_steps = 0;
        self->replica->open_samples = 0;
        return;
    }
    if (!s_due(self))
        return;
    self->cut++;
    if (self->terms.merges && s_window_full(self)) {
        self->base->counts.cuts_merged++;
        return;
    }
    s_make(self, false, false);
    if (self->base->spec.breaks & BREAK_OUTPUT_COMMIT)
        stream_send(self, stream_last(self), stream_last(self));
}

bool stream_close(stream_t *self)
{
    bool several = base_regions(self->base) > 1;
    if (several &&
        (!self->replica->exchange->ready(self->replica) || !self->replica->exchange->whole(self->replica)))
        return false;
    self->closed = true;
    base_changed(self->base);
    if (!several)
        return true;
    self->cut++;
    s_make(self, true, true);
    FAILPOINT(shard_closed);
    return true;
}

/* -- sending ----------------------------------------------------------------------------------------------
 */

static uint64_t s_chunk_count(const stream_t *self, const queued_t *queued)
{
    size_t size = queued->data ? buf_size(queued->data) : 0;
    return size ? (size + self->base->spec.chunk_bytes - 1) / self->base->spec.chunk_bytes : 1;
}

static slice_t s_chunk(const stream_t *self, const queued_t *queued, uint64_t chunk)
{
    if (!queued->data)
        return (slice_t){0};
    size_t offset = (size_t)chunk * self->base->spec.chunk_bytes, left = buf_size(queued->data) - offset;
    return slice_of(queued->data, offset,
                    left < self->base->spec.chunk_bytes ? left : self->base->spec.chunk_bytes);
}

static void s_checksums(const stream_t *self, queued_t *queued)
{
    if (queued->checksums)
        return;
    uint64_t count = s_chunk_count(self, queued);
    queued->checksums = calloc(count, sizeof *queued->checksums);
    CHECK(queued->checksums);
    for (uint64_t i = 0; i < count; i++) {
        slice_t data = s_chunk(self, queued, i);
        queued->checksums[i] = hash_checksum(slice_peek(&data), data.buf ? data.size_bytes : 0);
        slice_fini(&data);
    }
}

static void s_set_cursor(wire_ranges_t *field, const queued_t *queued)
{
    ranges_t view = {.items = buf_data(queued->cursor), .count = buf_size(queued->cursor) / sizeof(range_t)};
    message_set_ranges(field, &view);
}

static void s_set_seen(message_t *message, const queued_t *queued)
{
    const position_t *seen = queued->seen ? buf_peek(queued->seen) : NULL;
    size_t count = queued->seen ? buf_size(queued->seen) / sizeof *seen : 0;
    delta_seen_t *rows = message_set_rows(&message->delta.seen, count);
    for (size_t r = 0; r < count; r++)
        rows[r] = (delta_seen_t){seen[r].history, seen[r].number};
}

static void s_send_chunk(stream_t *self, const queued_t *queued, uint64_t chunk, const delivery_t *stream)
{
    message_t *message = core_message(&self->base->core, KIND_delta, stream->to);
    message->number = queued->head.last;
    message_set_name(message->delta.origin, self->base->spec.topology->regions[stream->origin].name);
    message->delta.shard = self->base->spec.shard_index;
    message->delta.history = stream->history;
    message->delta.first = queued->head.first;
    message->delta.last = queued->head.last;
    message->delta.kind = (uint64_t)queued->head.kind;
    message->delta.steps = queued->head.steps;
    message->delta.samples = queued->head.samples;
    message->delta.final = queued->head.final;
    message->delta.point = queued->point;
    message->delta.stable = stream->stable;
    message->delta.parent_history = stream->parent_history;
    message->delta.parent_number = stream->parent_number;
    message->delta.encoding = queued->encoding;
    message->delta.layout = self->base->spec.layout;
    message->delta.elements = self->base->spec.elements;
    message->delta.chunk = chunk;
    message->delta.chunk_count = s_chunk_count(self, queued);
    message->delta.offset = chunk * self->base->spec.chunk_bytes;
    message->delta.total = queued->data ? buf_size(queued->data) : 0;
    message->delta.checksum = queued->checksums[chunk];
    if (chunk == 0) {
        s_set_cursor(&message->delta.cursor, queued);
        s_set_seen(message, queued);
    }
    message->data = s_chunk(self, queued, chunk);
    core_send(&self->base->core, &message);
}

void stream_send_queued(stream_t *self, queued_t *queued, const delivery_t *stream)
{
    s_checksums(self, queued);
    FAILPOINT(shard_delta_before_send);
    uint64_t count = s_chunk_count(self, queued);
    for (uint64_t chunk = 0; chunk < count; chunk++)
        s_send_chunk(self, queued, chunk, stream);
}

void stream_send(stream_t *self, uint64_t from, uint64_t to)
{
    delivery_t stream = {.origin = self->base->spec.region_index,
                         .history = self->history,
                         .parent_history = self->parent_history,
                         .parent_number = self->parent_number,
                         .stable = stream_stable(self)};
    message_set_name(stream.to, self->base->synchronizer);
    for (size_t i = 0; i < self->queue_count; i++) {
        queued_t *queued = &self->queue[i];
        if (queued->head.last < from || queued->head.last > to)
            continue;
        stream_send_queued(self, queued, &stream);
    }
}

/* Also a destination that was away, and for which nothing was kept, is to hear that it lacks something. */
bool stream_owes(const stream_t *self)
{
    for (size_t r = 0; r < base_regions(self->base); r++)
        if (r != self->base->spec.region_index && self->destination_durable[r] < stream_last(self))
            return true;
    return self->queue_count > 0 && base_regions(self->base) > 1;
}

/* Says what is kept; nothing is said any more once everything is durable everywhere. */
void stream_head(stream_t *self)
{
    self->head_us = self->base->core.now_us + SHARD_HEAD_US;
    uint64_t last = stream_sendable(self);
    bool committed = self->queue_count == 0 || self->queue[0].head.last <= last;
    bool lost = self->base->life.lossy && !life_runs(&self->base->life);
    if (!self->base->stored || !stream_owes(self) || !committed || lost)
        return;
    message_t *message = core_message(&self->base->core, KIND_stream_head, self->base->synchronizer);
    message->number = last;
    message->stream_head.history = self->history;
    message->stream_head.oldest = stream_oldest(self);
    message->stream_head.last = last;
    message->stream_head.parent_history = self->parent_history;
    message->stream_head.parent_number = self->parent_number;
    core_send(&self->base->core, &message);
}

/* -- what the synchronizer says ----------------------------------------------------------------------------
 */

void stream_release(stream_t *self)
{
    uint64_t stable = stream_stable(self), sendable = stream_sendable(self);
    stable = stable < sendable ? stable : sendable;
    size_t gone = 0;
    bool holds = stream_holds(self) || gate_holds(&self->base->gate);
    while (!holds && gone < self->queue_count && self->queue[gone].head.last <= stable)
        s_queued_fini(self, &self->queue[gone++]);
    self->queue_count -= gone;
    if (gone) {
        memmove(self->queue, self->queue + gone, self->queue_count * sizeof *self->queue);
        base_changed(self->base);
    }
    if (s_merged(self) && !s_window_full(self) && self->replica->exchange->ready(self->replica)) {
        s_make(self, false, false); /* the rounds that were merged need not wait for another one to end */
        base_changed(self->base);
    }
}

static bool s_from_synchronizer(stream_t *self, const message_t *message)
{
    uint64_t newest = self->origins[self->base->spec.region_index].incarnation;
    if (strcmp(message->from, self->base->synchronizer) != 0) {
        core_refuse(&self->base->core, message, ERR_DENIED, "only the shard's own synchronizer says so");
        return false;
    }
    if (message->incarnation < newest && !(self->base->spec.breaks & BREAK_FENCING)) {
        core_refuse(&self->base->core, message, ERR_STALE,
                    "a newer incarnation of the synchronizer has spoken");
        return false;
    }
    return true;
}

/* It has said something of the lineage that there is: whoever is older has been replaced. */
static void s_hear_synchronizer(stream_t *self, const message_t *message)
{
    uint64_t *incarnation = &self->origins[self->base->spec.region_index].incarnation;
    if (message->incarnation > *incarnation)
        *incarnation = message->incarnation;
}

/* A region that is not waited for any more lets this one go on, and what was kept for it alone go. */
static void s_away(stream_t *self, size_t region, bool away)
{
    if (self->destination_away[region] == away)
        return;
    self->destination_away[region] = away;
    self->base->report_soon = true;
    stream_release(self);
}

/* The destination has taken another region's state: it stands where that one stood. */
static void s_reset(stream_t *self, size_t region, const message_t *message)
{
    self->destination_generation[region] = message->stream.generation;
    self->destination_hold_us[region] = 0;
    self->destination_taken[region] = s_most(message->stream.applied, message->stream.durable);
    self->destination_durable[region] = message->stream.durable;
    base_changed(self->base);
    stream_release(self);
}

/* Nobody can have what has not been sent, and no generation is one that there cannot have been. */
static err_code_t s_possible(const stream_t *self, const message_t *message)
{
    if (s_most(message->stream.applied, message->stream.durable) > stream_sendable(self))
        return ERR_NUMBER;
    return incarnation_is_possible(message->stream.generation) ? ERR_OK : ERR_LIMIT;
}

static stream_news_t s_refuse(stream_t *self, const message_t *message, err_code_t code)
{
    if (code == ERR_NUMBER && message->stream.code == ERR_STALE)
        return STREAM_ROLLED_BACK;
    self->base->counts.refusals += code == ERR_LIMIT;
    core_refuse(&self->base->core, message, ERR_LIMIT,
                code == ERR_NUMBER ? "no such delta was sent" : "a generation that there cannot have been");
    return STREAM_NOTHING;
}

static void s_advance_destination(stream_t *self, size_t region, const message_t *message)
{
    /* While a common point is made nothing more counts as durable elsewhere: the next
     * head has it said again. */
    uint64_t durable = gate_holds(&self->base->gate) ? 0 : message->stream.durable;
    uint64_t taken = s_most(message->stream.applied, message->stream.durable);
    if (taken <= self->destination_taken[region] && durable <= self->destination_durable[region])
        return;
    /* A destination that came back may have lost what it had only taken; it is sent again, so
     * this may lag behind. */
    self->destination_taken[region] = s_most(self->destination_taken[region], taken);
    self->destination_durable[region] = s_most(self->destination_durable[region], durable);
    base_changed(self->base);
    stream_release(self);
}

stream_news_t stream_message(stream_t *self, const message_t *message, size_t *ret_region)
{
    if (!self->base->stored || !s_from_synchronizer(self, message))
        return STREAM_NOTHING;
    size_t region = *ret_region = topology_region_index(self->base->spec.topology, message->stream.region);
    if (region == SIZE_MAX || region == self->base->spec.region_index ||
        message->stream.history != self->history)
        return STREAM_NOTHING;
    err_code_t code = s_possible(self, message);
    if (code)
        return s_refuse(self, message, code);
    s_hear_synchronizer(self, message);
    s_away(self, region, message->stream.away);
    if (message->stream.generation < self->destination_generation[region])
        return STREAM_NOTHING;
    if (message->stream.generation == self->destination_generation[region]) {
        s_advance_destination(self, region, message);
        return STREAM_NOTHING;
    }
    if (gate_holds(&self->base->gate))
        return STREAM_NOTHING;
    s_reset(self, region, message);
    return STREAM_RESET;
}

void stream_fetch(stream_t *self, const message_t *message)
{
    if (!s_from_synchronizer(self, message))
        return;
    if (message->stream_fetch.history == self->history)
        s_hear_synchronizer(self, message);
    if (message->stream_fetch.history == 0 || message->stream_fetch.history == self->history)
        stream_send(self, message->stream_fetch.from, stream_sendable(self));
    stream_head(self);
}
