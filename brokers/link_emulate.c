/* link_emulate - a wide-area network in front of the real sockets: rate, delay, jitter, loss, outages.
 *
 * One wire for all connections: the rate is applied to what priority has already put in order, so a control
 * message overtakes queued gradients and waits only for the piece that is being put out. Delay and jitter
 * come after it, and keep the order within a connection, as TCP would.
 */
#include "brokers/link_core.h"

#include <stdlib.h>

#define BURST_NS 5000000 /* a caller that comes late may catch up by this much */
#define HEADER_BYTES 160 /* envelope, map and framing of a message of the link, about */
#define NS_PER_US 1000

uint64_t link_message_bytes(const message_t *message)
{
    return HEADER_BYTES + message->data.size_bytes;
}

void link_wire_init(link_t *self)
{
    rng_init_for(&self->wire.rng, self->spec.seed, "link", 0, 0);
    self->wire.lines = calloc(self->connection_count, sizeof *self->wire.lines);
    CHECK(self->wire.lines);
    self->wire.free_ns = self->now_us * NS_PER_US;
}

void link_wire_clear(link_t *self, uint64_t connection)
{
    link_wire_line_t *line = &self->wire.lines[connection];
    for (; line->count; line->count--) {
        message_destroy(&line->items[line->head].message);
        line->head = (line->head + 1) % line->capacity;
    }
}

void link_wire_fini(link_t *self)
{
    for (size_t i = 0; i < self->connection_count; i++) {
        link_wire_clear(self, i);
        free(self->wire.lines[i].items);
    }
    free(self->wire.lines);
}

void link_change(link_t *self, uint64_t rate_bytes_per_s, int64_t rtt_us)
{
    self->spec.rate_bytes_per_s = rate_bytes_per_s;
    self->spec.rtt_us = rtt_us;
}

bool link_wire_out(const link_t *self)
{
    return self->now_us < self->wire.outage_until_us;
}

bool link_wire_free(const link_t *self)
{
    return !self->spec.rate_bytes_per_s || self->wire.free_ns <= self->now_us * NS_PER_US;
}

static void s_line_add(link_wire_line_t *line, link_wire_item_t item)
{
    if (line->count == line->capacity) {
        size_t capacity = line->capacity ? 2 * line->capacity : 16;
        link_wire_item_t *items = malloc(capacity * sizeof *items);
        CHECK(items);
        for (size_t i = 0; i < line->count; i++)
            items[i] = line->items[(line->head + i) % line->capacity];
        free(line->items);
        line->items = items;
        line->capacity = capacity;
        line->head = 0;
    }
    line->items[(line->head + line->count++) % line->capacity] = item;
}

/* When the last bit of a message that starts now has been put out. */
static int64_t s_put_out(link_t *self, uint64_t bytes)
{
    int64_t now_ns = self->now_us * NS_PER_US;
    if (!self->spec.rate_bytes_per_s)
        return now_ns;
    if (self->wire.free_ns < now_ns - BURST_NS)
        self->wire.free_ns = now_ns - BURST_NS;
    self->wire.free_ns += (int64_t)((double)bytes * 1e9 / (double)self->spec.rate_bytes_per_s);
    return self->wire.free_ns > now_ns ? self->wire.free_ns : now_ns;
}

void link_wire_put(link_t *self, uint64_t connection, message_t **message_p)
{
    link_wire_t *wire = &self->wire;
    int64_t out_ns = s_put_out(self, link_message_bytes(*message_p));
    int64_t delay_us = self->spec.rtt_us / 2;
    if (self->spec.jitter_us > 0)
        delay_us += (int64_t)rng_below(&wire->rng, (uint64_t)self->spec.jitter_us + 1);
    if (self->spec.loss > 0 && rng_unit(&wire->rng) < self->spec.loss) {
        message_destroy(message_p);
        return;
    }
    link_wire_line_t *line = &wire->lines[connection];
    int64_t release_us = (out_ns + NS_PER_US - 1) / NS_PER_US + delay_us;
    if (release_us < line->last_release_us)
        release_us = line->last_release_us;
    line->last_release_us = release_us;
    s_line_add(line, (link_wire_item_t){release_us, *message_p});
    *message_p = NULL;
}

static link_wire_line_t *s_first_line(const link_t *self)
{
    link_wire_line_t *first = NULL;
    for (size_t i = 0; i < self->connection_count; i++) {
        link_wire_line_t *line = &self->wire.lines[i];
        if (line->count &&
            (!first || line->items[line->head].release_us < first->items[first->head].release_us))
            first = line;
    }
    return first;
}

message_t *link_wire_take(link_t *self, uint64_t *ret_connection)
{
    for (;;) {
        link_wire_line_t *line = s_first_line(self);
        if (!line || line->items[line->head].release_us > self->now_us)
            return NULL;
        message_t *message = line->items[line->head].message;
        line->head = (line->head + 1) % line->capacity;
        line->count--;
        if (!link_wire_out(self)) {
            *ret_connection = (uint64_t)(line - self->wire.lines);
            return message;
        }
        message_destroy(&message);
    }
}

int64_t link_wire_due(const link_t *self, bool ready)
{
    int64_t due_us = LINK_NEVER;
    if (ready)
        due_us = link_wire_free(self) ? self->now_us : (self->wire.free_ns + NS_PER_US - 1) / NS_PER_US;
    link_wire_line_t *line = s_first_line(self);
    if (line && line->items[line->head].release_us < due_us)
        due_us = line->items[line->head].release_us;
    return due_us;
}
