#include "deploy/simulate/queue.h"

#include "codec/base/err.h"
#include "codec/base/grow.h"

#include <stdlib.h>

#define CHILDREN 4

void queue_fini(queue_t *self)
{
    free(self->items);
    *self = (queue_t){0};
}

static bool s_before(const queue_event_t *a, const queue_event_t *b)
{
    return a->at_us != b->at_us ? a->at_us < b->at_us : a->sequence < b->sequence;
}

void queue_add(queue_t *self, queue_event_t event)
{
    self->items = grow(self->items, self->count, &self->capacity, sizeof *self->items);
    event.sequence = ++self->sequence;
    size_t at = self->count++;
    for (; at && s_before(&event, &self->items[(at - 1) / CHILDREN]); at = (at - 1) / CHILDREN)
        self->items[at] = self->items[(at - 1) / CHILDREN];
    self->items[at] = event;
}

const queue_event_t *queue_peek(const queue_t *self)
{
    return self->count ? self->items : NULL;
}

static size_t s_least_child(const queue_t *self, size_t at)
{
    size_t first = CHILDREN * at + 1, least = first;
    for (size_t child = first + 1; child < first + CHILDREN && child < self->count; child++)
        if (s_before(&self->items[child], &self->items[least]))
            least = child;
    return least;
}

queue_event_t queue_take(queue_t *self)
{
    CHECK(self->count);
    queue_event_t first = self->items[0], last = self->items[--self->count];
    size_t at = 0;
    while (CHILDREN * at + 1 < self->count) {
        size_t child = s_least_child(self, at);
        if (!s_before(&self->items[child], &last))
            break;
        self->items[at] = self->items[child];
        at = child;
    }
    self->items[at] = last;
    return first;
}
