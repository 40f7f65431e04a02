/* life - whether a shard trains, is getting a state, or is ending; and which of these may follow which.
 *
 * Owns     the phase of its state and of its end. transfer moves the one, the core the other;
 *          everybody may read both.
 * Errors   a move that is not in the table is an error of the program (CHECK).
 * Threads  those of the core.
 */
#ifndef ACTORS_SHARD_BASE_LIFE_H
#define ACTORS_SHARD_BASE_LIFE_H

#include <stdbool.h>

typedef enum {
    LIFE_RUNS,   /* trains */
    LIFE_ASKS,   /* where the others stand */
    LIFE_WANTS,  /* has chosen a donor, and waits for its offer */
    LIFE_TAKES,  /* fetches the donor's snapshot */
    LIFE_STORES, /* its new state is not durable yet */
    LIFE_PHASES,
} life_phase_t;

typedef enum {
    /* takes nothing more, but stays until its last snapshot has gone to its keepers and it is told to end */
    END_NONE,
    /* takes nothing more; done once its last snapshot is durable */
    END_HANDS,
    END_STOPS,
    END_DONE,
    END_PHASES,
} life_end_t;

typedef struct {
    life_phase_t phase;
    life_end_t end;
    /* own batches may be lost: until it is settled nothing of the present lineage is sent any more */
    bool lossy;
} life_t;

void life_move(life_t *self, life_phase_t phase);
void life_end(life_t *self, life_end_t end);

bool life_runs(const life_t *self);
bool life_stops(const life_t *self);        /* has begun to end */
bool life_is_unsettled(const life_t *self); /* not sure of its state: nothing of it is stored or sent */

#endif
