/* headway - how fast a run trains now, how far it is, and when it will be done, from the reports of its
 * regions.
 *
 * Why      a run that is resumed, or whose scheduler was started again, begins far from zero: what was done
 *          before is no speed. Progress on a terminal, status and reports show the same figures.
 * How      a region's rate is measured between two of its reports in both of which it had workers; the run's
 *          is their sum; it is done when the slowest region is.
 * Threads  one owner.
 */
#ifndef DEPLOY_LAUNCH_HEADWAY_H
#define DEPLOY_LAUNCH_HEADWAY_H

#include "actors/scheduler/global/global_core.h"

typedef struct {
    bool measures; /* from what follows on */
    int64_t from_us;
    uint64_t from_samples;
    double rate; /* samples per second, smoothed; 0: none yet */
} headway_region_t;

typedef struct {
    headway_region_t regions[TOPOLOGY_REGIONS_MAX];
    uint64_t still_samples;
    int64_t still_us; /* since when no sample was added */
} headway_t;

void headway_init(headway_t *self, int64_t now_us);

/* Looks at the reports; as often as wanted, the oftener the better. */
void headway_look(headway_t *self, const global_core_t *core, int64_t now_us);

/* Of one region, or, with SIZE_MAX, of the run. */
double headway_rate(const headway_t *self, const global_core_t *core, size_t region); /* samples per second */
double headway_share(const global_core_t *core, size_t region); /* done, 0 .. 1; NaN: not known yet */
/* NaN: nobody knows */
double headway_left_s(const headway_t *self, const global_core_t *core, size_t region);
uint64_t headway_samples(const global_core_t *core, size_t region);
uint64_t headway_samples_total(const global_core_t *core, size_t region); /* 0: not known yet */

/* Text of who waits for whom, and since when, when nothing was applied for a while; else empty. Returns
 * the array. */
#define HEADWAY_WAIT_MAX 256
const char *headway_wait(const headway_t *self, const global_core_t *core, int64_t now_us,
                         char out[HEADWAY_WAIT_MAX]);

#endif
