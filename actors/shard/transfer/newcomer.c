/* Entering: a shard that has lost something, or whose position in another region's stream is no longer kept,
 * asks all where they stand, and takes the state of the one that has the most of its own stream. Meanwhile it
 * takes no push, pull or delta and reports no progress, so that nobody counts on it. */

#include "actors/shard/transfer/transfer.h"

#include "actors/kit/timers.h"

#include <string.h>

void transfer_drop(transfer_t *self)
{
    taker_destroy(&self->taker);
}

static void s_ask_again(transfer_t *self)
{
    transfer_drop(self);
    life_move(&self->base->life, LIFE_ASKS);
    self->donor = SIZE_MAX;
    self->ask_us = self->base->core.now_us;
    self->pause = backoff_of(SHARD_PEER_STATUS_FIRST_US, SHARD_PEER_STATUS_LAST_US);
    self->base->report_soon = true;
}

void transfer_ask_at_start(transfer_t *self)
{
    self->base->life.lossy = self->start = true;
    s_ask_again(self);
}

/* Deltas and pushes that have come and are not in the version go: they are sent again, as nothing of
 * them was acknowledged. */
static void s_drop_unapplied(transfer_t *self)
{
    intake_forget(self->intake);
    stream_stop(self->stream);
    for (size_t r = 0; r < base_regions(self->base); r++)
        self->stream->origins[r].suspect = false;
}

void transfer_begin(transfer_t *self, bool lossy)
{
    if (life_stops(&self->base->life) || base_regions(self->base) == 1 ||
        self->base->life.phase == LIFE_STORES)
        return;
    self->base->life.lossy |= lossy;
    if (!life_runs(&self->base->life))
        return;
    durable_cover(self->durable);
    s_drop_unapplied(self);
    donor_drop(self);
    mark_drop(&self->durable->mark);
    for (size_t r = 0; r < base_regions(self->base); r++)
        self->peers[r] = (peer_view_t){0};
    self->since_us = self->base->core.now_us;
    s_ask_again(self);
}

/* -- deciding ---------------------------------------------------------------------------------------------
 */

static bool s_all_heard(const transfer_t *self)
{
    for (size_t r = 0; r < base_regions(self->base); r++)
        if (r != self->base->spec.region_index && !self->peers[r].heard)
            return false;
    return true;
}

/* Everybody has exactly what this shard has of its own stream, and keeps what it lacks of theirs: what they
 * let go before it lost that nobody sends any more. */
static bool s_agreed(const transfer_t *self)
{
    position_t own = stream_position(self->stream);
    for (size_t r = 0; r < base_regions(self->base); r++) {
        const peer_view_t *status = &self->peers[r];
        if (r == self->base->spec.region_index)
            continue;
        if (status->history != own.history || status->taken != own.number || !peer_status_can_follow(self, r))
            return false;
    }
    return true;
}

/* A donor that does not have the own stream as far as it is kept here costs own batches, which are computed
 * again. One that has lost nothing waits longer for a better one. */
static bool s_patient(const transfer_t *self, size_t donor)
{
    const peer_view_t *status = &self->peers[donor];
    int64_t patience_us = self->base->spec.topology->job.sync.away_after_us;
    if (!self->base->life.lossy && !stream_has(self->stream, status->history, status->taken))
        patience_us *= SHARD_DONOR_PATIENCE;
    return self->base->core.now_us - self->since_us < patience_us;
}

/* Taking a's state loses less of the own stream than taking b's. */
static bool s_better_donor(const transfer_t *self, size_t a, size_t b)
{
    const peer_view_t *x = &self->peers[a], *y = &self->peers[b];
    bool x_in_lineage = stream_has(self->stream, x->history, x->taken);
    bool y_in_lineage = stream_has(self->stream, y->history, y->taken);
    if (x_in_lineage != y_in_lineage && !self->base->life.lossy)
        return x_in_lineage;
    return x->taken > y->taken;
}

static size_t s_choose(const transfer_t *self)
{
    size_t best = SIZE_MAX;
    for (size_t r = 0; r < base_regions(self->base); r++) {
        const peer_view_t *status = &self->peers[r];
        if (!status->heard || status->entering)
            continue;
        if (best == SIZE_MAX || s_better_donor(self, r, best))
            best = r;
    }
    return best;
}

/* When nobody runs, one stays as it is and is the reference of the others: one that has lost nothing, with
 * the most samples, the first of equals. */
static bool s_is_reference(const transfer_t *self)
{
    for (size_t r = 0; r < base_regions(self->base); r++) {
        const peer_view_t *status = &self->peers[r];
        if (r == self->base->spec.region_index)
            continue;
        if (status->lossy != self->base->life.lossy) {
            if (self->base->life.lossy)
                return false;
            continue;
        }
        if (status->samples != self->replica->samples_applied) {
            if (status->samples > self->replica->samples_applied)
                return false;
            continue;
        }
        if (r < self->base->spec.region_index)
            return false;
    }
    return true;
}

