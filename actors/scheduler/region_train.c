#include "actors/scheduler/region_state.h"

#include "codec/base/failpoint.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define QUARTERS 4 /* evaluations per epoch */

void region_train_start(region_core_t *self)
{
    lease_spec_t spec = {
        .batches = self->share->batches,
        .shard_count = self->shard_count,
        .worker_count = self->worker_count,
        .one_by_one = self->spec.topology->job.sync.inside != INSIDE_ASYNC ||
                      (self->job.waits && self->spec.topology->region_count > 1),
    };
    self->leases = lease_table_new(&spec);
    self->shards = calloc(self->shard_count, sizeof *self->shards);
    self->losses = calloc(self->worker_count + 1, sizeof *self->losses);
    CHECK(self->shards && self->losses);
    region_restore_shards(self);
}

void region_train_fini(region_core_t *self)
{
    for (size_t index = 0; self->shards && index < self->shard_count; index++)
        message_destroy(&self->shards[index].progress);
    lease_table_destroy(&self->leases);
    free(self->shards);
    free(self->losses);
    free(self->rows);
}

/* ---- shards ---- */

static uint64_t s_samples(const region_core_t *self, const ranges_t *batches)
{
    uint64_t sum = 0;
    for (size_t index = 0; index < batches->count; index++)
        sum += job_samples_below(self->share, batches->items[index].end) -
               job_samples_below(self->share, batches->items[index].first);
    return sum;
}

/* Figures of one incarnation and history only grow; what arrives late is told by that. */
static bool s_is_late(const message_t *newest, const message_t *message)
{
    if (!newest || newest->incarnation != message->incarnation ||
        newest->progress.history != message->progress.history)
        return false;
    if (message->progress.welcomes != newest->progress.welcomes) /* another region's figures may be lower */
        return message->progress.welcomes < newest->progress.welcomes;
    return message->progress.steps < newest->progress.steps ||
           message->progress.rounds < newest->progress.rounds ||
           message->progress.lasts < newest->progress.lasts ||
           message->progress.samples_applied < newest->progress.samples_applied ||
           (newest->progress.closed && !message->progress.closed);
}

static void s_reach(region_core_t *self)
{
    if (!region_shards_known(self))
        return; /* what a shard has that has not told yet is not lost */
    uint64_t samples = s_samples(self, lease_table_applied(self->leases));
    if (samples < self->samples_reached)
        self->samples_repeated += self->samples_reached - samples;
    self->samples_reached = samples;
    self->samples_most = samples > self->samples_most ? samples : self->samples_most;
}

/* A later incarnation that has stored nothing yet goes on from what an earlier one has stored. */
static void s_note_newest(region_core_t *self, region_shard_t *shard, const message_t *message)
{
    uint64_t number = message->progress.number;
    if (!number || message->incarnation < shard->newest_incarnation ||
        (message->incarnation == shard->newest_incarnation && number <= shard->newest_number))
        return;
    if (message->incarnation != shard->newest_incarnation)
        region_decide(self); /* a successor must not take what an earlier incarnation has for the newest */
    shard->newest_incarnation = message->incarnation;
    shard->newest_number = number;
}

void region_take_progress(region_core_t *self, const message_t *message, size_t shard)
{
    FAILPOINT(scheduler_progress);
    ranges_t applied = {0}, durable = {0};
    err_t err = {0};
    err_code_t code =
        ranges_load(&applied, message->progress.applied.items, message->progress.applied.count, &err);
    if (!code)
        code = ranges_load(&durable, message->progress.durable.items, message->progress.durable.count, &err);
    if (!code)
        code = lease_table_progress(self->leases, shard, message->incarnation, message->progress.history,
                                    &applied, &durable);
    ranges_fini(&applied);
    ranges_fini(&durable);
    if (code) {
        region_refuse(self, message, code, err.text[0] ? err.text : "batches that this run does not have");
        return;
    }
    s_reach(self);
    region_shard_t *entry = &self->shards[shard];
    s_note_newest(self, entry, message);
    if (s_is_late(entry->progress, message))
        return;
    message_destroy(&entry->progress);
    entry->progress = message_dup(message);
}

bool region_shards_known(const region_core_t *self)
{
    return self->leases && lease_table_known(self->leases);
}

/* Of the incarnation that runs: what a former one had may be lost. NULL: it has not told. */
static const message_t *s_newest_progress(const region_core_t *self, size_t index)
{
    const message_t *progress = self->shards[index].progress;
    return progress && progress->incarnation >= self->actors[index].incarnation ? progress : NULL;
}

