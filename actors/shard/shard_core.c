#include "actors/shard/shard_core.h"

#include "actors/kit/dispatch.h"
#include "actors/kit/timers.h"
#include "actors/shard/replica/exchange.h"
#include "actors/shard/shard_inside.h"

#include "codec/base/failpoint.h"

#include <stdlib.h>
#include <string.h>

#define RETRY_US 100000 /* of what memory was short for */

/* -- life */

static shard_core_t *s_new(const shard_spec_t *spec)
{
    shard_core_t *self = calloc(1, sizeof *self);
    CHECK(self);
    rooms_t *rooms = self->joined = rooms_new(spec, false);
    self->base = &rooms->base;
    self->replica = &rooms->replica;
    self->intake = &rooms->intake;
    self->stream = &rooms->stream;
    self->rounds = &rooms->rounds;
    self->durable = &rooms->durable;
    self->transfer = calloc(1, sizeof *self->transfer);
    CHECK(self->transfer);
    transfer_init(self->transfer, self->base, self->replica, self->intake, self->stream, self->rounds,
                  self->durable);
    self->report.state = "running";
    return self;
}

static void s_destroy_shard(void **core_p)
{
    shard_core_t *self = *core_p;
    *core_p = NULL;
    if (!self)
        return;
    transfer_fini(self->transfer);
    free(self->transfer);
    rooms_destroy(&self->joined);
    free(self);
}

shard_core_t *shard_core_new(const shard_spec_t *spec, buf_t **initial_p)
{
    CHECK(spec->history && buf_size(*initial_p) == spec->elements * sizeof(float));
    shard_core_t *self = s_new(spec);
    replica_start(self->replica, initial_p);
    self->stream->history = spec->history;
    stream_rebase(self->stream);
    self->base->changes = 1;
    if (spec->loses) /* its own history is a new one anyway */
        self->base->counts.rolled_back += spec->lost;
    if (spec->uncertain && spec->topology->region_count > 1)
        transfer_ask_at_start(self->transfer);
    return self;
}

err_code_t shard_core_restore(const shard_spec_t *spec, const snapshot_t *snapshot, shard_core_t **ret_self,
                              err_t *err)
{
    shard_core_t *self = s_new(spec);
    err_code_t code = state_load(self->durable, snapshot, err);
    if (code) {
        s_destroy_shard((void **)&self);
        return err_prefix(err, code, "shard %zu of region %s", spec->shard_index,
                          spec->topology->regions[spec->region_index].name);
    }
    if (self->stream->generation) /* nobody knows whether its positions were ever heard */
        self->transfer->position_us = 0;
    durable_collect(self->durable);
    if (spec->uncertain && spec->topology->region_count > 1)
        transfer_ask_at_start(self->transfer);
    *ret_self = self;
    return ERR_OK;
}

/* -- events -----------------------------------------------------------------------------------------------
 */

/* No round, destination or end is in the way of local steps. */
static bool s_may_step(const shard_core_t *self)
{
    return !rounds_bars(self->rounds) && !stream_limited(self->stream);
}

static bool s_step(shard_core_t *self)
{
    if (!s_may_step(self) || self->stream->closed || !intake_step(self->intake))
        return false;
    stream_cut_step(self->stream);
    return true;
}

/* -- own and other regions' deltas */

/* A step needs no more than the elements in which a gradient is not 0. An optimizer that remembers may look
 * at rows as a whole, of which a delta may have a part. */
static bool s_goes_by_element(const shard_core_t *self)
{
    const optimizer_row_t *row = optimizer_find(self->replica->optimizer.kind);
    return self->base->spec.patches && optimizer_tensors(row) == 0;
}

static bool s_apply(shard_core_t *self, size_t origin, const incoming_t *delta)
{
    replica_t *replica = self->replica;
    part_t part;
    if (stream_values(delta, &part)) {
        blend_t blend = {
            .parts = &part, .count = 1, .divisor = 1, .scratch = replica->scratch, .sums = replica->sums};
        if (delta->patch && s_goes_by_element(self))
            blend.touched = &delta->patch->runs;
        late_t late = {.origin = origin,
                       .steps = delta->head.steps,
                       .tells = delta->tells,
                       .seen = {delta->seen_history, delta->seen}};
        if (!replica->exchange->take(replica, &late, &blend))
            return false;
        replica->version++;
    }
    replica->samples_applied += delta->head.samples;
    return true;
}

