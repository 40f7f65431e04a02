#include "actors/worker/worker_core.h"

#include "actors/kit/core_base.h"
#include "actors/model/optimizer.h"
#include "actors/worker/worker_pull.h"
#include "actors/worker/worker_push.h"
#include "codec/base/failpoint.h"
#include "codec/wire/actor_name.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define WANT_EVERY_US 200000
#define STATUS_EVERY_US 500000
#define STATUS_CHANGE_US 100000 /* a change is told no sooner after the status before */
#define STALLED_US 1000000      /* parameters that do not come for so long may wait for a batch nobody has */
#define AGAIN_PULL_US 50000     /* until a shard that was not there is asked again ... */
#define AGAIN_PUSH_US 200000    /* ... and is sent again what may be large */
#define DRAIN_US 2000000        /* without an acknowledgement, until a stop leaves pushes to a later run */
#define STEP_US 5000000         /* for the computation at hand, until a stop leaves it to a later run, too */
#define PUSHES_MIN 2            /* on their way at a time; more where a step takes more batches */

typedef enum { SLOT_IDLE, SLOT_PULLING, SLOT_COMPUTING } slot_t;

struct worker_core {
    core_base_t base;
    worker_spec_t spec;
    size_t *shard_first;
    const job_region_t *share;
    wire_name_t scheduler;
    wire_name_t *shards;
    uint64_t *shard_incarnations; /* newest seen */
    uint64_t scheduler_incarnation;

    ranges_t holding; /* leased and not applied by every shard */
    ranges_t todo;    /* the part of it whose computation has not begun */
    uint64_t last_grant;
    uint64_t lease_length;   /* of the newest lease of batches */
    bool asked;              /* a new scheduler wants to know what it holds */
    uint64_t evaluate_grant; /* not 0: evaluate next */
    message_t *result;       /* evaluated, until a newer grant */

    slot_t slot;
    bool evaluating; /* what the slot is for: else a batch */
    uint64_t batch;
    int64_t slot_us;
    worker_pull_t pull;
    worker_push_t *pushes; /* (push_count) a whole step, as the other workers may be away */
    size_t push_count;
    buf_t **gradients; /* (gradient_count) on their way, being computed, and one that a shard still reads */
    size_t gradient_count;
    size_t gradient; /* of the slot, while computing */

    uint64_t done, samples;
    double loss_sum;
    int64_t compute_began_us, compute_us;
    int64_t want_us, status_us, status_sent_us;
    bool stopping;
    int64_t drain_us, step_us; /* while stopping: when it waits no longer for pushes; for its computation */
    bool gave_up;              /* what it computed */
    err_code_t failure;
    char reason[ERR_TEXT_MAX];
    char waits_for[WIRE_NAME_SIZE];
    int64_t since_us;
    bool started;                 /* has been told the time */
    int64_t started_us, begun_us; /* from then to its first computation, 0: none yet */
};

/* ---- what it has, what it wants ---- */

static size_t s_pushing(const worker_core_t *self)
{
    size_t count = 0;
    for (size_t index = 0; index < self->push_count; index++)
        count += self->pushes[index].used;
    return count;
}

static bool s_pulled(const worker_core_t *self)
{
    return self->slot == SLOT_PULLING && worker_pull_missing(&self->pull) == self->spec.shard_count;
}

/* One batch may be on its way while the next is computed, not more. */
static bool s_may_compute(const worker_core_t *self)
{
    return s_pulled(self) && (self->evaluating || s_pushing(self) < self->push_count) && !self->stopping;
}

/* The computation that comes next: an evaluation, else the lowest batch; whatever was pulled for is put back.
 */
static bool s_next(worker_core_t *self, bool *ret_evaluate, uint64_t *ret_batch)
{
    *ret_evaluate = self->evaluate_grant != 0;
    if (!*ret_evaluate && !self->todo.count)
        return false;
    *ret_batch = *ret_evaluate ? 0 : self->todo.items[0].first;
    return true;
}

