/* host - what the main thread of a process waits for: signals, actors whose state changed, children, and time.
 *
 * Why      signals are acted on here and nowhere else: the handler only writes into a pipe.
 * How      they are blocked but while the main thread waits. They have handlers all the same, because libraries start
 *          threads before main begins (OpenBLAS does), and a signal that such a thread takes must not end the process.
 * Threads  the main thread; the notify descriptor may be written by any.
 */
#ifndef DEPLOY_LAUNCH_HOST_H
#define DEPLOY_LAUNCH_HOST_H

#include <stdbool.h>

typedef struct {
    int notify_fd; /* an eventfd for shell_spec_t */
    int watch_fd;  /* whatever else it returns for when readable; -1: nothing */
} host_t;

#define HOST_STOP 100 /* as a signal: `cloudless stop` asked for it; no signal has this number */

typedef struct {
    int signal; /* SIGINT, SIGTERM, SIGHUP or HOST_STOP, 0: none */
    bool child; /* a child has ended */
} host_event_t;

/* Once, at the start of main: takes SIGINT, SIGTERM and SIGCHLD, ignores SIGPIPE, and keeps czmq from taking any. */
void host_prepare(void);

void host_init(host_t *self);
void host_fini(host_t *self);

/* Returns when something happened, or after timeout_ms. */
host_event_t host_wait(host_t *self, int timeout_ms);

/* The main thread's next host_wait returns with HOST_STOP. Any thread. */
void host_stop(void);

/* Answers "stop" with host_stop; for control_open. */
char *host_answer_stop(void *hint, const char *rest);

#endif
