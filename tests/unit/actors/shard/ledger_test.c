/* The ledger in small: a gradient that is minus one in the place of its batch, learning rate 1. At the end
 * every region's parameters say how often each batch was applied. */
#include "tests/unit/actors/shard/world.h"

#define ELEMENTS 64

static size_t s_place(const world_t *w, size_t r, uint64_t batch)
{
    return (size_t)((batch + (r ? w->job.regions[0].batches : 0)) % ELEMENTS);
}

/* A batch marks one place in each shard. */
static void s_gradient(const world_t *w, size_t r, uint64_t batch, float *g)
{
    memset(g, 0, ELEMENTS * sizeof *g);
    size_t place = s_place(w, r, batch);
    g[place] = -1;
    g[(place + ELEMENTS / 2) % ELEMENTS] = -1;
}

static world_t *s_world(strategy_name_t strategy, uint64_t every, uint64_t workers)
{
    topology_t *t = world_topology(2, strategy, every, workers);
    snprintf(t->job.data.kind, sizeof t->job.data.kind, "counter");
    t->job.optimizer.lr = 1;
    t->regions[0].data_share = 2;
    return world_new(t, ELEMENTS);
}

static void s_count(const world_t *w, float *ret_expected)
{
    float g[ELEMENTS];
    memset(ret_expected, 0, ELEMENTS * sizeof *ret_expected);
    for (size_t r = 0; r < 2; r++) {
        for (uint64_t b = 0; b < w->job.regions[r].batches; b++) {
            s_gradient(w, r, b, g);
            for (size_t i = 0; i < ELEMENTS; i++)
                ret_expected[i] -= g[i];
        }
    }
}

static bool s_exact(const world_t *w)
{
    float expected[ELEMENTS], have[ELEMENTS];
    s_count(w, expected);
    for (size_t r = 0; r < 2; r++) {
        world_replica(w, r, have);
        if (memcmp(have, expected, sizeof have) != 0)
            return false;
    }
    return true;
}

/* Every batch by turns, each also sent again by another worker. */
static void s_train(world_t *w, bool doubled)
{
    float g[ELEMENTS];
    uint64_t most = w->job.regions[0].batches;
    for (uint64_t b = 0; b < most; b++) {
        for (size_t r = 0; r < 2; r++) {
            if (b >= w->job.regions[r].batches)
                continue;
            s_gradient(w, r, b, g);
            world_push(w, r, 0, b, g);
            if (doubled)
                world_push(w, r, 1, b, g);
        }
        world_tick(w, 5000);
    }
}

static void s_check(strategy_name_t strategy, uint64_t every)
{
    world_t *w = s_world(strategy, every, 2);
    world_start(w, 240);
    s_train(w, true);
    world_finish(w);
    cr_assert(s_exact(w));
    for (size_t r = 0; r < 2; r++)
        cr_assert_eq(shard_core_samples_applied(w->shard[r][0]), 240);
    world_destroy(w);
}

Test(ledger, asgd_is_exact)
{
    s_check(STRATEGY_ASGD, 1);
}

Test(ledger, asgd_ga_is_exact_also_when_steps_do_not_divide_evenly)
{
    s_check(STRATEGY_ASGD_GA, 7);
}

Test(ledger, ssgd_is_exact_because_counts_are_summed)
{
    s_check(STRATEGY_SSGD, 1);
}

Test(ledger, sync_inside_sums_the_pushes_of_a_step)
{
    world_t *w = s_world(STRATEGY_ASGD_GA, 2, 3);
    w->topology->job.sync.inside = INSIDE_SYNC;
    world_start(w, 240);
    float g[ELEMENTS];
    for (size_t r = 0; r < 2; r++) {
        for (uint64_t b = 0; b < w->job.regions[r].batches; b += 3) {
            for (uint64_t i = 3; i-- > 0;) { /* the last of the step comes first */
                s_gradient(w, r, b + i, g);
                world_push(w, r, i, b + i, g);
                cr_assert_eq(ranges_has(shard_core_applied(w->shard[r][0]), b + i), i == 0);
            }
        }
    }
    world_finish(w);
    cr_assert(s_exact(w));
    world_destroy(w);
}

/* A shard that dies loses what was not committed; the batches that its applied set lacks are pushed again. */
Test(ledger, stays_exact_when_shards_die)
{
    strategy_name_t strategies[] = {STRATEGY_ASGD, STRATEGY_ASGD_GA, STRATEGY_SSGD};
    for (size_t s = 0; s < 3; s++) {
        world_t *w = s_world(strategies[s], s == 1 ? 4 : 1, 1);
        world_start(w, 240);
        world_run(w);
        float g[ELEMENTS];
        size_t deaths = 0;
        for (int pass = 0; pass < 400; pass++) {
            w->auto_commit = pass % 3 != 0;
            for (size_t r = 0; r < 2; r++) {
                for (size_t k = 0; k < 2; k++) {
                    uint64_t b, end;
                    if (!ranges_gap(shard_core_applied(w->shard[r][k]), 0, w->job.regions[r].batches, &b,
                                    &end))
                        continue;
                    s_gradient(w, r, b, g);
                    world_push_shard(w, r, 0, k, b, g);
                    world_run(w);
                }
            }
            world_tick(w, 30000);
            if (pass % 7 == 6 && pass < 300) {
                world_crash(w, (size_t)pass / 7 % 2, (size_t)pass / 14 % 2);
                deaths++;
            }
        }
        w->auto_commit = true;
        for (size_t r = 0; r < 2; r++)
            for (size_t k = 0; k < 2; k++)
                if (w->out[r][k])
                    world_commit(w, r, k, ERR_OK);
        world_settle(w, 10000000);
        world_finish(w);
        cr_assert_gt(deaths, 30);
        cr_assert(s_exact(w), "strategy %d", (int)strategies[s]);
        world_destroy(w);
    }
}

Test(ledger, goes_wrong_without_deduplication)
{
    world_t *w = s_world(STRATEGY_ASGD_GA, 3, 2);
    w->breaks = BREAK_DEDUP;
    world_start(w, 240);
    s_train(w, true);
    world_settle(w, 2000000);
    cr_assert_not(s_exact(w));
    world_destroy(w);
}
