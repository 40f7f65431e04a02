#include "actors/shard/intake/intake.h"

#include <stdlib.h>

void intake_init(intake_t *self, base_t *base, replica_t *replica, const intake_terms_t *terms)
{
    *self = (intake_t){.base = base, .replica = replica, .terms = *terms};
    self->picks = calloc(base->region->width + 1, sizeof *self->picks);
    self->parts = calloc(base->region->width + 1, sizeof *self->parts);
    self->workers = calloc(SHARD_WORKERS_MAX, sizeof *self->workers);
    CHECK(self->picks && self->parts && self->workers);
}

static void s_drop_staged(intake_t *self)
{
    for (size_t i = 0; i < self->worker_count; i++)
        for (size_t k = 0; k < SHARD_STAGED_MAX; k++)
            staged_drop(&self->workers[i].staged[k]);
}

static void s_drop_held(intake_t *self)
{
    while (self->held_count)
        held_drop(self, self->held_count - 1);
}

/* Steps in order: another shard of the region may have applied these batches already, at parameters that
 * nobody can compute again; they go into the last snapshot, so that a resumed run gets the same bits. */
void intake_stop(intake_t *self)
{
    s_drop_staged(self);
    if (!self->terms.in_order)
        s_drop_held(self);
    if (self->held_count)
        base_changed(self->base);
}

void intake_forget(intake_t *self)
{
    ahead_drop(self);
    for (size_t i = 0; i < self->worker_count; i++)
        intake_forget_pull(self, &self->workers[i]);
    s_drop_staged(self);
    s_drop_held(self);
}

void intake_fini(intake_t *self)
{
    s_drop_staged(self);
    s_drop_held(self);
    ahead_drop(self);
    free(self->ahead.checksums);
    for (size_t i = 0; i < self->worker_count; i++)
        intake_forget_pull(self, &self->workers[i]);
    free(self->workers);
    ranges_fini(&self->touched);
    names_fini(&self->worker_names);
    free(self->held);
    free(self->checksums);
    free(self->picks);
    free(self->parts);
}
