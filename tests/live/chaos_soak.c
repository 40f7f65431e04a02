#include "tests/live/chaos.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define CALIBRATE_EPOCHS 4

static const char *const s_victims[] = {"worker/", "shard/",     "synchronizer/", "broker/",
                                        "node/",   "scheduler/", "global"};
enum { VICTIMS = sizeof s_victims / sizeof *s_victims };

typedef struct {
    double seconds; /* from the first update to the end of the training */
    size_t kills[VICTIMS], total;
    bool good;
} outcome_t;

static bool s_kill_one(const chaos_run_t *run, rng_t *rng, outcome_t *outcome)
{
    chaos_process_t process;
    size_t which = rng_below(rng, VICTIMS);
    if (!chaos_pick(run->pid, rng, s_victims[which], &process) || kill(process.pid, SIGKILL))
        return false;
    outcome->kills[which]++;
    outcome->total++;
    return true;
}

/* The whole of a job, with one random kill every so often; interval_us 0: none. */
static outcome_t s_run(const chaos_job_t *job, const char *name, int64_t interval_us)
{
    static chaos_run_t run;
    outcome_t outcome = {0};
    rng_t rng;
    chaos_job_t own = *job;
    snprintf(own.dir, sizeof own.dir, "%.3000s-%s", job->dir, name);
    rng_init_for(&rng, job->seed, "soak", 0, 0);
    if (!chaos_run_start(&run, &own, NULL))
        return outcome;
    int64_t first_us = 0, last_us = 0, kill_us = 0;
    double before = 0;
    while (chaos_run_look(&run) && !chaos_run_hangs(&run)) {
        int64_t now_us = chaos_now_us();
        if (run.progress > 0 && !first_us)
            first_us = kill_us = now_us;
        if (run.progress > before)
            last_us = now_us;
        before = run.progress;
        bool due = interval_us && first_us && now_us - kill_us >= interval_us && run.progress < 1;
        if (due && s_kill_one(&run, &rng, &outcome))
            kill_us = now_us;
        chaos_sleep_ms(20);
    }
    outcome.good = chaos_run_judge(&run);
    outcome.seconds = (double)(last_us - first_us) / 1e6;
    printf("  %-16s %8.1f s, %zu kills, %s; stood %llu steps at most\n", name, outcome.seconds, outcome.total,
           outcome.good ? "exact" : "WRONG", (unsigned long long)run.still.most);
    fflush(stdout);
    chaos_run_destroy(&run, !outcome.good);
    return outcome;
}

bool chaos_run_soak(const chaos_job_t *job, const chaos_soak_t *soak)
{
    chaos_job_t own = *job;
    own.epochs = CALIBRATE_EPOCHS;
    printf("soak: %.1f minutes, a kill every %.0f s, seed %llu\n", soak->minutes, soak->interval_s,
           (unsigned long long)job->seed);
    outcome_t speed = s_run(&own, "calibrating", 0);
    if (!speed.good)
        return false;
    double epochs = CALIBRATE_EPOCHS * soak->minutes * 60 / (speed.seconds > 0.1 ? speed.seconds : 0.1);
    own.epochs = epochs < 1 ? 1 : (unsigned long)epochs;
    outcome_t calm = s_run(&own, "without-faults", 0);
    outcome_t rough = s_run(&own, "with-kills", (int64_t)(soak->interval_s * 1e6));
    double share = rough.seconds > 0 ? calm.seconds / rough.seconds : 0;
    for (size_t i = 0; i < VICTIMS; i++)
        printf("  killed %-14s %zu times\n", s_victims[i], rough.kills[i]);
    printf("  useful updates per second with kills: %.1f %% of those without%s\n", 100 * share,
           share < soak->least ? ", TOO FEW" : "");
    return calm.good && rough.good && rough.total > 0 && share >= soak->least;
}
