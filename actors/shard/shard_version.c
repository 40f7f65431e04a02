/* Parameters, momentum and accumulator are changed in place while nobody else holds them, and otherwise
 * written into another buffer in the same pass over memory. Memory is found before the first element is
 * touched, so a step is made as a whole or not at all. */

#include "actors/shard/shard_internal.h"

#include <string.h>

buf_t *version_fresh(shard_core_t *self)
{
    for (size_t i = 0; i < SHARD_SPARES; i++) {
        buf_t *buf = self->spares[i];
        if (buf && buf_is_unique(buf)) {
            self->spares[i] = NULL;
            buf_touch(buf);
            return buf;
        }
    }
    return buf_new(shard_bytes(self));
}

/* A released buffer may still be on its way to a worker or to the store; it is used again once they let go.
 */
void version_release(shard_core_t *self, buf_t **buf_p)
{
    for (size_t i = 0; *buf_p && i < SHARD_SPARES; i++) {
        if (!self->spares[i]) {
            self->spares[i] = *buf_p;
            *buf_p = NULL;
        }
    }
    if (*buf_p && !buf_is_unique(self->spares[0])) {
        buf_t *older = self->spares[0];
        self->spares[0] = self->spares[SHARD_SPARES - 1];
        self->spares[SHARD_SPARES - 1] = *buf_p;
        *buf_p = older;
    }
    buf_destroy(buf_p);
}

/* One tensor of the version during a pass. */
typedef struct {
    buf_t **slot; /* NULL: takes no part */
    buf_t *next;  /* NULL: in place */
    const float *from;
    float *to;
} target_t;

static bool s_open(shard_core_t *self, target_t *target, buf_t **slot)
{
    *target = (target_t){.slot = slot};
    if (!*slot || !buf_is_unique(*slot)) {
        target->next = version_fresh(self);
        if (!target->next)
            return false;
    }
    target->from = *slot ? buf_peek(*slot) : NULL;
    target->to = buf_data(target->next ? target->next : *slot);
    return true;
}

static void s_abandon(shard_core_t *self, target_t *target)
{
    if (target->next)
        version_release(self, &target->next);
    self->short_of_memory = true;
}

static void s_commit(shard_core_t *self, target_t *target)
{
    if (!target->slot)
        return;
    if (target->next) {
        version_release(self, target->slot);
        *target->slot = target->next;
    } else {
        buf_touch(*target->slot);
    }
}

static void s_accumulate(const target_t *open, size_t first, size_t count, const float *g)
{
    if (!open->from) {
        memcpy(open->to + first, g, count * sizeof *g);
        return;
    }
    if (open->next)
        memcpy(open->to + first, open->from + first, count * sizeof *g);
    vector_add(count, open->to + first, g);
}

static bool s_open_step(shard_core_t *self, bool step, bool accumulate, target_t *w, target_t *v,
                        target_t *open)
{
    if (step && !s_open(self, w, &self->parameters))
        return false;
    if (step && self->momentum && !s_open(self, v, &self->momentum))
        return false;
    return !accumulate || s_open(self, open, &self->open);
}

bool version_step(shard_core_t *self, const blend_t *gradient, bool step, bool accumulate)
{
    target_t w = {0}, v = {0}, open = {0};
    if (!s_open_step(self, step, accumulate, &w, &v, &open)) {
        s_abandon(self, &w);
        s_abandon(self, &v);
        s_abandon(self, &open);
        return false;
    }
    float lr = optimizer_rate(&self->optimizer, self->samples_applied, self->spec.job->samples_total);
    for (size_t i = 0; i < self->spec.elements; i += SHARD_BLOCK) {
        size_t n = self->spec.elements - i < SHARD_BLOCK ? self->spec.elements - i : SHARD_BLOCK;
        const float *g = blend_read(gradient, i, n);
        if (step)
            optimizer_step(&self->optimizer, lr, n, w.from + i, v.from ? v.from + i : NULL, g, w.to + i,
                           v.to ? v.to + i : NULL);
        if (accumulate)
            s_accumulate(&open, i, n, g);
    }
    s_commit(self, &w);
    s_commit(self, &v);
    s_commit(self, &open);
    return true;
}

bool version_mix(shard_core_t *self, const blend_t *model, float keep, float take)
{
    target_t w;
    if (!s_open(self, &w, &self->parameters)) {
        s_abandon(self, &w);
        return false;
    }
    for (size_t i = 0; i < self->spec.elements; i += SHARD_BLOCK) {
        size_t n = self->spec.elements - i < SHARD_BLOCK ? self->spec.elements - i : SHARD_BLOCK;
        if (w.next)
            memcpy(w.to + i, w.from + i, n * sizeof *w.to);
        vector_mix(n, w.to + i, keep, blend_read(model, i, n), take);
    }
    s_commit(self, &w);
    return true;
}

bool version_set(shard_core_t *self, const blend_t *model)
{
    target_t w = {.slot = &self->parameters, .next = version_fresh(self)};
    if (!w.next) {
        s_abandon(self, &w);
        return false;
    }
    float *to = buf_data(w.next);
    for (size_t i = 0; i < self->spec.elements; i += SHARD_BLOCK) {
        size_t n = self->spec.elements - i < SHARD_BLOCK ? self->spec.elements - i : SHARD_BLOCK;
        memcpy(to + i, blend_read(model, i, n), n * sizeof *to);
    }
    s_commit(self, &w);
    return true;
}

buf_t *version_gather(shard_core_t *self, const assembly_t *assembly)
{
    buf_t *buf = version_fresh(self);
    if (!buf) {
        self->short_of_memory = true;
        return NULL;
    }
    float *to = buf_data(buf);
    for (size_t i = 0; i < self->spec.elements; i += SHARD_BLOCK) {
        size_t n = self->spec.elements - i < SHARD_BLOCK ? self->spec.elements - i : SHARD_BLOCK;
        const float *from = assembly_read(assembly, i, n, self->scratch);
        memcpy(to + i, from, n * sizeof *to);
    }
    return buf;
}
