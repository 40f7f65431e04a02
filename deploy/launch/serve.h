/* serve - a process of one region: its broker and regional scheduler, a node, or all three.
 *
 * Threads  the main thread.
 */
#ifndef DEPLOY_LAUNCH_SERVE_H
#define DEPLOY_LAUNCH_SERVE_H

#include "deploy/launch/launch.h"

typedef struct {
    const char *where; /* for errors: "broker" */
    size_t region_index;
    bool broker;           /* hosts the region's broker and its scheduler */
    bool node;             /* hosts a node, which needs launch->dataset */
    const char *node_name; /* its last part; NULL: made up */
    pid_t parent;          /* ends when this is no longer the parent; 0: has none that matters */
} serve_spec_t;

/* Runs until the job is done or was drained; SIGINT and SIGTERM drain. Prints its errors; returns the exit
 * status. */
int serve_run(launch_t *launch, const serve_spec_t *spec);

/* Reads --topology and --region, as node, broker and region take them. Prints its errors; 0 or the exit
 * status. */
int serve_prepare(launch_t *launch, const char *where, const char *topology, const char *region,
                  const char *state, size_t *ret_region);

#endif
