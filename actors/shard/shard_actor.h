/* shard_actor - the shell of a shard: opens its store, goes on from the newest good snapshot, writes new
 * ones in the background.
 *
 * How      with several regions a start from nothing, from something older than is known to be durable or
 *          past a damaged snapshot asks the other regions first (actors/shard/shard_core.h, uncertain). Every
 *          incarnation writes a directory of its own; the predecessors' stay until it has committed a
 *          snapshot, and then as many as checkpoint.keep says.
 * Threads  see actors/kit/shell.h.
 */
#ifndef ACTORS_SHARD_SHARD_ACTOR_H
#define ACTORS_SHARD_SHARD_ACTOR_H

#include "actors/kit/shell.h"
#include "brokers/job.h"

typedef struct {
    const topology_t *topology; /* this and the next two are borrowed for the life of the actor */
    const job_t *job;
    const char *state_dir;
    size_t region_index;
    size_t shard_index;
    bool checksums;                             /* workers may be in other processes */
    uint64_t newest_incarnation, newest_number; /* of the newest snapshot known to be durable; 0: none ... */
    bool handed;  /* ... which its predecessor handed over, and did nothing after it */
    uint64_t run; /* that the state directory belongs to */
} shard_actor_t;

/* Fills role, ops and hint of a shell's spec. */
void shard_actor_fill(const shard_actor_t *self, shell_spec_t *spec);

#endif
