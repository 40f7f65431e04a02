#include "deploy/launch/host.h"

#include "codec/base/err.h"

#include <czmq.h>
#include <poll.h>
#include <signal.h>
#include <sys/eventfd.h>
#include <sys/signalfd.h>
#include <unistd.h>

static void s_signals(sigset_t *set)
{
    sigemptyset(set);
    sigaddset(set, SIGINT);
    sigaddset(set, SIGTERM);
    sigaddset(set, SIGCHLD);
}

void host_prepare(void)
{
    sigset_t set;
    s_signals(&set);
    sigprocmask(SIG_BLOCK, &set, NULL);
    signal(SIGPIPE, SIG_IGN);
    setenv("ZSYS_SIGHANDLER", "false", 1);
}

void host_restore_signals(void)
{
    sigset_t none;
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
    signal(SIGPIPE, SIG_DFL);
}

void host_init(host_t *self)
{
    sigset_t set;
    s_signals(&set);
    self->signal_fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
    self->notify_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    CHECK(self->signal_fd >= 0 && self->notify_fd >= 0);
}

void host_fini(host_t *self)
{
    close(self->signal_fd);
    close(self->notify_fd);
}

host_event_t host_wait(host_t *self, int timeout_ms)
{
    host_event_t event = {0};
    struct pollfd items[] = {{.fd = self->signal_fd, .events = POLLIN},
                             {.fd = self->notify_fd, .events = POLLIN}};
    if (poll(items, 2, timeout_ms) <= 0)
        return event;
    eventfd_t ignored;
    eventfd_read(self->notify_fd, &ignored);
    struct signalfd_siginfo info;
    while (!event.signal && read(self->signal_fd, &info, sizeof info) == sizeof info) {
        if (info.ssi_signo == SIGCHLD)
            event.child = true;
        else
            event.signal = (int)info.ssi_signo;
    }
    return event;
}
