#include "deploy/launch/headway.h"

#include "codec/base/units.h"
#include "codec/wire/actor_name.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#define HEADWAY_EVERY_US 1000000 /* over which a rate is measured */
#define HEADWAY_KEEPS 0.6        /* of the rate before */
#define HEADWAY_HOPS_MAX 8       /* of who waits for whom */
#define HEADWAY_STILL_US 4000000 /* without progress for so long, the wait is named */
#define HEADWAY_LEFT_MAX_S 1e8   /* three years: nothing is done, and no estimate made */

void headway_init(headway_t *self, int64_t now_us)
{
    *self = (headway_t){.still_us = now_us};
}

static const message_t *s_report(const global_core_t *core, size_t region)
{
    return global_core_region(core, region).report;
}

/* A region tells what it had before, bit by bit, until its workers start: that is not computed now. */
static void s_look_at_region(headway_region_t *self, const message_t *report, int64_t now_us)
{
    uint64_t samples = report ? report->region_report.samples : 0;
    bool works = report && report->region_report.workers > 0;
    if (!works || !self->measures || samples < self->from_samples) {
        bool over = report && report->region_report.complete;
        *self = (headway_region_t){.measures = works,
                                   .from_us = now_us,
                                   .from_samples = samples,
                                   .rate = over || !works ? 0 : self->rate};
        return;
    }
    int64_t elapsed_us = now_us - self->from_us;
    if (elapsed_us < HEADWAY_EVERY_US)
        return;
    double rate = (double)(samples - self->from_samples) * 1e6 / (double)elapsed_us;
    self->rate = self->rate > 0 ? HEADWAY_KEEPS * self->rate + (1 - HEADWAY_KEEPS) * rate : rate;
    self->from_us = now_us;
    self->from_samples = samples;
}

void headway_look(headway_t *self, const global_core_t *core, int64_t now_us)
{
    for (size_t r = 0; r < global_core_topology(core)->region_count; r++)
        s_look_at_region(&self->regions[r], s_report(core, r), now_us);
    uint64_t samples = headway_samples(core, SIZE_MAX);
    if (samples != self->still_samples)
        self->still_us = now_us;
    self->still_samples = samples;
}

/* ---- figures of a region, or of all ---- */

static size_t s_first(size_t region)
{
    return region == SIZE_MAX ? 0 : region;
}

static size_t s_end_of_regions(const global_core_t *core, size_t region)
{
    return region == SIZE_MAX ? global_core_topology(core)->region_count : region + 1;
}

uint64_t headway_samples(const global_core_t *core, size_t region)
{
    uint64_t sum = 0;
    for (size_t r = s_first(region); r < s_end_of_regions(core, region); r++)
        sum += s_report(core, r) ? s_report(core, r)->region_report.samples : 0;
    return sum;
}

/* Of the run only when all regions have told. */
uint64_t headway_samples_total(const global_core_t *core, size_t region)
{
    uint64_t sum = 0;
    for (size_t r = s_first(region); r < s_end_of_regions(core, region); r++) {
        const message_t *report = s_report(core, r);
        if (!report || !report->region_report.samples_total)
            return 0;
        sum += report->region_report.samples_total;
    }
    return sum;
}

double headway_rate(const headway_t *self, const global_core_t *core, size_t region)
{
    double sum = 0;
    for (size_t r = s_first(region); global_core_state(core) < RUN_DONE && r < s_end_of_regions(core, region);
         r++)
        sum += self->regions[r].rate;
    return sum;
}

double headway_share(const global_core_t *core, size_t region)
{
    uint64_t total = headway_samples_total(core, region);
    return total ? (double)headway_samples(core, region) / (double)total : NAN;
}

double headway_left_s(const headway_t *self, const global_core_t *core, size_t region)
{
    double longest = 0;
    if (global_core_state(core) > RUN_TRAINING)
        return NAN;
    for (size_t r = s_first(region); r < s_end_of_regions(core, region); r++) {
        uint64_t total = headway_samples_total(core, r), samples = headway_samples(core, r);
        double left = total > samples ? (double)(total - samples) : 0;
        if (!total || (left > 0 && self->regions[r].rate <= 0))
            return NAN;
        if (left > 0 && left / self->regions[r].rate > longest)
            longest = left / self->regions[r].rate;
    }
    return longest < HEADWAY_LEFT_MAX_S ? longest : NAN;
}

/* ---- waits ---- */

/* Of those that wait schedulers explain a standstill best, then shards, then whoever waits for them. */
static int s_explains(const char *actor)
{
    return (int)role_row(actor_role_of(actor))->explains;
}

static const message_t *s_longest_wait(const global_core_t *core)
{
    const message_t *best = NULL;
    for (size_t i = 0; i < global_core_actor_count(core); i++) {
        const message_t *status = global_core_actor(core, i).status;
        if (!status || !status->status.waits_for[0])
            continue;
        int explains = s_explains(status->status.actor), most = best ? s_explains(best->status.actor) : -1;
        if (explains > most || (explains == most && status->status.since_us > best->status.since_us))
            best = status;
    }
    return best;
}

static const message_t *s_row(const global_core_t *core, const char *actor)
{
    for (size_t i = 0; i < global_core_actor_count(core); i++) {
        const message_t *status = global_core_actor(core, i).status;
        if (status && !strcmp(status->status.actor, actor))
            return status;
    }
    return NULL;
}

/* The actor that is waited for may wait itself: the last one that does explains it. */
static const message_t *s_reason(const global_core_t *core)
{
    const message_t *at = s_longest_wait(core);
    for (int hops = 0; at && hops < HEADWAY_HOPS_MAX; hops++) {
        const message_t *next = s_row(core, at->status.waits_for);
        if (!next || !next->status.waits_for[0])
            break;
        at = next;
    }
    return at;
}

/* A link that should be there and is not: its region's name, address and trouble. */
static const message_t *s_missing_link(const global_core_t *core)
{
    size_t count = global_core_topology(core)->region_count;
    const message_t *found = NULL;
    for (size_t from = 0; from < count; from++)
        for (size_t to = 0; to < count; to++) {
            const message_t *state = global_core_link(core, from, to).state;
            bool tells =
                state && !state->link_state.up && state->link_state.error && state->link_state.error[0];
            if (tells && !found)
                found = state;
        }
    return found;
}

static size_t s_unseen(const global_core_t *core)
{
    size_t count = global_core_topology(core)->region_count, r = 0;
    while (r < count && global_core_region(core, r).seen)
        r++;
    return r < count ? r : SIZE_MAX;
}

const char *headway_wait(const headway_t *self, const global_core_t *core, int64_t now_us,
                         char out[HEADWAY_WAIT_MAX])
{
    char time[UNITS_TEXT_MAX];
    out[0] = '\0';
    if (now_us - self->still_us < HEADWAY_STILL_US || global_core_state(core) > RUN_STOPPING)
        return out;
    units_print_duration(now_us - self->still_us, time);
    size_t unseen = s_unseen(core);
    const message_t *wait = s_reason(core), *link = s_missing_link(core);
    if (unseen != SIZE_MAX)
        snprintf(out, HEADWAY_WAIT_MAX, "waits for the broker of %s since %s",
                 global_core_topology(core)->regions[unseen].name, time);
    else if (link)
        snprintf(out, HEADWAY_WAIT_MAX, "waits for the link to %s since %s: %s", link->link_state.region,
                 time, link->link_state.error);
    else if (wait)
        snprintf(out, HEADWAY_WAIT_MAX, "%s waits for %s since %s", wait->status.actor,
                 wait->status.waits_for, time);
    return out;
}
