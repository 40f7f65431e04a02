#include "actors/worker/worker_core.h"

#include "actors/kit/core_base.h"
#include "actors/kit/timers.h"
#include "actors/worker/worker_gradients.h"
#include "actors/worker/worker_lease.h"
#include "actors/worker/worker_pull.h"
#include "actors/worker/worker_pushes.h"
#include "actors/worker/worker_status.h"
#include "codec/base/failpoint.h"
#include "codec/wire/actor_name.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define WANT_EVERY_US 200000
#define STALLED_US 1000000   /* parameters that do not come for so long may wait for a batch nobody has */
#define AGAIN_PULL_US 50000  /* until a shard that was not there is asked again ... */
#define AGAIN_PUSH_US 200000 /* ... and is sent again what may be large */
#define DRAIN_US 2000000     /* without an acknowledgement, until a stop leaves pushes to a later run */
#define STEP_US 5000000      /* for the computation at hand, until a stop leaves it to a later run, too */
#define PUSHES_MIN 2         /* on their way at a time; more where a step takes more batches */

/* The computation at hand: its parameters are pulled, then it is offered. */
typedef struct {
    enum { SLOT_IDLE, SLOT_PULLING, SLOT_COMPUTING } state;
    bool evaluating; /* what it is for: else a batch */
    uint64_t batch;
    int64_t since_us;
} slot_t;

/* The work that is done so far. */
typedef struct {
    uint64_t done; /* batches that every shard has */
    uint64_t samples;
    double loss_sum;
    int64_t compute_us;           /* of all computations that have ended */
    int64_t computes_us;          /* since when it computes */
    bool started;                 /* has been told the time */
    int64_t started_us, begun_us; /* from then to its first computation, 0: none yet */
} tally_t;

/* How it ends. */
typedef struct {
    bool asked;
    int64_t drain_us, step_us; /* when it waits no longer for pushes; for its computation */
    bool gave_up;              /* what it computed */
    err_code_t failure;
    char reason[ERR_TEXT_MAX];
} stop_t;

struct worker_core {
    core_base_t base;
    worker_spec_t spec;
    const job_region_t *share;
    wire_name_t scheduler;
    uint64_t scheduler_incarnation;
    int64_t want_us; /* when the scheduler is asked next, if there is a reason */
    worker_shards_t shards;
    worker_lease_t lease;
    worker_pull_t pull;
    worker_pushes_t pushes;
    worker_gradients_t gradients;
    worker_status_t status;
    slot_t slot;
    tally_t tally;
    stop_t stop;
};

/* ---- what it has, what it wants ---- */

static bool s_pulled(const worker_core_t *self)
{
    return self->slot.state == SLOT_PULLING && worker_pull_missing(&self->pull) == self->shards.count;
}

/* One batch may be on its way while the next is computed, not more. */
static bool s_may_compute(const worker_core_t *self)
{
    bool room = self->slot.evaluating || worker_pushes_free(&self->pushes);
    return s_pulled(self) && room && !self->stop.asked;
}

static void s_begin_batch(worker_core_t *self, bool evaluate, uint64_t batch, int64_t now_us)
{
    if (!evaluate && !worker_lease_begin(&self->lease, batch))
        return;
    self->slot = (slot_t){SLOT_PULLING, evaluate, batch, now_us};
    worker_pull_begin(&self->pull, batch, evaluate, now_us);
}

/* The parameters or the push's way that it waits for may be for a later step than a batch that has come
 * since: then that one is first. */
static bool s_must_change(const worker_core_t *self, bool evaluate, uint64_t batch)
{
    if (self->slot.state != SLOT_PULLING || self->slot.evaluating || s_may_compute(self))
        return false;
    return evaluate || batch < self->slot.batch;
}

/* The computation that comes next is pulled for; whatever was pulled for is put back. */
static void s_fill_slot(worker_core_t *self, int64_t now_us)
{
    bool evaluate;
    uint64_t batch;
    if (self->stop.asked || !worker_lease_next(&self->lease, &evaluate, &batch))
        return;
    if (s_must_change(self, evaluate, batch)) {
        if (!worker_lease_put_back(&self->lease, self->slot.batch))
            return;
        self->slot.state = SLOT_IDLE;
    }
    if (self->slot.state != SLOT_IDLE)
        return;
    s_begin_batch(self, evaluate, batch, now_us);
    if (self->slot.state == SLOT_PULLING)
        worker_pull_ask(&self->pull, 0);
}

/* ---- by the clock ---- */

