/* When a snapshot is taken, what it contains, and what follows from its being committed. */

#include "actors/shard/durable/durable.h"

#include "codec/base/failpoint.h"

#include <stdio.h>

bool durable_dirty(const durable_t *self)
{
    return self->base->changes != self->committed_changes;
}

/* -- reasons ----------------------------------------------------------------------------------------------
 */

static bool s_none_stored(const durable_t *self)
{
    return !self->base->stored;
}

static bool s_hands(const durable_t *self)
{
    return self->base->life.end == END_HANDS && self->number <= self->handed_from;
}

static bool s_keepers_lack(const durable_t *self)
{
    return keep_lacks(&self->keep);
}

static bool s_newcomer(const durable_t *self)
{
    return self->wants & DURABLE_TRANSFER;
}

static bool s_stops(const durable_t *self)
{
    return life_stops(&self->base->life);
}

static bool s_cut(const durable_t *self)
{
    return stream_last(self->stream) > self->committed_last;
}

static bool s_votes(const durable_t *self)
{
    return rounds_wants_snapshot(self->rounds);
}

static bool s_closed(const durable_t *self)
{
    return self->stream->closed && !self->closed;
}

/* All batches are in, and not all of them durable. */
static bool s_all_in(const durable_t *self)
{
    uint64_t batches = self->base->region->batches;
    return ranges_has_all(&self->replica->applied, 0, batches) && !ranges_has_all(&self->applied, 0, batches);
}

static bool s_steps(const durable_t *self)
{
    uint64_t every = self->base->spec.topology->checkpoint.every;
    return every && self->replica->steps - self->committed_steps >= every;
}

/* In the order in which they name a snapshot. `always`: also when nothing has changed. */
static const struct {
    const char *tag;
    bool always;
    bool (*calls)(const durable_t *self);
} reasons[] = {
    {"start", true, s_none_stored},  {"stop", true, s_hands},    {"keep", true, s_keepers_lack},
    {"transfer", false, s_newcomer}, {"stop", false, s_stops},   {"cut", false, s_cut},
    {"vote", false, s_votes},        {"close", false, s_closed}, {"end", false, s_all_in},
    {"steps", false, s_steps},
};

/* Why a snapshot is wanted as soon as one can be taken; NULL: not now. */
static const char *s_reason(const durable_t *self)
{
    if (mark_tag(&self->mark))
        return mark_tag(&self->mark);
    bool dirty = durable_dirty(self);
    for (size_t i = 0; i < sizeof reasons / sizeof *reasons; i++)
        if ((dirty || reasons[i].always) && reasons[i].calls(self))
            return reasons[i].tag;
    return NULL;
}

int64_t durable_snapshot_due(const durable_t *self)
{
    if (self->shot.number || self->base->life.end == END_DONE || life_is_unsettled(&self->base->life))
        return ROLE_NEVER;
    int64_t due = ROLE_NEVER;
    if (s_reason(self))
        due = 0;
    else if (self->base->told_us != ROLE_NEVER)
        due = self->base->told_us + DURABLE_TAKEN_US;
    return due > self->retry_us ? due : self->retry_us;
}

/* -- taking -----------------------------------------------------------------------------------------------
 */

static void s_remember(durable_t *self)
{
    shot_t *shot = &self->shot;
    shot->number = self->number;
    shot->outlived = false;
    shot->changes = self->base->changes;
    shot->last = stream_last(self->stream);
    shot->steps = self->replica->steps;
    shot->round = self->rounds->number;
    bool settled = rounds_settled(self->rounds);
    shot->closed = self->stream->closed && settled;
    CHECK(!ranges_copy(&shot->applied, &self->replica->applied));
    for (size_t r = 0; r < base_regions(self->base); r++) {
        shot->taken[r] = self->stream->origins[r].taken;
        shot->final[r] = self->stream->origins[r].final && settled;
    }
    self->base->told_us = ROLE_NEVER;
}

static void s_fail_snapshot(durable_t *self, err_code_t code)
{
    self->store_error = code;
    self->base->counts.snapshots_failed++;
    self->retry_us = self->base->core.now_us + backoff_next(&self->retry);
    self->base->report_soon = true;
}

