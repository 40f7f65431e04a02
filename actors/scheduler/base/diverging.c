#include "actors/scheduler/base/diverging.h"

#include <stdio.h>

#define LOSS_MOST 10  /* far above guessing: the cross-entropy of 20000 classes */
#define LOSS_GROWTH 5 /* times the first window's */
#define FIRST_MOST 20 /* a run may begin diverged */
#define REFUSED_OF_TEN 9

void diverging_init(diverging_t *self, double batch)
{
    *self = (diverging_t){.window = DIVERGING_BATCHES * (batch > 1 ? batch : 1)};
}

static bool s_is_bad(const diverging_t *self, double mean)
{
    double first = self->first < FIRST_MOST ? self->first : FIRST_MOST;
    return mean > LOSS_MOST && mean > LOSS_GROWTH * first;
}

static void s_end_window(diverging_t *self, double mean)
{
    if (!(self->first > 0))
        self->first = mean;
    self->newest = mean;
    if (!s_is_bad(self, mean)) {
        self->bad = 0;
        return;
    }
    if (!self->bad || mean < self->worst / 2) {
        self->bad = 0;
        self->worst = mean;
    }
    self->bad++;
}

bool diverging_take(diverging_t *self, uint64_t samples, double loss_sum)
{
    self->samples += (double)samples;
    self->sum += loss_sum;
    if (self->samples >= self->window) {
        s_end_window(self, self->sum / self->samples);
        self->samples = self->sum = 0;
    }
    return self->bad >= DIVERGING_WINDOWS;
}

/* Counts that a restart has taken back begin anew. */
bool diverging_take_refused(diverging_t *self, uint64_t steps, uint64_t not_finite, uint64_t shards)
{
    bool back = steps < self->steps || not_finite < self->not_finite;
    if (!back && steps - self->steps < DIVERGING_STEPS)
        return false;
    uint64_t all = back ? UINT64_MAX / 10 : (steps - self->steps) * shards;
    bool refused = !back && 10 * (not_finite - self->not_finite) >= REFUSED_OF_TEN * all;
    self->steps = steps;
    self->not_finite = not_finite;
    return refused;
}

/* -- what to change ---------------------------------------------------------------------------------------
 */

static bool s_is_unclipped(const topology_t *topology)
{
    return !(topology->job.optimizer.clip_norm > 0);
}

static bool s_is_cold(const topology_t *topology)
{
    return !(topology->job.optimizer.warmup > 0);
}

/* Gradients that are late inside a region, or between regions. */
static bool s_is_late_inside(const topology_t *topology)
{
    bool several = false;
    for (size_t r = 0; r < topology->region_count; r++)
        several = several || topology->regions[r].workers != 1;
    return several && topology->job.sync.inside == INSIDE_ASYNC;
}

static bool s_is_heavy(const topology_t *topology)
{
    return topology->job.optimizer.momentum > 0 && s_is_late_inside(topology);
}

static bool s_is_late_outside(const topology_t *topology)
{
    return topology->region_count > 1 && !topology_waits(topology);
}

const char *diverging_advice(const topology_t *topology, char ret_text[DIVERGING_ADVICE_MAX])
{
    static const struct {
        bool (*helps)(const topology_t *topology);
        const char *text;
    } rows[] = {
        {s_is_unclipped, "job.optimizer.clip_norm: 1"},
        {s_is_cold, "a job.optimizer.warmup of 5%"},
        {s_is_heavy, "a smaller job.optimizer.momentum"},
        {s_is_late_inside, "fewer workers in a region or job.sync.inside: sync"},
        {s_is_late_outside, "a smaller job.sync.staleness"},
    };
    int at = snprintf(ret_text, DIVERGING_ADVICE_MAX, "use a smaller job.optimizer.lr than %.3g",
                      topology->job.optimizer.lr);
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        if (rows[i].helps(topology))
            at += snprintf(ret_text + at, DIVERGING_ADVICE_MAX - (size_t)at, ", %s", rows[i].text);
    return ret_text;
}
