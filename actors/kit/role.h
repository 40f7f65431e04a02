/* role - what every core looks like to whoever drives it: a shell with sockets, or the simulator with virtual
 * time.
 *
 * Why      one shell and one simulator for all roles. A core has no sockets, clock, disk or threads: it is
 *          told messages and the time, and appends what it wants sent to its outbox. What else it wants done
 *          (compute a gradient, commit a snapshot) it offers through its own take/done functions.
 * Time     monotonic microseconds, given with every call; `due` says when the next tick is needed at the
 *          latest.
 * Threads  one at a time.
 */
#ifndef ACTORS_KIT_ROLE_H
#define ACTORS_KIT_ROLE_H

#include "actors/kit/outbox.h"

#define ROLE_NEVER INT64_MAX

typedef struct {
    const char *name;                                                   /* "shard" */
    void (*message)(void *core, message_t **message_p, int64_t now_us); /* takes the message */
    void (*tick)(void *core, int64_t now_us);
    int64_t (*due)(const void *core); /* ROLE_NEVER when nothing is pending */
    outbox_t *(*outbox)(void *core);
    bool (*finished)(const void *core); /* has stopped; the shell may end */
    void (*destroy)(void **core_p);
} role_t;

#endif
