#include "actors/shard/replica/exchange.h"

#include <stdlib.h>

static optimizer_t s_optimizer(const topology_t *topology)
{
    return (optimizer_t){
        .kind = topology->job.optimizer.name,
        .lr = (float)topology->job.optimizer.lr,
        .momentum = (float)topology->job.optimizer.momentum,
        .decay = (float)topology->job.optimizer.weight_decay,
        .nesterov = topology->job.optimizer.nesterov,
        .schedule = topology->job.optimizer.schedule,
        .milestones = topology->job.optimizer.milestones,
        .milestone_count = topology->job.optimizer.milestone_count,
        .factor = topology->job.optimizer.factor,
        .warmup = topology->job.optimizer.warmup,
    };
}

void replica_init(replica_t *self, base_t *base, const exchange_t *exchange)
{
    *self = (replica_t){.base = base, .exchange = exchange, .optimizer = s_optimizer(base->spec.topology)};
    self->optimizer.nesterov |= base_lanes(self->base) > 1; /* a lane looks ahead for what the others know */
    spans_init(&self->spans, base->spec.tensors, base->spec.first, base->spec.first + base->spec.elements);
    self->scratch = malloc(2 * SHARD_BLOCK * sizeof *self->scratch);
    self->sums = malloc(SHARD_BLOCK * sizeof *self->sums);
    CHECK(self->scratch && self->sums);
    encode_derive(self);
    self->exchange->derive(self);
}

void replica_begin_state(replica_t *self)
{
    size_t count = optimizer_state(optimizer_find(self->optimizer.kind), base_lanes(self->base));
    for (size_t i = 0; i < count; i++) {
        if (!self->state[i])
            self->state[i] = buf_new_zero(base_bytes(self->base));
        CHECK(self->state[i]);
    }
}

void replica_start(replica_t *self, buf_t **parameters_p)
{
    self->parameters = *parameters_p;
    *parameters_p = NULL;
    replica_begin_state(self);
    start_begin(self);
}

void replica_fini(replica_t *self)
{
    pending_clear(self);
    free(self->pending);
    free(self->pending_parts);
    buf_destroy(&self->parameters);
    for (size_t i = 0; i < OPTIMIZER_STATE_MAX; i++)
        buf_destroy(&self->state[i]);
    buf_destroy(&self->open);
    buf_destroy(&self->residual);
    start_fini(self);
    compensation_fini(self);
    for (size_t i = 0; i < SHARD_SPARES; i++)
        buf_destroy(&self->spares[i]);
    for (size_t i = 0; i < REPLICA_STEPPED; i++) {
        trail_fini(&self->stepped[i].trail);
        since_fini(&self->stepped[i].since);
    }
    ranges_fini(&self->applied);
    ranges_fini(&self->refused);
    spans_fini(&self->spans);
    free(self->scratch);
    free(self->sums);
}

void pending_add(replica_t *self, const pending_t *pending)
{
    if (self->pending_count == self->pending_capacity) {
        self->pending_capacity = self->pending_capacity ? 2 * self->pending_capacity : 8;
        self->pending = realloc(self->pending, self->pending_capacity * sizeof *self->pending);
        self->pending_parts =
            realloc(self->pending_parts, self->pending_capacity * sizeof *self->pending_parts);
        CHECK(self->pending && self->pending_parts);
    }
    self->pending[self->pending_count++] = *pending;
}

void pending_clear(replica_t *self)
{
    while (self->pending_count)
        buf_destroy(&self->pending[--self->pending_count].data);
}
