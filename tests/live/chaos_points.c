#include "tests/live/chaos.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { PARALLEL_MAX = 16, HIT_MOST = 40, HIT_FAILS = 30, TOGETHER = 3 /* in one run */ };

typedef struct {
    bool used;
    failpoint_t points[TOGETHER];
    uint64_t nth[TOGETHER];
    size_t count;
    int64_t began_us;
    chaos_run_t run;
} slot_t;

typedef struct {
    const chaos_job_t *job;
    rng_t rng;
    failpoint_count_t usual[FAILPOINT_COUNT]; /* hits of a run without faults */
    failpoint_t chosen[FAILPOINT_COUNT];
    size_t chosen_count, runs, bad;
} points_t;

static chaos_job_t s_job(const chaos_job_t *job, const char *name)
{
    chaos_job_t own = *job;
    snprintf(own.dir, sizeof own.dir, "%.3000s-%s", job->dir, name);
    return own;
}

static void s_wait(chaos_run_t *run)
{
    while (chaos_run_look(run) && !chaos_run_hangs(run))
        chaos_sleep_ms(10);
}

/* Counts how often each point is passed when nothing is armed: only there can it strike. */
static bool s_count(points_t *self)
{
    chaos_run_t run;
    chaos_job_t job = s_job(self->job, "usual");
    bool good = chaos_run_start(&run, &job, NULL);
    if (good) {
        s_wait(&run);
        good = chaos_run_judge(&run) && failpoint_read(run.run_dir, self->usual);
        chaos_run_destroy(&run, !good);
    }
    return good;
}

/* After how many hits it strikes. */
static uint64_t s_draw(points_t *self, failpoint_t point)
{
    uint64_t usual = self->usual[point].hits / 2;
    uint64_t most = usual < 1 ? 1 : usual > HIT_MOST ? HIT_MOST : usual;
    uint64_t nth = 1 + rng_below(&self->rng, most);
    /* what must be stored before a run begins is no snapshot */
    return failpoint_kills(point) ? nth : nth + HIT_FAILS;
}

/* A run's points are far apart in the list: of different actors, or at different times. */
static bool s_start(points_t *self, slot_t *slot, size_t run)
{
    char armed[TOGETHER * 128] = "";
    *slot = (slot_t){.used = true, .began_us = chaos_now_us()};
    for (size_t at = run; at < self->chosen_count && slot->count < TOGETHER; at += self->runs) {
        failpoint_t point = self->chosen[at];
        size_t length = strlen(armed);
        slot->points[slot->count] = point;
        slot->nth[slot->count] = s_draw(self, point);
        snprintf(armed + length, sizeof armed - length, "%s%s:%llu", length ? "," : "", failpoint_name(point),
                 (unsigned long long)slot->nth[slot->count++]);
    }
    chaos_job_t job = s_job(self->job, failpoint_name(slot->points[0]));
    return chaos_run_start(&slot->run, &job, armed);
}

static void s_finish(points_t *self, slot_t *slot)
{
    failpoint_count_t counts[FAILPOINT_COUNT] = {0};
    bool good = chaos_run_judge(&slot->run), all = failpoint_read(slot->run.run_dir, counts);
    for (size_t i = 0; i < slot->count; i++) {
        const failpoint_count_t *count = &counts[slot->points[i]];
        all = all && count->strikes == 1;
        printf("  %-26s hit %6llu times, struck at %3llu%s\n", failpoint_name(slot->points[i]),
               (unsigned long long)count->hits, (unsigned long long)slot->nth[i],
               count->strikes == 1 ? "" : "  NEVER STRUCK, or more than once");
    }
    printf("    %s in %.1f s; a region stood still for %llu steps of the job beside at most\n",
           good ? "exact" : "WRONG", (double)(chaos_now_us() - slot->began_us) / 1e6,
           (unsigned long long)slot->run.still.most);
    fflush(stdout);
    self->bad += !good || !all;
    chaos_run_destroy(&slot->run, !good);
    slot->used = false;
}

static void s_choose(points_t *self, const char *only)
{
    for (size_t i = 0; i < FAILPOINT_COUNT; i++)
        if (!only || !strncmp(failpoint_name((failpoint_t)i), only, strlen(only)))
            self->chosen[self->chosen_count++] = (failpoint_t)i;
    self->runs = (self->chosen_count + TOGETHER - 1) / TOGETHER;
}

static void s_run_all(points_t *self, size_t parallel)
{
    static slot_t slots[PARALLEL_MAX];
    size_t next = 0, running = 0;
    while (next < self->runs || running) {
        for (size_t i = 0; i < parallel; i++) {
            slot_t *slot = &slots[i];
            if (!slot->used && next < self->runs) {
                running++;
                self->bad += !s_start(self, slot, next++);
            }
            if (slot->used && (!chaos_run_look(&slot->run) || chaos_run_hangs(&slot->run))) {
                s_finish(self, slot);
                running--;
            }
        }
        chaos_sleep_ms(20);
    }
}

bool chaos_run_points(const chaos_job_t *job, size_t parallel, const char *only)
{
    static points_t self;
    self = (points_t){.job = job};
    rng_init_for(&self.rng, job->seed, "points", 0, 0);
    printf("failpoints: %d, seed %llu\n", FAILPOINT_COUNT, (unsigned long long)job->seed);
    if (!s_count(&self))
        return false;
    for (size_t i = 0; i < FAILPOINT_COUNT; i++)
        if (failpoint_kills((failpoint_t)i) && !self.usual[i].hits) {
            printf("  %-26s is never hit\n", failpoint_name((failpoint_t)i));
            self.bad++;
        }
    s_choose(&self, only);
    s_run_all(&self, parallel > PARALLEL_MAX ? PARALLEL_MAX : parallel);
    return self.bad == 0;
}
