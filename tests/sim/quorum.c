/* quorum - rounds whose members are decided: a region that is cut off or slow does not hold the others longer
 * than `grace`, and all replicas are equal bit for bit at the end, whoever decides, dies, or comes late.
 *
 *   sim.quorum [--first SEED] [--seeds N] [--strategy NAME] [--victim REGION] [--wild] [--verbose]
 *
 * Each world has one region that nobody reaches for a while, in turn each of them, so also the one that
 * decides first. Where the regions that are left are a majority they must have ended all their rounds by
 * then; and the same world in which rounds need everybody must not, or nothing would be shown. Some worlds
 * also lose, double and reorder messages, fail to store, and kill shards, synchronizers and workers.
 */
#include "deploy/simulate/sim.h"
#include "tests/sim/faults.h"
#include "tests/sim/regions.h"

#include <getopt.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

#define STEPS 80
#define EVERY 4
#define CUT_US 600000
#define CUT_WILD_US 3000000 /* when all have begun, in spite of everything */
#define HEAL_US 60000000
#define HEAL_WILD_US                                                                                         \
    200000000 /* rounds that wait for what was lost take longer, and must all have ended by then, too */
#define ELEMENTS_MAX 10000

typedef struct {
    const char *strategy;
    unsigned regions, victim;
    bool wild;
    const char *quorum;
    unsigned overlap;
} case_t;

static unsigned s_every(const case_t *with)
{
    return strcmp(with->strategy, "ssgd") ? EVERY : 1;
}

static topology_t *s_topology(const case_t *with, uint64_t seed)
{
    char job[1024];
    snprintf(job, sizeof job,
             "job:\n  name: quorum\n  model: softmax\n  data: {kind: idx, dir: none}\n  batch: 4\n"
             "  seed: %u\n  optimizer: {name: momentum, lr: 0.0005, momentum: 0.9, schedule: linear}\n"
             "  sync: {strategy: %s, every: %u, inside: sync, window: 64MiB, quorum: %s, grace: "
             "100ms, away_after: 1h, overlap: %u}\n",
             (unsigned)seed, with->strategy, s_every(with), with->quorum, with->overlap);
    return regions_topology(job, with->regions, 1, (uint64_t)STEPS * 4 * with->regions);
}

static int64_t s_heal_us(const case_t *with)
{
    return with->wild ? HEAL_WILD_US : HEAL_US;
}

static sim_spec_t s_spec(const case_t *with, uint64_t seed)
{
    sim_spec_t spec = {.seed = seed,
                       .lan_delay_us = 100,
                       .wan_delay_us = 15000,
                       .loss = with->wild ? 0.05 : 0,
                       .duplicate = with->wild ? 0.05 : 0,
                       .reorder = with->wild ? 0.05 : 0,
                       .reorder_us = 20000,
                       .step_us = 3000,
                       .commit_us = 2000,
                       .commit_failure = with->wild ? 0.05 : 0,
                       .kill_per_s = with->wild ? 1 : 0,
                       .kill_until_us = 30000000,
                       .chunk_bytes = 65536,
                       .limit_us = 3600000000};
    for (unsigned r = 0; r < with->regions; r++)
        if (r != with->victim)
            spec.partitions[spec.partition_count++] =
                (sim_partition_t){.from_region = with->victim,
                                  .to_region = r,
                                  .from_us = with->wild ? CUT_WILD_US : CUT_US,
                                  .until_us = s_heal_us(with)};
    return spec;
}

static bool s_fail(const case_t *with, uint64_t seed, const char *what)
{
    fprintf(stderr, "%s, overlap %u, %u regions, r%u cut off, quorum %s%s, seed %llu: %s\n", with->strategy,
            with->overlap, with->regions, with->victim, with->quorum, with->wild ? ", wild" : "",
            (unsigned long long)seed, what);
    return false;
}

/* Rounds that all the regions but the victim have ended. */
static uint64_t s_rounds(const case_t *with, const sim_t *sim)
{
    uint64_t least = UINT64_MAX;
    for (unsigned r = 0; r < with->regions; r++)
        if (r != with->victim && sim_round(sim, r) < least)
            least = sim_round(sim, r);
    return least;
}

static bool s_equal(const case_t *with, const sim_t *sim)
{
    static float a[ELEMENTS_MAX], b[ELEMENTS_MAX];
    sim_parameters(sim, 0, a);
    bool equal = true;
    for (size_t r = 1; r < with->regions; r++) {
        memset(b, 0, sizeof b);
        sim_parameters(sim, r, b);
        equal = equal && memcmp(a, b, sizeof a) == 0;
    }
    return equal;
}

