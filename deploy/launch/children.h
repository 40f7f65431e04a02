/* children - the processes of the regions that `up` starts: one each, with a log file, gone when `up` is gone.
 *
 * Threads  the main thread, which must outlive them: the kernel ends them with the thread that made them.
 */
#ifndef DEPLOY_LAUNCH_CHILDREN_H
#define DEPLOY_LAUNCH_CHILDREN_H

#include "deploy/launch/launch.h"

typedef struct {
    pid_t pid; /* 0: not running */
    bool ran;
    int status;    /* as of waitpid, once it has ended */
    bool reported; /* its unexpected end was handled */
    char log[STATEDIR_PATH_MAX + 64];
} child_t;

typedef struct {
    child_t items[TOPOLOGY_REGIONS_MAX];
    size_t count;
} children_t;

/* Starts `cloudless region` for every region. On an error those already started are killed. */
MUST_USE err_code_t children_start(children_t *self, const launch_t *launch, err_t *err);

/* Notes which have ended; returns how many still run. */
size_t children_reap(children_t *self);

void children_signal(const children_t *self, int signal);

/* The next child that ended with a failure and was not yet asked for, or NULL. */
child_t *children_take_failed(children_t *self, size_t *ret_index);

/* Why it failed, one line: the last error in its log, or how it ended. */
void children_reason(const child_t *child, const char *region, char *ret_text, size_t size);

#endif
