/* link_in - the receiving half: puts pieces in order per class, drops duplicates, joins messages,
 * acknowledges.
 *
 * Nothing is allocated for a declared size before it is checked against the limits of a frame; what arrives
 * beyond a gap is kept up to LINK_HELD_MAX bytes, and beyond that dropped without acknowledgement, so that it
 * comes again.
 */
#include "brokers/link_core.h"

#include <stdlib.h>
#include <string.h>

#define ACK_US 2000
#define ACK_BYTES 262144
#define ACK_RANGES_MAX 256

static void s_assembly_reset(link_in_t *in)
{
    buf_destroy(&in->head);
    buf_destroy(&in->body);
    in->state = ASSEMBLY_IDLE;
    in->filled_bytes = 0;
}

static void s_drop_held(link_t *self, link_in_t *in)
{
    for (uint64_t s = in->next; s <= in->highest; s++) {
        message_t **slot = &in->ring[s & (in->capacity - 1)];
        if (!*slot)
            continue;
        self->held_bytes -= (*slot)->data.size_bytes;
        message_destroy(slot);
    }
}

void link_in_init(link_t *self)
{
    for (size_t class = 0; class < CLASS_COUNT; class ++) {
        link_in_t *in = &self->in[class];
        in->capacity = 64;
        in->ring = calloc(in->capacity, sizeof *in->ring);
        CHECK(in->ring);
        in->next = 1;
    }
    self->ack_due_us = LINK_NEVER;
}

void link_in_restart(link_t *self)
{
    for (size_t class = 0; class < CLASS_COUNT; class ++) {
        link_in_t *in = &self->in[class];
        s_drop_held(self, in);
        s_assembly_reset(in);
        in->next = 1;
        in->highest = 0;
        in->ack_wanted = false;
    }
    self->taken_bytes = self->unacked_bytes = 0;
    self->ack_due_us = LINK_NEVER;
}

void link_in_fini(link_t *self)
{
    link_in_restart(self);
    for (size_t class = 0; class < CLASS_COUNT; class ++)
        free(self->in[class].ring);
    for (; self->delivered_count; self->delivered_count--) {
        frames_fini(&self->delivered[self->delivered_head]);
        self->delivered_head = (self->delivered_head + 1) % self->delivered_capacity;
    }
    free(self->delivered);
}

/* ---- joining ----------------------------------------------------------------------------------------- */

static void s_deliver(link_t *self, frames_t frames)
{
    if (self->delivered_count == self->delivered_capacity) {
        size_t capacity = self->delivered_capacity ? 2 * self->delivered_capacity : 16;
        frames_t *items = malloc(capacity * sizeof *items);
        CHECK(items);
        for (size_t i = 0; i < self->delivered_count; i++)
            items[i] = self->delivered[(self->delivered_head + i) % self->delivered_capacity];
        free(self->delivered);
        self->delivered = items;
        self->delivered_capacity = capacity;
        self->delivered_head = 0;
    }
    self->delivered[(self->delivered_head + self->delivered_count++) % self->delivered_capacity] = frames;
}

bool link_take_delivered(link_t *self, frames_t *ret_frames)
{
    if (!self->delivered_count)
        return false;
    *ret_frames = self->delivered[self->delivered_head];
    self->delivered_head = (self->delivered_head + 1) % self->delivered_capacity;
    self->delivered_count--;
    return true;
}

static bool s_begin_message(link_in_t *in, const message_t *message)
{
    in->envelope_bytes = message->link_data.envelope_bytes;
    in->head_bytes = in->envelope_bytes + message->link_data.map_bytes;
    in->data_bytes = message->link_data.data_bytes;
    in->has_data = message->link_data.has_data;
    in->filled_bytes = 0;
    in->head = buf_new(in->head_bytes);
    in->body = in->has_data ? buf_new(in->data_bytes) : NULL;
    return in->head && (in->body || !in->has_data);
}

static bool s_fill_piece(link_in_t *in, const message_t *message)
{
    const char *from = slice_peek(&message->data);
    size_t left = message->data.size_bytes;
    if (left > in->head_bytes + in->data_bytes - in->filled_bytes)
        return false;
    if (in->filled_bytes < in->head_bytes) {
        size_t part = in->head_bytes - in->filled_bytes < left ? in->head_bytes - in->filled_bytes : left;
        memcpy((char *)buf_data(in->head) + in->filled_bytes, from, part);
        in->filled_bytes += part;
        from += part;
        left -= part;
    }
    if (left) {
        memcpy((char *)buf_data(in->body) + (in->filled_bytes - in->head_bytes), from, left);
        in->filled_bytes += left;
    }
    return message->link_data.last == (in->filled_bytes == in->head_bytes + in->data_bytes);
}

static void s_finish(link_t *self, link_in_t *in)
{
    frames_t frames = {0};
    frames.envelope = slice_of(in->head, 0, in->envelope_bytes);
    frames.map = slice_of(in->head, in->envelope_bytes, in->head_bytes - in->envelope_bytes);
    if (in->has_data)
        frames.data = slice_of(in->body, 0, in->data_bytes);
    s_assembly_reset(in);
    s_deliver(self, frames);
}

/* The next piece in order. One that does not fit spoils its message, and only it. */
static void s_append(link_t *self, link_in_t *in, const message_t *message)
{
    bool begins = message->link_data.envelope_bytes != 0;
    bool fits = begins == (in->state == ASSEMBLY_IDLE);
    if (begins && in->state == ASSEMBLY_SKIPPING)
        fits = true;
    else if (in->state == ASSEMBLY_SKIPPING)
        goto skip;
    if (begins && fits)
        fits = s_begin_message(in, message);
    if (fits && s_fill_piece(in, message)) {
        in->state = ASSEMBLY_FILLING;
        if (message->link_data.last)
            s_finish(self, in);
        return;
    }
    self->stats.refused++;
    s_assembly_reset(in);
    in->state = ASSEMBLY_SKIPPING;
skip:
    if (message->link_data.last)
        in->state = ASSEMBLY_IDLE;
}

