#include "tests/live/chaos.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define STEPS_MAX 512
#define ENDS_MAX 64
#define SPACING_US 150000 /* between two faults, however fast the run is */
#define FIRST 0.03        /* of the progress; the rest of the run is for the last fault to be got over */
#define LAST 0.80

/* A fault that ends by itself: a pause, a cut. */
typedef struct {
    int64_t at_us; /* 0: free */
    pid_t pid;     /* of a paused process; 0: a cut */
    size_t from, to;
} end_t;

typedef struct {
    chaos_run_t run;
    const chaos_plan_t *plan;
    rng_t rng;
    end_t ends[ENDS_MAX];
} chaos_t;

typedef struct {
    const char *name, *prefix; /* of the processes it strikes */
    bool (*fire)(chaos_t *self, const char *prefix);
    bool actors;  /* needs a process for every actor */
    bool several; /* needs several regions */
} fault_t;

/* ---- faults; false: nobody to strike at the moment ---- */

static bool s_kill(chaos_t *self, const char *prefix)
{
    chaos_process_t process;
    return chaos_pick(self->run.pid, &self->rng, prefix, &process) && kill(process.pid, SIGKILL) == 0;
}

static bool s_kill_worker_and_shard(chaos_t *self, const char *prefix)
{
    (void)prefix;
    chaos_process_t worker, shard;
    if (!chaos_pick(self->run.pid, &self->rng, "worker/", &worker))
        return false;
    char shards[CHAOS_NAME_MAX];
    const char *region = worker.name + strlen("worker/");
    snprintf(shards, sizeof shards, "shard/%.*s/", (int)strcspn(region, "/"), region);
    if (!chaos_pick(self->run.pid, &self->rng, shards, &shard))
        return false;
    kill(worker.pid, SIGKILL);
    return kill(shard.pid, SIGKILL) == 0;
}

/* Everything that a region has, in no order. */
static bool s_kill_region(chaos_t *self, const char *prefix)
{
    (void)prefix;
    char part[CHAOS_NAME_MAX];
    chaos_process_t items[CHAOS_PROCESSES_MAX];
    const char *region = chaos_region(rng_below(&self->rng, self->run.job.regions));
    size_t count = chaos_processes(self->run.pid, items), struck = 0;
    snprintf(part, sizeof part, "/%s", region);
    for (size_t i = 0; i < count; i++)
        if (strstr(items[i].name, part))
            struck += kill(items[i].pid, SIGKILL) == 0;
    return struck > 0;
}

static end_t *s_end(chaos_t *self, int64_t most_us)
{
    end_t *end = self->ends;
    while (end < self->ends + ENDS_MAX && end->at_us)
        end++;
    if (end == self->ends + ENDS_MAX)
        return NULL;
    *end =
        (end_t){.at_us = chaos_now_us() + most_us / 10 + (int64_t)rng_below(&self->rng, (uint64_t)most_us)};
    return end;
}

static bool s_pause(chaos_t *self, const char *prefix)
{
    chaos_process_t process;
    if (!chaos_pick(self->run.pid, &self->rng, prefix, &process) || kill(process.pid, SIGSTOP))
        return false;
    end_t *end = s_end(self, self->plan->pause_us);
    if (end)
        end->pid = process.pid;
    else
        kill(process.pid, SIGCONT);
    return end != NULL;
}

static bool s_cut_one(chaos_t *self, size_t from, size_t to, int64_t until_us)
{
    end_t *end = s_end(self, self->plan->cut_us);
    if (!end)
        return false;
    end->from = from;
    end->to = to;
    if (until_us)
        end->at_us = until_us;
    atomic_fetch_add(&self->run.board->cut[from][to], 1);
    return true;
}

static void s_two_regions(chaos_t *self, size_t *ret_a, size_t *ret_b)
{
    size_t regions = self->run.job.regions;
    *ret_a = rng_below(&self->rng, regions);
    *ret_b = (*ret_a + 1 + rng_below(&self->rng, regions - 1)) % regions;
}

static bool s_cut_one_way(chaos_t *self, const char *prefix)
{
    (void)prefix;
    size_t a, b;
    s_two_regions(self, &a, &b);
    return s_cut_one(self, a, b, 0);
}

static bool s_cut_both_ways(chaos_t *self, const char *prefix)
{
    (void)prefix;
    size_t a, b;
    s_two_regions(self, &a, &b);
    int64_t until_us = chaos_now_us() + self->plan->cut_us / 10 +
                       (int64_t)rng_below(&self->rng, (uint64_t)self->plan->cut_us);
    return s_cut_one(self, a, b, until_us) && s_cut_one(self, b, a, until_us);
}

static const fault_t s_faults[] = {
    {"kill worker", "worker/", s_kill, true, false},
    {"kill shard", "shard/", s_kill, true, false},
    {"kill synchronizer", "synchronizer/", s_kill, true, true},
    {"kill node", "node/", s_kill, true, false},
    {"kill broker", "broker/", s_kill, true, false},
    {"kill scheduler of a region", "scheduler/", s_kill, true, false},
    {"kill global scheduler", "global", s_kill, false, false},
    {"kill worker and shard", "", s_kill_worker_and_shard, true, false},
    {"kill region", "", s_kill_region, false, false},
    {"pause worker", "worker/", s_pause, true, false},
    {"pause shard", "shard/", s_pause, true, false},
    {"pause synchronizer", "synchronizer/", s_pause, true, true},
    {"pause node", "node/", s_pause, true, false},
    {"pause broker", "broker/", s_pause, true, false},
    {"pause scheduler of a region", "scheduler/", s_pause, true, false},
    {"pause region", "region/", s_pause, false, false},
    {"cut one way", "", s_cut_one_way, false, true},
    {"cut both ways", "", s_cut_both_ways, false, true},
};
enum { FAULTS = sizeof s_faults / sizeof *s_faults };