static void s_begin(worker_core_t *self, bool evaluate, uint64_t batch, int64_t now_us)
{
    if (!evaluate && ranges_remove(&self->todo, batch, batch + 1))
        return;
    self->slot = SLOT_PULLING;
    self->slot_us = now_us;
    self->evaluating = evaluate;
    self->batch = batch;
    worker_pull_begin(&self->pull, batch, evaluate, now_us);
}

/* The parameters or the push's way that it waits for may be for a later step than a batch that has come
 * since: then that one is first. */
static bool s_must_change(const worker_core_t *self, bool evaluate, uint64_t batch)
{
    if (self->slot != SLOT_PULLING || self->evaluating || s_may_compute(self))
        return false;
    return evaluate || batch < self->batch;
}

/* When a batch that could be computed has waited too long for pushes on their way. */
static int64_t s_yield_due(const worker_core_t *self)
{
    if (self->stopping || !s_pulled(self) || s_may_compute(self))
        return ROLE_NEVER;
    for (size_t index = 0; index < self->push_count; index++)
        if (self->pushes[index].batch > self->batch)
            return self->slot_us + STALLED_US;
    return ROLE_NEVER;
}

/* A shard that lost its newest steps keeps pushes of later ones back until it has the lost batches again.
 * Such a push gives way to a batch before it and is computed once more later; else both would wait for
 * ever. */
static void s_yield(worker_core_t *self, int64_t now_us)
{
    if (now_us < s_yield_due(self))
        return;
    worker_push_t *furthest = &self->pushes[0];
    for (size_t index = 1; index < self->push_count; index++)
        if (self->pushes[index].batch > furthest->batch)
            furthest = &self->pushes[index];
    if (!ranges_add(&self->todo, furthest->batch, furthest->batch + 1))
        worker_push_drop(furthest);
}

static void s_fill(worker_core_t *self, int64_t now_us)
{
    bool evaluate;
    uint64_t batch;
    if (self->stopping || !s_next(self, &evaluate, &batch))
        return;
    if (s_must_change(self, evaluate, batch)) {
        if (ranges_add(&self->todo, self->batch, self->batch + 1))
            return;
        self->slot = SLOT_IDLE;
    }
    if (self->slot != SLOT_IDLE)
        return;
    s_begin(self, evaluate, batch, now_us);
    if (self->slot == SLOT_PULLING)
        worker_pull_ask(&self->pull, &self->base.outbox);
}

/* When it next asks the scheduler. A result is told with each request; parameters and pushes may be kept back
 * for a batch that a lost worker or shard left, so one that waits for them asks as well. */
static int64_t s_want_due(const worker_core_t *self)
{
    if (self->stopping)
        return ROLE_NEVER;
    if (self->asked || self->result || 2 * ranges_size(&self->todo) <= self->lease_length)
        return self->want_us;
    if (self->slot != SLOT_PULLING || s_may_compute(self))
        return ROLE_NEVER;
    int64_t stalled_us = self->slot_us + STALLED_US;
    return stalled_us > self->want_us ? stalled_us : self->want_us;
}

/* ---- sending ---- */

static void s_want(worker_core_t *self, int64_t now_us)
{
    if (now_us < s_want_due(self))
        return;
    self->want_us = now_us + WANT_EVERY_US;
    self->asked = false;
    if (self->result) {
        message_t *result = message_dup(self->result);
        core_send(&self->base, &result);
    }
    message_t *want = core_message(&self->base, KIND_lease_want, self->scheduler);
    want->lease_want.last_grant = self->last_grant;
    message_set_ranges(&want->lease_want.holding, &self->holding);
    want->lease_want.samples = self->samples;
    want->lease_want.loss_sum = self->loss_sum;
    want->lease_want.compute_us = self->compute_us;
    want->lease_want.begun_us = self->begun_us;
    want->lease_want.done = self->done;
    core_send(&self->base, &want);
}

static const char *s_waits_for(const worker_core_t *self)
{
    if (self->base.finished || self->slot == SLOT_COMPUTING || s_may_compute(self))
        return "";
    if (self->slot == SLOT_PULLING && !s_pulled(self))
        return self->shards[worker_pull_missing(&self->pull)];
    for (size_t index = 0; index < self->push_count; index++)
        if (self->pushes[index].used)
            return self->shards[worker_push_missing(&self->pushes[index])];
    return self->scheduler;
}

