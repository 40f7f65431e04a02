#include "deploy/launch/host.h"

#include "codec/base/err.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

static const int s_taken[] = {SIGINT, SIGTERM, SIGHUP, SIGCHLD};

static int s_signals[2] = {-1, -1}; /* a pipe, for there is one process and a handler has no arguments */

static void s_handle(int signal)
{
    int saved_errno = errno;
    unsigned char byte = (unsigned char)signal;
    if (write(s_signals[1], &byte, 1) < 0) {
        /* full of signals that nobody has read yet: this one changes nothing */
    }
    errno = saved_errno;
}

void host_prepare(void)
{
    CHECK(pipe2(s_signals, O_CLOEXEC | O_NONBLOCK) == 0);
    struct sigaction action = {.sa_handler = s_handle, .sa_flags = SA_RESTART};
    sigset_t set;
    sigemptyset(&set);
    for (size_t i = 0; i < sizeof s_taken / sizeof *s_taken; i++) {
        sigaction(s_taken[i], &action, NULL);
        sigaddset(&set, s_taken[i]);
    }
    sigprocmask(SIG_BLOCK, &set, NULL);
    signal(SIGPIPE, SIG_IGN);
    setenv("ZSYS_SIGHANDLER", "false", 1);
}

void host_init(host_t *self)
{
    self->notify_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    CHECK(self->notify_fd >= 0);
    self->watch_fd = -1;
}

void host_fini(host_t *self)
{
    close(self->notify_fd);
}

void host_stop(void)
{
    s_handle(HOST_STOP);
}

char *host_answer_stop(void *hint, const char *rest)
{
    (void)hint, (void)rest;
    host_stop();
    char *answer = strdup("stopping\n");
    CHECK(answer);
    return answer;
}

host_event_t host_wait(host_t *self, int timeout_ms)
{
    host_event_t event = {0};
    struct pollfd items[] = {{.fd = s_signals[0], .events = POLLIN},
                             {.fd = self->notify_fd, .events = POLLIN},
                             {.fd = self->watch_fd, .events = POLLIN}};
    struct timespec timeout = {timeout_ms / 1000, timeout_ms % 1000 * 1000000L};
    sigset_t none;
    sigemptyset(&none);
    if (ppoll(items, 3, &timeout, &none) < 0 && errno != EINTR)
        return event;
    eventfd_t ignored;
    eventfd_read(self->notify_fd, &ignored);
    unsigned char byte;
    while (!event.signal && read(s_signals[0], &byte, 1) == 1) {
        if (byte == SIGCHLD)
            event.child = true;
        else
            event.signal = byte;
    }
    return event;
}
