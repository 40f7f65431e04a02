/* The curve: a row for each quarter of an epoch and for the end, each with its evaluation. */
#include "actors/scheduler/region/training/training.h"

#include "codec/base/grow.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define QUARTERS 4 /* evaluations per epoch */
#define ROWS_PER_REPORT 16

/* ---- rows ---- */

static void s_add_row(training_t *self, const region_row_t *row)
{
    curve_t *curve = &self->curve;
    curve->rows = grow(curve->rows, curve->row_count, &curve->row_capacity, sizeof *curve->rows);
    curve->rows[curve->row_count++] = *row;
    region_decide(self->base);
    self->base->report_soon = true;
}

/* Where the region stands now, without a result on the test set; the loss is counted anew from here. */
static region_row_t s_take_row(training_t *self, int64_t now_us)
{
    region_row_t row = {.train_us = training_us(self, now_us),
                        .epoch = (double)self->shards->samples_reached / (double)self->run->share->samples,
                        .loss = training_mean_loss(self),
                        .test_accuracy = NAN,
                        .test_loss = NAN};
    self->loss.before = row.loss;
    self->loss.samples = 0;
    self->loss.sum = 0;
    return row;
}

message_t *training_row(const training_t *self, size_t index, const char *to)
{
    const region_row_t *row = &self->curve.rows[index];
    message_t *curve = core_message(&self->base->core, KIND_curve, to);
    curve->curve.index = index;
    curve->curve.train_us = row->train_us;
    curve->curve.epoch = row->epoch;
    curve->curve.loss = row->loss;
    curve->curve.test_accuracy = row->test_accuracy;
    curve->curve.test_loss = row->test_loss;
    curve->curve.test_auc = row->test_auc;
    return curve;
}

void training_send_curve(training_t *self)
{
    size_t end = self->curve.row_count;
    if (end - self->curve.rows_known > ROWS_PER_REPORT)
        end = self->curve.rows_known + ROWS_PER_REPORT;
    for (size_t index = self->curve.rows_known; index < end; index++) {
        message_t *row = training_row(self, index, ACTOR_GLOBAL);
        core_send(&self->base->core, &row);
    }
}

void training_rows_had(training_t *self, uint64_t count)
{
    if (count <= self->curve.row_count)
        self->curve.rows_known = count;
}

/* ---- evaluations ---- */

bool training_evaluation_waits(const training_t *self)
{
    return self->curve.evaluation.pending && !self->curve.evaluation.granted;
}

bool training_evaluates(const training_t *self, size_t worker)
{
    const evaluation_t *evaluation = &self->curve.evaluation;
    return evaluation->granted && (worker == SIZE_MAX || evaluation->worker == worker);
}

/* Of the quarters that passed meanwhile the newest is evaluated next, the others keep rows without a result:
 * every quarter has its row, in order. */
static void s_end_evaluation(training_t *self)
{
    evaluation_t ended = self->curve.evaluation;
    if (isnan(ended.row.loss))
        ended.row.loss = training_mean_loss(self); /* none had been told when the quarter was passed */
    self->curve.evaluation = (evaluation_t){0};
    s_add_row(self, &ended.row);
    self->curve.complete |= ended.final;
    bool evaluate = ended.later_count && !lease_table_all_applied(self->shards->leases);
    for (size_t i = 0; i + evaluate < ended.later_count; i++)
        s_add_row(self, &ended.later[i]);
    if (evaluate)
        self->curve.evaluation = (evaluation_t){.pending = true, .row = ended.later[ended.later_count - 1]};
}

static void s_begin_evaluation(training_t *self, bool final, int64_t now_us)
{
    self->curve.evaluation = (evaluation_t){.pending = true, .final = final, .row = s_take_row(self, now_us)};
    if (!self->base->spec.evaluates)
        s_end_evaluation(self);
}

/* An evaluation keeps one of so many workers from training. */
static int64_t s_sharing(const training_t *self)
{
    size_t workers =
        self->actors->elastic ? actors_ready(self->actors, ROLE_WORKER) : self->actors->worker_count;
    return workers ? (int64_t)workers : 1;
}

static bool s_can_be(const message_t *evaluated, int64_t elapsed_us)
{
    int64_t took_us = evaluated->evaluated.took_us;
    return took_us >= 0 && took_us <= elapsed_us && isfinite(evaluated->evaluated.accuracy) &&
           evaluated->evaluated.auc >= 0 && evaluated->evaluated.auc <= 1;
}

void training_take_evaluated(training_t *self, const message_t *message, const region_actor_t *worker,
                             int64_t now_us)
{
    evaluation_t *evaluation = &self->curve.evaluation;
    if (!training_evaluates(self, worker->index) || evaluation->grant != message->evaluated.grant)
        return;
    if (!s_can_be(message, now_us - evaluation->granted_us)) {
        core_refuse(&self->base->core, message, ERR_NUMBER,
                    "a result that cannot be: not finite, or longer than it was away");
        evaluation->granted = false;
        return;
    }
    if (self->time.end_us < 0)
        self->time.evaluating_us += message->evaluated.took_us / s_sharing(self);
    evaluation->row.test_accuracy = message->evaluated.accuracy;
    evaluation->row.test_loss = message->evaluated.loss;
    evaluation->row.test_auc = message->evaluated.auc;
    s_end_evaluation(self);
}