static void s_show(worker_core_t *self, int64_t now_us)
{
    const char *name = s_waits_for(self);
    if (!strcmp(name, self->waits_for))
        return;
    message_set_name(self->waits_for, name);
    self->since_us = now_us;
    if (!self->spec.status_us && self->status_us > self->status_sent_us + STATUS_CHANGE_US)
        self->status_us = self->status_sent_us + STATUS_CHANGE_US;
}

static void s_status(worker_core_t *self, int64_t now_us)
{
    if (now_us < self->status_us)
        return;
    message_t *status = core_message(&self->base, KIND_status, self->scheduler);
    const char *state = self->failure         ? "failed"
                        : self->base.finished ? "stopped"
                        : self->stopping      ? "draining"
                                              : (self->waits_for[0] ? "waiting" : "running");
    message_set_name(status->status.actor, self->base.name);
    message_set_name(status->status.state, state);
    message_set_name(status->status.waits_for, self->waits_for);
    status->status.incarnation = self->base.incarnation;
    status->status.since_us = (uint64_t)(now_us - self->since_us);
    status->status.applied = self->done;
    core_send(&self->base, &status);
    self->status_sent_us = now_us;
    self->status_us = now_us + (self->spec.status_us ? self->spec.status_us : STATUS_EVERY_US);
}

static void s_finish(worker_core_t *self, int64_t now_us)
{
    if (self->base.finished)
        return;
    self->base.finished = true;
    self->status_us = now_us;
    s_show(self, now_us);
    s_status(self, now_us);
}

/* A step may take minutes, and who stops cannot wait for that: nobody has it, so it is leased again and
 * computed by whoever goes on. A stop waits for pushes on their way, so that all shards stop with the same
 * batches and a resumed run computes what this one would have; but not for a shard that keeps them back
 * for another region. */
static void s_drain(worker_core_t *self, int64_t now_us)
{
    if (!self->stopping)
        return;
    self->gave_up = self->slot == SLOT_COMPUTING && now_us >= self->step_us;
    if (self->gave_up || (self->slot != SLOT_COMPUTING && (!s_pushing(self) || now_us >= self->drain_us)))
        s_finish(self, now_us);
}

static void s_advance(worker_core_t *self, int64_t now_us)
{
    self->base.now_us = now_us;
    if (self->base.finished)
        return;
    if (!self->started) {
        self->started = true;
        self->started_us = now_us;
        self->since_us = self->want_us = self->status_us = self->status_sent_us = now_us;
    }
    s_fill(self, now_us);
    s_yield(self, now_us);
    if (self->slot == SLOT_PULLING)
        worker_pull_retry(&self->pull, &self->base.outbox, now_us);
    for (size_t index = 0; index < self->push_count; index++)
        worker_push_retry(&self->pushes[index], &self->base.outbox, now_us);
    s_drain(self, now_us);
    s_want(self, now_us);
    s_show(self, now_us);
    s_status(self, now_us);
}

/* ---- messages ---- */

static bool s_take_batches(worker_core_t *self, uint64_t first, uint64_t end)
{
    uint64_t gap_first, gap_end, from = first;
    while (from < end && ranges_gap(&self->holding, from, end, &gap_first, &gap_end)) {
        if (ranges_add(&self->todo, gap_first, gap_end))
            return false;
        from = gap_end;
    }
    return ranges_add(&self->holding, first, end) == ERR_OK;
}

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
    if (!message->lease.grant) {
        self->scheduler_incarnation = message->incarnation;
        self->asked = true;
        self->want_us = now_us;
        return;
    }
    if (message->lease.grant != self->last_grant + 1 || message->lease.first > message->lease.end ||
        message->lease.end > self->share->batches)
        return;
    if (!s_take_batches(self, message->lease.first, message->lease.end))
        return;
    self->scheduler_incarnation = message->incarnation;
    self->last_grant = message->lease.grant;
    if (message->lease.end > message->lease.first)
        self->lease_length = message->lease.end - message->lease.first;
    if (message->lease.evaluate)
        self->evaluate_grant = message->lease.grant;
    message_destroy(&self->result);
    self->want_us = now_us; /* the next one may be asked for as soon as it is wanted */
}

