/* worker_actor - the shell of a worker: runs the model on the samples of its region.
 *
 * Threads  see actors/kit/shell.h.
 */
#ifndef ACTORS_WORKER_WORKER_ACTOR_H
#define ACTORS_WORKER_WORKER_ACTOR_H

#include "actors/kit/shell.h"
#include "actors/model/dataset.h"
#include "brokers/job.h"

typedef struct {
    const topology_t *topology; /* this and the next two are borrowed for the life of the actor */
    const job_t *job;
    const dataset_t *dataset;
    size_t region_index;
    size_t worker_index;
    bool checksums; /* shards may be in other processes */
    double pace;    /* part of this machine's core that it computes with; 0: all of it */
} worker_actor_t;

/* Fills role, ops and hint of a shell's spec. */
void worker_actor_fill(const worker_actor_t *self, shell_spec_t *spec);

#endif
