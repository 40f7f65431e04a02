#include "actors/worker/worker_pushes.h"

#include "actors/kit/timers.h"

#include <stdlib.h>

void worker_pushes_init(worker_pushes_t *self, size_t count, core_base_t *base, const worker_shards_t *shards,
                        const worker_spec_t *spec)
{
    *self = (worker_pushes_t){.items = calloc(count, sizeof *self->items), .count = count};
    CHECK(self->items);
    for (size_t index = 0; index < count; index++)
        worker_push_init(&self->items[index], base, shards, spec);
}

void worker_pushes_fini(worker_pushes_t *self)
{
    for (size_t index = 0; index < self->count; index++)
        worker_push_fini(&self->items[index]);
    free(self->items);
}

size_t worker_pushes_used(const worker_pushes_t *self)
{
    size_t used = 0;
    for (size_t index = 0; index < self->count; index++)
        used += self->items[index].used;
    return used;
}

worker_push_t *worker_pushes_free(const worker_pushes_t *self)
{
    for (size_t index = 0; index < self->count; index++)
        if (!self->items[index].used)
            return &self->items[index];
    return NULL;
}

worker_push_t *worker_pushes_furthest(const worker_pushes_t *self)
{
    worker_push_t *furthest = NULL;
    for (size_t index = 0; index < self->count; index++) {
        worker_push_t *push = &self->items[index];
        if (push->used && (!furthest || push->batch > furthest->batch))
            furthest = push;
    }
    return furthest;
}

void worker_pushes_again(worker_pushes_t *self, size_t shard, int64_t when_us)
{
    for (size_t index = 0; index < self->count; index++)
        worker_push_again(&self->items[index], shard, when_us);
}

void worker_pushes_hurry(worker_pushes_t *self, int64_t now_us)
{
    for (size_t index = 0; index < self->count; index++)
        worker_push_hurry(&self->items[index], now_us);
}

void worker_pushes_retry(worker_pushes_t *self, int64_t now_us)
{
    for (size_t index = 0; index < self->count; index++)
        worker_push_retry(&self->items[index], now_us);
}

int64_t worker_pushes_due(const worker_pushes_t *self)
{
    int64_t due_us = ROLE_NEVER;
    for (size_t index = 0; index < self->count; index++)
        due_us = timer_first(due_us, worker_push_due(&self->items[index]));
    return due_us;
}