/* The last point, where all batches are applied, is the final evaluation's. */
static void s_evaluate_quarter(training_t *self, int64_t now_us)
{
    curve_t *curve = &self->curve;
    uint64_t quarter = self->shards->samples_reached * QUARTERS / self->run->share->samples;
    if (!curve->quarter_known) {
        curve->quarter_known = true; /* where a resumed run begins */
        curve->quarter = quarter;
    }
    if (quarter <= curve->quarter || lease_table_all_applied(self->shards->leases))
        return;
    curve->quarter = quarter;
    evaluation_t *evaluation = &curve->evaluation;
    if (!evaluation->pending)
        s_begin_evaluation(self, false, now_us);
    else if (evaluation->later_count < EVALUATION_LATER_MAX)
        evaluation->later[evaluation->later_count++] = s_take_row(self, now_us);
}

/* ---- the end ---- */

void training_conclude(training_t *self, bool silent, int64_t now_us)
{
    bool known = shards_known(self->shards);
    if (self->curve.complete || (!known && !(silent && self->run->share)))
        return;
    if (!known)
        shards_conclude(self->shards);
    region_row_t row = s_take_row(self, now_us);
    s_add_row(self, &row);
    self->curve.complete = true;
}

void training_tick(training_t *self, int64_t now_us)
{
    if (!shards_known(self->shards))
        return;
    shards_close(self->shards, now_us);
    s_evaluate_quarter(self, now_us);
    if (!shards_have_all(self->shards))
        return;
    training_end(self, now_us);
    if (!self->curve.complete && !self->curve.evaluation.pending)
        s_begin_evaluation(self, true, now_us);
}

const char *training_waits_for(const training_t *self)
{
    const region_actor_t *untold = shards_untold(self->shards), *unclosed;
    if (untold)
        return untold->name;
    if (self->curve.complete && shards_have_all(self->shards))
        return ACTOR_GLOBAL;
    if (!lease_table_all_applied(self->shards->leases))
        return "";
    if ((unclosed = shards_unclosed(self->shards)))
        return unclosed->name;
    return shards_have_all(self->shards) ? "evaluation" : "final deltas of other regions";
}

/* ---- figures ---- */

static void s_report_newest_test(const curve_t *self, message_t *report)
{
    report->region_report.test_accuracy = NAN;
    for (size_t index = self->row_count; index > 0; index--) {
        const region_row_t *row = &self->rows[index - 1];
        if (isnan(row->test_accuracy))
            continue;
        report->region_report.test_accuracy = row->test_accuracy;
        report->region_report.test_auc = row->test_auc;
        return;
    }
}

void training_report(const training_t *self, message_t *report, int64_t now_us)
{
    s_report_newest_test(&self->curve, report);
    report->region_report.loss = training_mean_loss(self);
    report->region_report.train_us = training_us(self, now_us);
    report->region_report.compute_us = self->time.compute_us;
    /* A predecessor's knowledge is asked again: a shard may have come back from something older. */
    report->region_report.complete =
        self->curve.complete && (region_stops(self->base) || shards_have_all(self->shards));
    report->region_report.curve_rows = self->curve.row_count;
    report->region_report.samples_total =
        self->run->share ? self->run->share->samples * self->base->spec.topology->job.epochs : 0;
    report->region_report.epoch_samples = self->run->job_known ? self->run->job.samples : 0;
}

void training_put(const training_t *self, message_t *state, int64_t now_us)
{
    const curve_t *curve = &self->curve;
    state->region_state.train_us = training_us(self, now_us);
    state->region_state.loss_samples = self->loss.samples;
    state->region_state.loss_sum = self->loss.sum;
    state->region_state.loss_before = self->loss.before;
    state->region_state.complete = curve->complete;
    state->region_state.quarter_known = curve->quarter_known;
    /* A row that waits for its evaluation goes with this scheduler: the successor takes it anew. */
    bool waits = curve->evaluation.pending && !curve->evaluation.final && curve->quarter > 0;
    state->region_state.quarter = curve->quarter - waits;
}

static void s_load_rows(training_t *self, const legacy_region_t *kept)
{
    for (size_t index = 0; index < kept->row_count; index++) {
        const message_t *row = kept->rows[index];
        s_add_row(self, &(region_row_t){.train_us = row->curve.train_us,
                                        .epoch = row->curve.epoch,
                                        .loss = row->curve.loss,
                                        .test_accuracy = row->curve.test_accuracy,
                                        .test_loss = row->curve.test_loss,
                                        .test_auc = row->curve.test_auc});
    }
}

void training_load(training_t *self, const message_t *saved, const legacy_region_t *kept)
{
    bool same = !strcmp(saved->region_state.digest, self->base->digest);
    bool extended = saved->region_state.complete && !same; /* it has that end's row already */
    self->time.before_us = saved->region_state.train_us;
    self->loss.samples = saved->region_state.loss_samples;
    self->loss.sum = saved->region_state.loss_sum;
    self->loss.before = saved->region_state.loss_before;
    self->curve.quarter_known = saved->region_state.quarter_known && !extended;
    self->curve.quarter = saved->region_state.quarter;
    self->curve.complete = saved->region_state.complete && same;
    s_load_rows(self, kept);
}
