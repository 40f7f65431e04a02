/* ledger - the judge: in every seeded world each region's parameters must equal the number of times each
 * sample had to be processed, not one more, not one less.
 *
 *   sim.ledger [--seeds N] [--first SEED] [--strategy NAME] [--encoding NAME] [--kills]
 *              [--nodes | --elastic] [--schedulers] [--stop | --marks | --more] [--lose] [--away] [--zombies]
 *              [--damage] [--quorum]
 *              [--overlap] [--rows] [--full | --go-on] [--cut-global] [--cut-node]
 *              [--break dedup|fencing|output-commit|checksum|mark|hold|cover [--expect-wrong]] [--verbose]
 *
 * asp adds plainly, with one of several thresholds. Of sma and diloco the regions' bits must be equal;
 * diloco-async runs with outer_lr 1 and no momentum, and is counted by shares.
 * With --overlap it is diloco whose local steps mostly go on while a round is under way, and that is counted
 * by shares, too: what is learned meanwhile must be there once. (With --quorum as well means are of those who
 * are in a round: there bits alone.) With --quorum rounds do not need all regions. Without --encoding half of
 * the worlds encode their deltas, one way or another: what deltas leave out must have come by the end. With
 * --stop each world is stopped at random moments, drained as by SIGTERM or cut off as by a loss of power, and
 * a new world goes on from what its shards had committed. With --marks a job is led to common points of its
 * shards; it must be exact, and so must a new world that goes on from all shards' snapshots of one of these
 * points.
 *
 * With --rows the counters are rows of a sparse tensor: batches push and pull those they touch alone.
 *
 * With --more a job that is done, or was stopped, goes on with more epochs, one to three times; where rounds
 * forbid it, not before it is done. In the end the counts are those of all epochs.
 *
 * With --nodes each region has three nodes, durability is `replica`, and nodes are lost, most of them with
 * their disks. With --elastic workers follow the cores of nodes that join, are told to leave, and die and
 * come back; a node that leaves is gone with its disk. Where none dies nothing may be computed twice.
 * --lose, without encoding (so is --go-on): with a shard that is killed its disk may be emptied or found at
 * an older snapshot, and a whole region may come back empty. --away: partitions that last longer than
 * sync.away_after. --zombies: a shard or synchronizer that hung wakes up beside its successor. --damage: the
 * network changes bytes of payloads.
 *
 * --cut-global: the global scheduler is cut off for longer than sync.away_after, in which most regions
 * finish; the run is done all the same. --cut-node, with copies as with --nodes: a node is cut off for good
 * when the job ends, and ends by itself.
 *
 * A world that goes wrong prints its seed; `--first SEED --seeds 1 --verbose` replays it.
 */
#include "actors/model/dataset.h"
#include "codec/compress/encoding.h"
#include "deploy/simulate/sim.h"
#include "tests/sim/faults.h"

#include <getopt.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#define COUNTERS 1000

typedef struct {
    uint64_t seeds, first;
    const char *strategy, *encoding;
    bool kills, nodes, elastic, schedulers, stop, marks, more, lose, away, zombies, damage, quorum, overlap,
        rows, full, go_on, cut_global, cut_node, expect_wrong, verbose;
    unsigned breaks;
} options_t;

typedef struct {
    uint64_t worlds, exact, wrong, stuck, encoded;
    uint64_t drained, cut_off; /* in the midst of training */
    uint64_t restored;         /* worlds that went on from a common point */
    uint64_t more, not_now;    /* lives that went on with more epochs; that could not, yet ... */
    uint64_t never;            /* ... though all was done */
    uint64_t resumed;          /* after a region had been away for too long at the end of the run */
    faults_t faults;
    sim_stats_t stats; /* of what is no fault */
} totals_t;

/* From a stream of its own, so that the rest of a world is the same with and without. */
static const char *s_encoding(const options_t *options, uint64_t seed, const char *strategy, char text[192])
{
    rng_t rng;
    rng_init_for(&rng, seed, "encoding", 0, 0);
    const char *name = options->encoding ? options->encoding
                       : options->lose || options->go_on || rng_below(&rng, 2)
                           ? "none"
                           : encoding_at(1 + rng_below(&rng, 5))->name;
    static const char *const ratios[] = {"0.001", "0.01", "0.1", "1"}, *const values[] = {"fp16", "int8",
                                                                                          "int4"};
    static const char *const thresholds[] = {"0.2", "0.5", "1", "1"}; /* counters come to a few */
    snprintf(text, 192, "encoding: %s, topk_ratio: %s, topk_values: %s", name, ratios[rng_below(&rng, 4)],
             values[rng_below(&rng, 3)]);
    if (!strcmp(strategy, "asp")) /* chooses itself what it sends */
        snprintf(text, 192, "encoding: %s, threshold: %s", strcmp(name, "topk") ? name : "none",
                 thresholds[rng_below(&rng, 4)]);
    return text;
}