/* When a batch that could be computed has waited too long for pushes on their way. */
static int64_t s_yield_due(const void *core)
{
    const worker_core_t *self = core;
    if (self->stop.asked || !s_pulled(self) || s_may_compute(self))
        return ROLE_NEVER;
    const worker_push_t *furthest = worker_pushes_furthest(&self->pushes);
    return furthest && furthest->batch > self->slot.batch ? self->slot.since_us + STALLED_US : ROLE_NEVER;
}

/* A shard that lost its newest steps keeps pushes of later ones back until it has the lost batches again.
 * Such a push gives way to a batch before it and is computed once more later; else both would wait for
 * ever. */
static void s_yield(void *core, int64_t now_us)
{
    worker_core_t *self = core;
    worker_push_t *furthest = worker_pushes_furthest(&self->pushes);
    (void)now_us;
    if (worker_lease_put_back(&self->lease, furthest->batch))
        worker_push_drop(furthest);
}

static int64_t s_pull_due(const void *core)
{
    const worker_core_t *self = core;
    return self->slot.state == SLOT_PULLING ? worker_pull_due(&self->pull) : ROLE_NEVER;
}

static void s_pull(void *core, int64_t now_us)
{
    worker_pull_retry(&((worker_core_t *)core)->pull, now_us);
}

static int64_t s_push_due(const void *core)
{
    return worker_pushes_due(&((const worker_core_t *)core)->pushes);
}

static void s_push(void *core, int64_t now_us)
{
    worker_pushes_retry(&((worker_core_t *)core)->pushes, now_us);
}

/* When it next asks the scheduler. A result is told with each request; parameters and pushes may be kept back
 * for a batch that a lost worker or shard left, so one that waits for them asks as well. */
static int64_t s_want_due(const void *core)
{
    const worker_core_t *self = core;
    if (self->stop.asked)
        return ROLE_NEVER;
    if (worker_lease_wants(&self->lease))
        return self->want_us;
    if (self->slot.state != SLOT_PULLING || s_may_compute(self))
        return ROLE_NEVER;
    int64_t stalled_us = self->slot.since_us + STALLED_US;
    return stalled_us > self->want_us ? stalled_us : self->want_us;
}

static void s_want(void *core, int64_t now_us)
{
    worker_core_t *self = core;
    const tally_t *tally = &self->tally;
    self->want_us = now_us + WANT_EVERY_US;
    self->lease.asked = false;
    if (self->lease.result) {
        message_t *result = message_dup(self->lease.result);
        core_send(&self->base, &result);
    }
    message_t *want = core_message(&self->base, KIND_lease_want, self->scheduler);
    want->lease_want.last_grant = self->lease.last_grant;
    message_set_ranges(&want->lease_want.holding, &self->lease.holding);
    want->lease_want.samples = tally->samples;
    want->lease_want.loss_sum = tally->loss_sum;
    want->lease_want.compute_us = tally->compute_us;
    want->lease_want.begun_us = tally->begun_us;
    want->lease_want.done = tally->done;
    core_send(&self->base, &want);
}

static const char *s_waits_for(const worker_core_t *self)
{
    if (self->base.finished || self->slot.state == SLOT_COMPUTING || s_may_compute(self))
        return "";
    if (self->slot.state == SLOT_PULLING && !s_pulled(self))
        return self->shards.names[worker_pull_missing(&self->pull)];
    for (size_t index = 0; index < self->pushes.count; index++)
        if (self->pushes.items[index].used)
            return self->shards.names[worker_push_missing(&self->pushes.items[index])];
    return self->scheduler;
}

static void s_show(worker_core_t *self, int64_t now_us)
{
    worker_status_show(&self->status, s_waits_for(self), now_us);
}

static int64_t s_status_due(const void *core)
{
    return ((const worker_core_t *)core)->status.due_us;
}

static void s_say_status_worker(void *core, int64_t now_us)
{
    worker_core_t *self = core;
    const char *state = self->stop.failure    ? "failed"
                        : self->base.finished ? "stopped"
                        : self->stop.asked    ? "draining"
                                              : (self->status.waits_for[0] ? "waiting" : "running");
    worker_status_send(&self->status, &self->base, self->scheduler, state, self->tally.done, now_us);
}

static void s_finish(worker_core_t *self, int64_t now_us)
{
    if (self->base.finished)
        return;
    self->base.finished = true;
    s_show(self, now_us);
    s_say_status_worker(self, now_us);
}

/* A step may take minutes, and who stops cannot wait for that: nobody has it, so it is leased again and
 * computed by whoever goes on. A stop waits for pushes on their way, so that all shards stop with the same
 * batches and a resumed run computes what this one would have; but not for a shard that keeps them back
 * for another region. */
