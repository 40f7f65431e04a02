/* Leases: what a worker that asks gets. */
#include "actors/scheduler/region/training/training.h"

#include "codec/base/failpoint.h"

#include <math.h>

/* The speed that a core of its node was measured to, in batches per second; 0: it was not. */
static double s_expected(const training_t *self, const region_actor_t *worker)
{
    double samples_per_s = self->nodes->list[worker->node].announce->announce.samples_per_s;
    double speed = samples_per_s / training_mean_batch(self);
    return isfinite(speed) && speed > 0 ? speed : 0;
}

void training_started(training_t *self, const region_actor_t *worker)
{
    if (worker->role != ROLE_WORKER)
        return;
    lease_table_start(self->shards->leases, worker->index, worker->incarnation);
    lease_table_expect(self->shards->leases, worker->index, s_expected(self, worker));
}

void training_worker_adopted(training_t *self, const region_actor_t *worker)
{
    lease_table_start(self->shards->leases, worker->index, worker->incarnation);
}

void training_worker_lost(training_t *self, const region_actor_t *worker)
{
    lease_table_release(self->shards->leases, worker->index);
    if (training_evaluates(self, worker->index))
        self->curve.evaluation.granted = false; /* the next worker that asks gets it */
}

/* ---- granting ---- */

/* Its speed, from its own figures; 0 when it has none yet. */
static double s_batches_per_s(const training_t *self, const message_t *want)
{
    if (want->lease_want.compute_us <= 0)
        return 0;
    return 1e6 * (double)want->lease_want.samples / training_mean_batch(self) /
           (double)want->lease_want.compute_us;
}

static void s_send_lease(training_t *self, const region_actor_t *worker, const lease_grant_t *grant)
{
    message_t *lease = core_message(&self->base->core, KIND_lease, worker->name);
    lease->number = lease->lease.grant = grant->number;
    lease->lease.first = grant->first;
    lease->lease.end = grant->end;
    lease->lease.evaluate = grant->evaluate;
    lease->lease.worker = worker->incarnation;
    core_send(&self->base->core, &lease);
    FAILPOINT(scheduler_granted);
}

static void s_note_grant(training_t *self, size_t worker, const lease_grant_t *grant, int64_t now_us)
{
    evaluation_t *evaluation = &self->curve.evaluation;
    if (!grant->evaluate) {
        training_begin(self, now_us);
        return;
    }
    evaluation->granted = true;
    evaluation->worker = worker;
    evaluation->grant = grant->number;
    evaluation->granted_us = now_us;
}

/* A worker that evaluates gets nothing before its result is here: a newer grant tells it that the result
 * arrived. */
static bool s_owes_result(const training_t *self, const message_t *want, const region_actor_t *worker)
{
    return training_evaluates(self, worker->index) &&
           want->lease_want.last_grant >= self->curve.evaluation.grant;
}

static void s_grant(training_t *self, const message_t *want, const region_actor_t *worker,
                    const ranges_t *holding, int64_t now_us)
{
    lease_request_t request = {
        .incarnation = want->incarnation,
        .last_grant = want->lease_want.last_grant,
        .holding = holding,
        .evaluate = training_evaluation_waits(self),
        .only_tells = !actors_told(self->actors, now_us),
        .batches_per_s = s_batches_per_s(self, want),
        .now_us = now_us,
    };
    lease_grant_t grant;
    lease_answer_t answer = lease_table_want(self->shards->leases, worker->index, &request, &grant);
    if (answer == LEASE_GRANTED)
        s_note_grant(self, worker->index, &grant, now_us);
    if (answer != LEASE_NOTHING)
        s_send_lease(self, worker, &grant);
}

bool training_take_want(training_t *self, const message_t *message, region_actor_t *worker, int64_t now_us,
                        computed_t *ret_computed)
{
    ranges_t holding = {0};
    if (ranges_load(&holding, message->lease_want.holding.items, message->lease_want.holding.count, NULL)) {
        core_refuse(&self->base->core, message, ERR_MALFORMED,
                    "the batches held are not sorted and disjoint");
        return false;
    }
    *ret_computed = training_take_figures(self, message, worker);
    worker->worker.untold = false;
    if (holding.count)
        training_begin(self, now_us); /* it was leased by a predecessor */
    bool may = !region_stops(self->base) && !self->base->failure;
    if (may && !s_owes_result(self, message, worker))
        s_grant(self, message, worker, &holding, now_us);
    ranges_fini(&holding);
    return true;
}
