/* rounds - waiting strategies on real models, through the cores that run live and a network that loses,
 * doubles and reorders.
 *
 *   sim.rounds [--first SEED] [--seeds N]
 *
 * ssgd over several regions equals one process with the big batch; and with `inside: sync` and one worker per
 * region a seed gives the same bits whatever the network does, also over stops and restarts. Where local
 * steps overlap with rounds, replicas are also equal at the end when shards, synchronizers and workers are
 * killed meanwhile.
 */
#include "deploy/simulate/sim.h"
#include "tests/sim/faults.h"
#include "tests/sim/regions.h"

#include "actors/model/model.h"
#include "actors/model/optimizer.h"

#include <getopt.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#define STEPS 50
#define ADAM "name: adam, lr: 0.01"

typedef struct {
    const char *strategy, *model;
    unsigned every, regions, workers;
    const char *encoding;
    unsigned overlap;
    const char *optimizer; /* its keys; NULL: momentum */
} case_t;

typedef struct {
    faults_t faults;
    uint64_t stops, drained; /* that were planned; that came before the end */
} totals_t;

static topology_t *s_topology(const case_t *with, uint64_t seed)
{
    char job[1024];
    snprintf(job, sizeof job,
             "job:\n  name: rounds\n  model: %s\n  data: {kind: idx, dir: none}\n  epochs: 2\n"
             "  batch: 4\n  seed: %u\n"
             "  optimizer: {%s, schedule: linear}\n"
             "  sync: {strategy: %s, every: %u, inside: sync, staleness: 4, window: 1MiB,\n"
             "         encoding: %s, overlap: %u}\n",
             with->model, (unsigned)seed,
             with->optimizer ? with->optimizer : "name: momentum, lr: 0.05, momentum: 0.9", with->strategy,
             with->every, with->encoding ? with->encoding : "none", with->overlap);
    return regions_topology(job, with->regions, with->workers,
                            (uint64_t)STEPS / 2 * 4 * with->regions * with->workers); /* in two epochs */
}

static sim_spec_t s_spec(uint64_t seed, bool faults)
{
    return (sim_spec_t){.seed = seed,
                        .lan_delay_us = 100,
                        .wan_delay_us = 15000,
                        .loss = faults ? 0.05 : 0,
                        .duplicate = faults ? 0.05 : 0,
                        .reorder = faults ? 0.05 : 0,
                        .reorder_us = 20000,
                        .step_us = 3000,
                        .commit_us = 2000,
                        .commit_failure = faults ? 0.05 : 0,
                        .chunk_bytes = 65536,
                        .limit_us = 3600000000};
}

/* ---- one process with the big batch ---- */

typedef struct {
    model_t *model;
    size_t count, size;
    float *w, *g, *x;
    float *state[OPTIMIZER_TENSORS_MAX];
    uint32_t *labels;
} single_t;

static void s_single_init(single_t *self, const topology_t *topology, size_t batch_max)
{
    err_t err = {0};
    CHECK(model_new(&topology->job.model, batch_max, &self->model, &err) == ERR_OK);
    self->count = model_layout(self->model)->count;
    self->size = model_sample_size(self->model);
    self->w = calloc(self->count, sizeof *self->w);
    for (size_t i = 0; i < OPTIMIZER_TENSORS_MAX; i++)
        CHECK((self->state[i] = calloc(self->count, sizeof *self->state[i])));
    self->g = calloc(self->count, sizeof *self->g);
    self->x = calloc(batch_max * self->size, sizeof *self->x);
    self->labels = calloc(batch_max, sizeof *self->labels);
    CHECK(self->w && self->g && self->x && self->labels);
    model_init(self->model, topology->job.seed, self->w);
}

static void s_single_fini(single_t *self)
{
    model_destroy(&self->model);
    for (size_t i = 0; i < OPTIMIZER_TENSORS_MAX; i++)
        free(self->state[i]);
    free(self->g);
    free(self->x);
    free(self->labels);
}

/* Gathers the batches of a step from all regions as one; returns its size. */
static size_t s_gather(single_t *self, const topology_t *topology, const job_t *job, uint64_t step)
{
    size_t count = 0;
    uint64_t before = 0;
    for (size_t r = 0; r < job->region_count; r++) {
        const job_region_t *region = &job->regions[r];
        for (uint64_t b = step * region->width; b < (step + 1) * region->width; b++) {
            uint64_t first, end;
            job_batch_samples(region, b, &first, &end);
            for (uint64_t i = first; i < end; i++, count++)
                sim_sample(topology->job.seed, before + i, self->size, self->x + count * self->size,
                           &self->labels[count]);
        }
        before += region->samples;
    }
    return count;
}