/* Goes on from what is here. After a loss that nobody has seen the lineage still begins anew: a delta of the
 * lost part may be on its way. */
static void s_stay(transfer_t *self)
{
    if (!self->base->life.lossy) {
        life_move(&self->base->life, LIFE_RUNS);
        return;
    }
    position_t at = stream_position(self->stream);
    durable_begin_lineage(self->durable, &at);
    peer_status_mute(self);
    self->base->counts.rolled_back += self->base->spec.lost;
    self->base->spec.lost = 0;
    self->stayed = true;
    for (size_t r = 0; r < base_regions(self->base); r++)
        self->stream->origins[r].position_told = false;
    stream_next_generation(self->stream);
    base_changed(self->base);
    self->base->stored = false;
    life_move(&self->base->life, LIFE_STORES);
}

void transfer_decide(transfer_t *self)
{
    if (self->base->life.phase == LIFE_WANTS && self->peers[self->donor].entering)
        s_ask_again(self);
    if (self->base->life.phase != LIFE_ASKS)
        return;
    bool all = s_all_heard(self);
    if (all && self->start && s_agreed(self)) {
        s_stay(self);
        return;
    }
    size_t donor = s_choose(self);
    if (!all && (donor == SIZE_MAX || s_patient(self, donor)))
        return;
    if (donor != SIZE_MAX) {
        life_move(&self->base->life, LIFE_WANTS);
        self->donor = donor;
        self->attempt++;
        self->heard_us = self->base->core.now_us;
        self->ask_us = self->base->core.now_us;
        self->base->report_soon = true;
    } else if (s_is_reference(self)) {
        s_stay(self);
    }
}

/* -- taking -----------------------------------------------------------------------------------------------
 */

static bool s_from_donor(const transfer_t *self, const message_t *message)
{
    return self->donor != SIZE_MAX && base_region_of(self->base, ROLE_SHARD, message->from) == self->donor;
}

static void s_give_up_donor(transfer_t *self, err_code_t code)
{
    if (code)
        base_refused(self->base, code);
    self->peers[self->donor] = (peer_view_t){0};
    s_ask_again(self);
}

/* Parameters, what the optimizer remembers, those of the outer optimizer and for each region a contribution
 * to each of two rounds, or more where rounds need not everybody; the rest are small lists. */
static uint64_t s_most_bytes(const transfer_t *self)
{
    uint64_t pending = self->base->rules.votes ? 64 : 3;
    uint64_t tensors = 4 + OPTIMIZER_STATE_MAX + pending * (uint64_t)base_regions(self->base);
    return tensors * base_bytes(self->base) + ((uint64_t)64 << 20);
}

static bool s_expects_offer(const transfer_t *self)
{
    const life_t *life = &self->base->life;
    return !life_stops(life) && (life->phase == LIFE_WANTS || life->phase == LIFE_TAKES);
}

static bool s_is_offer_for(const transfer_t *self, const message_t *message)
{
    return s_from_donor(self, message) && message->snapshot_offer.newcomer == self->base->spec.incarnation &&
           message->snapshot_offer.shard == self->base->spec.shard_index;
}

void transfer_offer(transfer_t *self, const message_t *message)
{
    if (!s_expects_offer(self) || !s_is_offer_for(self, message))
        return; /* nobody asked for it */
    self->heard_us = self->base->core.now_us;
    if (self->taker)
        return;
    taker_spec_t spec = {.name = self->base->core.name,
                         .incarnation = self->base->spec.incarnation,
                         .piece_bytes = self->base->spec.chunk_bytes,
                         .window = SHARD_TRANSFER_WINDOW,
                         .most_bytes = s_most_bytes(self),
                         .patience_us = SHARD_TRANSFER_PATIENCE_US};
    err_code_t code = taker_new(&spec, message, self->base->core.now_us, &self->taker, NULL);
    if (code) {
        s_give_up_donor(self, code);
        return;
    }
    life_move(&self->base->life, LIFE_TAKES);
    taker_tick(self->taker, self->base->core.now_us, &self->base->core.outbox);
}

static void s_install(transfer_t *self)
{
    snapshot_t *snapshot = taker_take(self->taker);
    err_t err = {0};
    err_code_t code = transfer_install(self, self->donor, &snapshot, &err);
    snapshot_destroy(&snapshot);
    if (code) {
        s_give_up_donor(self, code);
        return;
    }
    transfer_drop(self);
    life_move(&self->base->life, LIFE_STORES);
    self->donor = SIZE_MAX;
    self->base->report_soon = true;
}

