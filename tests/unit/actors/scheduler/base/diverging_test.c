#include "actors/scheduler/base/diverging.h"

#include <criterion/criterion.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#define BATCH 10

/* So many batches of one loss each; true: it has diverged by then. */
static bool s_train(diverging_t *self, unsigned batches, double loss)
{
    bool diverged = false;
    for (unsigned i = 0; i < batches; i++)
        diverged = diverging_take(self, BATCH, BATCH * loss) || diverged;
    return diverged;
}

static diverging_t s_begun(double loss)
{
    diverging_t self;
    diverging_init(&self, BATCH);
    cr_assert_not(s_train(&self, 20, loss));
    return self;
}

Test(diverging, a_loss_that_explodes_is_told_after_three_windows)
{
    diverging_t self = s_begun(2.3);
    cr_assert_not(s_train(&self, 59, 1e5));
    cr_assert(s_train(&self, 1, 1e28));
}

Test(diverging, a_run_may_begin_diverged)
{
    diverging_t self = s_begun(1e6);
    cr_assert(s_train(&self, 40, 1e6));
}

Test(diverging, a_loss_that_grows_slowly_and_for_good_is_told_too)
{
    diverging_t self = s_begun(2.3);
    bool diverged = false;
    for (double loss = 2.3; loss < 40 && !diverged; loss *= 1.1)
        diverged = s_train(&self, 20, loss);
    cr_assert(diverged);
}

Test(diverging, a_spike_that_falls_again_is_none)
{
    diverging_t self = s_begun(2.3);
    for (double loss = 3000; loss > 0.01; loss *= 0.6)
        cr_assert_not(s_train(&self, 20, loss), "at %g", loss);
    cr_assert_not(s_train(&self, 30, 500), "for a moment");
    cr_assert_not(s_train(&self, 1000, 0.3));
}

Test(diverging, a_healthy_run_never_is)
{
    const double beginnings[] = {0.69, 2.3, 4.6,
                                 6.9,  12,  60}; /* 2 to 1000 classes, and odd first parameters */
    for (size_t i = 0; i < sizeof beginnings / sizeof *beginnings; i++) {
        diverging_t self;
        diverging_init(&self, BATCH);
        for (unsigned b = 0; b < 3000; b++) { /* up with a warm-up, then down, and noise */
            double up = b < 300 ? 1 + 0.5 * b / 300 : 1.5 * exp((300 - (double)b) / 400);
            cr_assert_not(s_train(&self, 1, beginnings[i] * up * (1 + 0.5 * sin(b))), "%g, batch %u",
                          beginnings[i], b);
        }
    }
}

Test(diverging, late_in_a_run_many_times_the_least_is_none)
{
    diverging_t self = s_begun(2.3);
    cr_assert_not(s_train(&self, 1000, 0.001));
    cr_assert_not(s_train(&self, 1000, 0.5));
}

Test(diverging, counts_have_no_loss)
{
    diverging_t self = s_begun(0);
    cr_assert_not(s_train(&self, 1000, 0));
}

Test(diverging, steps_that_are_nearly_all_refused_are_told)
{
    diverging_t self;
    diverging_init(&self, BATCH);
    cr_assert_not(diverging_take_refused(&self, 100, 2, 2));
    cr_assert_not(diverging_take_refused(&self, 139, 80, 2), "too few to say");
    cr_assert(diverging_take_refused(&self, 150, 2 + 96, 2));
}

Test(diverging, some_refused_updates_are_none)
{
    diverging_t self;
    diverging_init(&self, BATCH);
    for (uint64_t steps = 0; steps < 5000; steps += 50)
        cr_assert_not(diverging_take_refused(&self, steps, steps, 4), "a quarter of each shard's");
    cr_assert_not(diverging_take_refused(&self, 100, 100, 4), "a restart took some back");
    cr_assert_not(diverging_take_refused(&self, 200, 110, 4));
}

Test(diverging, the_advice_is_what_the_topology_lets_one_change)
{
    topology_t *t = calloc(1, sizeof *t);
    char text[DIVERGING_ADVICE_MAX];
    t->job.optimizer.lr = 0.03;
    t->region_count = 1;
    t->regions[0].workers = 1;
    t->job.optimizer.clip_norm = 1;
    t->job.optimizer.warmup = 0.1;
    cr_assert_str_eq(diverging_advice(t, text), "use a smaller job.optimizer.lr than 0.03");
    t->job.optimizer.clip_norm = t->job.optimizer.warmup = 0;
    t->job.optimizer.momentum = 0.9;
    t->regions[0].workers = 0;
    t->region_count = 2;
    cr_assert_str_eq(
        diverging_advice(t, text),
        "use a smaller job.optimizer.lr than 0.03, job.optimizer.clip_norm: 1, a "
        "job.optimizer.warmup of 5%, a smaller job.optimizer.momentum, fewer workers in a region or "
        "job.sync.inside: sync, a smaller job.sync.staleness");
    t->job.sync.inside = INSIDE_SYNC;
    cr_assert_null(strstr(diverging_advice(t, text), "workers"));
    free(t);
}