/* Returns whether several steps make a delta. */
static bool s_gathers(const char *strategy)
{
    return !strcmp(strategy, "asgd-ga") || !strncmp(strategy, "diloco", 6) || !strcmp(strategy, "asp");
}

typedef struct {
    unsigned every, overlap; /* of --overlap, there sometimes 0, too; else 0 */
    char text[128];          /* what there is to say of rounds */
} rounds_t;

/* From a stream of its own, too. Counts are exact when a difference acts as it is. */
static rounds_t s_rounds(const options_t *options, const char *strategy, uint64_t seed)
{
    rng_t rng;
    rounds_t self = {0};
    rng_init_for(&rng, seed, "overlap", 0, 0);
    if (options->overlap) {
        self.every = (unsigned)(2 + rng_below(&rng, 8));
        self.overlap = (unsigned)rng_below(&rng, self.every);
    }
    bool as_it_is = options->overlap || (!options->quorum && !strcmp(strategy, "diloco-async"));
    snprintf(self.text, sizeof self.text, "%s%s, overlap: %u",
             options->quorum ? ", quorum: 0.5, grace: 50ms" : "",
             as_it_is ? ", outer_lr: 1, outer_momentum: 0" : "", self.overlap);
    return self;
}

/* Regions that are given up come back in these worlds. Where schedulers are killed too, one is down for up to
 * eight seconds again and again, and its region is not to be given up for that. */
static unsigned s_away_after_ms(const options_t *options, rng_t *rng)
{
    if (!options->away && !options->lose && !options->cut_global)
        return 60000;
    return (unsigned)(2000 + rng_below(rng, 2000)) * (options->lose && options->schedulers ? 15 : 1);
}

static topology_t *s_topology(rng_t *rng, const options_t *options, uint64_t seed)
{
    static const char *strategies[] = {"asgd", "asgd-ga"};
    const char *strategy = options->strategy ? options->strategy : strategies[rng_below(rng, 2)];
    rounds_t rounds = s_rounds(options, strategy, seed);
    static const size_t widths[] = {1, 2, 4};
    size_t regions = 2 + rng_below(rng, 2), shards = widths[rng_below(rng, 3)];
    char text[8192], encoding[192], copies[128], workers[24];
    bool nodes = options->nodes || options->cut_node;
    snprintf(copies, sizeof copies, ", durability: replica, replicas: %u, elsewhere: %s, move_after: %us",
             nodes ? (unsigned)(1 + rng_below(rng, 2)) : 1, nodes && !rng_below(rng, 3) ? "true" : "false",
             nodes ? (unsigned)(1 + rng_below(rng, 5)) : 1);
    if (options->elastic)
        snprintf(copies, sizeof copies, "%s",
                 rng_below(rng, 3)   ? ""
                 : rng_below(rng, 2) ? ", durability: replica, replicas: 1, move_after: 2s"
                                     : ", durability: process, replicas: 1, move_after: 60s");
    int n = snprintf(
        text, sizeof text,
        "job:\n  name: sim\n  model: ledger\n  data: {kind: counter, samples: %u}\n  epochs: %u\n"
        "  batch: %u\n  seed: %u\n  optimizer: {name: sgd, lr: 1, momentum: 0, schedule: constant}\n"
        "  sync: {strategy: %s, every: %u, inside: %s, staleness: %u, window: %ukB, %s, away_after: %ums%s}\n"
        "checkpoint: {every: %u, mark_every: %s%s%s}\nregions:\n",
        (unsigned)(200 + rng_below(rng, 1500)), (unsigned)(1 + rng_below(rng, 2)),
        (unsigned)(8 + rng_below(rng, 40)), (unsigned)seed, strategy,
        rounds.every          ? rounds.every
        : s_gathers(strategy) ? (unsigned)(1 + rng_below(rng, 8))
                              : 1u,
        options->elastic    ? "async"
        : rng_below(rng, 3) ? "async"
        : rng_below(rng, 2) ? "sync"
                            : "{ssp: 1}",
        (unsigned)(2 + rng_below(rng, 30)), (unsigned)(8 + rng_below(rng, 100)),
        s_encoding(options, seed, strategy, encoding), s_away_after_ms(options, rng), rounds.text,
        (unsigned)(1 + rng_below(rng, 30)), options->marks ? "0.1" : "1",
        nodes || options->elastic ? copies : "", options->go_on ? ", when_full: go_on" : "");
    for (size_t r = 0; r < regions; r++) {
        unsigned share = (unsigned)(1 + rng_below(rng, 3));
        snprintf(workers, sizeof workers, "%u", (unsigned)(1 + rng_below(rng, 3)));
        n += snprintf(text + n, sizeof text - (size_t)n,
                      "  - {name: r%zu, data_share: %u, workers: %s, shards: %zu}\n", r, share,
                      options->elastic ? "auto" : workers, shards);
    }
    n += snprintf(text + n, sizeof text - (size_t)n, "links:\n");
    for (size_t a = 0; a < regions; a++)
        for (size_t b = a + 1; b < regions; b++)
            n += snprintf(text + n, sizeof text - (size_t)n, "  - {between: [r%zu, r%zu]}\n", a, b);
    topology_t *topology = NULL;
    err_t err = {0};
    if (topology_parse("world", text, (size_t)n, NULL, 0, &topology, &err)) {
        fprintf(stderr, "%s\n%s\n", err.text, text);
        exit(2);
    }
    return topology;
}