static int64_t s_drain_due(const void *core)
{
    const worker_core_t *self = core;
    if (!self->stop.asked || self->base.finished)
        return ROLE_NEVER;
    if (self->slot.state == SLOT_COMPUTING)
        return self->stop.step_us;
    return worker_pushes_used(&self->pushes) ? self->stop.drain_us : TIMER_NOW;
}

static void s_drain(void *core, int64_t now_us)
{
    worker_core_t *self = core;
    self->stop.gave_up = self->slot.state == SLOT_COMPUTING;
    s_finish(self, now_us);
}

static const timer_row_t s_timers[] = {
    {s_yield_due, s_yield}, {s_pull_due, s_pull}, {s_push_due, s_push},
    {s_drain_due, s_drain}, {s_want_due, s_want}, {s_status_due, s_say_status_worker},
};
#define TIMERS (sizeof s_timers / sizeof *s_timers)

static void s_start(worker_core_t *self, int64_t now_us)
{
    self->tally.started = true;
    self->tally.started_us = self->want_us = now_us;
    worker_status_start(&self->status, now_us);
}

static void s_advance_worker(worker_core_t *self, int64_t now_us)
{
    self->base.now_us = now_us;
    if (self->base.finished)
        return;
    if (!self->tally.started)
        s_start(self, now_us);
    s_fill_slot(self, now_us);
    s_show(self, now_us);
    timers_run(s_timers, TIMERS, self, now_us);
}

/* ---- messages ---- */

static void s_take_lease(worker_core_t *self, const message_t *message, int64_t now_us)
{
    if (strcmp(message->from, self->scheduler))
        return;
    if (message->incarnation < self->scheduler_incarnation) {
        core_refuse(&self->base, message, ERR_STALE, "a newer scheduler of this region runs");
        return;
    }
    if (message->lease.worker && message->lease.worker != self->base.incarnation)
        return;
    if (!message->lease.grant)
        self->lease.asked = true;
    else if (!worker_lease_take(&self->lease, message, self->share->batches))
        return;
    self->scheduler_incarnation = message->incarnation;
    self->want_us = now_us; /* the next one may be asked for as soon as it is wanted */
}

/* Questions that this shard has not answered are asked again then: pulls first, for they are small and
 * show when it is back. */
static void s_again(worker_core_t *self, size_t shard, int64_t pulls_us, int64_t pushes_us)
{
    worker_pull_again(&self->pull, shard, pulls_us);
    worker_pushes_again(&self->pushes, shard, pushes_us);
}

/* Nobody is there by the name of a shard: its process has died, and a successor will come soon. */
static void s_take_unreachable(worker_core_t *self, const message_t *message, int64_t now_us)
{
    size_t shard = worker_shards_named(&self->shards, message->unreachable.actor);
    if (shard < self->shards.count)
        s_again(self, shard, now_us + AGAIN_PULL_US, now_us + AGAIN_PUSH_US);
}

/* Index of the shard that sent a message; the number of shards for anybody else, and for a former incarnation
 * of a shard. A later one has nothing of what the former was sent and had not stored. */
static size_t s_shard(worker_core_t *self, const message_t *message, int64_t now_us)
{
    bool renewed;
    size_t shard = worker_shards_sender(&self->shards, message, &renewed);
    if (renewed)
        s_again(self, shard, now_us, now_us);
    return shard;
}

static void s_take_params(worker_core_t *self, const message_t *message, int64_t now_us)
{
    size_t shard = s_shard(self, message, now_us);
    if (shard < self->shards.count && self->slot.state == SLOT_PULLING)
        worker_pull_take(&self->pull, shard, message, now_us);
}

static void s_take_ack(worker_core_t *self, const message_t *message, int64_t now_us)
{
    size_t shard = s_shard(self, message, now_us);
    for (size_t index = 0; shard < self->shards.count && index < self->pushes.count; index++) {
        worker_push_t *push = &self->pushes.items[index];
        if (!push->used || push->batch != message->push_ack.batch)
            continue;
        if (!worker_push_take(push, shard, message, now_us))
            return;
        if (!worker_lease_done(&self->lease, push->batch))
            return; /* no room to split the set: it stays held, and is leased again when this worker ends */
        self->want_us = now_us; /* there may be room for the next lease now */
        self->stop.drain_us = now_us + DRAIN_US;
        self->tally.done++;
    }
}

