#include "actors/shard/replica/trail.h"

#include <string.h>

static void s_drop_oldest(trail_t *self, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        self->intervals -= self->steps[i].touched.count;
        ranges_fini(&self->steps[i].touched);
    }
    self->count -= count;
    memmove(self->steps, self->steps + count, self->count * sizeof *self->steps);
}

void trail_fini(trail_t *self)
{
    s_drop_oldest(self, self->count);
}

static bool s_is_full(const trail_t *self, size_t more, size_t elements)
{
    size_t most = elements * sizeof(float) / 2 / sizeof(range_t);
    return self->count == TRAIL_STEPS || self->intervals + more > most;
}

void trail_add(trail_t *self, uint64_t from, uint64_t to, const ranges_t *touched, size_t elements)
{
    if (self->count && self->steps[self->count - 1].to != from)
        trail_fini(self);
    while (self->count && s_is_full(self, touched->count, elements))
        s_drop_oldest(self, 1);
    trail_step_t step = {.from = from, .to = to};
    if (s_is_full(self, touched->count, elements) || ranges_copy(&step.touched, touched)) {
        trail_fini(self);
        return;
    }
    self->intervals += touched->count;
    self->steps[self->count++] = step;
}

/* The step that begins at a number; count: none does. */
static size_t s_find(const trail_t *self, uint64_t from)
{
    size_t i = self->count;
    while (i > 0 && self->steps[i - 1].from != from)
        i--;
    return i > 0 ? i - 1 : self->count;
}

bool trail_leads(const trail_t *self, uint64_t from, uint64_t to)
{
    return self->count && self->steps[self->count - 1].to == to && s_find(self, from) < self->count;
}

void trail_copy(const trail_t *self, uint64_t from, uint64_t to, const float *values, float *ret_values)
{
    CHECK(trail_leads(self, from, to));
    for (size_t i = s_find(self, from); i < self->count; i++) {
        const ranges_t *touched = &self->steps[i].touched;
        for (size_t r = 0; r < touched->count; r++) {
            const range_t *run = &touched->items[r];
            memcpy(ret_values + run->first, values + run->first, (run->end - run->first) * sizeof *values);
        }
    }
}
