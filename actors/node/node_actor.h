/* node_actor - the shell of a node: starts and ends the actors that its core says, and tells it what became
 * of them.
 *
 * Threads  see actors/kit/shell.h. The hosted actors are started and ended by the node's own thread.
 */
#ifndef ACTORS_NODE_NODE_ACTOR_H
#define ACTORS_NODE_NODE_ACTOR_H

#include "actors/kit/shell.h"
#include "actors/model/dataset.h"
#include "actors/node/hosting.h"
#include "actors/node/node_core.h"
#include "brokers/job.h"

typedef struct {
    const topology_t *topology; /* this and the next three are borrowed for the life of the actor */
    const job_t *job;
    const dataset_t *dataset; /* shared by all workers of the process */
    const char *state_dir;
    size_t region_index;
    const char *name;                  /* "node/eu/a"; borrowed too */
    isolate_t isolate;                 /* where its actors run */
    const char *const *host_arguments; /* see hosting_spec_t; borrowed too */
    const char *offer;                 /* that it is a unit of, NULL: of none; borrowed too */
    double samples_per_s;              /* measured, of one core; 0: not */
    double pace;                       /* see hosting_spec_t */
    int64_t age_us;                    /* of the process */
    bool checksums;                    /* other actors of the region are in other processes */
} node_host_t;

/* Fills role, ops, hint and name of a shell's spec, whose find and find_hint the hosted actors use as well.
 */
void node_actor_fill(const node_host_t *self, shell_spec_t *spec);

/* How many cores a node has: those of the offer that it is a unit of, else those of the machine. */
uint64_t node_cores(const topology_region_t *region, const char *offer);

/* Asks a running one to leave: what it hosts goes on elsewhere, or stops where there is nobody else. */
void node_actor_drain(shell_t *shell);

#endif
