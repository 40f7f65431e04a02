/* Going on while the disk is full (checkpoint.when_full: go_on). Cut, encode, send: what is cut leaves before
 * it is committed, and what is taken counts as kept, so that neither this region nor the others come to their
 * limits. If the shard dies before a snapshot is committed again, that is a loss like one of its disk: it
 * enters (shard_enter). The last delta of a run never leaves so, and a snapshot is tried all the while.
 */

#include "actors/shard/durable/durable.h"

/* Only what trains and is not at its end goes on so. */
static bool s_could(const durable_t *self)
{
    bool trains = life_runs(&self->base->life) && !life_stops(&self->base->life);
    return trains && !self->stream->closed;
}

bool durable_goes_on(const durable_t *self)
{
    return self->stream->undurable && s_could(self);
}

bool durable_is_uncovered(const durable_t *self)
{
    return self->stream->undurable || self->committed_changes < self->uncovered_changes;
}

bool durable_may_go_on(const durable_t *self)
{
    bool asked = self->base->spec.topology->checkpoint.when_full == WHEN_FULL_GO_ON;
    bool full = self->store_error == ERR_FULL && self->base->stored;
    return asked && full && base_regions(self->base) > 1 && s_could(self);
}

static void s_tell_origins(durable_t *self)
{
    for (size_t r = 0; r < base_regions(self->base); r++)
        if (r != self->base->spec.region_index &&
            self->stream->origins[r].taken > self->stream->origins[r].durable)
            stream_ack(self->stream, r, ERR_OK);
}

void durable_go_on(durable_t *self)
{
    CHECK(durable_may_go_on(self));
    if (self->stream->undurable)
        return;
    self->stream->undurable = true;
    self->base->report_soon = true;
    mark_drop(&self->mark);
    durable_send_uncovered(self);
    s_tell_origins(self);
}

void durable_send_uncovered(durable_t *self)
{
    stream_t *stream = self->stream;
    uint64_t last = stream_last(stream);
    if (!durable_goes_on(self) || last <= stream->sendable)
        return;
    self->uncovered_changes = self->base->changes;
    for (size_t i = 0; i < stream->queue_count; i++)
        self->base->counts.uncovered += stream->queue[i].head.last > stream->sendable;
    stream_send(stream, stream->sendable + 1, last);
    stream->sendable = last;
}

/* Everything said from now on is true again; what was said before is, once all that has changed
 * till now is committed. */
void durable_cover(durable_t *self)
{
    if (self->stream->undurable)
        self->uncovered_changes = self->base->changes;
    self->stream->undurable = false;
}

void durable_collect(durable_t *self)
{
    pending_t own;
    while (stream_own(self->stream, &own))
        rounds_contribute(self->rounds, &own);
    durable_send_uncovered(self);
}