/* Half of the worlds lose no node: there nothing may be computed twice. */
static void s_be_elastic(rng_t *rng, sim_spec_t *spec, bool copies)
{
    spec->nodes = 1 + copies + rng_below(rng, 3);
    spec->nodes_most = 8;
    spec->join_per_s = 0.2 + rng_unit(rng);
    spec->leave_per_s = (0.2 + rng_unit(rng)) * 4; /* most of those told are no nodes */
    spec->lose_node_per_s = rng_below(rng, 2) ? 0 : 0.1 + rng_unit(rng) / 2;
    spec->uneven = true;
    spec->stays_us = 50000; /* shards follow often */
    spec->step_us *= 4;
}

static sim_spec_t s_spec(rng_t *rng, const options_t *options, const topology_t *topology, uint64_t seed)
{
    sim_spec_t spec = {.seed = seed,
                       .lan_delay_us = 50 + (int64_t)rng_below(rng, 500),
                       .wan_delay_us = 1000 + (int64_t)rng_below(rng, 100000),
                       .loss = rng_unit(rng) * 0.15,
                       .duplicate = rng_unit(rng) * 0.15,
                       .reorder = rng_unit(rng) * 0.2,
                       .reorder_us = 1000 + (int64_t)rng_below(rng, 50000),
                       .step_us = 1000 + (int64_t)rng_below(rng, 10000),
                       .commit_us = 500 + (int64_t)rng_below(rng, 20000),
                       .commit_failure = rng_below(rng, 4) ? 0 : 0.1,
                       .rows = options->rows,
                       .chunk_bytes = (size_t)512 << rng_below(rng, 4),
                       .breaks = options->breaks,
                       .kill_per_s =
                           options->kills || options->lose || options->zombies ? 0.2 + rng_unit(rng) : 0,
                       .kill_silent = options->zombies ? 0.7 : 0.3,
                       .lose_disk = options->lose ? 0.5 : 0,
                       .zombie = options->zombies ? 0.8 : 0,
                       .damage = options->damage ? rng_unit(rng) * 0.05 : 0,
                       .scheduler_kill_per_s = options->schedulers ? 0.1 + rng_unit(rng) : 0,
                       .scheduler_zombie = 0.5,
                       .full_per_s = options->full ? 0.5 + 2 * rng_unit(rng) : 0,
                       .full_us = 8000000,
                       .kill_until_us = 60000000,
                       .nodes = options->cut_node ? 4
                                : options->nodes  ? 3
                                                  : 1, /* enough to keep without the one that is cut off */
                       .alone_us = options->cut_node ? 20000000 : 0,
                       .lose_node_per_s = options->nodes ? 0.5 : 0,
                       .lose_node_disk = options->elastic ? 0 : 0.7,
                       .limit_us = 3600000000};
    if (options->elastic)
        s_be_elastic(rng, &spec, topology->checkpoint.replicas > 0);
    if (options->breaks & BREAK_OUTPUT_COMMIT) /* the longer a commit takes, the more has left before it */
        spec.commit_us *= 20;
    if (options->breaks & ~(unsigned)(BREAK_MARK | BREAK_HOLD | BREAK_COVER)) {
        spec.kill_per_s *= 3;
        spec.limit_us = 200000000; /* a world without a guard may also never end */
    }
    spec.partition_count = rng_below(rng, 4);
    for (size_t i = 0; i < spec.partition_count; i++) {
        size_t a = rng_below(rng, topology->region_count);
        size_t b = (a + 1 + rng_below(rng, topology->region_count - 1)) % topology->region_count;
        int64_t from = (int64_t)rng_below(rng, 4000000);
        spec.partitions[i] =
            (sim_partition_t){a, b, from, from + (int64_t)rng_below(rng, options->away ? 30000000 : 4000000),
                              rng_below(rng, 2)};
    }
    if (options->cut_global) {
        spec.partition_count = 0; /* of a region that nobody hears the run would be right to say so */
        spec.cut_global_us = 200000 + (int64_t)rng_below(rng, 1000000);
        spec.cut_global_until_us = spec.cut_global_us + topology->job.sync.away_after_us + 2000000 +
                                   (int64_t)rng_below(rng, 20000000);
    }
    if (options->lose && rng_below(rng, 3) == 0) {
        spec.wipe_us = 500000 + (int64_t)rng_below(rng, 10000000);
        spec.wipe_region = rng_below(rng, topology->region_count);
    }
    return spec;
}

