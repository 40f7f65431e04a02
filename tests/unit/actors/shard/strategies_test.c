/* Strategies against their formula, on a linear model: loss of sample i = (w . x_i - y_i)^2 / 2. */
#include "tests/unit/actors/shard/world.h"

#include "codec/base/rng.h"

#include <math.h>

#define ELEMENTS 12
#define SAMPLES 400

static float s_x[SAMPLES][ELEMENTS], s_y[SAMPLES];

static void s_data(void)
{
    const char *text = getenv("CLOUDLESS_SEED");
    uint64_t seed = text ? strtoull(text, NULL, 10) : 5;
    printf("seed %llu\n", (unsigned long long)seed);
    rng_t rng;
    rng_init(&rng, seed);
    for (size_t i = 0; i < SAMPLES; i++) {
        s_y[i] = (float)rng_normal(&rng);
        for (size_t d = 0; d < ELEMENTS; d++)
            s_x[i][d] = (float)rng_normal(&rng);
    }
}

/* Adds the gradient of samples [first, end) of region r; regions lie behind each other. */
static void s_add(const world_t *w, size_t r, uint64_t first, uint64_t end, const float *params, double *g)
{
    uint64_t base = 0;
    for (size_t i = 0; i < r; i++)
        base += w->job.regions[i].samples;
    for (uint64_t i = base + first; i < base + end; i++) {
        double error = -s_y[i];
        for (size_t d = 0; d < ELEMENTS; d++)
            error += (double)params[d] * s_x[i][d];
        for (size_t d = 0; d < ELEMENTS; d++)
            g[d] += error * s_x[i][d];
    }
}

static void s_gradient(const world_t *w, size_t r, uint64_t batch, const float *params, float *ret_g)
{
    double g[ELEMENTS] = {0};
    uint64_t first, end;
    job_batch_samples(&w->job.regions[r], batch, &first, &end);
    s_add(w, r, first, end, params, g);
    for (size_t d = 0; d < ELEMENTS; d++)
        ret_g[d] = (float)(g[d] / (double)(end - first));
}

static world_t *s_world(size_t regions, strategy_name_t strategy, uint64_t every, uint64_t workers)
{
    s_data();
    topology_t *t = world_topology(regions, strategy, every, workers);
    t->job.optimizer.name = OPTIMIZER_MOMENTUM;
    t->job.optimizer.momentum = 0.9;
    t->job.optimizer.schedule = SCHEDULE_LINEAR;
    t->regions[0].data_share = 2;
    t->job.sync.inside = INSIDE_SYNC;
    world_t *w = world_new(t, ELEMENTS);
    return w;
}

/* One step of every region: pull, compute, push. */
static void s_step(world_t *w, uint64_t step)
{
    float params[WORLD_REGIONS][8][ELEMENTS], g[ELEMENTS];
    for (size_t r = 0; r < w->topology->region_count; r++) {
        uint64_t width = w->job.regions[r].width;
        for (uint64_t i = 0; i < width; i++)
            cr_assert(world_pull(w, r, i, step * width + i, params[r][i]), "step %d", (int)step);
    }
    for (size_t r = 0; r < w->topology->region_count; r++) {
        uint64_t width = w->job.regions[r].width;
        for (uint64_t i = 0; i < width; i++) {
            s_gradient(w, r, step * width + i, params[r][i], g);
            world_push(w, r, i, step * width + i, g);
        }
    }
    world_tick(w, 1000);
}

/* One process: the mean gradient of everything that the regions compute in a step, momentum, linear schedule.
 */
