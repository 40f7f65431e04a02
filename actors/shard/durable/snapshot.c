#include "actors/shard/shard_internal.h"

#include "codec/base/failpoint.h"

#include <string.h>

bool shard_dirty(const shard_core_t *self)
{
    return self->base->changes != self->durable->committed_changes;
}

/* The last number that a delta was made for; those that were merged are still open. */
static uint64_t s_last_made(const shard_core_t *self)
{
    return self->stream->open_first - 1;
}

/* All batches are in, and not all of them durable. */
static bool s_all_in(const shard_core_t *self)
{
    uint64_t batches = self->base->region->batches;
    return ranges_has_all(&self->replica->applied, 0, batches) &&
           !ranges_has_all(&self->durable->applied, 0, batches);
}

/* Why a snapshot is wanted as soon as one can be taken; NULL: not now. */
static const char *s_reason(const shard_core_t *self)
{
    uint64_t every = self->base->spec.topology->checkpoint.every;
    if (shard_mark_tag(self))
        return shard_mark_tag(self);
    if (!self->base->stored)
        return "start";
    if (self->base->life.end == END_HANDS && self->durable->number <= self->durable->handed_from)
        return "stop";
    if (keep_lacks(&self->durable->keep))
        return "keep";
    if (!shard_dirty(self))
        return NULL;
    if (shard_donor_waits(self))
        return "welcome";
    if (life_stops(&self->base->life))
        return "stop";
    if (s_last_made(self) > self->durable->committed_last)
        return "cut";
    if (rounds_wants_snapshot(self->rounds))
        return "vote";
    if (self->stream->closed && !self->durable->closed)
        return "close";
    if (s_all_in(self))
        return "end";
    return every && self->replica->steps - self->durable->committed_steps >= every ? "steps" : NULL;
}

int64_t shard_snapshot_due(const shard_core_t *self)
{
    if (self->durable->shot.number || self->base->life.end == END_DONE ||
        life_is_unsettled(&self->base->life))
        return ROLE_NEVER;
    int64_t due = ROLE_NEVER;
    if (s_reason(self))
        due = 0;
    else if (self->base->told_us != ROLE_NEVER)
        due = self->base->told_us + SHARD_TAKEN_US;
    return due > self->durable->retry_us ? due : self->durable->retry_us;
}

static void s_remember(shard_core_t *self)
{
    shot_t *shot = &self->durable->shot;
    shot->number = self->durable->number;
    shot->outlived = false;
    shot->changes = self->base->changes;
    shot->last = s_last_made(self);
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

static void s_fail(shard_core_t *self, err_code_t code)
{
    self->durable->store_error = code;
    self->base->counts.snapshots_failed++;
    self->durable->retry_us = self->base->now_us + self->durable->retry_pause_us;
    self->durable->retry_pause_us = 2 * self->durable->retry_pause_us < SHARD_RETRY_LAST_US
                                        ? 2 * self->durable->retry_pause_us
                                        : SHARD_RETRY_LAST_US;
    self->base->report_soon = true;
}

snapshot_t *shard_core_take_snapshot(shard_core_t *self, int64_t now_us)
{
    self->base->now_us = now_us;
    if (shard_snapshot_due(self) > now_us)
        return NULL;
    const char *reason = s_reason(self);
    snapshot_id_t id = {.history = self->stream->history,
                        .number = self->durable->number + 1,
                        .incarnation = self->base->spec.incarnation};
    snprintf(id.tag, sizeof id.tag, "%s", reason ? reason : "taken");
    bool given = shard_donor_waits(self) && stream_cut_now(self->stream);
    shard_collect(self);
    shard_mark_take(self);
    snapshot_t *snapshot = snapshot_new(&id);
    if (!snapshot || !state_add_values(self, snapshot, NULL)) {
        snapshot_destroy(&snapshot);
        s_fail(self, ERR_MEMORY);
        return NULL;
    }
    self->durable->number++;
    s_remember(self);
    FAILPOINT(shard_snapshot_taken);
    keep_taken(&self->durable->keep, snapshot);
    if (given)
        shard_donor_taken(self, snapshot);
    return snapshot;
}

/* Tells origins whose deltas are durable now. */
static void s_tell_origins(shard_core_t *self)
{
    for (size_t r = 0; r < base_regions(self->base); r++) {
        origin_t *origin = &self->stream->origins[r];
        origin->final_durable = origin->final_durable || self->durable->shot.final[r];
        if (self->durable->shot.taken[r] == origin->durable)
            continue;
        origin->durable = self->durable->shot.taken[r];
        if (!life_stops(&self->base->life))
            stream_ack(self->stream, r, ERR_OK);
    }
}

void shard_committed(shard_core_t *self)
{
    uint64_t number = self->durable->shot.number;
    self->durable->shot.number = 0;
    FAILPOINT(shard_snapshot_committed);
    shard_donor_committed(self, number, ERR_OK);
    shard_mark_committed(self, ERR_OK);
    if (self->durable->shot.outlived)
        return;
    self->base->stored = true;
    uint64_t first_new = shard_uncovered_sent(self) + 1;
    self->durable->committed_last = self->durable->shot.last;
    self->stream->sendable = shard_uncovered_sent(self);
    self->durable->committed_changes = self->durable->shot.changes;
    self->durable->committed_steps = self->durable->shot.steps;
    self->durable->closed = self->durable->shot.closed;
    shard_uncovered_end(self);
    CHECK(!ranges_copy(&self->durable->applied, &self->durable->shot.applied));
    s_tell_origins(self);
    if (self->base->life.phase == LIFE_STORES)
        shard_entered(self);
    if (self->durable->committed_last >= first_new) {
        stream_send(self->stream, first_new, self->durable->committed_last);
        stream_head(self->stream);
    }
    if (rounds_committed(self->rounds, self->durable->committed_changes, self->durable->shot.round))
        shard_advance(self);
    FAILPOINT(shard_snapshot_told);
    self->base->report_soon = true;
    if (life_stops(&self->base->life))
        shard_role.tick(self, self->base->now_us);
}

/* What is committed here is enough to go on from, if not from the loss of this node: the shard may end, but nothing that waits for
 * keepers leaves. */
static void s_give_up(shard_core_t *self)
{
    self->durable->committed_changes = self->durable->shot.changes;
    self->durable->shot.number = 0;
    shard_mark_committed(self, ERR_STOPPED);
}

void shard_keep_news(shard_core_t *self, keep_news_t news)
{
    if (news == KEEP_COUNTS)
        shard_committed(self);
    else if (news == KEEP_GIVEN_UP)
        s_give_up(self);
}

void shard_core_committed(shard_core_t *self, uint64_t number, err_code_t code, int64_t now_us)
{
    self->base->now_us = now_us;
    if (number == 0 || number != self->durable->shot.number || number == self->durable->keep.waits)
        return;
    bool waits = false;
    if (!code)
        code = keep_committed(&self->durable->keep, number, &waits);
    if (code) {
        self->durable->shot.number = 0;
        shard_donor_committed(self, number, shard_uncovered(self) && code == ERR_FULL ? ERR_OK : code);
        shard_mark_committed(self, code);
        if (self->durable->shot.outlived)
            return;
        self->base->told_us = now_us; /* what it took is not durable yet */
        s_fail(self, code);
        return;
    }
    self->durable->store_error = ERR_OK;
    self->durable->retry_us = 0;
    self->durable->retry_pause_us = SHARD_RETRY_FIRST_US;
    if (!waits)
        shard_committed(self);
}
