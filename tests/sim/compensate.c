/* compensate - gradients that are compensated for their lateness, through the cores that run live, in virtual
 * time.
 *
 *   sim.compensate [--first SEED] [--seeds N]
 *
 * Regions exchange sums of gradients over long ways; messages are lost, doubled and reordered, and shards,
 * synchronizers and workers die. The same seed must give the same bits of every replica, other ones than
 * without compensation; every sample is applied; and what a restart has forgotten, or what acknowledgements
 * that overtook a delta have pushed out, is applied as it is, and counted. Where nobody dies and staleness
 * leaves room, nothing is.
 */
#include "deploy/simulate/sim.h"
#include "tests/sim/faults.h"
#include "tests/sim/regions.h"

#include "actors/model/model.h"

#include <getopt.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#define STEPS 60

typedef struct {
    const char *strategy, *every, *encoding;
    unsigned regions;
    bool wild;
} case_t;

typedef struct {
    float *w; /* (regions, count); NULL: stuck */
    uint64_t uncompensated;
    const char *fault;
} result_t;

static topology_t *s_topology(const case_t *with, uint64_t seed, const char *lambda)
{
    char job[1024];
    snprintf(job, sizeof job,
             "job:\n  name: compensate\n  model: softmax\n  data: {kind: idx, dir: none}\n  batch: 4\n"
             "  seed: %u\n  optimizer: {name: sgd, lr: 0.02}\n"
             "  sync: {strategy: %s, every: %s, encoding: %s, compensate: %s, staleness: %u, window: 1MiB}\n",
             (unsigned)seed, with->strategy, with->every, with->encoding, lambda, with->wild ? 4 : 64);
    return regions_topology(job, with->regions, 1, (uint64_t)STEPS * 4 * with->regions);
}

static sim_spec_t s_spec(const case_t *with, uint64_t seed)
{
    return (sim_spec_t){.seed = seed,
                        .lan_delay_us = 100,
                        .wan_delay_us = 60000,
                        .loss = with->wild ? 0.05 : 0,
                        .duplicate = with->wild ? 0.05 : 0,
                        .reorder = with->wild ? 0.05 : 0,
                        .reorder_us = 20000,
                        .step_us = 10000,
                        .commit_us = 2000,
                        .commit_failure = with->wild ? 0.05 : 0,
                        .kill_per_s = with->wild ? 2 : 0,
                        .kill_until_us = 30000000,
                        .chunk_bytes = 65536,
                        .limit_us = 3600000000};
}

static uint64_t s_uncompensated(const case_t *with, const sim_t *sim)
{
    uint64_t sum = 0;
    for (size_t r = 0; r < with->regions; r++) {
        region_view_t view = global_core_region(sim_global(sim), r);
        sum += view.report ? view.report->region_report.uncompensated : 0;
    }
    return sum;
}

static result_t s_run(const case_t *with, uint64_t seed, const char *lambda, size_t count, faults_t *faults)
{
    topology_t *topology = s_topology(with, seed, lambda);
    sim_spec_t spec = s_spec(with, seed);
    sim_t *sim = sim_new(topology, &spec);
    result_t result = {0};
    if (sim_run(sim)) {
        result.w = calloc(with->regions * count, sizeof *result.w);
        CHECK(result.w);
        for (size_t r = 0; r < with->regions; r++)
            sim_parameters(sim, r, result.w + r * count);
        result.fault = sim_report_fault(sim);
        result.uncompensated = s_uncompensated(with, sim);
    } else {
        sim_print_waits(sim, stderr);
    }
    sim_stats_t stats = sim_stats(sim);
    faults_ask(faults, &spec);
    faults_add(faults, &stats);
    sim_destroy(&sim);
    topology_destroy(&topology);
    return result;
}

/* The flaw in two runs that compensate and one that does not; NULL: none. */
static const char *s_judge(const case_t *with, const result_t *runs, size_t count)
{
    size_t bytes = with->regions * count * sizeof(float);
    for (size_t i = 0; i < 3; i++)
        if (!runs[i].w)
            return "stuck";
    if (runs[0].fault)
        return runs[0].fault;
    for (size_t i = 0; i < with->regions * count; i++)
        if (!isfinite(runs[0].w[i]))
            return "a parameter is no number";
    if (memcmp(runs[0].w, runs[1].w, bytes) != 0)
        return "a seed gives other bits the second time";
    if (memcmp(runs[0].w, runs[2].w, bytes) == 0)
        return "nothing was compensated";
    if (runs[2].uncompensated || (!with->wild && runs[0].uncompensated))
        return "counted as uncompensated, though nothing was forgotten";
    return NULL;
}

static bool s_check(const case_t *with, uint64_t seed, size_t count, faults_t *faults,
                    uint64_t *add_uncompensated)
{
    static const char *const lambdas[] = {"10", "10", "0"};
    result_t runs[3];
    for (size_t i = 0; i < 3; i++)
        runs[i] = s_run(with, seed, lambdas[i], count, faults);
    const char *wrong = s_judge(with, runs, count);
    if (wrong)
        fprintf(stderr, "%s, every %s, %s, %u regions%s, seed %llu: %s (%llu uncompensated)\n",
                with->strategy, with->every, with->encoding, with->regions, with->wild ? ", wild" : "",
                (unsigned long long)seed, wrong, (unsigned long long)runs[0].uncompensated);
    *add_uncompensated += runs[0].uncompensated;
    for (size_t i = 0; i < 3; i++)
        free(runs[i].w);
    return !wrong;
}

int main(int argc, char **argv)
{
    static const struct option longs[] = {{"seeds", 1, NULL, 'n'}, {"first", 1, NULL, 'f'}, {0}};
    static const case_t cases[] = {
        {"asgd", "1", "none", 2, false},       {"asgd-ga", "4", "none", 3, false},
        {"asgd-ga", "auto", "int8", 2, false}, {"asgd", "1", "none", 3, true},
        {"asgd-ga", "4", "topk", 2, true},     {"asgd-ga", "auto", "int8", 3, true},
    };
    uint64_t seeds = 3, first = 1, uncompensated = 0;
    faults_t faults = {0};
    for (int c; (c = getopt_long(argc, argv, "", longs, NULL)) != -1;) {
        if (c == 'n')
            seeds = strtoull(optarg, NULL, 10);
        else if (c == 'f')
            first = strtoull(optarg, NULL, 10);
        else
            return 2;
    }
    layout_t *layout = calloc(1, sizeof *layout);
    err_t err = {0};
    CHECK(layout && model_layout_of(&(model_spec_t){.name = "softmax"}, layout, &err) == ERR_OK);
    size_t wrong = 0, runs = 0;
    for (uint64_t seed = first; seed < first + seeds; seed++)
        for (size_t i = 0; i < sizeof cases / sizeof *cases; i++, runs++)
            wrong += !s_check(&cases[i], seed, layout->count, &faults, &uncompensated);
    free(layout);
    printf("worlds %zu: wrong %zu; shards killed %llu, deltas uncompensated %llu\n", runs, wrong,
           (unsigned long long)faults.fired.killed[ROLE_SHARD], (unsigned long long)uncompensated);
    bool fired = faults_one_fired("shard that had forgotten what it compensates from", true, uncompensated);
    return wrong || !faults_all_fired(&faults) || !fired;
}
