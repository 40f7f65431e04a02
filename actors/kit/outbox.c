#include "actors/kit/outbox.h"

#include "codec/base/grow.h"

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
    self->items = grow(self->items, self->count, &self->capacity, sizeof *self->items);
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
