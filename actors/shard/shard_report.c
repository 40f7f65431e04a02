#include "actors/shard/shard_inside.h"

#include <inttypes.h>
#include <string.h>

#define SELDOM_US 1000000
#define SOON_US 100000 /* when something has changed */

static const char *s_region(const shard_core_t *self, size_t index)
{
    return self->base->spec.topology->regions[index].name;
}

/* The region that has taken the least, or one that may enter and for which nothing is let go; when all that
 * is kept is not waited for by anybody, it goes with the next snapshot. */
static const char *s_limit(const shard_core_t *self)
{
    size_t slowest = stream_slowest(self->stream);
    for (size_t r = 0; r < base_regions(self->base) && slowest == SIZE_MAX; r++)
        if (self->stream->destination_hold_us[r] > self->base->core.now_us)
            slowest = r;
    return slowest == SIZE_MAX ? "snapshot" : s_region(self, slowest);
}

/* Whom the shard waits for; a wait without a name would be a hang. */
static const char *s_waits_for(const shard_core_t *self, wire_name_t text)
{
    uint64_t batch;
    bool stores = life_runs(&self->base->life) || life_stops(&self->base->life) ||
                  self->base->life.phase == LIFE_STORES;
    text[0] = 0;
    if (self->durable->store_error && stores)
        message_set_name(text, self->durable->store_error == ERR_FULL ? "disk" : "snapshot store");
    else if (keep_waits_for(&self->durable->keep)) /* also of the first snapshot */
        message_set_name(text, keep_waits_for(&self->durable->keep));
    else if (!life_stops(&self->base->life) && !life_runs(&self->base->life))
        transfer_waits_for(self->transfer, text);
    else if (self->base->short_of_memory)
        message_set_name(text, "memory");
    else if (rounds_bars(self->rounds) && rounds_lacks(self->rounds) != SIZE_MAX)
        message_set_name(text, s_region(self, rounds_lacks(self->rounds)));
    else if (self->base->rules.votes && rounds_bars(self->rounds))
        message_set_name(text, "majority of regions");
    else if (!self->stream->closed && stream_limited(self->stream))
        message_set_name(text, s_limit(self));
    else if (intake_missing(self->intake, &batch))
        snprintf(text, sizeof(wire_name_t), "batch %" PRIu64, batch);
    return text;
}

static void s_update_state(shard_core_t *self)
{
    wire_name_t waits_for;
    s_waits_for(self, waits_for);
    if (self->report.state_since_us == 0) /* the clock is first seen with the first event */
        self->report.state_since_us = self->base->core.now_us;
    const char *state = self->base->life.end == END_DONE ? "stopped"
                        : life_stops(&self->base->life)  ? "draining"
                        : durable_goes_on(self->durable) ? "undurable"
                        : waits_for[0]                   ? "waiting"
                                                         : "running";
    if (strcmp(state, self->report.state) == 0 && strcmp(waits_for, self->report.waits_for) == 0)
        return;
    self->report.state = state;
    message_set_name(self->report.waits_for, waits_for);
    self->report.state_since_us = self->base->core.now_us;
    self->base->report_soon = true;
}

static void s_progress(shard_core_t *self)
{
    message_t *message = core_message(&self->base->core, KIND_progress, self->base->scheduler);
    message->number = self->replica->version;
    message->progress.history = self->stream->history;
    message_set_ranges(&message->progress.applied, &self->replica->applied);
    message_set_ranges(&message->progress.durable, &self->durable->applied);
    message->progress.steps = self->replica->steps;
    message->progress.rounds = self->stream->cut;
    message->progress.samples_applied = self->replica->samples_applied;
    message->progress.closed = self->durable->closed;
    message->progress.lasts = shard_core_lasts(self);
    message->progress.number = self->durable->keep.counts;
    message->progress.handed = durable_has_handed(self->durable);
    message->progress.assignment = keep_assignment(&self->durable->keep);
    message->progress.keep_lag_us = keep_lag_us(&self->durable->keep);
    message_set_name(message->progress.keep_refused, keep_refused(&self->durable->keep));
    base_tell_counts(self->base, message);
    core_send(&self->base->core, &message);
}

static void s_say_status_shard(shard_core_t *self)
{
    message_t *message = core_message(&self->base->core, KIND_status, self->base->scheduler);
    message_set_name(message->status.actor, self->base->core.name);
    message->status.incarnation = self->base->spec.incarnation;
    message_set_name(message->status.state, self->report.state);
    message_set_name(message->status.waits_for, self->report.waits_for);
    message->status.since_us = (uint64_t)(self->base->core.now_us - self->report.state_since_us);
    message->status.applied = ranges_size(&self->replica->applied);
    message->status.durable = ranges_size(&self->durable->applied);
    core_send(&self->base->core, &message);
}

void shard_report(shard_core_t *self)
{
    s_update_state(self);
    if (life_runs(&self->base->life)) /* before, nobody is to count on what is here */
        s_progress(self);
    s_say_status_shard(self);
    self->base->report_soon = false;
    self->report.reported_us = self->base->core.now_us;
}

int64_t shard_report_due(const shard_core_t *self)
{
    return self->report.reported_us + (self->base->report_soon ? SOON_US : SELDOM_US);
}

void shard_report_tick(shard_core_t *self)
{
    s_update_state(self);
    if (self->base->life.end != END_DONE && self->base->core.now_us >= shard_report_due(self))
        shard_report(self);
}
