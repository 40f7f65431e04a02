/* region_actor - the shell of a regional scheduler: stores and syncs its term before it starts.
 *
 * Why      incarnations are (term, count): a term above everything seen before makes each greater than any
 *          handed out by a predecessor.
 * Threads  see actors/kit/shell.h.
 */
#ifndef ACTORS_SCHEDULER_REGION_ACTOR_H
#define ACTORS_SCHEDULER_REGION_ACTOR_H

#include "actors/kit/shell.h"
#include "actors/scheduler/region/renting/region_rent.h"

typedef struct {
    const topology_t *topology; /* this and the next are borrowed for the life of the actor */
    const char *state_dir;
    size_t region_index;
    size_t nodes_expected; /* see region_core.h */
    int64_t settle_us;
    /* carries out what is rented; NULL: nobody does */
    void (*rent)(void *hint, const rent_command_t *command);
    void *rent_hint;
    bool units_outlive; /* see region_core.h */
} region_actor_t;

/* Fills role, ops and hint of a shell's spec. */
void region_actor_fill(const region_actor_t *self, shell_spec_t *spec);

/* Tells a running one what has come of a rented unit. */
void region_actor_unit_ended(shell_t *shell, const char *name, rent_end_t end);

#endif
