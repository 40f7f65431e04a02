/* process - another process of this program, started by this one: lines of text go either way, and it ends
 * when we end.
 *
 * Why      `up` looks after the processes of a run and a node after those that host its actors; both start,
 *          hear, kill and bury them in the same way.
 * How      its standard input is one end of a socket pair, for both directions. The kernel kills it when the
 *          thread that started it ends, and it leaves when that thread was gone before it could ask for this;
 *          who reads the end of the pair knows that the other side is gone.
 * Threads  one owner; the one that started it must outlive it.
 * Limits   PROCESS_LINE_MAX bytes per line, longer ones are cut.
 */
#ifndef ACTORS_KIT_PROCESS_H
#define ACTORS_KIT_PROCESS_H

#include "codec/base/err.h"

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#define PROCESS_LINE_MAX 2048

/* ---- lines over a socket ---- */

typedef struct {
    int fd;
    bool ended; /* the other side is gone */
    size_t count;
    char bytes[2 * PROCESS_LINE_MAX];
} process_lines_t;

void process_lines_init(process_lines_t *self, int fd);

/* The next whole line without its end; false when there is none now. Never waits. */
bool process_lines_take(process_lines_t *self, char ret_line[PROCESS_LINE_MAX]);

/* Never waits. Errors: ERR_UNREACHABLE (the other side is gone), ERR_FULL (it does not read). */
MUST_USE err_code_t process_lines_say(process_lines_t *self, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* ---- the process ---- */

typedef struct {
    const char *const *arguments; /* "cloudless", ..., NULL; borrowed for the call */
    int output, error;            /* descriptors; stay the caller's */
    bool own_group;               /* a Ctrl-C on the terminal is not for it */
} process_spec_t;

typedef struct process process_t;

/* Errors: ERR_LIMIT (no more descriptors or processes). */
MUST_USE err_code_t process_start(const process_spec_t *spec, process_t **ret_self, err_t *err);

/* Kills it when it still runs; afterwards there is nothing left of it. NULL is fine. */
void process_destroy(process_t **self_p);

pid_t process_pid(const process_t *self);
process_lines_t *process_lines(process_t *self); /* borrowed */

/* Returns whether it has ended, and then its status as of waitpid. One that has left its end of the lines is
 * killed: nobody could tell it anything. */
bool process_has_ended(process_t *self, int *ret_status);

/* Ends it where it stands, also when it is stopped, and returns when it is gone. */
void process_kill(process_t *self);

/* "was ended by signal 9 (Killed)" or "ended with status 3". */
void process_status_text(int status, char *ret_text, size_t size);

/* ---- in it ---- */

/* Returns whether the process that started this one is gone. */
bool process_is_orphan(pid_t parent);

#endif
