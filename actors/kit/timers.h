/* timers - what a core does by the clock: rows of when it is due and what is done then.
 *
 * Why      `due` and `tick` of a role walk one list, so that a core cannot name another time than the one at
 *          which it acts.
 * Rules    rows are run in order. One that has acted is due later than now: else its core would never rest.
 *          Whatever else becomes of an event is no row; what waits for a condition is due TIMER_NOW when
 *          that holds.
 * Threads  those of the core.
 */
#ifndef ACTORS_KIT_TIMERS_H
#define ACTORS_KIT_TIMERS_H

#include "actors/kit/role.h"

#define TIMER_NOW INT64_C(0) /* before any event */

typedef struct {
    int64_t (*due)(const void *core); /* ROLE_NEVER: nothing is pending */
    void (*act)(void *core, int64_t now_us);
} timer_row_t;

/* Runs the rows that are due. */
void timers_run(const timer_row_t *rows, size_t count, void *core, int64_t now_us);
/* Returns when the first of them is. */
int64_t timers_due(const timer_row_t *rows, size_t count, const void *core);

/* Returns the earlier of two times. */
static inline int64_t timer_first(int64_t a_us, int64_t b_us)
{
    return a_us < b_us ? a_us : b_us;
}

#endif