/* ---- order ------------------------------------------------------------------------------------------- */

static bool s_is_sane(const message_t *message)
{
    size_t size = message->data.size_bytes;
    if (message->link_data.class >= CLASS_COUNT || message->link_data.sequence == 0 || size == 0 ||
        size > LINK_PIECE_MAX)
        return false;
    if (message->link_data.envelope_bytes > MESSAGE_ENVELOPE_MAX ||
        message->link_data.map_bytes > MESSAGE_MAP_MAX || message->link_data.data_bytes > MESSAGE_DATA_MAX)
        return false;
    if (message->link_data.data_bytes && !message->link_data.has_data)
        return false;
    bool begins = message->link_data.envelope_bytes != 0;
    return begins || (message->link_data.map_bytes == 0 && !message->link_data.has_data);
}

static bool s_hold(link_t *self, link_in_t *in, message_t **message_p)
{
    uint64_t sequence = (*message_p)->link_data.sequence;
    if (sequence - in->next >= LINK_OUTSTANDING_MAX ||
        self->held_bytes + (*message_p)->data.size_bytes > LINK_HELD_MAX)
        return false;
    while (sequence - in->next >= in->capacity) {
        message_t **ring = calloc(2 * in->capacity, sizeof *ring);
        CHECK(ring);
        for (uint64_t s = in->next; s < in->next + in->capacity; s++)
            ring[s & (2 * in->capacity - 1)] = in->ring[s & (in->capacity - 1)];
        free(in->ring);
        in->ring = ring;
        in->capacity *= 2;
    }
    message_t **slot = &in->ring[sequence & (in->capacity - 1)];
    if (*slot)
        return false;
    self->held_bytes += (*message_p)->data.size_bytes;
    *slot = *message_p;
    *message_p = NULL;
    if (sequence > in->highest)
        in->highest = sequence;
    return true;
}

static void s_release_held(link_t *self, link_in_t *in)
{
    for (;;) {
        message_t **slot = &in->ring[in->next & (in->capacity - 1)];
        if (!*slot)
            return;
        self->held_bytes -= (*slot)->data.size_bytes;
        s_append(self, in, *slot);
        message_destroy(slot);
        in->next++;
    }
}

static void s_want_ack(link_t *self, link_in_t *in, size_t bytes, bool soon)
{
    in->ack_wanted = true;
    self->unacked_bytes += bytes;
    int64_t due_us = soon || self->unacked_bytes >= ACK_BYTES ? self->now_us : self->now_us + ACK_US;
    if (due_us < self->ack_due_us)
        self->ack_due_us = due_us;
}

bool link_in_data(link_t *self, message_t **message_p)
{
    message_t *message = *message_p;
    if (!s_is_sane(message))
        return false;
    link_in_t *in = &self->in[message->link_data.class];
    size_t bytes = message->data.size_bytes;
    uint64_t sequence = message->link_data.sequence;
    bool gap = sequence != in->next;
    if (sequence == in->next) {
        s_append(self, in, message);
        in->next++;
        self->taken_bytes += bytes;
        s_release_held(self, in);
    } else if (sequence > in->next && s_hold(self, in, message_p)) {
        self->taken_bytes += bytes;
    }
    s_want_ack(self, in, bytes, gap && sequence < in->next);
    return true;
}

/* ---- acknowledging ----------------------------------------------------------------------------------- */

bool link_in_ack_ready(const link_t *self)
{
    return self->ack_due_us <= self->now_us && self->connections[0].greeted;
}

static void s_beyond(const link_in_t *in, wire_ranges_t *ret_beyond)
{
    range_t items[ACK_RANGES_MAX];
    size_t count = 0;
    for (uint64_t s = in->next; s <= in->highest; s++) {
        if (!in->ring[s & (in->capacity - 1)])
            continue;
        if (count && items[count - 1].end == s) {
            items[count - 1].end++;
            continue;
        }
        if (count == ACK_RANGES_MAX)
            break;
        items[count++] = (range_t){s, s + 1};
    }
    ranges_t ranges = {.items = items, .count = count, .capacity = ACK_RANGES_MAX};
    message_set_ranges(ret_beyond, &ranges);
}

/* One class per message; due at once again while another has news. */
message_t *link_in_take_ack(link_t *self)
{
    size_t class = 0;
    while (class < CLASS_COUNT && !self->in[class].ack_wanted)
        class ++;
    CHECK(class < CLASS_COUNT);
    self->in[class].ack_wanted = false;
    message_t *message = message_new(KIND_link_ack, self->peer_name, self->own_name);
    message->link_ack.session = self->peer_session;
    message->link_ack.peer_session = self->spec.session;
    message->link_ack.received_bytes = self->taken_bytes;
    message->link_ack.beyond_class = class;
    s_beyond(&self->in[class], &message->link_ack.beyond);
    uint64_t next[CLASS_COUNT];
    bool more = false;
    for (size_t i = 0; i < CLASS_COUNT; i++) {
        next[i] = self->in[i].next;
        more = more || self->in[i].ack_wanted;
    }
    message_set_u64s(&message->link_ack.next, next, CLASS_COUNT);
    if (!more) {
        self->ack_due_us = LINK_NEVER;
        self->unacked_bytes = 0;
    }
    return message;
}