static size_t s_shard_named(const worker_core_t *self, const char *name)
{
    size_t shard = 0;
    while (shard < self->spec.shard_count && strcmp(self->shards[shard], name))
        shard++;
    return shard;
}

/* Questions that this shard has not answered are asked again then: pulls first, for they are small and
 * show when it is back. */
static void s_again(worker_core_t *self, size_t shard, int64_t pulls_us, int64_t pushes_us)
{
    worker_pull_again(&self->pull, shard, pulls_us);
    for (size_t index = 0; index < self->push_count; index++)
        worker_push_again(&self->pushes[index], shard, pushes_us);
}

/* Nobody is there by the name of a shard: its process has died, and a successor will come soon. */
static void s_take_unreachable(worker_core_t *self, const message_t *message, int64_t now_us)
{
    size_t shard = s_shard_named(self, message->unreachable.actor);
    if (shard < self->spec.shard_count)
        s_again(self, shard, now_us + AGAIN_PULL_US, now_us + AGAIN_PUSH_US);
}

/* Index of the shard that sent a message; shard_count for anybody else, and for a former incarnation of a
 * shard. A later one has nothing of what the former was sent and had not stored. */
static size_t s_shard(worker_core_t *self, const message_t *message, int64_t now_us)
{
    size_t shard = s_shard_named(self, message->from);
    if (shard == self->spec.shard_count || message->incarnation < self->shard_incarnations[shard])
        return self->spec.shard_count;
    if (self->shard_incarnations[shard] && message->incarnation > self->shard_incarnations[shard])
        s_again(self, shard, now_us, now_us);
    self->shard_incarnations[shard] = message->incarnation;
    return shard;
}

static void s_take_params(worker_core_t *self, const message_t *message, int64_t now_us)
{
    size_t shard = s_shard(self, message, now_us);
    if (shard < self->spec.shard_count && self->slot == SLOT_PULLING)
        worker_pull_take(&self->pull, shard, message, &self->base.outbox, now_us);
}

static void s_take_ack(worker_core_t *self, const message_t *message, int64_t now_us)
{
    size_t shard = s_shard(self, message, now_us);
    for (size_t index = 0; shard < self->spec.shard_count && index < self->push_count; index++) {
        worker_push_t *push = &self->pushes[index];
        if (!push->used || push->batch != message->push_ack.batch)
            continue;
        if (!worker_push_take(push, shard, message, &self->base.outbox, now_us))
            return;
        if (ranges_remove(&self->holding, push->batch, push->batch + 1))
            return; /* no room to split the set: it stays held, and is leased again when this worker ends */
        self->want_us = now_us; /* there may be room for the next lease now */
        self->drain_us = now_us + DRAIN_US;
        self->done++;
    }
}

static void s_take_refused(worker_core_t *self, const message_t *message, int64_t now_us)
{
    if (message->refused.code != ERR_STALE ||
        (message->refused.incarnation && message->refused.incarnation != self->base.incarnation))
        return;
    self->failure = ERR_STALE;
    snprintf(self->reason, sizeof self->reason, "%s says that a newer incarnation of this worker runs",
             message->from);
    s_finish(self, now_us);
}

/* Pushes on their way are waited for until nothing is heard for a while, and sent again soon. */
static void s_hurry(worker_core_t *self, int64_t now_us)
{
    self->drain_us = now_us + DRAIN_US;
    for (size_t index = 0; index < self->push_count; index++)
        worker_push_hurry(&self->pushes[index], now_us);
}

static void s_take_stop(worker_core_t *self, int64_t now_us)
{
    if (self->stopping)
        return;
    self->stopping = true;
    self->step_us = now_us + STEP_US;
    s_hurry(self, now_us);
    if (self->slot == SLOT_PULLING)
        self->slot = SLOT_IDLE;
}

static void s_message(void *core, message_t **message_p, int64_t now_us)
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
    s_advance(self, now_us);
}