/* A delta whose turn it is changes the version and its origin's position together. False when memory
 * is short: it stays. */
static bool s_take_delta(shard_core_t *self)
{
    size_t origin;
    incoming_t *delta;
    if (!stream_next(self->stream, &origin, &delta))
        return false;
    bool waits = rounds_are(self->rounds);
    if (!delta->code && !(waits ? rounds_take(self->rounds, origin, delta) : s_apply(self, origin, delta)))
        return false;
    stream_taken(self->stream, origin, delta);
    return true;
}

static bool s_runs(const shard_core_t *self)
{
    return life_runs(&self->base->life) && !life_stops(&self->base->life);
}

/* Everything that can be done now. */
static void s_advance_shard(shard_core_t *self)
{
    durable_collect(self->durable);
    bool runs = s_runs(self);
    for (bool moved = runs; moved;) {
        moved = self->replica->exchange->own(self->replica) || s_take_delta(self) ||
                rounds_apply(self->rounds) || s_step(self);
        durable_collect(self->durable);
    }
    if (runs)
        rounds_advance(self->rounds);
    if (self->rounds->wants_peer_status)
        peer_status_ask(self->transfer);
    self->rounds->wants_peer_status = false;
    intake_serve(self->intake, s_may_step(self));
}

static void s_on_delta(shard_core_t *self, const message_t *message)
{
    heard_t heard = stream_delta(self->stream, message);
    if (heard.origin != SIZE_MAX)
        rounds_given(self->rounds, heard.origin, heard.handed);
}

static void s_on_stream(shard_core_t *self, const message_t *message)
{
    size_t region;
    switch (stream_message(self->stream, message, &region)) {
    case STREAM_NOTHING:
        break;
    case STREAM_ROLLED_BACK:
        transfer_begin(self->transfer, true);
        break;
    case STREAM_RESET:
        if (self->transfer->giving.region == region)
            donor_drop(self->transfer);
        break;
    }
}

/* Where steps since an open round's cut are counted from what that does, and where memory is short, the
 * scheduler asks again. */
static void s_on_close(shard_core_t *self, const message_t *message)
{
    if (self->stream->closed)
        return;
    if (!ranges_has_all(&self->durable->applied, 0, self->base->region->batches))
        core_refuse(&self->base->core, message, ERR_STATE, "some batch of the region is not durable here");
    else if (!rounds_steps(self->rounds))
        stream_close(self->stream);
}

/* -- what is committed */

/* The snapshot that was out is durable: whoever waits for that acts on it. A shard that stops has
 * nothing else to wait for. */
static void s_on_counts(shard_core_t *self, const durable_done_t *done)
{
    if (self->base->life.phase == LIFE_STORES)
        transfer_done(self->transfer);
    if (done->first <= done->last) {
        stream_send(self->stream, done->first, done->last);
        stream_head(self->stream);
    }
    if (rounds_committed(self->rounds, done->changes, done->round))
        s_advance_shard(self);
    FAILPOINT(shard_snapshot_told);
    self->base->report_soon = true;
    if (life_stops(&self->base->life))
        shard_role.tick(self, self->base->core.now_us);
}

static void s_on_done(shard_core_t *self, durable_done_t done)
{
    if (done.number)
        donor_committed(self->transfer, done.number, done.code);
    if (done.counts)
        s_on_counts(self, &done);
}

static void s_stop(shard_core_t *self, life_end_t end)
{
    life_end(&self->base->life, end);
    transfer_stop(self->transfer);
    mark_drop(&self->durable->mark);
    intake_stop(self->intake);
    stream_stop(self->stream);
}

static void s_on_stop(shard_core_t *self)
{
    if (self->base->life.end != END_DONE)
        s_stop(self, END_STOPS);
}

/* A shard that is not dirty any more has nothing left to wait for: it ends without asking other regions. */
static void s_finish(shard_core_t *self)
{
    if (self->base->life.end != END_STOPS || !durable_is_done(self->durable))
        return;
    life_end(&self->base->life, END_DONE);
    shard_report(self);
}

/* Its scheduler lets it go on elsewhere: as a stop, but it stays to give its last snapshot away, and to say
 * so until it is told to end. One that asks where it stands first finishes that: until then it reports
 * nothing, and after a stop it would not any more. */