snapshot_t *durable_take(durable_t *self)
{
    if (durable_snapshot_due(self) > self->base->core.now_us)
        return NULL;
    const char *reason = s_reason(self);
    snapshot_id_t id = {.history = self->stream->history,
                        .number = self->number + 1,
                        .incarnation = self->base->spec.incarnation};
    snprintf(id.tag, sizeof id.tag, "%s", reason ? reason : "taken");
    mark_take(&self->mark);
    snapshot_t *snapshot = snapshot_new(&id);
    if (!snapshot || !state_values(self, snapshot, NULL)) {
        snapshot_destroy(&snapshot);
        s_fail_snapshot(self, ERR_MEMORY);
        return NULL;
    }
    self->number++;
    s_remember(self);
    FAILPOINT(shard_snapshot_taken);
    keep_taken(&self->keep, snapshot);
    return snapshot;
}

/* -- what becomes of it -------------------------------------------------------------------------------------
 */

/* Tells origins whose deltas are durable now. */
static void s_tell_origins(durable_t *self)
{
    for (size_t r = 0; r < base_regions(self->base); r++) {
        origin_t *origin = &self->stream->origins[r];
        origin->final_durable = origin->final_durable || self->shot.final[r];
        if (self->shot.taken[r] == origin->durable)
            continue;
        origin->durable = self->shot.taken[r];
        if (!life_stops(&self->base->life))
            stream_ack(self->stream, r, ERR_OK);
    }
}

/* The snapshot is durable at the job's level: own deltas in it may leave. */
static void s_count_durable(durable_t *self, durable_done_t *done)
{
    const shot_t *shot = &self->shot;
    done->counts = self->base->stored = true;
    done->changes = self->committed_changes = shot->changes;
    done->round = shot->round;
    done->first = self->stream->sendable + 1;
    done->last = self->committed_last = shot->last;
    if (done->first <= done->last)
        self->stream->sendable = done->last;
    self->committed_steps = shot->steps;
    self->closed = shot->closed;
    durable_cover(self);
    CHECK(!ranges_copy(&self->applied, &shot->applied));
    s_tell_origins(self);
}

static durable_done_t s_succeed(durable_t *self)
{
    durable_done_t done = {.number = self->shot.number};
    self->shot.number = 0;
    FAILPOINT(shard_snapshot_committed);
    mark_committed(&self->mark, ERR_OK);
    if (!self->shot.outlived)
        s_count_durable(self, &done);
    return done;
}

/* While this goes on without its disk, it is not the disk that says what may be given. */
static durable_done_t s_refuse(durable_t *self, err_code_t code)
{
    durable_done_t done = {.number = self->shot.number,
                           .code = durable_goes_on(self) && code == ERR_FULL ? ERR_OK : code};
    self->shot.number = 0;
    mark_committed(&self->mark, code);
    if (self->shot.outlived)
        return done;
    self->base->told_us = self->base->core.now_us; /* what it took is not durable yet */
    s_fail_snapshot(self, code);
    return done;
}

/* A snapshot that is committed here alone is enough to go on from, if not from the loss of this node: the
 * shard may end, but nothing that waits for keepers leaves. */
static void s_give_up_snapshot(durable_t *self)
{
    self->committed_changes = self->shot.changes;
    self->shot.number = 0;
    mark_committed(&self->mark, ERR_STOPPED);
}

durable_done_t durable_news(durable_t *self, keep_news_t news)
{
    if (news == KEEP_COUNTS)
        return s_succeed(self);
    if (news == KEEP_GIVEN_UP)
        s_give_up_snapshot(self);
    return (durable_done_t){0};
}

durable_done_t durable_committed(durable_t *self, uint64_t number, err_code_t code)
{
    if (number == 0 || number != self->shot.number || number == self->keep.waits)
        return (durable_done_t){0};
    bool waits = false;
    if (!code)
        code = keep_committed(&self->keep, number, &waits);
    if (code)
        return s_refuse(self, code);
    self->store_error = ERR_OK;
    self->retry_us = 0;
    backoff_reset(&self->retry);
    return waits ? (durable_done_t){0} : s_succeed(self);
}