static const region_actor_t *s_unclosed(const region_core_t *self)
{
    for (size_t index = 0; index < self->shard_count; index++) {
        const message_t *progress = s_newest_progress(self, index);
        if (!progress || !progress->progress.closed)
            return &self->actors[index];
    }
    return NULL;
}

bool region_closed(const region_core_t *self)
{
    return region_shards_known(self) && !s_unclosed(self);
}

/* That the others have this region's last delta needs no check here: they are not complete without it, and
 * the global scheduler ends the run when all are. */
static bool s_has_all_lasts(const region_core_t *self)
{
    for (size_t index = 0; index < self->shard_count; index++) {
        const message_t *progress = s_newest_progress(self, index);
        if (!progress || progress->progress.lasts + 1 < self->spec.topology->region_count)
            return false;
    }
    return true;
}

/* A shard that lost its disk after the end has to get there again. */
bool region_has_all(const region_core_t *self)
{
    return region_closed(self) && s_has_all_lasts(self);
}

static void s_close(region_core_t *self, int64_t now_us)
{
    if (!lease_table_all_durable(self->leases))
        return;
    for (size_t index = 0; index < self->shard_count; index++) {
        region_shard_t *shard = &self->shards[index];
        if ((shard->progress && shard->progress->progress.closed) || now_us < shard->close_us)
            continue;
        message_t *close = message_new(KIND_close, self->actors[index].name, self->name);
        region_send(self, &close);
        shard->close_us = now_us + REPEAT_EVERY_US;
    }
}

/* ---- time and loss ---- */

static bool s_is_away(const region_core_t *self)
{
    for (size_t index = 0; index < self->spec.topology->region_count; index++)
        if (self->links[index].state && !self->links[index].state->link_state.up)
            return true;
    return false;
}

static bool s_nobody_computes(const region_core_t *self, int64_t now_us)
{
    for (size_t index = 0; index < self->actor_count; index++) {
        const region_actor_t *actor = &self->actors[index];
        if (actor->role != ROLE_WORKER || actor->state != PLACE_READY)
            continue;
        const message_t *status = actor->status;
        if (!status || !status->status.waits_for[0] ||
            (int64_t)status->status.since_us + now_us - actor->status_us < STANDS_US)
            return false;
    }
    return true;
}

/* All workers wait while another region's broker is not there: time that nobody trains in. */
void region_note_standing(region_core_t *self, int64_t now_us)
{
    if (self->stands)
        self->stood_us += now_us - self->stands_us;
    self->stands = self->first_lease_us >= 0 && self->train_end_us < 0 && s_is_away(self) &&
                   s_nobody_computes(self, now_us);
    self->stands_us = now_us;
}

static int64_t s_stood_us(const region_core_t *self, int64_t end_us)
{
    return self->stood_us + (self->stands && end_us > self->stands_us ? end_us - self->stands_us : 0);
}

/* From the first lease until every region's final delta is durable here (or a stop): waiting for what others send
 * counts, waiting for others to be there does not, nor does time without a scheduler. An evaluation keeps one worker from
 * training, so its time counts by the worker's share. */
int64_t region_train_us(const region_core_t *self, int64_t now_us)
{
    if (self->first_lease_us < 0)
        return self->train_before_us;
    int64_t end = self->train_end_us >= 0 ? self->train_end_us : now_us;
    return self->train_before_us + end - self->first_lease_us - self->evaluating_us - s_stood_us(self, end);
}

double region_loss(const region_core_t *self)
{
    return self->loss_samples ? self->loss_sum / (double)self->loss_samples : self->loss_before;
}

static void s_take_loss(region_core_t *self, const message_t *message, const region_actor_t *worker)
{
    region_loss_t *before = &self->losses[worker->index];
    double sum = message->lease_want.loss_sum;
    if (message->incarnation > before->incarnation) {
        *before = (region_loss_t){.incarnation = message->incarnation};
        /* An adopted worker's sums begin with its start, and the predecessor has counted them. */
        if (message->incarnation >> 32 < self->spec.term && isfinite(sum))
            *before = (region_loss_t){
                .incarnation = message->incarnation, .samples = message->lease_want.samples, .loss_sum = sum};
    }
    if (message->lease_want.compute_us > before->compute_us) {
        int64_t took_us = message->lease_want.compute_us - before->compute_us;
        uint64_t samples = message->lease_want.samples;
        samples = samples > before->samples ? samples - before->samples : 0;
        region_units_computed(self, worker, samples, took_us);
        self->compute_us += took_us;
        before->compute_us = message->lease_want.compute_us;
    }
    if (message->lease_want.samples <= before->samples || !isfinite(sum))
        return;
    self->loss_samples += message->lease_want.samples - before->samples;
    self->loss_sum += sum - before->loss_sum;
    before->samples = message->lease_want.samples;
    before->loss_sum = sum;
}