/* `unheld`: the others are a majority, and rounds do not need everybody. */
static bool s_check(const case_t *with, uint64_t seed, bool unheld, bool verbose, faults_t *faults)
{
    topology_t *topology = s_topology(with, seed);
    sim_spec_t spec = s_spec(with, seed);
    sim_t *sim = sim_new(topology, &spec);
    sim_run_until(sim, with->wild ? CUT_WILD_US : CUT_US);
    uint64_t before = s_rounds(with, sim);
    sim_run_until(sim, s_heal_us(with) - 1);
    uint64_t rounds = s_rounds(with, sim), all = STEPS / s_every(with);
    bool good = before < all || s_fail(with, seed, "it was nearly over when the region was cut off");
    if (verbose)
        printf("%s r%u of %u quorum %s: %llu of %llu rounds when cut off, %llu when healed\n", with->strategy,
               with->victim, with->regions, with->quorum, (unsigned long long)before, (unsigned long long)all,
               (unsigned long long)rounds);
    if (unheld && rounds < all) {
        good = s_fail(with, seed, "a region that is cut off holds the others");
        sim_print_waits(sim, stderr);
    }
    if (!unheld && rounds >= all)
        good = s_fail(with, seed, "rounds went on without a majority");
    if (!sim_run(sim)) {
        good = s_fail(with, seed, "stuck");
        sim_print_waits(sim, stderr);
    } else if (!s_equal(with, sim)) {
        good = s_fail(with, seed, "replicas differ");
    }
    sim_stats_t stats = sim_stats(sim);
    faults_ask(faults, &spec);
    faults_add(faults, &stats);
    sim_destroy(&sim);
    topology_destroy(&topology);
    return good;
}

int main(int argc, char **argv)
{
    static const struct option longs[] = {{"seeds", 1, NULL, 'n'},
                                          {"first", 1, NULL, 'f'},
                                          {"verbose", 0, NULL, 'v'},
                                          {"strategy", 1, NULL, 's'},
                                          {"victim", 1, NULL, 'c'},
                                          {"wild", 0, NULL, 'w'},
                                          {0}};
    static const struct {
        const char *strategy;
        unsigned overlap;
    } rows[] = {{"ssgd", 0}, {"sma", 0}, {"diloco", 0}, {"diloco", 2}};
    const unsigned row_count = sizeof rows / sizeof *rows;
    uint64_t seeds = 2, first = 1;
    const char *strategy = NULL;
    unsigned only_victim = UINT_MAX;
    bool verbose = false, only_wild = false;
    for (int c; (c = getopt_long(argc, argv, "", longs, NULL)) != -1;) {
        if (c == 'n')
            seeds = strtoull(optarg, NULL, 10);
        else if (c == 'f')
            first = strtoull(optarg, NULL, 10);
        else if (c == 'v')
            verbose = true;
        else if (c == 's')
            strategy = optarg;
        else if (c == 'c')
            only_victim = (unsigned)strtoul(optarg, NULL, 10);
        else if (c == 'w')
            only_wild = true;
        else
            return 2;
    }
    size_t wrong = 0, runs = 0;
    faults_t faults = {0};
    for (uint64_t seed = first; seed < first + seeds; seed++) {
        for (unsigned i = 0; i < 3 * row_count; i++) { /* each region of three, each strategy */
            case_t with = {.strategy = rows[i % row_count].strategy,
                           .overlap = rows[i % row_count].overlap,
                           .regions = 3,
                           .victim = i / row_count,
                           .quorum = "0.5"};
            if ((strategy && strcmp(strategy, with.strategy)) ||
                (only_victim != UINT_MAX && only_victim != with.victim))
                continue;
            for (unsigned wild = only_wild; wild < 2; wild++, runs++) {
                with.wild = wild;
                wrong += !s_check(&with, seed, true, verbose, &faults);
            }
        }
        if (strategy || only_victim != UINT_MAX || only_wild)
            continue; /* some world is replayed */
        for (unsigned victim = 0; victim < 2;
             victim++, runs++) { /* of two regions the first is the majority */
            case_t with = {.strategy = "diloco", .regions = 2, .victim = victim, .quorum = "0.5"};
            wrong += !s_check(&with, seed, victim == 1, verbose, &faults);
        }
        case_t held = {.strategy = "sma", .regions = 3, .victim = 1, .quorum = "1"};
        wrong += !s_check(&held, seed, false, verbose, &faults);
        runs++;
    }
    printf("worlds %zu: wrong %zu; shards killed %llu, messages lost %llu, cut off %llu\n", runs, wrong,
           (unsigned long long)faults.fired.killed[ROLE_SHARD], (unsigned long long)faults.fired.lost,
           (unsigned long long)faults.fired.cut);
    return wrong || !faults_all_fired(&faults) ? 1 : 0;
}