static void s_step(single_t *self, const optimizer_t *optimizer, float lr, uint64_t number)
{
    optimizer_step_t step = {
        .lr = lr, .number = number, .n = self->count, .w = self->w, .g = self->g, .ret_w = self->w};
    for (size_t i = 0; i < OPTIMIZER_TENSORS_MAX; i++)
        step.state[i] = step.ret_state[i] = self->state[i];
    optimizer_step(optimizer, &step);
}

/* Parameters after all steps; the caller frees them. */
static float *s_single(const topology_t *topology)
{
    single_t self;
    job_t job;
    err_t err = {0};
    CHECK(job_derive(topology, topology->job.data.samples, &job, &err) == ERR_OK);
    s_single_init(&self, topology, topology->job.data.samples);
    optimizer_t optimizer = {.kind = topology->job.optimizer.name,
                             .lr = (float)topology->job.optimizer.lr,
                             .momentum = (float)topology->job.optimizer.momentum,
                             .schedule = SCHEDULE_LINEAR};
    uint64_t done = 0;
    double loss;
    CHECK(job.regions[0].steps == STEPS);
    for (uint64_t step = 0; step < STEPS; step++) {
        size_t count = s_gather(&self, topology, &job, step);
        model_gradient(self.model, self.w, self.x, self.labels, count, self.g, &loss);
        s_step(&self, &optimizer, optimizer_rate(&optimizer, done, job.samples_total), step + 1);
        done += count;
    }
    s_single_fini(&self);
    return self.w;
}

/* ---- worlds ---- */

/* The replicas (regions, count) at the end; the caller frees them. NULL: stuck. */
static float *s_replicas(const topology_t *topology, sim_t *sim, size_t count)
{
    float *w = calloc(topology->region_count * count, sizeof *w);
    CHECK(w);
    if (!sim_run(sim)) {
        sim_print_waits(sim, stderr);
        free(w);
        return NULL;
    }
    for (size_t r = 0; r < topology->region_count; r++)
        sim_parameters(sim, r, w + r * count);
    return w;
}

static void s_note(totals_t *totals, const sim_spec_t *spec, const sim_t *sim)
{
    sim_stats_t stats = sim_stats(sim);
    faults_ask(&totals->faults, spec);
    faults_add(&totals->faults, &stats);
}

/* A run that is drained `stops` times on its way, at random moments. */
static float *s_run(const topology_t *topology, uint64_t seed, bool faults, unsigned stops, size_t count,
                    totals_t *totals)
{
    rng_t rng;
    rng_init_for(&rng, seed, "stops", 0, 0);
    sim_spec_t spec = s_spec(seed, faults);
    sim_t *sim = sim_new(topology, &spec);
    totals->stops += stops;
    for (unsigned i = 0; i < stops; i++) {
        sim_stop_at(sim, 1000000 + (int64_t)rng_below(&rng, 4000000));
        sim_run(sim);
        if (sim_state(sim) != RUN_DRAINED)
            break;
        totals->drained++;
        s_note(totals, &spec, sim);
        spec.term = i + 2;
        spec.seed = rng_u64(&rng);
        sim_t *next = sim_new(topology, &spec);
        sim_take_disks(next, sim);
        sim_destroy(&sim);
        sim = next;
    }
    float *w = s_replicas(topology, sim, count);
    s_note(totals, &spec, sim);
    sim_destroy(&sim);
    return w;
}

static double s_distance(const float *a, const float *b, size_t count)
{
    double most = 0;
    for (size_t i = 0; i < count; i++)
        most = fmax(most, fabs((double)a[i] - b[i]));
    return most;
}

static bool s_fail(const case_t *with, uint64_t seed, const char *what, double figure)
{
    fprintf(stderr, "%s %s, %s, %u regions of %u workers, seed %llu: %s (%g)\n", with->strategy, with->model,
            with->optimizer ? with->optimizer : "momentum", with->regions, with->workers,
            (unsigned long long)seed, what, figure);
    return false;
}

static bool s_check_replicas(const case_t *with, uint64_t seed, const float *w, size_t count)
{
    if (!w)
        return s_fail(with, seed, "stuck", 0);
    for (size_t r = 1; r < with->regions; r++)
        if (memcmp(w, w + r * count, count * sizeof *w) != 0)
            return s_fail(with, seed, "replicas differ", s_distance(w, w + r * count, count));
    return true;
}

static bool s_check_same(const case_t *with, uint64_t seed, const char *which, const float *a, const float *b,
                         size_t count)
{
    if (memcmp(a, b, count * sizeof *a) == 0)
        return true;
    return s_fail(with, seed, which, s_distance(a, b, count));
}

