#include "actors/worker/worker_gradients.h"

#include "codec/base/err.h"

#include <stdlib.h>

void worker_gradients_init(worker_gradients_t *self, size_t push_count, size_t elements)
{
    *self = (worker_gradients_t){.count = push_count + 2, .bytes = elements * sizeof(float)};
    self->items = calloc(self->count, sizeof(buf_t *));
    CHECK(self->items);
}

void worker_gradients_fini(worker_gradients_t *self)
{
    for (size_t index = 0; index < self->count; index++)
        buf_destroy(&self->items[index]);
    free(self->items);
    worker_clip_fini(&self->clip);
}

bool worker_gradients_take(worker_gradients_t *self)
{
    for (size_t index = 0; index < self->count; index++)
        if (self->items[index] && buf_is_unique(self->items[index])) {
            self->taken = index;
            return true;
        }
    size_t place = 0;
    while (place < self->count - 1 && self->items[place])
        place++;
    buf_t *fresh = buf_new(self->bytes);
    if (!fresh)
        return false; /* asked again when buffers come back */
    buf_destroy(&self->items[place]);
    self->items[place] = fresh;
    self->taken = place;
    return true;
}

buf_t *worker_gradients_taken(const worker_gradients_t *self)
{
    return self->items[self->taken];
}
