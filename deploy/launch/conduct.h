/* conduct - runs the global scheduler from the first hello to the last report, by hand or under `up`.
 *
 * Why      `up` and `scheduler` differ only in who starts the regions, and in who is told to drain: under
 *          `up` that and what became of other processes comes over standard input (see supervise.h).
 * Threads  the main thread.
 */
#ifndef DEPLOY_LAUNCH_CONDUCT_H
#define DEPLOY_LAUNCH_CONDUCT_H

#include "deploy/launch/launch.h"

typedef struct {
    const char *where;       /* for errors: "up" */
    const char *resume;      /* what to type to go on after a drain; NULL: nothing is said */
    const char *report_path; /* NULL: none */
    bool json;               /* the report on standard output, in place of the table */
    bool quiet;              /* no progress, no table */
    int64_t began_us;        /* the command */
    const char *topology;    /* file to be read again after a SIGHUP, or when the parent says so */
    pid_t parent;            /* `up`; ends when this is no longer the parent; 0: started by hand */
} conduct_spec_t;

/* Runs until the job is done, drained or failed; prints progress, errors and the final table; returns the
 * exit status. */
int conduct_run(launch_t *launch, const conduct_spec_t *spec);

#endif
