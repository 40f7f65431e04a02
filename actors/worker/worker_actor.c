#include "actors/worker/worker_actor.h"

#include "actors/kit/clock.h"
#include "actors/model/auc.h"
#include "actors/model/model.h"
#include "actors/worker/aside.h"
#include "actors/worker/feeder.h"
#include "actors/worker/worker_core.h"
#include "codec/base/log.h"

#include <math.h>
#include <stdlib.h>

#define WORKER_TEST_BATCH 200 /* test samples between two looks at the mailbox */
#define WORKER_ASIDE_US                                                                                      \
    50000 /* what takes longer is computed by another thread: this one keeps the actor alive */

typedef struct {
    worker_actor_t with;
    worker_core_t *core; /* the shell's */
    model_t *model;
    feeder_t *feeder;
    float *part; /* (N): gradient of a later piece; NULL: batches are of one */
    bool foresees;
    feeder_piece_t foreseen; /* the first piece of the next task, where that is known */

    aside_t *aside;
    bool away;       /* a piece is computed there */
    bool last;       /* the newest piece was the last */
    int64_t took_us; /* the newest piece; at first nobody knows */

    bool computing; /* a batch, piece by piece; the mailbox is looked at in between */
    uint64_t computed;
    int64_t core_us; /* that it took so far */

    bool waits; /* the gradient is there, and its time is not over */
    double mean_loss;
    int64_t due_us, late_us; /* when it is; how late that was noticed the last time */

    bool evaluating;
    worker_task_t task;
    uint64_t tested, correct;
    float *scores; /* (WORKER_TEST_BATCH); NULL: the model has none */
    auc_t *auc;    /* of the test samples so far; NULL likewise */
    double loss;
    int64_t began_us;
} worker_hint_t;

/* ---- life ---- */

static err_code_t s_open_scores(worker_hint_t *self, err_t *err)
{
    if (!model_scores(self->model))
        return ERR_OK;
    self->scores = malloc(WORKER_TEST_BATCH * sizeof *self->scores);
    if (!self->scores)
        return err_set(err, ERR_MEMORY, "no memory for scores");
    return auc_new((size_t)dataset_test_samples(self->with.dataset), &self->auc, err);
}

static err_code_t s_open_feeder(worker_hint_t *self, size_t piece_max, err_t *err)
{
    const topology_t *topology = self->with.topology;
    feeder_spec_t spec = {
        .dataset = self->with.dataset,
        .region = &self->with.job->regions[self->with.region_index],
        .region_index = self->with.region_index,
        .seed = topology->job.seed,
        .augment = {.shift = topology->job.data.augment.shift, .flip = topology->job.data.augment.flip},
        .piece_max = piece_max,
        .test_max = WORKER_TEST_BATCH};
    return feeder_new(&spec, &self->feeder, err);
}

static err_code_t s_open_model(worker_hint_t *self, err_t *err)
{
    const job_region_t *region = &self->with.job->regions[self->with.region_index];
    bool several = region->batch_max > MODEL_PIECE;
    uint64_t most = several ? MODEL_PIECE : region->batch_max;
    const model_spec_t *spec = &self->with.topology->job.model;
    err_code_t rc = model_accepts(spec, dataset_facts(self->with.dataset), err);
    if (!rc)
        rc = model_new(spec, most, &self->model, err);
    if (rc)
        return rc;
    if (several)
        self->part = malloc(model_layout(self->model)->count * sizeof *self->part);
    if (several && !self->part)
        return err_set(err, ERR_MEMORY, "no memory for batches of %llu samples; choose a smaller job.batch",
                       (unsigned long long)region->batch_max);
    rc = s_open_scores(self, err);
    return rc ? rc : s_open_feeder(self, (size_t)most, err);
}

/* A computation aside works with the core's buffers. */
static void s_halt(void *hint)
{
    worker_hint_t *self = hint;
    aside_destroy(&self->aside);
}

/* Which elements a batch touches: its samples are looked at before it is computed. */
static err_code_t s_touches(void *hint, uint64_t batch, ranges_t *ret_elements)
{
    worker_hint_t *self = hint;
    err_code_t code = ERR_OK;
    bool last = false;
    for (feeder_piece_t piece = {.batch = batch}; !code && !last;) {
        feeder_samples_t samples = feeder_peek(self->feeder, &piece);
        ranges_t touched = {0};
        code = model_touches(self->model, samples.x, samples.count, &touched);
        if (!code)
            code = ranges_union(ret_elements, &touched);
        ranges_fini(&touched);
        piece.from += samples.count;
        last = samples.last;
    }
    return code;
}