static double s_mean_batch(const region_core_t *self)
{
    return (double)self->share->samples / (double)self->share->batches_per_epoch;
}

/* What a core of its node was measured to; 0: it was not. */
double region_worker_expected(const region_core_t *self, const region_actor_t *worker)
{
    double speed = self->nodes[worker->node].announce->announce.samples_per_s / s_mean_batch(self);
    return isfinite(speed) && speed > 0 ? speed : 0;
}

/* What it computes, from its own figures; 0 when it has none yet. */
static double s_batches_per_s(const region_core_t *self, const message_t *message)
{
    if (message->lease_want.compute_us <= 0)
        return 0;
    return 1e6 * (double)message->lease_want.samples / s_mean_batch(self) /
           (double)message->lease_want.compute_us;
}

/* ---- leases ---- */

static void s_send_lease(region_core_t *self, const region_actor_t *worker, const lease_grant_t *grant)
{
    message_t *lease = message_new(KIND_lease, worker->name, self->name);
    lease->number = lease->lease.grant = grant->number;
    lease->lease.first = grant->first;
    lease->lease.end = grant->end;
    lease->lease.evaluate = grant->evaluate;
    lease->lease.worker = worker->incarnation;
    region_send(self, &lease);
    FAILPOINT(scheduler_granted);
}

static void s_note_grant(region_core_t *self, size_t worker, const lease_grant_t *grant, int64_t now_us)
{
    if (grant->evaluate) {
        self->evaluation.granted = true;
        self->evaluation.worker = worker;
        self->evaluation.grant = grant->number;
        self->evaluation.granted_us = now_us;
    } else if (self->first_lease_us < 0)
        self->first_lease_us = now_us;
}

/* A worker that evaluates gets nothing before its result is here: a newer grant tells it that the result
 * arrived. */
static bool s_owes_result(const region_core_t *self, const message_t *message, const region_actor_t *worker)
{
    return self->evaluation.granted && self->evaluation.worker == worker->index &&
           message->lease_want.last_grant >= self->evaluation.grant;
}

void region_take_want(region_core_t *self, const message_t *message, region_actor_t *worker, int64_t now_us)
{
    ranges_t holding = {0};
    if (ranges_load(&holding, message->lease_want.holding.items, message->lease_want.holding.count, NULL)) {
        region_refuse(self, message, ERR_MALFORMED, "the batches held are not sorted and disjoint");
        return;
    }
    s_take_loss(self, message, worker);
    region_worker_told(self, message, worker, now_us);
    worker->untold = false;
    if (holding.count && self->first_lease_us < 0)
        self->first_lease_us = now_us; /* it was leased by a predecessor */
    if (!self->stopping && !self->failure && !s_owes_result(self, message, worker)) {
        lease_request_t request = {
            .incarnation = message->incarnation,
            .last_grant = message->lease_want.last_grant,
            .holding = &holding,
            .evaluate = self->evaluation.pending && !self->evaluation.granted,
            .only_tells = !region_workers_told(self, now_us),
            .batches_per_s = s_batches_per_s(self, message),
            .now_us = now_us,
        };
        lease_grant_t grant;
        lease_answer_t answer = lease_table_want(self->leases, worker->index, &request, &grant);
        if (answer == LEASE_GRANTED)
            s_note_grant(self, worker->index, &grant, now_us);
        if (answer != LEASE_NOTHING)
            s_send_lease(self, worker, &grant);
    }
    ranges_fini(&holding);
}

void region_worker_lost(region_core_t *self, size_t worker)
{
    lease_table_release(self->leases, worker);
    if (self->evaluation.granted && self->evaluation.worker == worker)
        self->evaluation.granted = false; /* the next worker that asks gets it */
}

/* ---- evaluations and the curve ---- */

void region_add_row(region_core_t *self, const region_row_t *row)
{
    if (self->row_count == self->row_capacity) {
        self->row_capacity = self->row_capacity ? 2 * self->row_capacity : 16;
        self->rows = realloc(self->rows, self->row_capacity * sizeof *self->rows);
        CHECK(self->rows);
    }
    self->rows[self->row_count++] = *row;
    region_decide(self);
    self->report_us = 0;
}

/* Of the quarters that passed meanwhile the newest is evaluated next, the others keep rows without a result: every
 * quarter has its row, in order. */