/* ---- computations ---- */

/* A buffer that nobody else reads; a fresh one in the place of one that is still on its way. */
static bool s_take_gradient(worker_core_t *self)
{
    for (size_t index = 0; index < self->gradient_count; index++)
        if (self->gradients[index] && buf_is_unique(self->gradients[index])) {
            self->gradient = index;
            return true;
        }
    size_t place = 0;
    while (place < self->gradient_count - 1 && self->gradients[place])
        place++;
    buf_t *fresh = buf_new(self->shard_first[self->spec.shard_count] * sizeof(float));
    if (!fresh)
        return false; /* asked again when buffers come back */
    buf_destroy(&self->gradients[place]);
    self->gradients[place] = fresh;
    self->gradient = place;
    return true;
}

bool worker_core_take_task(worker_core_t *self, worker_task_t *ret_task)
{
    if (self->base.finished || !s_may_compute(self) || (!self->evaluating && !s_take_gradient(self)))
        return false;
    self->slot = SLOT_COMPUTING;
    self->compute_began_us = self->base.now_us;
    if (!self->begun_us && !self->evaluating)
        self->begun_us = self->base.now_us > self->started_us ? self->base.now_us - self->started_us : 1;
    *ret_task =
        (worker_task_t){.evaluate = self->evaluating, .batch = self->batch, .params = self->pull.params};
    if (!self->evaluating)
        ret_task->gradient = buf_data(self->gradients[self->gradient]);
    return true;
}

static void s_push(worker_core_t *self, uint64_t samples, int64_t now_us)
{
    worker_push_t *push = self->pushes;
    while (push->used)
        push++;
    uint64_t pushed = self->batch, next;
    buf_t *gradient = self->gradients[self->gradient];
    bool evaluate, carried;
    if (!vector_finite(self->shard_first[self->spec.shard_count], buf_peek(gradient)))
        gradient = NULL;
    self->slot = SLOT_IDLE;
    carried = !self->stopping && s_next(self, &evaluate, &next) && !evaluate;
    if (carried)
        s_begin(self, false, next, now_us);
    carried = carried && self->slot == SLOT_PULLING;
    worker_push_begin(push, pushed, samples, gradient, carried ? &self->pull : NULL, &self->base.outbox,
                      now_us);
}

void worker_core_computed(worker_core_t *self, double mean_loss, int64_t now_us)
{
    CHECK(self->slot == SLOT_COMPUTING && !self->evaluating);
    self->compute_us += now_us - self->compute_began_us;
    FAILPOINT(worker_computed);
    uint64_t first, end;
    job_batch_samples(self->share, self->batch, &first, &end);
    if (isfinite(mean_loss)) {
        self->samples += end - first;
        self->loss_sum += mean_loss * (double)(end - first);
    }
    if (!self->base.finished)
        s_push(self, end - first, now_us);
    if (self->stopping)
        s_hurry(self, now_us);
    s_advance(self, now_us);
}

void worker_core_evaluated(worker_core_t *self, double mean_loss, double accuracy, int64_t took_us,
                           int64_t now_us)
{
    CHECK(self->slot == SLOT_COMPUTING && self->evaluating);
    self->slot = SLOT_IDLE;
    message_destroy(&self->result);
    self->result = core_message(&self->base, KIND_evaluated, self->scheduler);
    self->result->evaluated.grant = self->evaluate_grant;
    self->result->evaluated.loss = mean_loss;
    self->result->evaluated.accuracy = accuracy;
    self->result->evaluated.took_us = took_us;
    self->evaluate_grant = 0;
    self->want_us = now_us;
    s_advance(self, now_us);
}

bool worker_core_gave_up(const worker_core_t *self, uint64_t *ret_batch)
{
    *ret_batch = self->batch;
    return self->gave_up && !self->evaluating;
}

/* ---- the role ---- */

static void s_tick(void *core, int64_t now_us)
{
    s_advance(core, now_us);
}