static void s_reference(const world_t *w, uint64_t steps, float *ret_params)
{
    double velocity[ELEMENTS] = {0};
    uint64_t done = 0;
    memset(ret_params, 0, ELEMENTS * sizeof *ret_params);
    for (uint64_t step = 0; step < steps; step++) {
        double g[ELEMENTS] = {0};
        uint64_t samples = 0;
        for (size_t r = 0; r < w->topology->region_count; r++) {
            uint64_t width = w->job.regions[r].width, first, end;
            for (uint64_t b = step * width; b < (step + 1) * width; b++) {
                job_batch_samples(&w->job.regions[r], b, &first, &end);
                s_add(w, r, first, end, ret_params, g);
                samples += end - first;
            }
        }
        double lr = w->topology->job.optimizer.lr * (1 - (double)done / (double)w->job.samples_total);
        for (size_t d = 0; d < ELEMENTS; d++) {
            velocity[d] = w->topology->job.optimizer.momentum * velocity[d] + g[d] / (double)samples;
            ret_params[d] = (float)(ret_params[d] - lr * velocity[d]);
        }
        done += samples;
    }
}

static double s_distance(const float *a, const float *b)
{
    double most = 0;
    for (size_t d = 0; d < ELEMENTS; d++)
        most = fmax(most, fabs((double)a[d] - b[d]));
    return most;
}

static void s_check_ssgd(size_t regions, uint64_t workers)
{
    world_t *w = s_world(regions, STRATEGY_SSGD, 1, workers);
    w->topology->job.batch = 2;
    w->topology->job.epochs = 2;
    world_start(w, 300);
    for (uint64_t step = 0; step < 50; step++)
        s_step(w, step);
    float expected[ELEMENTS], have[WORLD_REGIONS][ELEMENTS];
    s_reference(w, 50, expected);
    for (size_t r = 0; r < regions; r++) {
        world_replica(w, r, have[r]);
        cr_assert_lt(s_distance(have[r], expected), 1e-5);
        cr_assert_arr_eq(have[r], have[0], sizeof have[0]);
        cr_assert_eq(shard_core_round(w->shard[r][1]), regions > 1 ? 50 : 0);
    }
    cr_assert_gt(fabs((double)expected[0]), 1e-3);
    world_destroy(w);
}

Test(ssgd, two_regions_equal_one_process_with_the_big_batch)
{
    s_check_ssgd(2, 1);
}

Test(ssgd, three_regions_of_two_workers_equal_one_process_with_the_big_batch)
{
    s_check_ssgd(3, 2);
}

Test(ssgd, one_region_needs_no_rounds)
{
    s_check_ssgd(1, 2);
}

Test(sma, replicas_are_equal_bit_for_bit_after_each_round)
{
    world_t *w = s_world(3, STRATEGY_SMA, 4, 1);
    world_start(w, 240);
    uint64_t steps = w->job.regions[0].steps;
    for (uint64_t step = 0; step < steps; step++) {
        float have[WORLD_REGIONS][ELEMENTS];
        s_step(w, step);
        for (size_t r = 0; r < 3; r++)
            world_replica(w, r, have[r]);
        bool round = (step + 1) % 4 == 0;
        cr_assert_eq(memcmp(have[0], have[1], sizeof *have) == 0, round);
        cr_assert_eq(memcmp(have[0], have[2], sizeof *have) == 0, round);
        cr_assert_eq(shard_core_round(w->shard[0][0]), (step + 1) / 4);
    }
    world_finish(w);
    float have[WORLD_REGIONS][ELEMENTS];
    for (size_t r = 0; r < 3; r++) {
        world_replica(w, r, have[r]);
        cr_assert_arr_eq(have[r], have[0], sizeof *have);
        cr_assert_eq(shard_core_samples_applied(w->shard[r][0]), 240);
    }
    world_destroy(w);
}

Test(sma, a_round_is_the_average_by_samples)
{
    world_t *w = s_world(2, STRATEGY_SMA, 1, 1);
    w->topology->job.optimizer.schedule = SCHEDULE_CONSTANT;
    world_start(w, 240);
    float params[ELEMENTS] = {0}, g[2][ELEMENTS], have[ELEMENTS];
    for (size_t r = 0; r < 2; r++) {
        s_gradient(w, r, 0, params, g[r]);
        world_push(w, r, 0, 0, g[r]);
    }
    world_replica(w, 1, have);
    for (size_t d = 0; d < ELEMENTS; d++)
        cr_assert_lt(fabs(have[d] + 0.05 * (160.0 * (double)g[0][d] + 80.0 * (double)g[1][d]) / 240), 1e-6);
    world_destroy(w);
}

