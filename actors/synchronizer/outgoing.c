#include "actors/synchronizer/synchronizer_internal.h"

#include "codec/base/grow.h"

#include <stdlib.h>
#include <string.h>

static void s_free(outgoing_delta_t *delta)
{
    for (uint64_t i = 0; i < delta->chunk_count; i++)
        message_destroy(&delta->chunks[i]);
    free(delta->chunks);
    *delta = (outgoing_delta_t){0};
}

void outgoing_reset(outgoing_t *self, uint64_t history)
{
    for (size_t i = 0; i < self->count; i++)
        s_free(&self->items[i]);
    free(self->items);
    *self = (outgoing_t){.history = history, .oldest = 1};
}

void outgoing_drop_below(outgoing_t *self, uint64_t number)
{
    size_t gone = 0;
    while (gone < self->count && self->items[gone].last < number)
        s_free(&self->items[gone++]);
    self->count -= gone;
    if (gone)
        memmove(self->items, self->items + gone, self->count * sizeof *self->items);
}

/* Where a delta that begins at `first` is or belongs. */
static size_t s_position(const outgoing_t *self, uint64_t first)
{
    size_t i = self->count;
    while (i > 0 && self->items[i - 1].first >= first)
        i--;
    return i;
}

static outgoing_delta_t *s_insert(outgoing_t *self, size_t at)
{
    self->items = grow(self->items, self->count, &self->capacity, sizeof *self->items);
    memmove(&self->items[at + 1], &self->items[at], (self->count - at) * sizeof *self->items);
    self->count++;
    return &self->items[at];
}

bool relay_can_be(const delta_t_ *delta)
{
    return delta->first > 0 && delta->first <= delta->last && delta->chunk_count <= OUTGOING_CHUNKS_MAX &&
           delta->chunk < delta->chunk_count;
}

void outgoing_add(outgoing_t *self, message_t **message_p)
{
    const delta_t_ *delta = &(*message_p)->delta;
    if (delta->last < self->oldest)
        return;
    size_t at = s_position(self, delta->first);
    if (at == self->count || self->items[at].first != delta->first) {
        if (self->count == OUTGOING_DELTAS_MAX)
            return;
        outgoing_delta_t *fresh = s_insert(self, at);
        *fresh =
            (outgoing_delta_t){.first = delta->first, .last = delta->last, .chunk_count = delta->chunk_count};
        fresh->total_bytes = delta->total;
        fresh->chunks = calloc(delta->chunk_count, sizeof *fresh->chunks);
        CHECK(fresh->chunks);
    }
    outgoing_delta_t *item = &self->items[at];
    if (item->last != delta->last || item->chunk_count != delta->chunk_count || item->chunks[delta->chunk])
        return;
    self->last = delta->last > self->last ? delta->last : self->last;
    item->chunks[delta->chunk] = *message_p;
    item->have++;
    *message_p = NULL;
}

const outgoing_delta_t *outgoing_find(const outgoing_t *self, uint64_t first)
{
    size_t at = s_position(self, first);
    if (at == self->count || self->items[at].first != first)
        return NULL;
    return self->items[at].have == self->items[at].chunk_count ? &self->items[at] : NULL;
}

uint64_t outgoing_missing(const outgoing_t *self)
{
    uint64_t next = self->oldest;
    while (next <= self->last) {
        const outgoing_delta_t *delta = outgoing_find(self, next);
        if (!delta)
            return next;
        next = delta->last + 1;
    }
    return 0;
}
