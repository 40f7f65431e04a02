#include "tests/live/chaos.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { PARALLEL_MAX = 16, HIT_MOST = 40, HIT_FAILS = 30 };

typedef struct {
    bool used;
    failpoint_t point;
    uint64_t nth;
    int64_t began_us;
    chaos_run_t run;
} slot_t;

typedef struct {
    const chaos_job_t *job;
    rng_t rng;
    failpoint_count_t usual[FAILPOINT_COUNT]; /* hits of a run without faults */
    size_t bad;
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

/* What is hit how often when nothing is armed: where in a run a point can strike. */
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

static bool s_start(points_t *self, slot_t *slot, failpoint_t point)
{
    char armed[128];
    uint64_t usual = self->usual[point].hits / 2;
    uint64_t most = usual < 1 ? 1 : usual > HIT_MOST ? HIT_MOST : usual;
    *slot = (slot_t){
        .used = true, .point = point, .began_us = chaos_now_us(), .nth = 1 + rng_below(&self->rng, most)};
    if (!failpoint_kills(point)) /* what must be stored before a run begins is no snapshot */
        slot->nth += HIT_FAILS;
    snprintf(armed, sizeof armed, "%s:%llu", failpoint_name(point), (unsigned long long)slot->nth);
    chaos_job_t job = s_job(self->job, failpoint_name(point));
    return chaos_run_start(&slot->run, &job, armed);
}

static void s_finish(points_t *self, slot_t *slot)
{
    failpoint_count_t counts[FAILPOINT_COUNT] = {0};
    bool good = chaos_run_judge(&slot->run);
    bool known = failpoint_read(slot->run.run_dir, counts);
    bool struck = known && counts[slot->point].strikes == 1;
    printf("  %-26s hit %6llu times, struck at %3llu  %s%s in %.1f s\n", failpoint_name(slot->point),
           (unsigned long long)counts[slot->point].hits, (unsigned long long)slot->nth,
           struck ? "" : "NEVER STRUCK ", good ? "exact" : "WRONG",
           (double)(chaos_now_us() - slot->began_us) / 1e6);
    fflush(stdout);
    self->bad += !good || !struck;
    chaos_run_destroy(&slot->run, !good);
    slot->used = false;
}

static bool s_next(const char *only, size_t *at, failpoint_t *ret_point)
{
    for (; *at < FAILPOINT_COUNT; ++*at) {
        if (only && strncmp(failpoint_name((failpoint_t)*at), only, strlen(only)) != 0)
            continue;
        *ret_point = (failpoint_t)(*at)++;
        return true;
    }
    return false;
}

static void s_run_all(points_t *self, size_t parallel, const char *only)
{
    static slot_t slots[PARALLEL_MAX];
    size_t at = 0, running = 0;
    bool more = true;
    while (more || running) {
        for (size_t i = 0; i < parallel; i++) {
            slot_t *slot = &slots[i];
            failpoint_t point;
            if (!slot->used && more && (more = s_next(only, &at, &point))) {
                running++;
                if (!s_start(self, slot, point))
                    self->bad++;
            }
            if (slot->used && (!chaos_run_look(&slot->run) || chaos_run_hangs(&slot->run))) {
                s_finish(self, slot);
                running--;
            }
        }
        chaos_sleep_ms(5);
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
    s_run_all(&self, parallel > PARALLEL_MAX ? PARALLEL_MAX : parallel, only);
    return self.bad == 0;
}