static err_code_t s_open_worker(void *hint, uint64_t *incarnation, void **ret_core, err_t *err)
{
    worker_hint_t *self = hint;
    err_code_t rc = s_open_model(self, err);
    if (!rc)
        rc = aside_new(&self->aside, err);
    if (rc)
        return rc;
    self->took_us = INT64_MAX;
    const layout_t *layout = model_layout(self->model);
    size_t shard_count = self->with.topology->regions[self->with.region_index].shards;
    size_t *shard_first = malloc((shard_count + 1) * sizeof *shard_first);
    if (!shard_first)
        return err_set(err, ERR_MEMORY, "no memory");
    for (size_t k = 0; k < shard_count; k++)
        layout_shard(layout, shard_count, k, &shard_first[k], &shard_first[k + 1]);
    worker_spec_t spec = {.topology = self->with.topology,
                          .job = self->with.job,
                          .region_index = self->with.region_index,
                          .worker_index = self->with.worker_index,
                          .incarnation = *incarnation,
                          .shard_count = shard_count,
                          .shard_first = shard_first,
                          .layout = layout,
                          .chunk_bytes = MESSAGE_CHUNK_BYTES,
                          .checksums = self->with.checksums,
                          .touches = job_sends_rows(self->with.topology, layout) ? s_touches : NULL,
                          .touches_hint = self};
    *ret_core = self->core = worker_core_new(&spec);
    free(shard_first);
    return ERR_OK;
}

/* Tells whether the worker ever waited for data. */
static void s_log_feeder(const worker_hint_t *self)
{
    const feeder_tally_t *tally = feeder_tally(self->feeder);
    log_event(LEVEL_INFO, "worker", "samples_gathered",
              "region=%s worker=%zu pieces=%llu ahead=%llu waited_ms=%.1f",
              self->with.topology->regions[self->with.region_index].name, self->with.worker_index,
              (unsigned long long)tally->taken, (unsigned long long)tally->ahead,
              (double)tally->waited_us / 1e3);
}

static void s_close_worker(void *hint)
{
    worker_hint_t *self = hint;
    aside_destroy(&self->aside);
    model_destroy(&self->model);
    if (self->feeder)
        s_log_feeder(self);
    feeder_destroy(&self->feeder);
    free(self->scores);
    auc_destroy(&self->auc);
    free(self->part);
    free(self);
}

/* ---- computing ---- */

/* The samples of a piece; what comes after it is gathered meanwhile. */
static feeder_samples_t s_feed(worker_hint_t *self, const feeder_piece_t *piece)
{
    feeder_samples_t samples = feeder_take(self->feeder, piece);
    feeder_piece_t next = *piece;
    next.from += samples.count;
    if (!samples.last)
        feeder_ask(self->feeder, &next);
    else if (self->foresees)
        feeder_ask(self->feeder, &self->foreseen);
    return samples;
}

/* The next piece of the batch; returns whether it was the last. */
static bool s_compute(worker_hint_t *self)
{
    feeder_samples_t samples =
        s_feed(self, &(feeder_piece_t){.batch = self->task.batch, .from = self->computed});
    double loss;
    float *gradient = self->computed ? self->part : self->task.gradient;
    model_gradient(self->model, self->task.params, samples.x, samples.labels, samples.count, gradient, &loss);
    if (self->computed)
        model_join(self->model, self->computed, samples.count, self->part, loss, self->task.gradient,
                   &self->mean_loss);
    else
        self->mean_loss = loss;
    self->computed += samples.count;
    return samples.last;
}

/* A slower core is emulated by waiting. One whose speed the topology says takes as long as that says; else
 * the step takes what it took of this core, as long as it takes there, whatever others did on this core
 * meanwhile. What a late timer took is made up for at the next step. */
static void s_pace(worker_hint_t *self, int64_t began_us, int64_t core_us)
{
    double samples_per_s = self->with.topology->plan.samples_per_s;
    uint64_t first, end;
    job_batch_samples(&self->with.job->regions[self->with.region_index], self->task.batch, &first, &end);
    double took_us = samples_per_s > 0 ? 1e6 * (double)(end - first) / samples_per_s : (double)core_us;
    int64_t whole_us = (int64_t)(took_us / self->with.pace);
    int64_t made_up_us = self->late_us < whole_us / 2 ? self->late_us : whole_us / 2;
    self->due_us = began_us + whole_us - made_up_us;
    self->waits = true;
}

static void s_begin_step(worker_hint_t *self)
{
    self->computing = true;
    self->computed = 0;
    self->core_us = 0;
    self->began_us = clock_now_us();
}

static void s_computed(worker_hint_t *self)
{
    self->computing = false;
    if (self->with.pace > 0)
        s_pace(self, self->began_us, self->core_us);
    else
        worker_core_computed(self->core, self->mean_loss, clock_now_us());
}

static void s_begin_evaluation(worker_hint_t *self, int64_t now_us)
{
    self->evaluating = true;
    self->tested = self->correct = 0;
    if (self->auc)
        auc_clear(self->auc);
    self->loss = 0;
    self->began_us = now_us;
}

