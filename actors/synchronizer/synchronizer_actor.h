/* synchronizer_actor - the shell of a synchronizer: no effects, no state on disk.
 *
 * Threads  see actors/kit/shell.h.
 */
#ifndef ACTORS_SYNCHRONIZER_SYNCHRONIZER_ACTOR_H
#define ACTORS_SYNCHRONIZER_SYNCHRONIZER_ACTOR_H

#include "actors/kit/shell.h"

typedef struct {
    const topology_t *topology; /* borrowed for the life of the actor */
    size_t region_index;
    size_t shard_index;
} synchronizer_actor_t;

/* Fills role, ops and hint of a shell's spec. */
void synchronizer_actor_fill(const synchronizer_actor_t *self, shell_spec_t *spec);

#endif
