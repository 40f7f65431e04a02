/* How long a plan takes: 50 regions with 20 offers of 16 units each, for every objective, beside the 100 ms
 * that it may take; and a case that can be tried out whole, beside trying out every set of units. */
#include "actors/kit/clock.h"
#include "actors/scheduler/plan/plan.h"
#include "codec/base/rng.h"
#include "tests/bench/kit/bench.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define REGIONS 50
#define OFFERS 20
#define UNITS 16
#define MOST_S 0.1
#define RUNS_MAX 50
#define SMALL_REGIONS 2
#define SMALL_OFFERS 2

static topology_t s_topology;
static job_t s_job;

static void s_region(rng_t *rng, topology_region_t *region, size_t index, size_t offers)
{
    snprintf(region->name, sizeof region->name, "r%zu", index);
    region->shards = 1;
    region->data_share = 1 + (double)rng_below(rng, 9);
    region->offer_count = offers;
    for (size_t i = 0; i < offers; i++) {
        topology_offer_t *offer = &region->offers[i];
        snprintf(offer->name, sizeof offer->name, "o%zu", i);
        offer->count = UNITS;
        offer->cores = 1 + rng_below(rng, 16);
        offer->power = 0.3 + 1.5 * rng_unit(rng);
        offer->price_per_s = (double)offer->cores * offer->power * (0.7 + 0.6 * rng_unit(rng)) / 3600;
    }
}

/* Of this thread's core, so that others on a busy machine do not count. */
static double s_now_s(void)
{
    return (double)clock_thread_us() / 1e6;
}

/* Each region is linked with the next ones, so that most pairs are reached over a third, or not at all. */
static void s_make(size_t regions, size_t offers)
{
    rng_t rng;
    rng_init(&rng, 20230511);
    memset(&s_topology, 0, sizeof s_topology);
    s_topology.job.sync.strategy = STRATEGY_ASGD_GA;
    s_topology.job.sync.every = 8;
    s_topology.job.epochs = 10;
    s_topology.job.batch = 64;
    s_topology.region_count = regions;
    for (size_t r = 0; r < regions; r++)
        s_region(&rng, &s_topology.regions[r], r, offers);
    for (size_t hub = 0; hub < 4 && hub < regions; hub++)
        for (size_t r = hub + 1; r < regions; r++)
            s_topology.links[s_topology.link_count++] =
                (topology_link_t){.between = {hub, r},
                                  .rate_bytes_per_s = 1000000 + rng_below(&rng, 100000000),
                                  .rtt_us = 30000,
                                  .price_per_gb = 0.02};
    err_t err = {0};
    if (job_derive(&s_topology, 1000000 * regions, &s_job, &err)) {
        fprintf(stderr, "plan: %s\n", err.text);
        exit(1);
    }
}

static plan_input_t s_input(void)
{
    return (plan_input_t){.topology = &s_topology,
                          .job = &s_job,
                          .samples_per_s = 2000,
                          .delta_bytes = 1700000,
                          .last_bytes = 1700000,
                          .start_s = PLAN_START_S};
}

static double s_limit(const plan_input_t *input, objective_t objective, plan_t *plan)
{
    if (plan_make(input, OBJECTIVE_MATCH, 0, plan, NULL))
        exit(1);
    return objective == OBJECTIVE_DEADLINE ? 1.5 * plan->run_s : 1.2 * plan->cost;
}

static void s_measure(objective_t objective, int runs)
{
    static plan_t plan;
    plan_input_t input = s_input();
    double limit = s_limit(&input, objective, &plan), took_s[RUNS_MAX];
    for (int i = 0; i < runs; i++) {
        double began_s = s_now_s();
        if (plan_make(&input, objective, limit, &plan, NULL) && objective != OBJECTIVE_BUDGET)
            exit(1);
        took_s[i] = s_now_s() - began_s;
    }
    bench_row_t row = {.name = plan_objective_name(objective),
                       .value = bench_median(took_s, (size_t)runs) * 1e3,
                       .unit = "ms",
                       .peer = "100 ms",
                       .peer_value = MOST_S * 1e3,
                       .target = 1,
                       .at_most = true,
                       .runs = runs};
    bench_row(&row);
}

/* ---- beside trying out everything ---- */

static double s_brute(const plan_input_t *input)
{
    static plan_t plan;
    double least = INFINITY;
    uint64_t each = UNITS + 1, sets = 1;
    for (size_t i = 0; i < SMALL_REGIONS * SMALL_OFFERS; i++)
        sets *= each;
    for (uint64_t set = 0; set < sets; set++) {
        uint64_t rest = set, empty = 0;
        for (size_t r = 0; r < SMALL_REGIONS; r++) {
            uint64_t units = 0;
            for (size_t i = 0; i < SMALL_OFFERS; i++, rest /= each)
                units += plan.regions[r].units[i] = rest % each;
            empty += !units;
        }
        if (empty)
            continue;
        plan_evaluate(input, &plan);
        least = fmin(least, plan.cost);
    }
    return least;
}

static void s_compare(int runs)
{
    static plan_t plan;
    s_make(SMALL_REGIONS, SMALL_OFFERS);
    plan_input_t input = s_input();
    double began_s = s_now_s(), least = s_brute(&input), brute_s = s_now_s() - began_s, took_s[RUNS_MAX];
    for (int i = 0; i < runs; i++) {
        began_s = s_now_s();
        if (plan_make(&input, OBJECTIVE_CHEAPEST, 0, &plan, NULL) || fabs(plan.cost / least - 1) > 1e-9) {
            fprintf(stderr, "plan: %.9g is not the least cost, %.9g\n", plan.cost, least);
            exit(1);
        }
        took_s[i] = s_now_s() - began_s;
    }
    bench_row_t row = {.name = "cheapest of 83521 sets",
                       .value = bench_median(took_s, (size_t)runs) * 1e3,
                       .unit = "ms",
                       .peer = "trying all",
                       .peer_value = brute_s * 1e3,
                       .target = 0.1,
                       .at_most = true,
                       .runs = runs};
    bench_row(&row);
}

int main(int argc, char **argv)
{
    bench_open(argc, argv);
    int runs = bench_runs(5) < RUNS_MAX ? bench_runs(5) : RUNS_MAX;
    s_make(REGIONS, OFFERS);
    for (int objective = 0; objective < TOPOLOGY_OBJECTIVES; objective++)
        if (bench_wants(plan_objective_name((objective_t)objective)))
            s_measure((objective_t)objective, runs);
    if (bench_wants("small"))
        s_compare(runs);
    return bench_close();
}