Test(ama, mixes_the_models_by_the_share_of_the_origin)
{
    world_t *w = s_world(2, STRATEGY_AMA, 1, 1);
    world_start(w, 240);
    float params[ELEMENTS] = {0}, g[ELEMENTS], have[2][ELEMENTS];
    s_gradient(w, 0, 0, params, g);
    world_push(w, 0, 0, 0, g);
    world_settle(w, 100000);
    world_replica(w, 0, have[0]);
    world_replica(w, 1, have[1]);
    for (size_t d = 0; d < ELEMENTS; d++) {
        cr_assert_lt(fabs((double)have[0][d] + 0.05 * (double)g[d]), 1e-6);
        cr_assert_lt(fabs((double)have[1][d] - 2.0 / 3 * (double)have[0][d]), 1e-6);
    }
    cr_assert_eq(shard_core_samples_applied(w->shard[1][0]), shard_core_samples_applied(w->shard[0][0]));
    world_destroy(w);
}

/* -- diloco against its formulas, written down naively ------------------------------------------------------
 */

typedef struct {
    double w[ELEMENTS], v[ELEMENTS], start[ELEMENTS], m[ELEMENTS], gathered[ELEMENTS];
    size_t arrivals;
} naive_t;

static void s_naive_step(const world_t *w, naive_t *self, size_t r, uint64_t batch, double lr)
{
    float params[ELEMENTS], g[ELEMENTS];
    for (size_t d = 0; d < ELEMENTS; d++)
        params[d] = (float)self->w[d];
    s_gradient(w, r, batch, params, g);
    for (size_t d = 0; d < ELEMENTS; d++) {
        self->v[d] = 0.9 * self->v[d] + (double)g[d];
        self->w[d] -= lr * self->v[d];
    }
}

static void s_naive_round(naive_t *all, const double *share, size_t regions, double lr, double mu)
{
    for (size_t d = 0; d < ELEMENTS; d++) {
        double mean = 0;
        for (size_t r = 0; r < regions; r++)
            mean += share[r] * (all[r].start[d] - all[r].w[d]);
        for (size_t r = 0; r < regions; r++) {
            all[r].m[d] = mu * all[r].m[d] + mean;
            all[r].start[d] -= lr * (mean + mu * all[r].m[d]);
            all[r].w[d] = all[r].start[d];
        }
    }
}

static double s_naive_distance(const world_t *w, const naive_t *all, size_t r)
{
    float have[ELEMENTS], expected[ELEMENTS];
    world_replica(w, r, have);
    for (size_t d = 0; d < ELEMENTS; d++)
        expected[d] = (float)all[r].w[d];
    return s_distance(have, expected);
}

