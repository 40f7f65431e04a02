/* host - what the main thread of a process waits for: signals, actors whose state changed, children, and time.
 *
 * Why      signals are taken here and nowhere else, by a descriptor, so that no code runs in a handler.
 * How      host_prepare blocks them before any thread exists; host_wait reads them.
 * Threads  the main thread; the notify descriptor may be written by any.
 */
#ifndef DEPLOY_LAUNCH_HOST_H
#define DEPLOY_LAUNCH_HOST_H

#include <stdbool.h>

typedef struct {
    int signal_fd;
    int notify_fd; /* an eventfd for shell_spec_t */
} host_t;

typedef struct {
    int signal; /* SIGINT or SIGTERM, 0: none */
    bool child; /* a child has ended */
} host_event_t;

/* Once, at the start of main: blocks SIGINT, SIGTERM and SIGCHLD, ignores SIGPIPE, and keeps czmq from
 * handling any. */
void host_prepare(void);

void host_init(host_t *self);
void host_fini(host_t *self);

/* Returns when something happened, or after timeout_ms. */
host_event_t host_wait(host_t *self, int timeout_ms);

/* Undoes host_prepare in a child before exec. */
void host_restore_signals(void);

#endif
