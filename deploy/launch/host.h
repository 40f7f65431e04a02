/* host - a process and its surroundings: descriptors and limits it begins with, and what its main thread
 * waits for: signals, actors whose state changed, children, and time.
 *
 * Why      signals are acted on here and nowhere else: the handler only writes into a pipe.
 * How      they are blocked but while the main thread waits. They have handlers all the same, because
 *          libraries start threads before main begins (OpenBLAS does), and a signal that such a thread takes
 *          must not end the process. A SIGHUP says that the terminal is gone when there was one and it is;
 *          else it is a person's. With nohup the end of the terminal is nothing.
 * Threads  the main thread; the notify descriptor may be written by any.
 */
#ifndef DEPLOY_LAUNCH_HOST_H
#define DEPLOY_LAUNCH_HOST_H

#include <stdbool.h>

typedef struct {
    int notify_fd; /* an eventfd for shell_spec_t */
    int watch_fd;  /* whatever else it returns for when readable; -1: nothing */
} host_t;

/* As signals; none has these numbers. */
#define HOST_STOP 100   /* `cloudless stop` asked for it */
#define HOST_HANGUP 101 /* the terminal is gone */

typedef struct {
    int signal; /* SIGINT, SIGTERM, SIGHUP or one of the above, 0: none */
    bool child; /* a child has ended */
} host_event_t;

/* Once, first in main: opens /dev/null as those of descriptors 0, 1 and 2 that are closed, lest the next file
 * be one of them; raises the soft limit of open files to the hard one; takes SIGINT, SIGTERM, SIGHUP and
 * SIGCHLD, ignores SIGPIPE and SIGXFSZ, and keeps czmq from taking any. */
void host_prepare(void);

/* For commands that never call host_wait: signals do what they do by default, at once. */
void host_leave_signals(void);

void host_init(host_t *self);
void host_fini(host_t *self);

/* Returns when something happened, or after timeout_ms. */
host_event_t host_wait(host_t *self, int timeout_ms);

/* The main thread's next host_wait returns with HOST_STOP. Any thread. */
void host_stop(void);

/* Answers "stop" with host_stop; for control_open. */
char *host_answer_stop(void *hint, const char *rest);

#endif
