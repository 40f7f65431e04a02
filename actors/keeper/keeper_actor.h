/* keeper_actor - the shell of a keeper: copies of other nodes' snapshots on this node's disk.
 *
 * How      STATE/REGION/kept-K/INCARNATION/, region, K and incarnation being the shard's; one store and one
 *          writer thread per shard that is kept. What lies there at the start is read whole in a child
 *          process before it counts. When a snapshot is committed, incarnations older than the one before it
 *          are removed.
 * Threads  see actors/kit/shell.h.
 */
#ifndef ACTORS_KEEPER_KEEPER_ACTOR_H
#define ACTORS_KEEPER_KEEPER_ACTOR_H

#include "actors/kit/shell.h"

typedef struct {
    const topology_t *topology; /* borrowed for the life of the actor */
    const char *state_dir;      /* borrowed for the life of the actor */
    size_t region_index;        /* of the node */
} keeper_actor_t;

/* Fills role, ops and hint of a shell's spec; its name must be set. */
void keeper_actor_fill(const keeper_actor_t *self, shell_spec_t *spec);

#endif
