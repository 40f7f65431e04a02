#include "actors/kit/outbox.h"

#include <stdlib.h>

void outbox_init(outbox_t *self)
{
    *self = (outbox_t){0};
}

void outbox_fini(outbox_t *self)
{
    message_t *message;
    while ((message = outbox_take(self)))
        message_destroy(&message);
    free(self->items);
    *self = (outbox_t){0};
}

void outbox_add(outbox_t *self, message_t **message_p)
{
    if (self->count == self->capacity) {
        self->capacity = self->capacity ? 2 * self->capacity : 16;
        self->items = realloc(self->items, self->capacity * sizeof *self->items);
        CHECK(self->items);
    }
    self->items[self->count++] = *message_p;
    *message_p = NULL;
}

message_t *outbox_take(outbox_t *self)
{
    if (self->head == self->count) {
        self->head = self->count = 0;
        return NULL;
    }
    return self->items[self->head++];
}
