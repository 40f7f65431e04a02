/* supervise - what `up` itself does: looks after the processes of the run until it is over, and starts again
 * those that die.
 *
 * Why      the process that a person started does nothing that could make it die, so that the run survives
 *          whatever does.
 * How      the global scheduler's process shows progress and prints the outcome; this one tells it over its
 *          standard input what it must know: "drain", "reread", "failed REGION REASON", "process INDEX PID
 *          RESTARTS NAME", "died INDEX REASON". A new one is told again.
 * Threads  the main thread.
 */
#ifndef DEPLOY_LAUNCH_SUPERVISE_H
#define DEPLOY_LAUNCH_SUPERVISE_H

#include "deploy/launch/children.h"

typedef struct {
    isolate_t isolate;
    const char *const *arguments; /* of the global scheduler's process, ended by NULL */
    bool quiet;
    const char *topology, *seed; /* as given, to be read again after a SIGHUP; seed may be NULL */
    const char *const *sets;
    size_t set_count;
} supervise_spec_t;

/* Runs until the job is done, drained or failed; returns the exit status. */
int supervise_run(const launch_t *launch, const supervise_spec_t *spec);

#endif
