/* See chaos.h. Prints what happened; exits 0 when every counter is exact and every fault fired, else 1.
 *
 *   chaos plan   [options]   random faults
 *   chaos points [options]   every failpoint, some in each run
 *   chaos soak   [options]   for minutes, beside the same run without faults
 *   chaos processes PID      what the descendants of a process host
 */
#include "tests/live/chaos.h"

#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const char s_usage[] =
    "usage: chaos plan|points|soak [options]\n"
    "  --regions N, --shards N, --strategy S, --samples N, --epochs N, --batch N, --isolate "
    "region|role|actor\n"
    "  --seed N       of the plan (default: CLOUDLESS_SEED, else chosen and printed)\n"
    "  --rounds N     how often each fault is planned\n"
    "  --pause MS, --cut MS   how long at most\n"
    "  --network PPM  of each kind: messages duplicated, swapped and damaged\n"
    "  --only TEXTS   faults, or failpoints, that begin so\n"
    "  --break GUARD  switches a guard off: the run must come out wrong\n"
    "  --pace STATE   of a job beside, to which nothing happens: by its steps is counted how long a region "
    "stands still\n"
    "  --parallel N   runs at a time (points)\n"
    "  --minutes M, --interval S, --least SHARE   of a soak: how long, seconds between kills, updates that "
    "must be left\n";

typedef struct {
    chaos_job_t job;
    chaos_plan_t plan;
    chaos_soak_t soak;
    size_t parallel;
} arguments_t;

static uint64_t s_seed(void)
{
    const char *seed = getenv("CLOUDLESS_SEED");
    return seed ? strtoull(seed, NULL, 10) : rng_entropy() % 1000000;
}

enum {
    OPTION_REGIONS = 256,
    OPTION_SHARDS,
    OPTION_STRATEGY,
    OPTION_SAMPLES,
    OPTION_EPOCHS,
    OPTION_BATCH,
    OPTION_ISOLATE,
    OPTION_SEED,
    OPTION_ROUNDS,
    OPTION_PAUSE,
    OPTION_CUT,
    OPTION_NETWORK,
    OPTION_ONLY,
    OPTION_BREAK,
    OPTION_PACE,
    OPTION_PARALLEL,
    OPTION_MINUTES,
    OPTION_INTERVAL,
    OPTION_LEAST
};

static const struct option s_options[] = {
    {"regions", 1, NULL, OPTION_REGIONS},   {"shards", 1, NULL, OPTION_SHARDS},
    {"strategy", 1, NULL, OPTION_STRATEGY}, {"samples", 1, NULL, OPTION_SAMPLES},
    {"epochs", 1, NULL, OPTION_EPOCHS},     {"batch", 1, NULL, OPTION_BATCH},
    {"isolate", 1, NULL, OPTION_ISOLATE},   {"seed", 1, NULL, OPTION_SEED},
    {"rounds", 1, NULL, OPTION_ROUNDS},     {"pause", 1, NULL, OPTION_PAUSE},
    {"cut", 1, NULL, OPTION_CUT},           {"network", 1, NULL, OPTION_NETWORK},
    {"only", 1, NULL, OPTION_ONLY},         {"break", 1, NULL, OPTION_BREAK},
    {"pace", 1, NULL, OPTION_PACE},         {"parallel", 1, NULL, OPTION_PARALLEL},
    {"minutes", 1, NULL, OPTION_MINUTES},   {"interval", 1, NULL, OPTION_INTERVAL},
    {"least", 1, NULL, OPTION_LEAST},       {NULL, 0, NULL, 0}};

static bool s_take(arguments_t *self, int option, const char *text)
{
    unsigned long number = strtoul(text ? text : "", NULL, 10);
    switch (option) {
    case OPTION_REGIONS:
        self->job.regions = number;
        break;
    case OPTION_SHARDS:
        self->job.shards = number;
        break;
    case OPTION_STRATEGY:
        self->job.strategy = text;
        break;
    case OPTION_SAMPLES:
        self->job.samples = number;
        break;
    case OPTION_EPOCHS:
        self->job.epochs = number;
        break;
    case OPTION_BATCH:
        self->job.batch = number;
        break;
    case OPTION_ISOLATE:
        self->job.isolate = text;
        break;
    case OPTION_SEED:
        self->job.seed = number;
        break;
    case OPTION_ROUNDS:
        self->plan.rounds = number;
        break;
    case OPTION_PAUSE:
        self->plan.pause_us = (int64_t)number * 1000;
        break;
    case OPTION_CUT:
        self->plan.cut_us = (int64_t)number * 1000;
        break;
    case OPTION_NETWORK:
        self->plan.duplicate_ppm = self->plan.swap_ppm = self->plan.damage_ppm = (uint32_t)number;
        break;
    case OPTION_ONLY:
        self->plan.only = text;
        break;
    case OPTION_BREAK:
        self->job.breaks = text;
        break;
    case OPTION_PACE:
        self->job.pace = text;
        break;
    case OPTION_PARALLEL:
        self->parallel = number;
        break;
    case OPTION_MINUTES:
        self->soak.minutes = strtod(text, NULL);
        break;
    case OPTION_INTERVAL:
        self->soak.interval_s = strtod(text, NULL);
        break;
    case OPTION_LEAST:
        self->soak.least = strtod(text, NULL);
        break;
    default:
        return false;
    }
    return true;
}

static int s_list(pid_t pid)
{
    static chaos_process_t items[CHAOS_PROCESSES_MAX];
    size_t count = chaos_processes(pid, items);
    for (size_t i = 0; i < count; i++)
        printf("%d %s\n", (int)items[i].pid, items[i].name);
    return 0;
}

static int s_wrong(const char *text)
{
    fprintf(stderr, "chaos: %s\n%s", text, s_usage);
    return 2;
}

int main(int argc, char **argv)
{
    arguments_t self = {.job = {.binary = getenv("CLOUDLESS"),
                                .strategy = "asgd-ga",
                                .regions = 2,
                                .shards = 2,
                                .samples = 20000,
                                .epochs = 4,
                                .batch = 10,
                                .seed = s_seed()},
                        .plan = {.rounds = 1,
                                 .pause_us = 1000000,
                                 .cut_us = 1500000,
                                 .duplicate_ppm = 10000,
                                 .swap_ppm = 10000,
                                 .damage_ppm = 2000},
                        .soak = {.minutes = 1, .interval_s = 30, .least = 0.95},
                        .parallel = 2};
    if (argc == 3 && !strcmp(argv[1], "processes"))
        return s_list(atoi(argv[2]));
    const char *command = argc > 1 ? argv[1] : "", *tmp = getenv("TMPDIR");
    int option;
    while ((option = getopt_long(argc, argv, "", s_options, NULL)) != -1)
        if (!s_take(&self, option, optarg))
            return s_wrong("unknown option");
    if (!self.job.binary)
        return s_wrong("CLOUDLESS must name the binary");
    if (self.job.regions < 1 || self.job.regions > CHAOS_REGIONS_MAX || self.job.shards < 1)
        return s_wrong("1 to 3 regions, at least one shard");
    snprintf(self.job.dir, sizeof self.job.dir, "%s/chaos-%d", tmp ? tmp : "/tmp", (int)getpid());
    if (!strcmp(command, "plan"))
        return !chaos_run_plan(&self.job, &self.plan);
    if (!strcmp(command, "points"))
        return !chaos_run_points(&self.job, self.parallel, self.plan.only);
    if (!strcmp(command, "soak"))
        return !chaos_run_soak(&self.job, &self.soak);
    return s_wrong("plan, points or soak?");
}