/* How often each counter of a region's samples comes in an epoch. */
static void s_count(const topology_t *topology, size_t region, uint64_t ret_counts[COUNTERS])
{
    double shares[TOPOLOGY_REGIONS_MAX];
    for (size_t r = 0; r < topology->region_count; r++)
        shares[r] = topology->regions[r].data_share;
    dataset_spec_t spec = {.kind = "counter",
                           .samples = topology->job.data.samples,
                           .seed = topology->job.seed,
                           .region_shares = shares,
                           .region_count = topology->region_count,
                           .region_index = region};
    dataset_t *dataset = NULL;
    err_t err = {0};
    if (dataset_open(&spec, &dataset, &err)) {
        fprintf(stderr, "%s\n", err.text);
        exit(2);
    }
    memset(ret_counts, 0, COUNTERS * sizeof *ret_counts);
    for (uint32_t i = 0; i < dataset_samples(dataset); i++) {
        uint32_t label;
        float x;
        dataset_gather(dataset, &i, 1, &x, &label);
        ret_counts[label % COUNTERS]++;
    }
    dataset_destroy(&dataset);
}

/* A difference acts by its region's share; so does the mean of a round that has all regions. */
static bool s_shares(const topology_t *topology)
{
    bool all = topology->job.sync.quorum >= 1 && topology->job.sync.outer_momentum <= 0;
    return topology->job.sync.strategy == STRATEGY_DILOCO_ASYNC ||
           (topology->job.sync.strategy == STRATEGY_DILOCO && all);
}

/* The true value of each counter: without rounds a difference acts by its region's share of the samples,
 * a gradient as it is. */
static void s_truth(const topology_t *topology, double ret_want[COUNTERS])
{
    memset(ret_want, 0, COUNTERS * sizeof *ret_want);
    for (size_t r = 0; r < topology->region_count; r++) {
        uint64_t counts[COUNTERS], own = 0;
        s_count(topology, r, counts);
        for (size_t c = 0; c < COUNTERS; c++)
            own += counts[c];
        bool shared = s_shares(topology);
        double share = shared ? (double)own / (double)topology->job.data.samples : 1;
        for (size_t c = 0; c < COUNTERS; c++)
            ret_want[c] += share * (double)(counts[c] * topology->job.epochs);
    }
}

/* Models are no counts, nor are means of differences: they must only be equal, bit for bit. */
static bool s_averages(const topology_t *topology)
{
    return topology->job.sync.strategy == STRATEGY_SMA ||
           (topology->job.sync.strategy == STRATEGY_DILOCO && !s_shares(topology));
}

/* How many counters of all regions differ from the truth. */
static size_t s_wrong(const sim_t *sim, const topology_t *topology, bool verbose)
{
    size_t wrong = 0;
    float first[COUNTERS];
    double want[COUNTERS];
    double rounding = s_shares(topology) ? 0.01 : 0; /* a share is 0.1 or more */
    s_truth(topology, want);
    sim_parameters(sim, 0, first);
    for (size_t r = 0; r < topology->region_count; r++) {
        float have[COUNTERS];
        sim_parameters(sim, r, have);
        wrong += topology_waits(topology) && memcmp(have, first, sizeof have) != 0;
        for (size_t c = 0; c < COUNTERS && !s_averages(topology); c++) {
            if (fabs((double)have[c] - want[c]) <= rounding)
                continue;
            wrong++;
            if (verbose && wrong < 10)
                fprintf(stderr, "  region %s counter %zu: %g, should be %g\n", topology->regions[r].name, c,
                        (double)have[c], want[c]);
        }
    }
    return wrong;
}

static void s_add(totals_t *totals, const sim_t *sim)
{
    sim_stats_t one = sim_stats(sim), *sum = &totals->stats;
    faults_add(&totals->faults, &one);
    sum->messages += one.messages;
    sum->snapshots += one.snapshots;
    sum->killed[ROLE_KEEPER] += one.killed[ROLE_KEEPER];
    sum->moves += one.moves;
    sum->samples_repeated += one.samples_repeated;
    sum->kept += one.kept;
    sum->moved += one.moved;
    sum->full_disks += one.full_disks;
    sum->moved_blind += one.moved_blind;
    sum->without_room += one.without_room;
    sum->withheld += one.withheld;
    sum->went_on += one.went_on;
    sum->exposed += one.exposed;
    sum->restarts += one.restarts;
    sum->duplicates_refused += one.duplicates_refused;
    sum->rolled_back += one.rolled_back;
    sum->transfers += one.transfers;
    sum->virtual_us += one.virtual_us;
    sum->marks_made += one.marks_made;
    sum->marks_given_up += one.marks_given_up;
}

/* One life of a job that ends before its time: drained, or cut off where it stands. False when it does not
 * end. */
