#include "actors/shard/durable/durable.h"

#include "actors/kit/timers.h"

void durable_init(durable_t *self, base_t *base, replica_t *replica, intake_t *intake, stream_t *stream,
                  rounds_t *rounds)
{
    *self = (durable_t){.base = base,
                        .replica = replica,
                        .intake = intake,
                        .stream = stream,
                        .rounds = rounds,
                        .retry = backoff_of(DURABLE_RETRY_FIRST_US, DURABLE_RETRY_LAST_US)};
    keep_init(&self->keep, base);
    mark_init(&self->mark, base);
}

void durable_fini(durable_t *self)
{
    keep_fini(&self->keep);
    ranges_fini(&self->applied);
    ranges_fini(&self->shot.applied);
}

durable_done_t durable_message(durable_t *self, const message_t *message)
{
    if (message->kind != KIND_mark)
        return durable_news(self, keep_message(&self->keep, message));
    mark_message(&self->mark, message, durable_goes_on(self));
    return (durable_done_t){0};
}

durable_done_t durable_tick(durable_t *self)
{
    mark_tick(&self->mark);
    return durable_news(self, keep_tick(&self->keep));
}

int64_t durable_due(const durable_t *self)
{
    int64_t due_us = timer_first(keep_due(&self->keep), durable_snapshot_due(self));
    return timer_first(due_us, self->base->gate.patient_us);
}

bool durable_is_done(const durable_t *self)
{
    bool lacks = durable_dirty(self) && !life_is_unsettled(&self->base->life);
    return !self->shot.number && !lacks;
}

void durable_hand_over(durable_t *self)
{
    self->handed_from = self->number;
}

bool durable_has_handed(const durable_t *self)
{
    bool stored = self->keep.counts > self->handed_from && !durable_dirty(self);
    return self->base->life.end == END_HANDS && !self->shot.number && stored;
}

void durable_replaced(durable_t *self)
{
    self->base->stored = false;
    self->shot.outlived = true;
    base_changed(self->base);
}

void durable_lost(durable_t *self)
{
    ranges_fini(&self->applied);
    self->committed_steps = self->replica->steps;
    self->closed = false;
}

void durable_begin_lineage(durable_t *self, const position_t *parent)
{
    stream_begin(self->stream, parent);
    self->committed_last = parent->number;
    durable_replaced(self);
}
