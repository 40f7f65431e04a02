/* aside - one thread that computes while the one that keeps an actor alive goes on reading its messages.
 *
 * Why      who computes for longer than an actor may be silent would be taken for lost, again and again.
 * Threads  all but the work itself belongs to the actor's thread.      Limits  one piece of work at a time.
 */
#ifndef ACTORS_WORKER_ASIDE_H
#define ACTORS_WORKER_ASIDE_H

#include "codec/base/err.h"

#include <stdbool.h>

typedef struct aside aside_t;

/* Errors: ERR_LIMIT (no more threads or descriptors). */
MUST_USE err_code_t aside_new(aside_t **ret_self, err_t *err);
/* Waits for work that is under way. */
void aside_destroy(aside_t **self_p);

/* Has `work` called with `arg` in the other thread. Nothing may be under way. */
void aside_begin(aside_t *self, void (*work)(void *arg), void *arg);
/* Returns whether it is over. The descriptor is readable when it may be, and after this no more. */
bool aside_is_over(aside_t *self);
int aside_fd(const aside_t *self);
/* Waits until it is over. */
void aside_wait(aside_t *self);

#endif