static bool s_interrupt(sim_t *sim, rng_t *rng, totals_t *totals)
{
    int64_t at_us = (int64_t)rng_below(rng, 20000000);
    bool drain = rng_below(rng, 2);
    if (drain)
        sim_stop_at(sim, at_us);
    bool done = drain ? sim_run(sim) : sim_run_until(sim, at_us);
    uint64_t applied = sim_batches_applied(sim);
    if (applied > 0 && applied < sim_batches(sim))
        *(drain ? &totals->drained : &totals->cut_off) += 1;
    return done || !drain || sim_state(sim) == RUN_DRAINED;
}

/* Lives that are interrupted, and the world that goes on after them; the last one is not interrupted. */
static sim_t *s_lives(const topology_t *topology, sim_spec_t *spec, uint64_t seed, totals_t *totals)
{
    rng_t rng;
    rng_init_for(&rng, seed, "stops", 0, 0);
    sim_t *sim = sim_new(topology, spec);
    uint64_t stops = 1 + rng_below(&rng, 3);
    for (spec->term = 2; spec->term <= stops + 1 && s_interrupt(sim, &rng, totals); spec->term++) {
        s_add(totals, sim);
        spec->seed = rng_u64(&rng);
        sim_t *next = sim_new(topology, spec);
        sim_take_disks(next, sim);
        sim_destroy(&sim);
        sim = next;
    }
    return sim;
}

/* The same job with more epochs. */
static topology_t *s_longer(const topology_t *topology, uint64_t epochs)
{
    char *text = NULL, set[64];
    const char *sets = set;
    size_t size = 0;
    FILE *out = open_memstream(&text, &size);
    topology_t *longer = NULL;
    topology_print(topology, out);
    fclose(out);
    snprintf(set, sizeof set, "job.epochs=%llu", (unsigned long long)(topology->job.epochs + epochs));
    if (topology_parse("world", text, size, &sets, 1, &longer, NULL))
        exit(2);
    free(text);
    return longer;
}

static bool s_run_once(sim_t *sim, const sim_spec_t *spec);

/* Lives at whose end, or amidst which, the job gets more epochs; the last one is not run. `topology_p` is its
 * topology then. Who was done may go on whatever the strategy, unless a disk was lost after that. */
static sim_t *s_more(topology_t **topology_p, sim_spec_t *spec, uint64_t seed, const options_t *options,
                     totals_t *totals)
{
    rng_t rng;
    rng_init_for(&rng, seed, "more", 0, 0);
    sim_t *sim = sim_new(*topology_p, spec);
    uint64_t lives = 1 + rng_below(&rng, 3);
    for (spec->term = 2; spec->term <= lives + 1; spec->term++) {
        bool whole = rng_below(&rng, 2);
        topology_t *longer = s_longer(*topology_p, 1 + rng_below(&rng, 2));
        bool good = whole ? s_run_once(sim, spec) : s_interrupt(sim, &rng, totals);
        bool may = good && sim_may_carry(sim, longer), never = whole && good && !may && !options->lose;
        *(may ? &totals->more : never ? &totals->never : &totals->not_now) += 1;
        if (!good || never) {
            topology_destroy(&longer);
            return sim;
        }
        s_add(totals, sim);
        spec->seed = rng_u64(&rng);
        sim_t *next = sim_new(may ? longer : *topology_p, spec);
        sim_take_disks(next, sim);
        sim_destroy(&sim);
        topology_destroy(may ? topology_p : &longer);
        *topology_p = may ? longer : *topology_p;
        sim = next;
    }
    return sim;
}

/* A world to its end, and the one that goes on from one of its common points; the same world when it has
 * none. */
static sim_t *s_restored(const topology_t *topology, sim_spec_t *spec, uint64_t seed,
                         const options_t *options, totals_t *totals)
{
    rng_t rng;
    wire_name_t tags[64];
    rng_init_for(&rng, seed, "marks", 0, 0);
    sim_t *sim = sim_new(topology, spec);
    bool exact = sim_run(sim) && s_wrong(sim, topology, options->verbose) == 0;
    size_t count = exact ? sim_marks(sim, tags, 64) : 0;
    if (count == 0)
        return sim;
    const char *tag = tags[rng_below(&rng, count)];
    if (options->verbose)
        fprintf(stderr, "  goes on from %s, one of %zu\n", tag, count);
    s_add(totals, sim);
    totals->restored++;
    spec->seed = rng_u64(&rng);
    spec->term = 2;
    sim_t *next = sim_new(topology, spec);
    sim_take_mark(next, sim, tag);
    sim_destroy(&sim);
    return next;
}

#define SLICE_US 10000000

/* To its end, which may be a failure: who was given up is not waited for. */
static bool s_run_once(sim_t *sim, const sim_spec_t *spec)
{
    bool done = false;
    for (int64_t at_us = 0; !done && at_us < spec->limit_us && sim_state(sim) <= RUN_DONE;) {
        at_us += SLICE_US;
        done = sim_run_until(sim, at_us < spec->limit_us ? at_us : spec->limit_us);
    }
    return done;
}