static void s_on_hand_over(shard_core_t *self, const message_t *message)
{
    if (message->hand_over.incarnation != self->base->spec.incarnation)
        return;
    durable_hand_over(self->durable);
    s_stop(self, END_HANDS);
    self->base->report_soon = true;
}

/* -- who may say what, and when */

/* Where the shard stands, for whoever speaks to it. */
enum { SAYS_RUNS, SAYS_ENTERS, SAYS_LOST, SAYS_ENDS, SAYS_ENDS_ENTERING };

#define WHILE_RUNS DISPATCH_IN(SAYS_RUNS)
#define WHILE_SURE (DISPATCH_IN(SAYS_RUNS) | DISPATCH_IN(SAYS_ENTERS)) /* the present lineage goes on */
#define WHILE_THERE (WHILE_SURE | DISPATCH_IN(SAYS_LOST))              /* until it ends */

static unsigned s_phase(const shard_core_t *self)
{
    const life_t *life = &self->base->life;
    if (life_stops(life))
        return life_runs(life) ? SAYS_ENDS : SAYS_ENDS_ENTERING;
    return life_runs(life) ? SAYS_RUNS : life->lossy ? SAYS_LOST : SAYS_ENTERS;
}

static void s_push(void *core, message_t **message_p, int64_t now_us)
{
    shard_core_t *self = core;
    (void)now_us;
    intake_push(self->intake, *message_p);
}

static void s_pull(void *core, message_t **message_p, int64_t now_us)
{
    shard_core_t *self = core;
    (void)now_us;
    intake_pull(self->intake, *message_p);
}

static void s_delta(void *core, message_t **message_p, int64_t now_us)
{
    shard_core_t *self = core;
    (void)now_us;
    s_on_delta(self, *message_p);
}

static void s_stream(void *core, message_t **message_p, int64_t now_us)
{
    shard_core_t *self = core;
    (void)now_us;
    s_on_stream(self, *message_p);
}

static void s_own_fetch(void *core, message_t **message_p, int64_t now_us)
{
    shard_core_t *self = core;
    (void)now_us;
    stream_fetch(self->stream, *message_p);
}

static void s_peer_fetch(void *core, message_t **message_p, int64_t now_us)
{
    shard_core_t *self = core;
    (void)now_us;
    rounds_give(self->rounds, *message_p);
}

static void s_gap(void *core, message_t **message_p, int64_t now_us)
{
    shard_core_t *self = core;
    (void)now_us;
    peer_status_gap(self->transfer, *message_p);
}

static void s_close(void *core, message_t **message_p, int64_t now_us)
{
    shard_core_t *self = core;
    (void)now_us;
    s_on_close(self, *message_p);
}

static void s_peer_status_want(void *core, message_t **message_p, int64_t now_us)
{
    shard_core_t *self = core;
    (void)now_us;
    peer_status_want(self->transfer, *message_p);
}

static void s_peer_status(void *core, message_t **message_p, int64_t now_us)
{
    shard_core_t *self = core;
    (void)now_us;
    peer_status_take(self->transfer, *message_p);
}

static void s_transfer_want(void *core, message_t **message_p, int64_t now_us)
{
    shard_core_t *self = core;
    (void)now_us;
    donor_want(self->transfer, *message_p);
}

static void s_offer(void *core, message_t **message_p, int64_t now_us)
{
    shard_core_t *self = core;
    (void)now_us;
    transfer_offer(self->transfer, *message_p);
}

static void s_piece(void *core, message_t **message_p, int64_t now_us)
{
    shard_core_t *self = core;
    (void)now_us;
    transfer_piece(self->transfer, *message_p);
}

static void s_to_durable(void *core, message_t **message_p, int64_t now_us)
{
    shard_core_t *self = core;
    (void)now_us;
    s_on_done(self, durable_message(self->durable, *message_p));
}

static void s_donor_fetch(void *core, message_t **message_p, int64_t now_us)
{
    shard_core_t *self = core;
    (void)now_us;
    donor_fetch(self->transfer, *message_p);
}

static void s_vote(void *core, message_t **message_p, int64_t now_us)
{
    shard_core_t *self = core;
    (void)now_us;
    if (rounds_message(self->rounds, *message_p))
        transfer_begin(self->transfer, false); /* an older state than it had was gone on from */
}

