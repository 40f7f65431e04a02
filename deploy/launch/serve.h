/* serve - a process of one region: its broker, its regional scheduler, a node, or several of them.
 *
 * Threads  the main thread.
 */
#ifndef DEPLOY_LAUNCH_SERVE_H
#define DEPLOY_LAUNCH_SERVE_H

#include "actors/node/hosting.h"
#include "deploy/launch/launch.h"

#define SERVE_PROBE_US 50000

typedef struct {
    const char *where;    /* for errors: "broker" */
    const char *topology; /* its file, read again at a SIGHUP; NULL: where nothing follows from it */
    size_t region_index;
    bool broker;           /* hosts the region's broker */
    bool scheduler;        /* and its scheduler */
    bool node;             /* hosts a node, which needs launch->dataset */
    isolate_t isolate;     /* where the node's actors run */
    const char *node_name; /* its last part */
    const char *offer;     /* that the node is a unit of; NULL: of none */
    bool rents;      /* the scheduler's nodes are started and ended here, when the topology says plan.apply */
    bool rents_here; /* units are processes of this machine, whatever plan.rent says */
    /* how long it measures what a core computes, before it announces itself; 0: not at all */
    int64_t probe_us;
    const char *role;     /* that it has joined the state directory in; NULL: it was not started by hand */
    const char *log_name; /* of the log file, for processes that host actors; NULL: standard error */
    pid_t parent;         /* `up`; ends when this is no longer the parent; 0: started by hand */
} serve_spec_t;

/* Runs until the job is done or was stopped, or this process is told to end by a signal: then it leaves, as
 * it stands or with what its node hands over, and the run goes on without it or with its successor. "stop",
 * of its control or of the parent, is for the whole run where there is a scheduler. Tells a parent "ready",
 * and "left" when it was a signal. Prints its errors; returns the exit status. */
int serve_run(launch_t *launch, const serve_spec_t *spec);

/* Reads --topology and --region, as node, broker and region take them. Prints its errors; 0 or the exit
 * status. */
int serve_prepare(launch_t *launch, const char *where, const char *topology, const char *region,
                  const char *state, size_t *ret_region);

#endif