Test(diloco, rounds_are_what_the_formulas_say_and_equal_bit_for_bit)
{
    world_t *w = s_world(3, STRATEGY_DILOCO, 4, 1);
    world_start(w, 240);
    naive_t all[3] = {0};
    double share[3];
    uint64_t steps = w->job.regions[0].steps, done = 0;
    cr_assert_gt(steps, 12);
    for (uint64_t step = 0; step < steps; step++) {
        float have[WORLD_REGIONS][ELEMENTS];
        double lr = 0.05 * (1 - (double)done / (double)w->job.samples_total);
        s_step(w, step);
        for (size_t r = 0; r < 3; r++) {
            share[r] = w->job.regions[r].share;
            s_naive_step(w, &all[r], r, step, lr);
        }
        bool round = (step + 1) % 4 == 0;
        if (round) {
            s_naive_round(all, share, 3, 0.7, 0.9);
            done = 0;
            for (size_t r = 0; r < 3; r++)
                done += job_samples_below(&w->job.regions[r], step + 1);
        }
        for (size_t r = 0; r < 3; r++) {
            cr_assert_lt(s_naive_distance(w, all, r), 1e-5, "region %zu, step %d", r, (int)step);
            world_replica(w, r, have[r]);
        }
        cr_assert_eq(memcmp(have[0], have[1], sizeof *have) == 0, round);
        cr_assert_eq(memcmp(have[0], have[2], sizeof *have) == 0, round);
        cr_assert_eq(shard_core_round(w->shard[0][0]), (step + 1) / 4);
    }
    world_finish(w);
    float have[WORLD_REGIONS][ELEMENTS];
    for (size_t r = 0; r < 3; r++) {
        world_replica(w, r, have[r]);
        cr_assert_arr_eq(have[r], have[0], sizeof *have);
        cr_assert_eq(shard_core_samples_applied(w->shard[r][0]), 240);
    }
    world_destroy(w);
}

/* Applies a delta of region `from`, naively. */
static void s_naive_take(naive_t *self, const double *difference, double share, double lr, double mu,
                         size_t regions)
{
    bool turn = ++self->arrivals == regions;
    for (size_t d = 0; d < ELEMENTS; d++) {
        double way = share * difference[d];
        self->gathered[d] += way;
        if (turn) {
            self->m[d] = mu * self->m[d] + self->gathered[d];
            way += mu * self->m[d];
            self->gathered[d] = 0;
        }
        self->start[d] -= lr * way;
        self->w[d] -= lr * way;
    }
    self->arrivals = turn ? 0 : self->arrivals;
}

static void s_naive_cut(const world_t *w, naive_t *all, size_t from, size_t regions, double mu)
{
    double difference[ELEMENTS];
    for (size_t d = 0; d < ELEMENTS; d++) {
        difference[d] = all[from].start[d] - all[from].w[d];
        all[from].w[d] = all[from].start[d];
    }
    for (size_t r = 0; r < regions; r++)
        s_naive_take(&all[r], difference, w->job.regions[from].share, 0.7, mu, regions);
}

static void s_check_async(double mu)
{
    const size_t regions = 3;
    world_t *w = s_world(regions, STRATEGY_DILOCO_ASYNC, 3, 1);
    w->topology->job.optimizer.schedule = SCHEDULE_CONSTANT;
    w->topology->job.sync.outer_momentum = mu;
    world_start(w, 240);
    naive_t all[3] = {0};
    /* Regions step in turn, so that deltas come while others are between two cuts. */
    for (uint64_t step = 0; step < 12; step++) {
        for (size_t r = 0; r < regions; r++) {
            uint64_t steps = (step + r) % 3 ? 1 : 0; /* some pause */
            uint64_t batch, end;
            cr_assert(
                ranges_gap(shard_core_applied(w->shard[r][0]), 0, w->job.regions[r].batches, &batch, &end));
            if (!steps)
                continue;
            float params[ELEMENTS], g[ELEMENTS];
            cr_assert(world_pull(w, r, 0, batch, params));
            s_gradient(w, r, batch, params, g);
            world_push(w, r, 0, batch, g);
            s_naive_step(w, &all[r], r, batch, 0.05);
            if ((batch + 1) % 3 == 0)
                s_naive_cut(w, all, r, regions, mu);
            for (size_t i = 0; i < regions; i++)
                cr_assert_lt(s_naive_distance(w, all, i), 1e-5, "region %zu, step %d", i, (int)step);
        }
    }
    cr_assert_gt(fabs(all[0].start[0]), 1e-3);
    world_destroy(w);
}

Test(diloco, without_rounds_deltas_act_as_the_formulas_say)
{
    s_check_async(0.9);
    s_check_async(0);
}

/* -- rounds under way while local steps go on ---------------------------------------------------------------
 */

#define EVERY 4
#define OVERLAP 2