/* One piece of the test set; returns whether it was the last. */
static bool s_evaluate(worker_hint_t *self)
{
    feeder_samples_t samples = s_feed(self, &(feeder_piece_t){.test = true, .from = self->tested});
    if (samples.count)
        model_evaluate(self->model, self->task.params, samples.x, samples.labels, samples.count, &self->loss,
                       &self->correct, self->scores);
    if (samples.count && self->auc)
        auc_add(self->auc, self->scores, samples.labels, samples.count);
    self->tested += samples.count;
    return samples.last;
}

/* 0: none, as messages tell it. */
static double s_auc(const worker_hint_t *self)
{
    double area = self->auc ? auc_area(self->auc) : NAN;
    return isnan(area) ? 0 : area;
}

static void s_evaluated(worker_hint_t *self)
{
    uint64_t total = dataset_test_samples(self->with.dataset);
    int64_t now_us = clock_now_us();
    double loss = total ? self->loss / (double)total : NAN;
    double accuracy = total ? (double)self->correct / (double)total : NAN;
    self->evaluating = false;
    worker_result_t result = {.loss = loss, .accuracy = accuracy, .auc = s_auc(self)};
    worker_core_evaluated(self->core, &result, now_us - self->began_us, now_us);
}

/* In whichever thread. */
static void s_piece(void *hint)
{
    worker_hint_t *self = hint;
    int64_t began_us = clock_now_us(), core_us = clock_thread_us();
    self->last = self->computing ? s_compute(self) : s_evaluate(self);
    self->core_us += clock_thread_us() - core_us;
    self->took_us = clock_now_us() - began_us;
}

static void s_take_piece(worker_hint_t *self)
{
    if (self->last && self->computing)
        s_computed(self);
    else if (self->last)
        s_evaluated(self);
}

/* Looks ahead while this thread may look at the core. */
static void s_foresee(worker_hint_t *self)
{
    bool evaluate;
    uint64_t batch;
    self->foresees = worker_core_foresee(self->core, &evaluate, &batch);
    if (self->foresees)
        self->foreseen = (feeder_piece_t){.test = evaluate, .batch = batch};
}

/* A short piece is computed here: handing it over would cost more. */
static int64_t s_next_piece(worker_hint_t *self, int64_t now_us)
{
    s_foresee(self);
    if (self->took_us > WORKER_ASIDE_US) {
        self->away = true;
        aside_begin(self->aside, s_piece, self);
        return ROLE_NEVER;
    }
    s_piece(self);
    s_take_piece(self);
    return now_us;
}

/* While parameters are on their way. */
static void s_prepare(worker_hint_t *self)
{
    s_foresee(self);
    if (self->foresees)
        feeder_ask(self->feeder, &self->foreseen);
}

static int64_t s_work_worker(void *hint, void *core, int64_t now_us)
{
    (void)core;
    worker_hint_t *self = hint;
    if (self->away) {
        if (!aside_is_over(self->aside))
            return ROLE_NEVER;
        self->away = false;
        s_take_piece(self);
    }
    if (self->waits) {
        if (now_us < self->due_us)
            return self->due_us;
        self->waits = false;
        self->late_us = now_us - self->due_us;
        worker_core_computed(self->core, self->mean_loss, now_us);
    }
    if (!self->evaluating && !self->computing) {
        if (!worker_core_take_task(self->core, &self->task)) {
            s_prepare(self);
            return ROLE_NEVER;
        }
        if (self->task.evaluate)
            s_begin_evaluation(self, now_us);
        else
            s_begin_step(self);
    }
    return s_next_piece(self, now_us);
}

static int s_fd_worker(void *hint)
{
    const worker_hint_t *self = hint;
    return aside_fd(self->aside);
}

static err_code_t s_failure_worker(void *hint, void *core, err_t *err)
{
    const worker_hint_t *self = hint;
    const char *reason = "";
    uint64_t batch;
    if (worker_core_gave_up(core, &batch))
        log_event(
            LEVEL_INFO, "worker", "step_given_up",
            "region=%s worker=%zu batch=%llu; it was not over in time, whoever goes on computes it anew",
            self->with.topology->regions[self->with.region_index].name, self->with.worker_index,
            (unsigned long long)batch);
    err_code_t rc = worker_core_failure(core, &reason);
    return rc ? err_set(err, rc, "%s", reason) : ERR_OK;
}

void worker_actor_fill(const worker_actor_t *self, shell_spec_t *spec)
{
    static const shell_ops_t ops = {.open = s_open_worker,
                                    .work = s_work_worker,
                                    .fd = s_fd_worker,
                                    .halt = s_halt,
                                    .failure = s_failure_worker,
                                    .close = s_close_worker};
    worker_hint_t *hint = calloc(1, sizeof *hint);
    CHECK(hint);
    hint->with = *self;
    spec->role = &worker_role;
    spec->ops = &ops;
    spec->hint = hint;
}
