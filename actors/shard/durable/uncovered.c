/* Going on while the disk is full (checkpoint.when_full: go_on). Cut, encode, send: what is cut leaves before it is committed,
 * and what is taken counts as kept, so that neither this region nor the others come to their limits. If the shard dies before
 * a snapshot is committed again, that is a loss like one of its disk: it enters (shard_enter). The last delta of a run never
 * leaves so, and a snapshot is tried all the while.
 */

#include "actors/shard/shard_internal.h"

bool shard_uncovered(const shard_core_t *self)
{
    return self->durable->uncovered.on && life_runs(&self->base->life) && !self->stream->closed &&
           !life_stops(&self->base->life);
}

/* Nothing is lost by a death now: all that has left, and all that was told to be kept, is in the newest snapshot. */
static bool s_covers(const shard_core_t *self)
{
    return self->durable->committed_changes >= self->durable->uncovered.changes;
}

bool shard_core_uncovered(const shard_core_t *self)
{
    return self->durable->uncovered.on || !s_covers(self);
}

bool shard_core_may_go_on(const shard_core_t *self)
{
    return self->base->spec.topology->checkpoint.when_full == WHEN_FULL_GO_ON &&
           base_regions(self->base) > 1 && self->durable->store_error == ERR_FULL && self->base->stored &&
           life_runs(&self->base->life) && !self->stream->closed && !life_stops(&self->base->life);
}

static void s_tell_origins(shard_core_t *self)
{
    for (size_t r = 0; r < base_regions(self->base); r++)
        if (r != self->base->spec.region_index &&
            self->stream->origins[r].taken > self->stream->origins[r].durable)
            stream_ack(self->stream, r, ERR_OK);
}

void shard_core_go_on(shard_core_t *self, int64_t now_us)
{
    self->base->now_us = now_us;
    CHECK(shard_core_may_go_on(self));
    if (self->durable->uncovered.on)
        return;
    self->durable->uncovered.on = self->stream->undurable = true;
    self->base->report_soon = true;
    shard_mark_drop(self);
    shard_uncovered_send(self);
    s_tell_origins(self);
}

void shard_uncovered_send(shard_core_t *self)
{
    uint64_t last = stream_last(self->stream);
    if (!shard_uncovered(self) || last <= shard_uncovered_sent(self))
        return;
    self->durable->uncovered.changes = self->base->changes;
    for (size_t i = 0; i < self->stream->queue_count; i++)
        self->durable->uncovered.count += self->stream->queue[i].head.last > shard_uncovered_sent(self);
    stream_send(self->stream, shard_uncovered_sent(self) + 1, last);
    self->durable->uncovered.last = self->stream->sendable = last;
}

uint64_t shard_uncovered_sent(const shard_core_t *self)
{
    return self->durable->committed_last > self->durable->uncovered.last ? self->durable->committed_last
                                                                         : self->durable->uncovered.last;
}

/* What it says from now on is true again; what it said before is, once all that has changed till now is committed. */
void shard_uncovered_end(shard_core_t *self)
{
    if (self->durable->uncovered.on)
        self->durable->uncovered.changes = self->base->changes;
    self->durable->uncovered.on = self->stream->undurable = false;
}

void shard_begin_line(shard_core_t *self, const position_t *follows)
{
    stream_begin(self->stream, follows);
    self->durable->committed_last = follows->number;
    self->durable->uncovered.last = 0;
}
