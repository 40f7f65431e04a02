/* Time that counts as training, and the loss that workers tell. */
#include "actors/scheduler/region/training/training.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#define STANDS_US (1 * SECOND_US) /* workers that have waited for so long have nothing to compute */

void training_init(training_t *self, region_base_t *base, region_run_t *run, region_links_t *links,
                   nodes_t *nodes, actors_t *actors, shards_t *shards)
{
    *self = (training_t){.base = base,
                         .run = run,
                         .links = links,
                         .nodes = nodes,
                         .actors = actors,
                         .shards = shards,
                         .time = {.first_lease_us = -1, .end_us = -1},
                         .loss = {.before = NAN}};
}

void training_start(training_t *self)
{
    diverging_init(&self->loss.diverging, training_mean_batch(self));
    self->loss.told = calloc(self->actors->worker_count + 1, sizeof *self->loss.told);
    CHECK(self->loss.told);
}

void training_grow(training_t *self)
{
    size_t count = self->actors->worker_count;
    self->loss.told = realloc(self->loss.told, count * sizeof *self->loss.told);
    CHECK(self->loss.told);
    self->loss.told[count - 1] = (worker_told_t){0};
    lease_table_grow(self->shards->leases, count);
}

void training_fini(training_t *self)
{
    free(self->loss.told);
    free(self->curve.rows);
}

/* ---- time ---- */

bool training_has_begun(const training_t *self)
{
    return self->time.first_lease_us >= 0;
}

void training_begin(training_t *self, int64_t now_us)
{
    if (self->time.first_lease_us < 0)
        self->time.first_lease_us = now_us;
}

void training_end(training_t *self, int64_t now_us)
{
    if (self->time.end_us < 0)
        self->time.end_us = now_us;
}

static bool s_waits(const region_actor_t *worker, int64_t now_us)
{
    const message_t *status = worker->told.status;
    return status && status->status.waits_for[0] &&
           (int64_t)status->status.since_us + now_us - worker->told.us >= STANDS_US;
}

static bool s_nobody_computes(const training_t *self, int64_t now_us)
{
    for (size_t index = 0; index < self->actors->count; index++) {
        const region_actor_t *actor = &self->actors->list[index];
        if (actor->role == ROLE_WORKER && actor->state == PLACE_READY && !s_waits(actor, now_us))
            return false;
    }
    return true;
}

/* All workers wait while another region's broker is not there: time that nobody trains in. */
void training_note_standing(training_t *self, int64_t now_us)
{
    training_time_t *time = &self->time;
    bool trains = time->first_lease_us >= 0 && time->end_us < 0;
    if (time->stands)
        time->stood_us += now_us - time->stands_us;
    time->stands = trains && region_links_is_away(self->links) && s_nobody_computes(self, now_us);
    time->stands_us = now_us;
}

static int64_t s_stood_us(const training_time_t *self, int64_t end_us)
{
    return self->stood_us + (self->stands && end_us > self->stands_us ? end_us - self->stands_us : 0);
}

/* Waiting for what others send counts, waiting for others to be there does not, nor does time without a
 * scheduler. An evaluation keeps one worker from training, so its time counts by the worker's share. */
int64_t training_us(const training_t *self, int64_t now_us)
{
    const training_time_t *time = &self->time;
    if (time->first_lease_us < 0)
        return time->before_us;
    int64_t end_us = time->end_us >= 0 ? time->end_us : now_us;
    return time->before_us + end_us - time->first_lease_us - time->evaluating_us - s_stood_us(time, end_us);
}

/* ---- loss ---- */

double training_mean_loss(const training_t *self)
{
    return self->loss.samples ? self->loss.sum / (double)self->loss.samples : self->loss.before;
}

double training_mean_batch(const training_t *self)
{
    return (double)self->run->share->samples / (double)self->run->share->batches_per_epoch;
}

/* An adopted worker's sums begin with its start, and the predecessor has counted them. */
static worker_told_t s_first(const training_t *self, const message_t *want)
{
    worker_told_t told = {.incarnation = want->incarnation};
    if (want->incarnation >> 32 < self->base->spec.term && isfinite(want->lease_want.loss_sum)) {
        told.samples = want->lease_want.samples;
        told.loss_sum = want->lease_want.loss_sum;
    }
    return told;
}

static computed_t s_take_time(training_t *self, const message_t *want, worker_told_t *before)
{
    if (want->lease_want.compute_us <= before->compute_us)
        return (computed_t){0};
    uint64_t samples = want->lease_want.samples;
    computed_t computed = {.samples = samples > before->samples ? samples - before->samples : 0,
                           .took_us = want->lease_want.compute_us - before->compute_us};
    self->time.compute_us += computed.took_us;
    before->compute_us = want->lease_want.compute_us;
    return computed;
}

static void s_fail_diverged(training_t *self)
{
    char advice[DIVERGING_ADVICE_MAX], losses[96] = "";
    const diverging_t *diverging = &self->loss.diverging;
    if (diverging->first > 0)
        snprintf(losses, sizeof losses, "loss %.3g, %.3g at its beginning", diverging->newest,
                 diverging->first);
    region_fail(self->base, ERR_NUMBER, "the training diverged: %s; %s, and begin anew",
                losses[0] ? losses : "updates are not finite",
                diverging_advice(self->base->spec.topology, advice));
}

void training_judge(training_t *self, const message_t *report)
{
    if (report->region_report.not_finite &&
        diverging_take_refused(&self->loss.diverging, report->region_report.steps,
                               report->region_report.not_finite, self->actors->shard_count))
        s_fail_diverged(self);
}

computed_t training_take_figures(training_t *self, const message_t *want, const region_actor_t *worker)
{
    worker_told_t *before = &self->loss.told[worker->index];
    double sum = want->lease_want.loss_sum;
    if (want->incarnation > before->incarnation)
        *before = s_first(self, want);
    computed_t computed = s_take_time(self, want, before);
    if (want->lease_want.samples <= before->samples || !isfinite(sum))
        return computed;
    uint64_t samples = want->lease_want.samples - before->samples;
    self->loss.samples += samples;
    self->loss.sum += sum - before->loss_sum;
    if (diverging_take(&self->loss.diverging, samples, sum - before->loss_sum))
        s_fail_diverged(self);
    before->samples = want->lease_want.samples;
    before->loss_sum = sum;
    return computed;
}