static void s_hand_over(void *core, message_t **message_p, int64_t now_us)
{
    shard_core_t *self = core;
    (void)now_us;
    s_on_hand_over(self, *message_p);
}

static void s_told_to_stop(void *core, message_t **message_p, int64_t now_us)
{
    shard_core_t *self = core;
    (void)now_us;
    (void)message_p;
    s_on_stop(self);
}

static const dispatch_row_t s_rows[] = {
    {KIND_push, FROM_WORKERS, WHILE_RUNS, s_push},
    {KIND_pull, FROM_ANYBODY, WHILE_RUNS | DISPATCH_IN(SAYS_ENDS),
     s_pull}, /* the newest is for whoever evaluates or exports */
    {KIND_delta, FROM_PEER_SYNCHRONIZERS | FROM_PEERS, WHILE_RUNS, s_delta},
    {KIND_stream, FROM_SYNCHRONIZER, WHILE_SURE, s_stream},
    {KIND_stream_fetch, FROM_SYNCHRONIZER, WHILE_SURE | DISPATCH_IN(SAYS_ENDS), s_own_fetch},
    {KIND_stream_fetch, FROM_PEERS, WHILE_RUNS | DISPATCH_IN(SAYS_ENDS), s_peer_fetch},
    {KIND_stream_gap, FROM_PEER_SYNCHRONIZERS, WHILE_THERE, s_gap},
    {KIND_close, FROM_SCHEDULER, WHILE_RUNS, s_close},
    {KIND_peer_status_want, FROM_PEERS, WHILE_THERE, s_peer_status_want},
    {KIND_peer_status, FROM_PEERS, WHILE_THERE, s_peer_status},
    {KIND_transfer_want, FROM_PEERS, WHILE_THERE, s_transfer_want},
    {KIND_snapshot_offer, FROM_PEERS, WHILE_THERE, s_offer},
    {KIND_snapshot_piece, FROM_PEERS, WHILE_THERE, s_piece},
    {KIND_keepers, FROM_SCHEDULER, DISPATCH_ALWAYS, s_to_durable},
    {KIND_snapshot_kept, FROM_KEEPERS, DISPATCH_ALWAYS, s_to_durable},
    {KIND_snapshot_fetch, FROM_KEEPERS, DISPATCH_ALWAYS, s_to_durable},
    {KIND_snapshot_fetch, FROM_PEERS, WHILE_THERE, s_donor_fetch},
    {KIND_vote_want, FROM_PEERS, WHILE_RUNS, s_vote},
    {KIND_vote, FROM_PEERS, WHILE_RUNS, s_vote},
    {KIND_decision, FROM_PEERS, WHILE_RUNS, s_vote},
    {KIND_mark, FROM_GLOBAL, DISPATCH_ALWAYS, s_to_durable}, /* who cannot make a point says so */
    {KIND_hand_over, FROM_SCHEDULER, WHILE_RUNS, s_hand_over},
    {KIND_stop, FROM_NODES | FROM_SCHEDULER, DISPATCH_ALWAYS, s_told_to_stop},
};
const dispatch_t shard_dispatch = {s_rows, sizeof s_rows / sizeof *s_rows, FROM_SCHEDULER};

static void s_dispatch(shard_core_t *self, message_t **message_p, int64_t now_us)
{
    base_t *base = self->base;
    const dispatch_self_t who = {.region = core_region_name(&base->core, base->spec.region_index),
                                 .number = base->spec.shard_index};
    const dispatch_row_t *row;
    err_t why = {0};
    dispatch_verdict_t verdict =
        dispatch_judge(&shard_dispatch, &who, *message_p, s_phase(self), &base->scheduler_incarnation, &row);
    if (verdict == DISPATCH_ACCEPTED) {
        row->handle(self, message_p, now_us);
        return;
    }
    err_code_t code = dispatch_why(verdict, *message_p, &why);
    base->counts.refusals += verdict == DISPATCH_DENIED;
    if (code)
        core_refuse(&base->core, *message_p, code, why.text);
}

static void s_message_shard(void *core, message_t **message_p, int64_t now_us)
{
    shard_core_t *self = core;
    self->base->core.now_us = now_us;
    s_dispatch(self, message_p, now_us);
    message_destroy(message_p);
    s_advance_shard(self);
    s_finish(self);
    shard_report_tick(self);
}