static void s_take_refused(worker_core_t *self, const message_t *message, int64_t now_us)
{
    if (message->refused.code != ERR_STALE ||
        (message->refused.incarnation && message->refused.incarnation != self->base.incarnation))
        return;
    self->stop.failure = ERR_STALE;
    snprintf(self->stop.reason, sizeof self->stop.reason,
             "%s says that a newer incarnation of this worker runs", message->from);
    s_finish(self, now_us);
}

/* Pushes on their way are waited for until nothing is heard for a while, and sent again soon. */
static void s_hurry(worker_core_t *self, int64_t now_us)
{
    self->stop.drain_us = now_us + DRAIN_US;
    worker_pushes_hurry(&self->pushes, now_us);
}

static void s_take_stop(worker_core_t *self, int64_t now_us)
{
    if (self->stop.asked)
        return;
    self->stop.asked = true;
    self->stop.step_us = now_us + STEP_US;
    s_hurry(self, now_us);
    if (self->slot.state == SLOT_PULLING)
        self->slot.state = SLOT_IDLE;
}

static void s_message_worker(void *core, message_t **message_p, int64_t now_us)
{
    worker_core_t *self = core;
    message_t *message = *message_p;
    self->base.now_us = now_us;
    switch (self->base.finished ? KIND_bye : message->kind) {
    case KIND_lease:
        s_take_lease(self, message, now_us);
        break;
    case KIND_params:
        s_take_params(self, message, now_us);
        break;
    case KIND_push_ack:
        s_take_ack(self, message, now_us);
        break;
    case KIND_refused:
        s_take_refused(self, message, now_us);
        break;
    case KIND_stop:
        s_take_stop(self, now_us);
        break;
    case KIND_unreachable:
        s_take_unreachable(self, message, now_us);
        break;
    default:
        break;
    }
    message_destroy(message_p);
    s_advance_worker(self, now_us);
}

/* ---- computations ---- */

bool worker_core_take_task(worker_core_t *self, worker_task_t *ret_task)
{
    const slot_t *slot = &self->slot;
    if (self->base.finished || !s_may_compute(self) ||
        (!slot->evaluating && !worker_gradients_take(&self->gradients)))
        return false;
    tally_t *tally = &self->tally;
    int64_t now_us = self->base.now_us;
    self->slot.state = SLOT_COMPUTING;
    tally->computes_us = now_us;
    if (!tally->begun_us && !slot->evaluating)
        tally->begun_us = now_us > tally->started_us ? now_us - tally->started_us : 1;
    *ret_task =
        (worker_task_t){.evaluate = slot->evaluating, .batch = slot->batch, .params = self->pull.params};
    if (!slot->evaluating)
        ret_task->gradient = buf_data(worker_gradients_taken(&self->gradients));
    return true;
}

bool worker_core_foresee(const worker_core_t *self, bool *ret_evaluate, uint64_t *ret_batch)
{
    if (self->slot.state == SLOT_COMPUTING && self->slot.evaluating) { /* its own grant is still there */
        *ret_evaluate = false;
        return worker_lease_batch(&self->lease, ret_batch);
    }
    if (self->slot.state != SLOT_PULLING)
        return worker_lease_next(&self->lease, ret_evaluate, ret_batch);
    *ret_evaluate = self->slot.evaluating;
    *ret_batch = self->slot.batch;
    return true;
}

/* The next pull travels with the push; one that names what it wants goes behind it. */
static void s_begin_push(worker_core_t *self, uint64_t samples, int64_t now_us)
{
    uint64_t pushed = self->slot.batch, next;
    buf_t *gradient = worker_gradients_taken(&self->gradients);
    bool evaluate, carried;
    if (!worker_clip(&self->gradients.clip, self->pull.params, buf_data(gradient)))
        gradient = NULL;
    worker_push_t *push = worker_pushes_free(&self->pushes);
    worker_push_load(push, gradient, &self->pull.touched);
    self->slot.state = SLOT_IDLE;
    carried = !self->stop.asked && worker_lease_next(&self->lease, &evaluate, &next) && !evaluate;
    if (carried)
        s_begin_batch(self, false, next, now_us);
    carried = carried && self->slot.state == SLOT_PULLING;
    bool follows = carried && worker_touched_some(&self->pull.touched);
    worker_push_begin(push, pushed, samples, carried && !follows ? &self->pull : NULL, now_us);
    if (follows)
        worker_pull_ask(&self->pull, pushed + 1);
}