/* ---- the plan ---- */

static bool s_listed(const char *only, const char *name)
{
    for (; only && *only; only += strcspn(only, ",") + (only[strcspn(only, ",")] == ','))
        if (!strncmp(only, name, strcspn(only, ",")))
            return true;
    return only == NULL;
}

static bool s_applies(const chaos_t *self, const fault_t *fault)
{
    bool actors = self->run.job.isolate && !strcmp(self->run.job.isolate, "actor");
    if (fault->actors && !actors)
        return false;
    if (fault->fire == s_pause && !strcmp(fault->prefix, "region/") && actors)
        return false;
    return (!fault->several || self->run.job.regions > 1) && s_listed(self->plan->only, fault->name);
}

static size_t s_make_plan(chaos_t *self, uint32_t *ret_steps)
{
    size_t count = 0;
    for (uint32_t i = 0; i < FAULTS; i++)
        for (size_t k = 0; k < self->plan->rounds && count < STEPS_MAX && s_applies(self, &s_faults[i]); k++)
            ret_steps[count++] = i;
    rng_shuffle_u32(&self->rng, ret_steps, count);
    return count;
}

static void s_end_ends(chaos_t *self, bool all)
{
    for (size_t i = 0; i < ENDS_MAX; i++) {
        end_t *end = &self->ends[i];
        if (!end->at_us || (!all && chaos_now_us() < end->at_us))
            continue;
        if (end->pid)
            kill(end->pid, SIGCONT);
        else
            atomic_fetch_sub(&self->run.board->cut[end->from][end->to], 1);
        end->at_us = 0;
    }
}

static void s_set_network(chaos_t *self, bool on)
{
    atomic_store(&self->run.board->duplicate_ppm, on ? self->plan->duplicate_ppm : 0);
    atomic_store(&self->run.board->swap_ppm, on ? self->plan->swap_ppm : 0);
    atomic_store(&self->run.board->damage_ppm, on ? self->plan->damage_ppm : 0);
}

static void s_drive(chaos_t *self, const uint32_t *steps, size_t count, size_t *fired)
{
    size_t done = 0;
    int64_t last_us = 0;
    s_set_network(self, true);
    while (chaos_run_look(&self->run) && !chaos_run_hangs(&self->run)) {
        s_end_ends(self, false);
        double due = FIRST + (LAST - FIRST) * (double)done / (double)(count ? count : 1);
        if (done < count && self->run.progress >= due && chaos_now_us() - last_us >= SPACING_US) {
            const fault_t *fault = &s_faults[steps[done]];
            if (fault->fire(self, fault->prefix)) {
                fired[steps[done++]]++;
                last_us = chaos_now_us();
            }
        }
        chaos_sleep_ms(20);
    }
    s_end_ends(self, true);
}

/* ---- what came of it ---- */

static bool s_line(const char *name, uint64_t count, bool wanted)
{
    if (!wanted && !count)
        return true;
    printf("  %-28s %8llu%s\n", name, (unsigned long long)count, count ? "" : "  NEVER FIRED");
    return count > 0;
}

static bool s_report(const chaos_t *self, const size_t *fired)
{
    const broker_fault_board_t *board = self->run.board;
    bool all = true, cuts = false;
    for (size_t i = 0; i < FAULTS; i++) {
        all = s_line(s_faults[i].name, fired[i], s_applies(self, &s_faults[i])) && all;
        cuts = cuts || (fired[i] && !strncmp(s_faults[i].name, "cut", 3));
    }
    all = s_line("messages dropped by cuts", atomic_load(&board->dropped), cuts) && all;
    all = s_line("messages duplicated", atomic_load(&board->duplicated), self->plan->duplicate_ppm) && all;
    all = s_line("messages swapped", atomic_load(&board->swapped), self->plan->swap_ppm) && all;
    bool processes = self->run.job.isolate && !strcmp(self->run.job.isolate, "actor");
    all =
        s_line("messages damaged", atomic_load(&board->damaged), processes && self->plan->damage_ppm) && all;
    return all;
}

bool chaos_run_plan(const chaos_job_t *job, const chaos_plan_t *plan)
{
    static chaos_t self;
    uint32_t steps[STEPS_MAX];
    size_t fired[FAULTS] = {0};
    int64_t began_us = chaos_now_us();
    self = (chaos_t){.plan = plan};
    rng_init_for(&self.rng, job->seed, "chaos", job->regions, job->shards);
    printf("chaos: %zu regions, %zu shards, %s, seed %llu\n", job->regions, job->shards, job->strategy,
           (unsigned long long)job->seed);
    fflush(stdout);
    if (!chaos_run_start(&self.run, job, NULL))
        return false;
    size_t count = s_make_plan(&self, steps);
    s_drive(&self, steps, count, fired);
    bool good = chaos_run_judge(&self.run);
    if (job->breaks) {
        printf("  without %s: %s\n", job->breaks,
               good ? "exact, so the judge proves nothing" : "red, as it must be");
        chaos_run_destroy(&self.run, false);
        return !good;
    }
    bool all = s_report(&self, fired);
    printf("  %s%s in %.1f s; a region stood still for %llu steps of the job beside at most\n",
           good ? "exact" : "WRONG", all ? "" : ", and some fault never fired",
           (double)(chaos_now_us() - began_us) / 1e6, (unsigned long long)self.run.still.most);
    fflush(stdout);
    chaos_run_destroy(&self.run, !good);
    return good && all;
}