static bool s_check_bits(const case_t *with, uint64_t seed, const topology_t *topology, const float *calm,
                         size_t count, totals_t *totals)
{
    float *wild = s_run(topology, seed, true, 0, count, totals);
    bool good = s_check_replicas(with, seed, wild, count) &&
                s_check_same(with, seed, "the network's faults change bits", calm, wild, count);
    free(wild);
    if (!good || with->workers > 1)
        return good;
    for (unsigned faults = 0; good && faults < 2; faults++) {
        float *stopped = s_run(topology, seed, faults, 2, count, totals);
        good = s_check_replicas(with, seed, stopped, count) &&
               s_check_same(with, seed, faults ? "stops change bits, with faults" : "stops change bits", calm,
                            stopped, count);
        free(stopped);
    }
    return good;
}

/* A killed shard goes on from its newest snapshot, also from one that was taken while a
 * round was under way. */
static bool s_check_kills(const case_t *with, uint64_t seed, const topology_t *topology, size_t count,
                          totals_t *totals)
{
    sim_spec_t spec = s_spec(seed, true);
    spec.kill_per_s = 3;
    spec.kill_until_us = 60000000;
    sim_t *sim = sim_new(topology, &spec);
    float *w = s_replicas(topology, sim, count);
    sim_stats_t stats = sim_stats(sim);
    s_note(totals, &spec, sim);
    bool good = s_check_replicas(with, seed, w, count) &&
                (stats.killed[ROLE_SHARD] > 0 || s_fail(with, seed, "no shard was killed", 0));
    free(w);
    sim_destroy(&sim);
    return good;
}

static bool s_check(const case_t *with, uint64_t seed, totals_t *totals)
{
    topology_t *topology = s_topology(with, seed);
    layout_t *layout = calloc(1, sizeof *layout);
    err_t err = {0};
    CHECK(layout &&
          model_layout_of(&(model_spec_t[]){model_spec_of(with->model)}[0], layout, &err) == ERR_OK);
    size_t count = layout->count;
    float *calm = s_run(topology, seed, false, 0, count, totals);
    bool good =
        s_check_replicas(with, seed, calm, count) && s_check_bits(with, seed, topology, calm, count, totals);
    if (good && with->overlap)
        good = s_check_kills(with, seed, topology, count, totals);
    if (good && !strcmp(with->strategy, "ssgd")) {
        float *single = s_single(topology);
        double distance = s_distance(calm, single, count);
        good = distance <= 1e-5 || s_fail(with, seed, "not what one process computes", distance);
        free(single);
    }
    free(calm);
    free(layout);
    topology_destroy(&topology);
    return good;
}

int main(int argc, char **argv)
{
    static const struct option longs[] = {{"seeds", 1, NULL, 'n'}, {"first", 1, NULL, 'f'}, {0}};
    static const case_t cases[] = {
        {"ssgd", "softmax", 1, 2, 1, NULL, 0, NULL},   {"ssgd", "softmax", 1, 3, 2, NULL, 0, NULL},
        {"ssgd", "mlp", 1, 2, 1, NULL, 0, NULL},       {"sma", "softmax", 4, 3, 1, NULL, 0, NULL},
        {"diloco", "softmax", 4, 3, 1, NULL, 0, NULL}, {"diloco", "softmax", 5, 2, 1, "topk", 0, NULL},
        {"diloco", "softmax", 6, 3, 1, NULL, 4, NULL}, {"diloco", "softmax", 5, 2, 1, "topk", 1, NULL},
        {"ssgd", "softmax", 1, 2, 1, NULL, 0, ADAM},   {"diloco", "softmax", 4, 3, 1, NULL, 0, ADAM},
    };
    uint64_t seeds = 3, first = 1;
    for (int c; (c = getopt_long(argc, argv, "", longs, NULL)) != -1;) {
        if (c == 'n')
            seeds = strtoull(optarg, NULL, 10);
        else if (c == 'f')
            first = strtoull(optarg, NULL, 10);
        else
            return 2;
    }
    size_t wrong = 0, runs = 0;
    totals_t totals = {0};
    for (uint64_t seed = first; seed < first + seeds; seed++)
        for (size_t i = 0; i < sizeof cases / sizeof *cases; i++, runs++)
            wrong += !s_check(&cases[i], seed, &totals);
    printf("worlds %zu: wrong %zu; drained on the way %llu of %llu times\n", runs, wrong,
           (unsigned long long)totals.drained, (unsigned long long)totals.stops);
    bool drained = faults_one_fired("drained on the way", true, 2 * totals.drained > totals.stops);
    return wrong || !faults_all_fired(&totals.faults) || !drained;
}