/* The one failure that may be: the run has given up a region that was cut off at its end for longer than
 * away_after. */
static bool s_gave_up_who_was_away(const sim_t *sim, const sim_spec_t *spec)
{
    return spec->partition_count > 0 && sim_state(sim) == RUN_FAILED &&
           global_core_failure(sim_global(sim), NULL) == ERR_TIMEOUT;
}

/* A run that has given up is started again, as it says, and the region is back: it must end then. */
static bool s_run(sim_t **sim_p, const topology_t *topology, sim_spec_t *spec, totals_t *totals)
{
    bool done = s_run_once(*sim_p, spec);
    if (done || !s_gave_up_who_was_away(*sim_p, spec))
        return done;
    s_add(totals, *sim_p);
    totals->resumed++;
    spec->term = (spec->term ? spec->term : 1) + 1;
    spec->partition_count = 0;
    sim_t *next = sim_new(topology, spec);
    sim_take_disks(next, *sim_p);
    sim_destroy(sim_p);
    *sim_p = next;
    return s_run_once(next, spec);
}

/* Schedulers that die must cost nobody his life, and the report nothing. */
static const char *s_scheduler_fault(const sim_t *sim, const sim_stats_t *stats, const options_t *options)
{
    if (!options->kills && !options->stop && !options->more && !options->nodes && stats->restarts)
        return "an actor died of a scheduler's death";
    return sim_report_fault(sim);
}

static void s_world(uint64_t seed, const options_t *options, totals_t *totals)
{
    rng_t rng;
    rng_init_for(&rng, seed, "ledger", 0, 0);
    topology_t *topology = s_topology(&rng, options, seed);
    sim_spec_t spec = s_spec(&rng, options, topology, seed);
    if (options->verbose)
        topology_print(topology, stderr);
    faults_ask(&totals->faults, &spec);
    sim_t *sim = options->stop    ? s_lives(topology, &spec, seed, totals)
                 : options->more  ? s_more(&topology, &spec, seed, options, totals)
                 : options->marks ? s_restored(topology, &spec, seed, options, totals)
                                  : sim_new(topology, &spec);
    bool done = s_run(&sim, topology, &spec, totals);
    done = done && (!options->cut_node || sim_run(sim));
    if (done)
        sim_open_shards(sim);
    size_t wrong = done ? s_wrong(sim, topology, options->verbose) : 0;
    sim_stats_t stats = sim_stats(sim);
    if (options->elastic && options->verbose)
        fprintf(stderr, "  joined %llu, told to leave %llu, left %llu, drained %llu, lost %llu; moves %llu\n",
                (unsigned long long)stats.joined, (unsigned long long)stats.told_to_leave,
                (unsigned long long)stats.left, (unsigned long long)stats.drained,
                (unsigned long long)stats.lost_nodes, (unsigned long long)stats.moves);
    const char *fault = options->schedulers && done ? s_scheduler_fault(sim, &stats, options) : NULL;
    bool fits = !options->marks || options->lose || options->go_on || options->away || options->zombies ||
                stats.transfers == 0;
    bool quiet = options->elastic && !options->kills && !options->lose && !options->stop && !options->more &&
                 !stats.lost_nodes;
    if (done && quiet && (stats.rolled_back || stats.samples_repeated || stats.transfers))
        fault = "something was lost or computed twice though nobody died";
    if (done && quiet && stats.moved_blind)
        fault = "a shard was told to hand over before there was a copy where it could go";
    bool waits = options->full && !options->go_on && !options->lose && !options->away && !options->zombies &&
                 !options->stop && !options->more && !options->nodes && !options->elastic &&
                 !options->schedulers;
    if (done && waits && (stats.rolled_back || stats.transfers))
        fault = "something was lost though all waited for their disks";
    if (done && stats.cut_nodes != stats.ended_alone)
        fault = "a node that was cut off when the job ended did not end";
    if (done && !fits)
        fault = "what was taken back to one point needed a state transfer";
    s_add(totals, sim);
    totals->worlds++;
    totals->encoded += strcmp(topology->job.sync.encoding, "none") != 0;
    totals->stuck += !done;
    totals->wrong += wrong > 0 || fault;
    totals->exact += done && !wrong && !fault;
    if (fault)
        fprintf(stderr, "seed %llu: %s\n", (unsigned long long)seed, fault);
    if (!options->expect_wrong && (!done || wrong || fault)) {
        fprintf(stderr, "seed %llu: %s (%zu counters wrong); replay with --first %llu --seeds 1 --verbose\n",
                (unsigned long long)seed, done ? "wrong" : "stuck", wrong, (unsigned long long)seed);
        sim_print_waits(sim, stderr);
    }
    sim_destroy(&sim);
    topology_destroy(&topology);
}