static world_t *s_overlapping(size_t regions)
{
    world_t *w = s_world(regions, STRATEGY_DILOCO, EVERY, 1);
    w->topology->job.sync.overlap = OVERLAP;
    w->topology->job.optimizer.schedule = SCHEDULE_CONSTANT;
    return w;
}

/* Steps that shard k has made when it cuts: two shards, so half a turn apart. */
static bool s_cuts_at(size_t k, uint64_t steps)
{
    return steps > 0 && steps % EVERY == (k ? EVERY / 2 : 0);
}

typedef struct {
    naive_t all[WORLD_REGIONS];
    /* the difference, and where it was cut */
    double cut[WORLD_REGIONS][ELEMENTS], base[WORLD_REGIONS][ELEMENTS];
} naive_overlap_t;

/* The elements of one shard, after `steps`: first what a round does that was cut OVERLAP steps ago, then
 * the own cut. */
static void s_naive_overlap(naive_overlap_t *self, const world_t *w, size_t k, uint64_t steps)
{
    const size_t regions = w->topology->region_count;
    for (size_t d = world_first(w, k); d < world_first(w, k + 1); d++) {
        double mean = 0;
        for (size_t r = 0; r < regions; r++)
            mean += w->job.regions[r].share * self->cut[r][d];
        for (size_t r = 0; r < regions && steps >= OVERLAP && s_cuts_at(k, steps - OVERLAP); r++) {
            naive_t *own = &self->all[r];
            own->m[d] = 0.9 * own->m[d] + mean;
            own->start[d] -= 0.7 * (mean + 0.9 * own->m[d]);
            own->w[d] = own->start[d] + (own->w[d] - self->base[r][d]);
        }
        for (size_t r = 0; r < regions && s_cuts_at(k, steps); r++) {
            self->cut[r][d] = self->all[r].start[d] - self->all[r].w[d];
            self->base[r][d] = self->all[r].w[d];
        }
    }
}

static uint64_t s_rounds_of(size_t k, uint64_t steps)
{
    uint64_t rounds = 0;
    for (uint64_t at = 0; at + OVERLAP <= steps; at++)
        rounds += s_cuts_at(k, at);
    return rounds;
}

Test(overlap, a_round_acts_some_steps_after_its_cut_and_what_was_learned_since_stays)
{
    const size_t regions = 3;
    world_t *w = s_overlapping(regions);
    world_start(w, 240);
    naive_overlap_t naive = {0};
    uint64_t steps = w->job.regions[0].steps;
    cr_assert_gt(steps, 3 * EVERY);
    for (uint64_t step = 0; step < steps - 1; step++) { /* at the last one rounds act at once */
        s_step(w, step);
        for (size_t r = 0; r < regions; r++)
            s_naive_step(w, &naive.all[r], r, step, 0.05);
        for (size_t k = 0; k < 2; k++) {
            s_naive_overlap(&naive, w, k, step + 1);
            cr_assert_eq(shard_core_round(w->shard[0][k]), s_rounds_of(k, step + 1), "shard %zu, step %d", k,
                         (int)step);
        }
        for (size_t r = 0; r < regions; r++)
            cr_assert_lt(s_naive_distance(w, naive.all, r), 1e-5, "region %zu, step %d", r, (int)step);
    }
    cr_assert_gt(fabs(naive.all[0].start[0]), 1e-3);
    s_step(w, steps - 1);
    world_finish(w);
    float have[WORLD_REGIONS][ELEMENTS];
    for (size_t r = 0; r < regions; r++) {
        world_replica(w, r, have[r]);
        cr_assert_arr_eq(have[r], have[0], sizeof *have);
        cr_assert_eq(shard_core_samples_applied(w->shard[r][0]), 240);
    }
    world_destroy(w);
}