static int64_t s_due(const void *core)
{
    const worker_core_t *self = core;
    if (self->base.finished)
        return ROLE_NEVER;
    int64_t due = self->status_us;
    if (s_want_due(self) < due)
        due = s_want_due(self);
    if (s_yield_due(self) < due)
        due = s_yield_due(self);
    int64_t ends_us = self->slot == SLOT_COMPUTING ? self->step_us : self->drain_us;
    if (self->stopping && ends_us < due)
        due = ends_us;
    if (self->slot == SLOT_PULLING && worker_pull_due(&self->pull) < due)
        due = worker_pull_due(&self->pull);
    for (size_t index = 0; index < self->push_count; index++)
        if (worker_push_due(&self->pushes[index]) < due)
            due = worker_push_due(&self->pushes[index]);
    return due;
}

static void s_destroy(void **core_p)
{
    worker_core_t *self = *core_p;
    if (!self)
        return;
    core_fini(&self->base);
    for (size_t index = 0; index < self->push_count; index++)
        worker_push_fini(&self->pushes[index]);
    free(self->pushes);
    for (size_t index = 0; index < self->gradient_count; index++)
        buf_destroy(&self->gradients[index]);
    free(self->gradients);
    worker_pull_fini(&self->pull);
    message_destroy(&self->result);
    ranges_fini(&self->holding);
    ranges_fini(&self->todo);
    free(self->shards);
    free(self->shard_incarnations);
    free(self->shard_first);
    free(self);
    *core_p = NULL;
}

static void s_set_names(worker_core_t *self)
{
    const char *region = self->spec.topology->regions[self->spec.region_index].name;
    core_init(&self->base, actor_name_numbered(ROLE_WORKER, region, self->spec.worker_index).text,
              self->spec.incarnation, self->spec.topology);
    message_set_name(self->scheduler, actor_name(ROLE_SCHEDULER, region).text);
    for (size_t shard = 0; shard < self->spec.shard_count; shard++)
        message_set_name(self->shards[shard], actor_name_numbered(ROLE_SHARD, region, shard).text);
}

worker_core_t *worker_core_new(const worker_spec_t *spec)
{
    CHECK(spec->shard_count > 0 && spec->chunk_bytes >= sizeof(float) &&
          spec->chunk_bytes % sizeof(float) == 0);
    worker_core_t *self = calloc(1, sizeof *self);
    CHECK(self);
    self->spec = *spec;
    self->shard_first = calloc(spec->shard_count + 1, sizeof *self->shard_first);
    self->shards = calloc(spec->shard_count, sizeof *self->shards);
    self->shard_incarnations = calloc(spec->shard_count, sizeof *self->shard_incarnations);
    self->share = &spec->job->regions[spec->region_index];
    self->push_count = self->share->width > PUSHES_MIN ? self->share->width : PUSHES_MIN;
    self->gradient_count = self->push_count + 2;
    self->pushes = calloc(self->push_count, sizeof *self->pushes);
    self->gradients = calloc(self->gradient_count, sizeof(buf_t *));
    CHECK(self->shard_first && self->shards && self->shard_incarnations && self->pushes && self->gradients);
    memcpy(self->shard_first, spec->shard_first, (spec->shard_count + 1) * sizeof *self->shard_first);
    self->spec.shard_first = self->shard_first;
    s_set_names(self);
    worker_pull_init(&self->pull, &self->spec, (const wire_name_t *)self->shards, self->base.name);
    for (size_t index = 0; index < self->push_count; index++)
        worker_push_init(&self->pushes[index], &self->spec, (const wire_name_t *)self->shards,
                         self->base.name);
    return self;
}

uint64_t worker_core_done(const worker_core_t *self)
{
    return self->done;
}

const char *worker_core_waits_for(const worker_core_t *self, int64_t *ret_since_us)
{
    if (ret_since_us)
        *ret_since_us = self->since_us;
    return self->waits_for;
}

err_code_t worker_core_failure(const worker_core_t *self, const char **ret_reason)
{
    if (ret_reason)
        *ret_reason = self->reason;
    return self->failure;
}

const role_t worker_role = {
    .name = "worker",
    .message = s_message,
    .tick = s_tick,
    .due = s_due,
    .outbox = core_outbox,
    .finished = core_finished,
    .destroy = s_destroy,
};