static void s_tick_shard(void *core, int64_t now_us)
{
    shard_core_t *self = core;
    self->base->core.now_us = now_us;
    self->base->short_of_memory = false;
    transfer_tick(self->transfer);
    s_on_done(self, durable_tick(self->durable));
    s_advance_shard(self);
    if (now_us >= self->stream->head_us && self->base->stored) {
        stream_release(self->stream); /* what was held for a newcomer */
        stream_head(self->stream);
    }
    s_finish(self);
    shard_report_tick(self);
}

static int64_t s_due_shard(const void *core)
{
    const shard_core_t *self = core;
    if (self->base->life.end == END_DONE)
        return ROLE_NEVER;
    int64_t due = timer_first(shard_report_due(self), durable_due(self->durable));
    due = timer_first(due, transfer_due(self->transfer));
    if (s_runs(self))
        due = timer_first(due, rounds_due(self->rounds));
    if (stream_owes(self->stream) && self->base->stored)
        due = timer_first(due, self->stream->head_us);
    if (self->base->short_of_memory)
        due = timer_first(due, self->base->core.now_us + RETRY_US);
    return due;
}

static outbox_t *s_outbox_shard(void *core)
{
    return &((shard_core_t *)core)->base->core.outbox;
}

static bool s_finished_shard(const void *core)
{
    return ((const shard_core_t *)core)->base->life.end == END_DONE;
}

const role_t shard_role = {
    .name = "shard",
    .message = s_message_shard,
    .tick = s_tick_shard,
    .due = s_due_shard,
    .outbox = s_outbox_shard,
    .finished = s_finished_shard,
    .destroy = s_destroy_shard,
};

/* -- snapshots -------------------------------------------------------------------------------------------
 */

snapshot_t *shard_core_take_snapshot(shard_core_t *self, int64_t now_us)
{
    self->base->core.now_us = now_us;
    if (durable_snapshot_due(self->durable) > now_us)
        return NULL;
    bool given = (self->durable->wants & DURABLE_TRANSFER) && stream_cut_now(self->stream);
    durable_collect(self->durable);
    snapshot_t *snapshot = durable_take(self->durable);
    if (snapshot && given)
        donor_taken(self->transfer, snapshot);
    return snapshot;
}

void shard_core_committed(shard_core_t *self, uint64_t number, err_code_t code, int64_t now_us)
{
    self->base->core.now_us = now_us;
    s_on_done(self, durable_committed(self->durable, number, code));
}

err_code_t shard_core_decode(const buf_t *state, message_t **ret_message, err_t *err)
{
    return state_decode(state, ret_message, err);
}

err_code_t shard_core_count(const buf_t *state, uint64_t *ret_batches, err_t *err)
{
    return state_count(state, ret_batches, err);
}

bool shard_core_may_go_on(const shard_core_t *self)
{
    return durable_may_go_on(self->durable);
}

void shard_core_go_on(shard_core_t *self, int64_t now_us)
{
    self->base->core.now_us = now_us;
    durable_go_on(self->durable);
}

bool shard_core_uncovered(const shard_core_t *self)
{
    return durable_is_uncovered(self->durable);
}

bool shard_core_pins(const shard_core_t *self, uint64_t incarnation)
{
    return mark_pins(&self->durable->mark, incarnation);
}

/* -- what others see --------------------------------------------------------------------------------------
 */

const float *shard_core_parameters(const shard_core_t *self)
{
    return buf_peek(self->replica->parameters);
}

const ranges_t *shard_core_applied(const shard_core_t *self)
{
    return &self->replica->applied;
}

uint64_t shard_core_samples_applied(const shard_core_t *self)
{
    return self->replica->samples_applied;
}

uint64_t shard_core_round(const shard_core_t *self)
{
    return self->rounds->number;
}

bool shard_core_closed(const shard_core_t *self)
{
    return self->durable->closed;
}

uint64_t shard_core_transfers(const shard_core_t *self)
{
    return self->base->counts.transfers;
}

uint64_t shard_core_rolled_back(const shard_core_t *self)
{
    return self->base->counts.rolled_back;
}

size_t shard_core_lasts(const shard_core_t *self)
{
    size_t count = 0;
    for (size_t r = 0; r < base_regions(self->base); r++)
        count += self->stream->origins[r].final_durable;
    return count;
}