/* How many steps region 0 can make before it has to wait. */
static uint64_t s_steps_alone(world_t *w, uint64_t step)
{
    float params[ELEMENTS], g[ELEMENTS];
    uint64_t made = 0;
    for (; world_pull(w, 0, 0, step + made, params); made++) {
        s_gradient(w, 0, step + made, params, g);
        world_push(w, 0, 0, step + made, g);
    }
    return made;
}

Test(overlap, when_the_round_is_late_local_steps_wait)
{
    world_t *w = s_overlapping(2);
    w->topology->job.sync.window_bytes = 1; /* what is meant to be under way is not limited by it */
    w->topology->job.sync.staleness = 1;
    world_start(w, 240);
    world_run(w);
    w->cut[1] = true;
    cr_assert_eq(s_steps_alone(w, 0), EVERY / 2 + OVERLAP, "shard 1 cuts first");
    cr_assert_eq(s_steps_alone(w, EVERY / 2 + OVERLAP), 0);
    world_settle(w, 3000000);
    bool named = false;
    message_t *m;
    while ((m = world_mail(w, KIND_status))) {
        named |=
            strcmp(m->status.actor, "shard/region0/1") == 0 && strcmp(m->status.waits_for, "region1") == 0;
        message_destroy(&m);
    }
    cr_assert(named, "it says for whom");
    cr_assert_eq(shard_core_round(w->shard[0][1]), 0);
    w->cut[1] = false;
    world_settle(w, 3000000);
    float params[ELEMENTS], g[ELEMENTS];
    for (uint64_t step = 0; step < EVERY / 2; step++) {
        cr_assert(world_pull(w, 1, 0, step, params));
        s_gradient(w, 1, step, params, g);
        world_push(w, 1, 0, step, g);
    }
    cr_assert_eq(shard_core_round(w->shard[0][1]), 1, "the other has cut, too");
    cr_assert_eq(shard_core_round(w->shard[1][1]), 0, "and makes its steps first");
    cr_assert_eq(s_steps_alone(w, EVERY / 2 + OVERLAP), OVERLAP, "until shard 0 waits for its round");
    world_destroy(w);
}

Test(overlap, a_difference_that_is_not_finite_is_not_gone_on_from)
{
    world_t *w = s_overlapping(2);
    w->topology->job.optimizer.name = OPTIMIZER_SGD;
    w->topology->job.optimizer.lr = 10;
    world_start(w, 240);
    world_run(w);
    float huge[ELEMENTS], have[ELEMENTS];
    for (size_t d = 0; d < ELEMENTS; d++)
        huge[d] = 3e38f;
    world_push(w, 0, 0, 0, huge);
    world_replica(w, 0, have);
    cr_assert(isinf(have[0]) && isinf(have[ELEMENTS - 1]));
    const float nothing[ELEMENTS] = {0};
    for (uint64_t step = 1; step < EVERY; step++)
        world_push(w, 0, 0, step, nothing);
    world_replica(w, 0, have);
    for (size_t d = 0; d < ELEMENTS; d++)
        cr_assert_eq(have[d], 0, "element %zu: back where it began", d);
    world_destroy(w);
}

/* -- going on from a snapshot ------------------------------------------------------------------------------
 */

static void s_restart_all(world_t *w)
{
    for (size_t r = 0; r < w->topology->region_count; r++)
        for (size_t k = 0; k < 2; k++)
            world_crash(w, r, k);
    for (size_t r = 0; r < w->topology->region_count; r++) {
        for (size_t k = 0; k < 2; k++) {
            synchronizer_role.destroy((void **)&w->sync[r][k]);
            synchronizer_spec_t spec = {
                .topology = w->topology, .region_index = r, .shard_index = k, .incarnation = w->incarnation};
            w->sync[r][k] = synchronizer_core_new(&spec);
        }
    }
    world_settle(w, 6000000);
}