static void s_end_evaluation(region_core_t *self)
{
    region_evaluation_t ended = self->evaluation;
    if (isnan(ended.row.loss))
        ended.row.loss = region_loss(self); /* none had been told when the quarter was passed */
    self->evaluation = (region_evaluation_t){0};
    region_add_row(self, &ended.row);
    self->complete |= ended.final;
    bool evaluate = ended.later_count && !lease_table_all_applied(self->leases);
    for (size_t i = 0; i + evaluate < ended.later_count; i++)
        region_add_row(self, &ended.later[i]);
    if (evaluate)
        self->evaluation = (region_evaluation_t){.pending = true, .row = ended.later[ended.later_count - 1]};
}

/* Where the region stands now, without a result on the test set; the loss is counted anew from here. */
static region_row_t s_take_row(region_core_t *self, int64_t now_us)
{
    region_row_t row = {.train_us = region_train_us(self, now_us),
                        .epoch = (double)self->samples_reached / (double)self->share->samples,
                        .loss = region_loss(self),
                        .test_accuracy = NAN,
                        .test_loss = NAN};
    self->loss_before = row.loss;
    self->loss_samples = 0;
    self->loss_sum = 0;
    return row;
}

static void s_begin_evaluation(region_core_t *self, bool final, int64_t now_us)
{
    self->evaluation =
        (region_evaluation_t){.pending = true, .final = final, .row = s_take_row(self, now_us)};
    if (!self->spec.evaluates)
        s_end_evaluation(self);
}

/* An evaluation keeps one of so many workers from training. */
static int64_t s_sharing(const region_core_t *self)
{
    size_t workers = self->elastic ? region_ready(self, ROLE_WORKER) : self->worker_count;
    return workers ? (int64_t)workers : 1;
}

void region_take_evaluated(region_core_t *self, const message_t *message, const region_actor_t *worker,
                           int64_t now_us)
{
    region_evaluation_t *evaluation = &self->evaluation;
    if (!evaluation->granted || evaluation->worker != worker->index ||
        evaluation->grant != message->evaluated.grant)
        return;
    int64_t elapsed_us = now_us - evaluation->granted_us;
    if (message->evaluated.took_us < 0 || message->evaluated.took_us > elapsed_us ||
        !isfinite(message->evaluated.accuracy)) {
        region_refuse(self, message, ERR_NUMBER,
                      "a result that cannot be: not finite, or longer than it was away");
        evaluation->granted = false;
        return;
    }
    if (self->train_end_us < 0)
        self->evaluating_us += message->evaluated.took_us / s_sharing(self);
    evaluation->row.test_accuracy = message->evaluated.accuracy;
    evaluation->row.test_loss = message->evaluated.loss;
    s_end_evaluation(self);
}

/* The last point, where all batches are applied, is the final evaluation's. */
static void s_evaluate_quarter(region_core_t *self, int64_t now_us)
{
    uint64_t quarter = self->samples_reached * QUARTERS / self->share->samples;
    if (!self->quarter_known) {
        self->quarter_known = true; /* where a resumed run begins */
        self->quarter = quarter;
    }
    if (quarter <= self->quarter || lease_table_all_applied(self->leases))
        return;
    self->quarter = quarter;
    region_evaluation_t *evaluation = &self->evaluation;
    if (!evaluation->pending)
        s_begin_evaluation(self, false, now_us);
    else if (evaluation->later_count < REGION_LATER_MAX)
        evaluation->later[evaluation->later_count++] = s_take_row(self, now_us);
}

/* The job is complete, as all regions have said; if a predecessor said it here, its last row went with it. */
void region_conclude(region_core_t *self, int64_t now_us)
{
    if (self->complete || !region_shards_known(self))
        return;
    region_row_t row = s_take_row(self, now_us);
    region_add_row(self, &row);
    self->complete = true;
}

void region_train(region_core_t *self, int64_t now_us)
{
    if (!region_shards_known(self))
        return;
    s_close(self, now_us);
    s_evaluate_quarter(self, now_us);
    if (!region_has_all(self))
        return;
    if (self->train_end_us < 0)
        self->train_end_us = now_us;
    if (!self->complete && !self->evaluation.pending)
        s_begin_evaluation(self, true, now_us);
}

const char *region_train_waits_for(const region_core_t *self)
{
    for (size_t index = 0; index < self->shard_count; index++)
        if (!self->shards[index].progress)
            return self->actors[index].name;
    if (self->complete && region_has_all(self))
        return "scheduler/global";
    if (!lease_table_all_applied(self->leases))
        return "";
    if (s_unclosed(self))
        return s_unclosed(self)->name;
    return s_has_all_lasts(self) ? "evaluation" : "final deltas of other regions";
}
