/* progress - how far a run is, on standard error: on a terminal as a bar that is drawn over, elsewhere as a line every few seconds.
 *
 * Threads  the global scheduler's thread.
 */
#ifndef DEPLOY_LAUNCH_PROGRESS_H
#define DEPLOY_LAUNCH_PROGRESS_H

#include "actors/scheduler/global_core.h"
#include "brokers/job.h"

#include <stdbool.h>

typedef struct {
    bool shown;
    const topology_t *topology;
    const job_t *job; /* NULL: the data set is not here, so no shares */
    bool terminal;
    bool drawn;
    int64_t began_us, printed_us, rate_us;
    uint64_t rate_samples;
    double rate; /* samples per second, smoothed */
    uint64_t still_samples;
    int64_t still_us; /* since when no sample was added */
} progress_t;

void progress_init(progress_t *self, bool shown, const topology_t *topology, const job_t *job,
                   int64_t now_us);

/* Draws or prints, when it is time; with `last` always, ending the line. */
void progress_show(progress_t *self, const global_core_t *core, int64_t now_us, bool last);

#endif