/* Pushes what each shard lacks of its next steps; returns false when nothing is left. */
static bool s_push_missing(world_t *w)
{
    bool left = false;
    for (size_t r = 0; r < w->topology->region_count; r++) {
        uint64_t batch = UINT64_MAX, b, end;
        for (size_t k = 0; k < 2; k++)
            if (ranges_gap(shard_core_applied(w->shard[r][k]), 0, w->job.regions[r].batches, &b, &end) &&
                b < batch)
                batch = b;
        if (batch == UINT64_MAX)
            continue;
        left = true;
        float params[ELEMENTS], g[ELEMENTS];
        if (!world_pull(w, r, 0, batch, params))
            continue;
        s_gradient(w, r, batch, params, g);
        world_push(w, r, 0, batch, g);
    }
    world_tick(w, 1000);
    return left;
}

/* Trains to the end; all actors restart from their newest snapshots every `restart` passes, 0: never. */
static void s_whole_run(strategy_name_t strategy, uint64_t every, uint64_t overlap, int restart,
                        float ret_params[2][ELEMENTS])
{
    world_t *w = s_world(2, strategy, every, 1);
    w->topology->job.sync.overlap = overlap;
    w->topology->checkpoint.every = (uint64_t)restart % 2; /* also in the midst of a round */
    world_start(w, 240);
    world_run(w);
    int passes = 0;
    while (s_push_missing(w)) {
        cr_assert_lt(++passes, 5000, "no progress");
        if (restart && passes % restart == 0)
            s_restart_all(w);
    }
    world_finish(w);
    for (size_t r = 0; r < 2; r++)
        world_replica(w, r, ret_params[r]);
    world_destroy(w);
}

static void s_check_restart(strategy_name_t strategy, uint64_t every)
{
    float straight[2][ELEMENTS], restarted[2][ELEMENTS];
    s_whole_run(strategy, every, 0, 0, straight);
    cr_assert_arr_eq(straight[0], straight[1], sizeof straight[0]);
    for (int restart = 1; restart < 6; restart++) {
        s_whole_run(strategy, every, 0, restart + (int)every, restarted);
        cr_assert_arr_eq(straight, restarted, sizeof straight);
    }
}

/* Each step is stored: shards that cut in turn would go back to different ones else. */
Test(restore, a_round_under_way_and_the_steps_since_are_gone_on_with_to_the_same_bits)
{
    float straight[2][ELEMENTS], restarted[2][ELEMENTS];
    s_whole_run(STRATEGY_DILOCO, 5, 3, 0, straight);
    cr_assert_arr_eq(straight[0], straight[1], sizeof straight[0]);
    for (int restart = 1; restart < 10; restart += 2) {
        s_whole_run(STRATEGY_DILOCO, 5, 3, restart, restarted);
        cr_assert_arr_eq(straight, restarted, sizeof straight);
    }
}

Test(restore, ssgd_goes_on_to_the_same_bits)
{
    s_check_restart(STRATEGY_SSGD, 1);
}

Test(restore, diloco_goes_on_to_the_same_bits)
{
    s_check_restart(STRATEGY_DILOCO, 3);
}

Test(restore, sma_goes_on_to_the_same_bits)
{
    s_check_restart(STRATEGY_SMA, 3);
}

/* Gradients after a cut are computed from its round. */
Test(strategies, no_step_is_made_while_a_round_is_open)
{
    static const float ones[ELEMENTS] = {1, 1};
    world_t *w = world_new(world_topology(2, STRATEGY_SSGD, 1, 1), ELEMENTS);
    world_start(w, 64);
    world_run(w);
    world_push(w, 0, 0, 0, ones);
    world_push(w, 0, 0, 1, ones);
    world_settle(w, 500000);
    cr_assert(ranges_has(shard_core_applied(w->shard[0][0]), 0));
    cr_assert_not(ranges_has(shard_core_applied(w->shard[0][0]), 1), "the other region has cut nothing yet");
    world_push(w, 1, 0, 0, ones);
    world_settle(w, 500000);
    cr_assert(ranges_has(shard_core_applied(w->shard[0][0]), 1));
    world_destroy(w);
}
