/* watcher - asks the global scheduler how the run stands, once, from any machine of the run.
 *
 * Why      training must not depend on anybody who looks at it: who wants to know asks, and nobody is told
 *          otherwise.
 * How      asks again until an answer is there; then it is finished.
 * Threads  one owner; a role as in actors/kit/role.h.
 */
#ifndef ACTORS_WATCHER_WATCHER_H
#define ACTORS_WATCHER_WATCHER_H

#include "actors/kit/role.h"

typedef struct watcher watcher_t;
extern const role_t watcher_role;

watcher_t *watcher_new(const char *name, int64_t now_us); /* "watcher/REGION/..." */

/* The answer, borrowed; NULL while there is none. */
const message_t *watcher_picture(const watcher_t *self);

/* The broker has said that nobody is there to answer. */
bool watcher_is_alone(const watcher_t *self);

#endif