void worker_core_computed(worker_core_t *self, double mean_loss, int64_t now_us)
{
    tally_t *tally = &self->tally;
    CHECK(self->slot.state == SLOT_COMPUTING && !self->slot.evaluating);
    tally->compute_us += now_us - tally->computes_us;
    FAILPOINT(worker_computed);
    uint64_t first, end;
    job_batch_samples(self->share, self->slot.batch, &first, &end);
    if (isfinite(mean_loss)) {
        tally->samples += end - first;
        tally->loss_sum += mean_loss * (double)(end - first);
    }
    if (!self->base.finished)
        s_begin_push(self, end - first, now_us);
    if (self->stop.asked)
        s_hurry(self, now_us);
    s_advance_worker(self, now_us);
}

void worker_core_evaluated(worker_core_t *self, const worker_result_t *result, int64_t took_us,
                           int64_t now_us)
{
    CHECK(self->slot.state == SLOT_COMPUTING && self->slot.evaluating);
    self->slot.state = SLOT_IDLE;
    message_t *message = core_message(&self->base, KIND_evaluated, self->scheduler);
    message->evaluated.grant = self->lease.evaluate_grant;
    message->evaluated.loss = result->loss;
    message->evaluated.accuracy = result->accuracy;
    message->evaluated.auc = result->auc;
    message->evaluated.took_us = took_us;
    worker_lease_keep_result(&self->lease, &message);
    self->want_us = now_us;
    s_advance_worker(self, now_us);
}

bool worker_core_gave_up(const worker_core_t *self, uint64_t *ret_batch)
{
    *ret_batch = self->slot.batch;
    return self->stop.gave_up && !self->slot.evaluating;
}

/* ---- the role ---- */

static void s_tick_worker(void *core, int64_t now_us)
{
    s_advance_worker(core, now_us);
}

static int64_t s_due_worker(const void *core)
{
    const worker_core_t *self = core;
    return self->base.finished ? ROLE_NEVER : timers_due(s_timers, TIMERS, self);
}

static void s_destroy_worker(void **core_p)
{
    worker_core_t *self = *core_p;
    if (!self)
        return;
    worker_pushes_fini(&self->pushes);
    worker_gradients_fini(&self->gradients);
    worker_pull_fini(&self->pull);
    worker_lease_fini(&self->lease);
    worker_shards_fini(&self->shards);
    core_fini(&self->base);
    free(self);
    *core_p = NULL;
}

worker_core_t *worker_core_new(const worker_spec_t *spec)
{
    CHECK(spec->shard_count > 0 && spec->chunk_bytes >= sizeof(float) &&
          spec->chunk_bytes % sizeof(float) == 0);
    worker_core_t *self = calloc(1, sizeof *self);
    CHECK(self);
    const char *region = spec->topology->regions[spec->region_index].name;
    core_init(&self->base, actor_name_numbered(ROLE_WORKER, region, spec->worker_index).text,
              spec->incarnation, spec->topology);
    message_set_name(self->scheduler, actor_name(ROLE_SCHEDULER, region).text);
    self->share = &spec->job->regions[spec->region_index];
    worker_shards_init(&self->shards, spec);
    self->spec = *spec;
    self->spec.shard_first = self->shards.first;
    self->spec.layout = NULL; /* not kept */
    size_t pushes = self->share->width > PUSHES_MIN ? self->share->width : PUSHES_MIN;
    worker_status_init(&self->status, spec->status_us);
    worker_pull_init(&self->pull, &self->base, &self->shards, spec);
    worker_pushes_init(&self->pushes, pushes, &self->base, &self->shards, &self->spec);
    worker_gradients_init(&self->gradients, pushes, worker_shards_all(&self->shards));
    worker_clip_init(&self->gradients.clip, topology_clip_norm(spec->topology, spec->region_index),
                     spec->topology->job.optimizer.clip_value, spec->layout,
                     worker_shards_all(&self->shards));
    return self;
}

uint64_t worker_core_done(const worker_core_t *self)
{
    return self->tally.done;
}

const char *worker_core_waits_for(const worker_core_t *self, int64_t *ret_since_us)
{
    if (ret_since_us)
        *ret_since_us = self->status.since_us;
    return self->status.waits_for;
}

err_code_t worker_core_failure(const worker_core_t *self, const char **ret_reason)
{
    if (ret_reason)
        *ret_reason = self->stop.reason;
    return self->stop.failure;
}

const role_t worker_role = {
    .name = "worker",
    .message = s_message_worker,
    .tick = s_tick_worker,
    .due = s_due_worker,
    .outbox = core_outbox,
    .finished = core_finished,
    .destroy = s_destroy_worker,
};
