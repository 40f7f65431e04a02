/* await_room - who is started again on a full disk waits until there is room, and says so.
 *
 * Why      a run goes on by itself when its disk has room again; a process that ended for it would take the
 *          run with it.
 * How      a step of a start is tried again for as long as it fails for room alone.
 * Not      the first start in a new directory: whoever typed that is told at once.
 * Threads  the main thread; signals are taken here meanwhile.
 */
#ifndef DEPLOY_LAUNCH_AWAIT_ROOM_H
#define DEPLOY_LAUNCH_AWAIT_ROOM_H

#include "deploy/launch/launch.h"

#include <sys/types.h>

#define AWAIT_ROOM_WORD "waits" /* of the line that a parent is told: what for, nothing when it goes on */

typedef struct {
    const char *where;     /* for log and terminal: "broker" */
    const char *state_dir; /* the job's */
    pid_t parent;          /* is told, in place of the terminal; ends with it. 0: none */
} await_room_t;

/* May be called again after it has failed with ERR_FULL. */
typedef err_code_t await_room_step_fn(void *hint, err_t *err);

/* Errors   those of the step, and ERR_STOPPED: a signal came while it waited */
MUST_USE err_code_t await_room(const await_room_t *self, await_room_step_fn *step, void *hint, err_t *err);

/* launch_join_state and launch_open_log of a process that was started by hand. Errors: theirs, and
 * ERR_STOPPED */
MUST_USE err_code_t await_room_join(launch_t *launch, const char *where, const char *role, bool echo,
                                    err_t *err);

#endif