static unsigned s_break(const char *name)
{
    unsigned guard = breaks_find(name);
    if (!guard)
        exit(2);
    return guard;
}

static options_t s_options(int argc, char **argv)
{
    static const struct option longs[] = {{"seeds", 1, NULL, 'n'},    {"first", 1, NULL, 'f'},
                                          {"strategy", 1, NULL, 's'}, {"encoding", 1, NULL, 'c'},
                                          {"kills", 0, NULL, 'k'},    {"schedulers", 0, NULL, 'S'},
                                          {"stop", 0, NULL, 't'},     {"marks", 0, NULL, 'm'},
                                          {"break", 1, NULL, 'b'},    {"expect-wrong", 0, NULL, 'e'},
                                          {"verbose", 0, NULL, 'v'},  {"lose", 0, NULL, 'l'},
                                          {"away", 0, NULL, 'a'},     {"zombies", 0, NULL, 'z'},
                                          {"damage", 0, NULL, 'd'},   {"nodes", 0, NULL, 'o'},
                                          {"quorum", 0, NULL, 'q'},   {"rows", 0, NULL, 'w'},
                                          {"elastic", 0, NULL, 'E'},  {"overlap", 0, NULL, 'O'},
                                          {"full", 0, NULL, 'F'},     {"go-on", 0, NULL, 'g'},
                                          {"more", 0, NULL, 'M'},     {"cut-global", 0, NULL, 'G'},
                                          {"cut-node", 0, NULL, 'N'}, {0}};
    options_t options = {.seeds = 500, .first = 1};
    for (int c; (c = getopt_long(argc, argv, "", longs, NULL)) != -1;) {
        if (c == 'n')
            options.seeds = strtoull(optarg, NULL, 10);
        else if (c == 'f')
            options.first = strtoull(optarg, NULL, 10);
        else if (c == 's')
            options.strategy = optarg;
        else if (c == 'c')
            options.encoding = optarg;
        else if (c == 'q')
            options.quorum = true;
        else if (c == 'w')
            options.rows = true;
        else if (c == 'O')
            options.overlap = true;
        else if (c == 'F' || c == 'g')
            options.full = true, options.go_on |= c == 'g';
        else if (c == 'k')
            options.kills = true;
        else if (c == 'S')
            options.schedulers = true;
        else if (c == 't')
            options.stop = true;
        else if (c == 'M')
            options.more = true;
        else if (c == 'o')
            options.nodes = true;
        else if (c == 'E')
            options.elastic = true;
        else if (c == 'm')
            options.marks = true;
        else if (c == 'b')
            options.breaks |= s_break(optarg);
        else if (c == 'l')
            options.lose = true;
        else if (c == 'a')
            options.away = true;
        else if (c == 'z')
            options.zombies = true;
        else if (c == 'd')
            options.damage = true;
        else if (c == 'G')
            options.cut_global = true;
        else if (c == 'N')
            options.cut_node = true;
        else if (c == 'e')
            options.expect_wrong = true;
        else if (c == 'v')
            options.verbose = true;
        else
            exit(2);
    }
    if (options.overlap)
        options.strategy = "diloco";
    return options;
}

#define WORLDS_FEW 20

/* Every fault of a run over many worlds must have fired, and what the guards did about it, too. */
static bool s_faults_fired(const totals_t *totals, const options_t *options)
{
    const sim_stats_t *s = &totals->stats;
    const sim_stats_t *f = &totals->faults.fired;
    bool exposes = options->go_on && options->kills && !(options->breaks & BREAK_COVER);
    const struct {
        const char *name;
        bool asked;
        uint64_t fired;
    } own[] = {
        {"delta encoded", !options->encoding && !options->lose && !options->go_on, totals->encoded},
        {"node lost that kept its disk", options->nodes, f->lost_nodes - f->lost_disks},
        {"snapshot kept by a keeper", options->nodes, s->kept},
        {"start from a copy", options->nodes, s->moved},
        {"shard moved", options->elastic, s->moves},
        {"drained", options->stop, totals->drained},
        {"cut off", options->stop, totals->cut_off},
        {"update rolled back", options->lose, s->rolled_back},
        {"another region's state taken", options->lose || options->away, s->transfers},
        {"most worlds go on from a common point", options->marks, totals->restored > totals->worlds / 2},
        {"common point given up", options->marks, s->marks_given_up},
        {"disk full", options->full, s->full_disks},
        {"nobody let go for want of room", options->full && options->schedulers, s->withheld},
        {"start without room", options->full && options->kills, s->without_room},
        {"training goes on without a disk", options->go_on, s->went_on},
        {"what only memory had was lost", exposes, s->exposed},
        {"another region's state taken for it", exposes, s->transfers},
        {"run that gave a region up goes on", options->away, totals->resumed},
    };
    bool all = faults_all_fired(&totals->faults);
    for (size_t i = 0; i < sizeof own / sizeof *own; i++)
        all = faults_one_fired(own[i].name, own[i].asked, own[i].fired) && all;
    return all || totals->worlds < WORLDS_FEW;
}

