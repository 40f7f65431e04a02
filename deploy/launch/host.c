#include "deploy/launch/host.h"

#include "codec/base/err.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/eventfd.h>
#include <unistd.h>

static const int s_taken[] = {SIGINT, SIGTERM, SIGHUP, SIGCHLD};

static int s_signals[2] = {-1, -1}; /* a pipe, for there is one process and a handler has no arguments */

static bool s_terminal; /* there is one */
static bool s_stays;    /* when it goes: nohup */

static void s_handle(int signal)
{
    int saved_errno = errno;
    unsigned char byte = (unsigned char)signal;
    if (write(s_signals[1], &byte, 1) < 0) {
        /* full of signals that nobody has read yet: this one changes nothing */
    }
    errno = saved_errno;
}

static bool s_has_terminal(void)
{
    int fd = open("/dev/tty", O_RDWR | O_NOCTTY | O_CLOEXEC);
    if (fd >= 0)
        close(fd);
    return fd >= 0;
}

/* The lowest that is free is taken, so what was closed is open afterwards, and this ends. */
static void s_open_standard(void)
{
    int fd;
    do
        fd = open("/dev/null", O_RDWR);
    while (fd >= 0 && fd <= STDERR_FILENO);
    if (fd >= 0)
        close(fd);
}

static void s_raise_limits(void)
{
    struct rlimit files;
    if (getrlimit(RLIMIT_NOFILE, &files) || files.rlim_cur == files.rlim_max)
        return;
    files.rlim_cur = files.rlim_max;
    setrlimit(RLIMIT_NOFILE, &files);
}

void host_prepare(void)
{
    s_open_standard();
    s_raise_limits();
    struct sigaction before;
    sigaction(SIGHUP, NULL, &before);
    s_terminal = s_has_terminal();
    s_stays = before.sa_handler == SIG_IGN;
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
    signal(SIGXFSZ, SIG_IGN); /* a file beyond ulimit -f is an error like a full disk */
    setenv("ZSYS_SIGHANDLER", "false", 1);
}

void host_leave_signals(void)
{
    sigset_t none;
    for (size_t i = 0; i < sizeof s_taken / sizeof *s_taken; i++)
        signal(s_taken[i], s_taken[i] == SIGHUP && s_stays ? SIG_IGN : SIG_DFL);
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
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

/* The signal that a SIGHUP stands for; 0: nothing. The kernel takes the terminal from all of its session
 * before it sends any. */
static int s_hangup(void)
{
    if (!s_terminal || s_has_terminal())
        return SIGHUP;
    s_terminal = false;
    return s_stays ? 0 : HOST_HANGUP;
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
            event.signal = byte == SIGHUP ? s_hangup() : byte;
    }
    return event;
}