void transfer_piece(transfer_t *self, const message_t *message)
{
    if (life_stops(&self->base->life) || self->base->life.phase != LIFE_TAKES ||
        !s_from_donor(self, message) || !taker_is_of(self->taker, message))
        return;
    self->heard_us = self->base->core.now_us;
    err_t err = {0};
    switch (taker_piece(self->taker, message, self->base->core.now_us, &self->base->core.outbox, &err)) {
    case TAKER_RUNS:
        break;
    case TAKER_WHOLE:
        s_install(self);
        break;
    case TAKER_GONE:
        s_give_up_donor(self, ERR_OK);
        break;
    case TAKER_BAD:
        s_give_up_donor(self, ERR_CHECKSUM);
        break;
    }
}

/* The new state is durable: from now on others may count on it. */
void transfer_done(transfer_t *self)
{
    life_move(&self->base->life, LIFE_RUNS);
    self->base->life.lossy = self->start = false;
    self->position_us = self->base->core.now_us;
    self->base->report_soon = true;
}

/* -- time -------------------------------------------------------------------------------------------------
 */

static void s_want(transfer_t *self)
{
    actor_name_t to = base_name_of(self->base, ROLE_SHARD, self->donor);
    message_t *want = core_message(&self->base->core, KIND_transfer_want, to.text);
    want->number = self->attempt;
    core_send(&self->base->core, &want);
}

/* Asked again in every phase: it is also what makes the others keep what may be needed. */
static void s_ask_donor(transfer_t *self)
{
    if (self->base->core.now_us < self->ask_us)
        return;
    self->ask_us = self->base->core.now_us + backoff_next(&self->pause);
    peer_status_ask(self);
    if (self->base->life.phase == LIFE_WANTS)
        s_want(self);
}

/* A synchronizer whose shard has nothing to send any more does not say what is kept no longer: so
 * one that stayed after a loss asks its shard whether what follows can come at all. Who has lost
 * nothing knows that it can. */
static void s_tell_positions(transfer_t *self)
{
    if (self->base->core.now_us < self->position_us)
        return;
    bool some = false;
    for (size_t r = 0; r < base_regions(self->base); r++) {
        if (r == self->base->spec.region_index || self->stream->origins[r].position_told ||
            self->stream->origins[r].final)
            continue;
        stream_ack(self->stream, r, ERR_GAP); /* what follows is expected */
        if (self->stayed)
            stream_doubt(self->stream, r);
        else
            peer_status_ask_one(self, r); /* whether that is known */
        some = true;
    }
    self->position_us = some ? self->base->core.now_us + SHARD_POSITION_US : ROLE_NEVER;
}

void newcomer_tick(transfer_t *self)
{
    if (life_stops(&self->base->life))
        return;
    if (life_runs(&self->base->life)) {
        s_tell_positions(self);
        return;
    }
    if (self->since_us == 0)
        self->since_us = self->base->core.now_us;
    bool waits = self->base->life.phase == LIFE_WANTS || self->base->life.phase == LIFE_TAKES;
    if (waits && self->base->core.now_us - self->heard_us > SHARD_DONOR_SILENCE_US)
        s_give_up_donor(self, ERR_OK);
    if (self->base->life.phase == LIFE_TAKES)
        taker_tick(self->taker, self->base->core.now_us, &self->base->core.outbox);
    s_ask_donor(self);
    transfer_decide(self);
}

int64_t newcomer_due(const transfer_t *self)
{
    if (life_stops(&self->base->life))
        return ROLE_NEVER;
    if (life_runs(&self->base->life))
        return self->position_us;
    int64_t taker = self->base->life.phase == LIFE_TAKES ? taker_due(self->taker) : ROLE_NEVER;
    return timer_first(taker, self->ask_us);
}

const char *transfer_waits_for(const transfer_t *self, wire_name_t text)
{
    const topology_t *topology = self->base->spec.topology;
    char line[2 * WIRE_NAME_SIZE] = "";
    size_t silent = 0;
    while (silent < base_regions(self->base) &&
           (silent == self->base->spec.region_index || self->peers[silent].heard))
        silent++;
    switch (self->base->life.phase) {
    case LIFE_RUNS:
    case LIFE_PHASES:
        break;
    case LIFE_ASKS:
        if (silent < base_regions(self->base))
            snprintf(line, sizeof line, "status of %s", topology->regions[silent].name);
        else
            snprintf(line, sizeof line, "a region that runs");
        break;
    case LIFE_WANTS:
    case LIFE_TAKES:
        snprintf(line, sizeof line, "state from %s", topology->regions[self->donor].name);
        break;
    case LIFE_STORES:
        snprintf(line, sizeof line, "first snapshot");
        break;
    }
    message_set_name(text, line);
    return text;
}