int main(int argc, char **argv)
{
    options_t options = s_options(argc, argv);
    totals_t totals = {0};
    for (uint64_t seed = options.first; seed < options.first + options.seeds; seed++)
        s_world(seed, &options, &totals);
    const sim_stats_t *s = &totals.stats, *f = &totals.faults.fired;
    printf("worlds %llu: exact %llu, wrong %llu, stuck %llu; %llu with encoded deltas; virtual %.0f s\n",
           (unsigned long long)totals.worlds, (unsigned long long)totals.exact,
           (unsigned long long)totals.wrong, (unsigned long long)totals.stuck,
           (unsigned long long)totals.encoded, (double)s->virtual_us / 1e6);
    printf("messages %llu: lost %llu, doubled %llu, reordered %llu, cut off %llu; duplicates refused %llu\n",
           (unsigned long long)s->messages, (unsigned long long)f->lost, (unsigned long long)f->duplicated,
           (unsigned long long)f->reordered, (unsigned long long)f->cut,
           (unsigned long long)s->duplicates_refused);
    printf("snapshots %llu, failed %llu; killed: workers %llu, shards %llu, synchronizers %llu; in silence "
           "%llu\n",
           (unsigned long long)s->snapshots, (unsigned long long)f->snapshot_failures,
           (unsigned long long)f->killed[ROLE_WORKER], (unsigned long long)f->killed[ROLE_SHARD],
           (unsigned long long)f->killed[ROLE_SYNCHRONIZER], (unsigned long long)f->killed_in_silence);
    if (options.nodes)
        printf("lost: nodes %llu, disks %llu; kept %llu, killed keepers %llu, starts from a copy %llu\n",
               (unsigned long long)f->lost_nodes, (unsigned long long)f->lost_disks,
               (unsigned long long)s->kept, (unsigned long long)s->killed[ROLE_KEEPER],
               (unsigned long long)s->moved);
    if (options.elastic)
        printf("nodes joined %llu, told to leave %llu, left %llu, drained %llu, lost %llu; shards moved "
               "%llu; samples "
               "computed twice %llu\n",
               (unsigned long long)f->joined, (unsigned long long)f->told_to_leave,
               (unsigned long long)f->left, (unsigned long long)f->drained, (unsigned long long)f->lost_nodes,
               (unsigned long long)s->moves, (unsigned long long)s->samples_repeated);
    printf("disks emptied %llu, rolled back %llu; regions wiped %llu; zombies %llu; payloads damaged %llu; "
           "updates "
           "rolled back %llu, state transfers %llu\n",
           (unsigned long long)f->disks_emptied, (unsigned long long)f->disks_rolled_back,
           (unsigned long long)f->regions_wiped, (unsigned long long)f->zombies,
           (unsigned long long)f->damaged, (unsigned long long)s->rolled_back,
           (unsigned long long)s->transfers);
    if (options.schedulers)
        printf("schedulers killed: regional %llu, global %llu, of them at the end %llu; woke up %llu, "
               "refused %llu; actors placed again %llu\n",
               (unsigned long long)f->killed_regional, (unsigned long long)f->killed_global,
               (unsigned long long)f->killed_at_end, (unsigned long long)f->schedulers_woken,
               (unsigned long long)f->schedulers_refused, (unsigned long long)s->restarts);
    if (options.full)
        printf("disks full %llu, of schedulers %llu, decisions not kept %llu; starts without room %llu; "
               "shards that went "
               "on %llu, that died of it %llu\n",
               (unsigned long long)s->full_disks, (unsigned long long)f->full_schedulers,
               (unsigned long long)f->unkept, (unsigned long long)s->without_room,
               (unsigned long long)s->went_on, (unsigned long long)s->exposed);
    if (totals.resumed)
        printf("resumed after a region had been away: %llu\n", (unsigned long long)totals.resumed);
    if (options.stop)
        printf("stopped in the midst: drained %llu, cut off %llu\n", (unsigned long long)totals.drained,
               (unsigned long long)totals.cut_off);
    if (options.more)
        printf("went on with more epochs: %llu; could not amidst rounds %llu, at their end %llu\n",
               (unsigned long long)totals.more, (unsigned long long)totals.not_now,
               (unsigned long long)totals.never);
    if (options.marks)
        printf("common points: made %llu, given up %llu; worlds that went on from one: %llu\n",
               (unsigned long long)s->marks_made, (unsigned long long)s->marks_given_up,
               (unsigned long long)totals.restored);
    if (!s_faults_fired(&totals, &options) || totals.never || (options.more && !totals.more))
        return 1;
    if (options.expect_wrong)
        return totals.wrong + totals.stuck > 0 ? 0 : 1;
    return totals.exact == totals.worlds ? 0 : 1;
}
