#include "actors/kit/process.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

struct process {
    pid_t pid;
    bool buried;
    int status;
    process_lines_t lines;
};

/* ---- lines over a socket ---- */

void process_lines_init(process_lines_t *self, int fd)
{
    self->fd = fd;
    self->ended = false;
    self->count = 0;
}

static void s_receive(process_lines_t *self)
{
    while (!self->ended && self->count < sizeof self->bytes) {
        ssize_t size =
            recv(self->fd, self->bytes + self->count, sizeof self->bytes - self->count, MSG_DONTWAIT);
        if (size < 0 && errno == EINTR)
            continue;
        if (size < 0 && (errno == EAGAIN || errno == EWOULDBLOCK))
            return;
        if (size <= 0)
            self->ended = true;
        else
            self->count += (size_t)size;
    }
}

bool process_lines_take(process_lines_t *self, char ret_line[PROCESS_LINE_MAX])
{
    s_receive(self);
    const char *end = memchr(self->bytes, '\n', self->count);
    if (!end && self->count == sizeof self->bytes)
        self->count = 0; /* nothing that we would say */
    if (!end)
        return false;
    size_t length = (size_t)(end - self->bytes);
    size_t kept = length < PROCESS_LINE_MAX ? length : PROCESS_LINE_MAX - 1;
    memcpy(ret_line, self->bytes, kept);
    ret_line[kept] = '\0';
    self->count -= length + 1;
    memmove(self->bytes, end + 1, self->count);
    return true;
}

err_code_t process_lines_say(process_lines_t *self, const char *format, ...)
{
    char line[PROCESS_LINE_MAX + 1];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(line, PROCESS_LINE_MAX, format, arguments);
    va_end(arguments);
    for (char *at = line; *at; at++)
        if (*at == '\n')
            *at = ' ';
    size_t length = strlen(line);
    line[length++] = '\n';
    ssize_t sent;
    while ((sent = send(self->fd, line, length, MSG_DONTWAIT | MSG_NOSIGNAL)) < 0 && errno == EINTR) {
    }
    if (sent == (ssize_t)length)
        return ERR_OK;
    return sent >= 0 || errno == EAGAIN || errno == EWOULDBLOCK ? ERR_FULL : ERR_UNREACHABLE;
}

/* ---- start ---- */

/* Between fork and exec: nothing that another thread could have held a lock for. */
_Noreturn static void s_become(const process_spec_t *spec, int input, pid_t parent)
{
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (process_is_orphan(parent) || dup2(input, STDIN_FILENO) < 0 || dup2(spec->output, STDOUT_FILENO) < 0 ||
        dup2(spec->error, STDERR_FILENO) < 0)
        _exit(1);
    if (spec->own_group)
        setpgid(0, 0);
    sigset_t held; /* until it can act on them: whoever is told to end in its first moments ends in order */
    sigemptyset(&held);
    sigaddset(&held, SIGINT);
    sigaddset(&held, SIGTERM);
    sigaddset(&held, SIGHUP);
    signal(SIGXFSZ, SIG_DFL);
    signal(SIGPIPE, SIG_DFL); /* what is ignored stays ignored over an exec, handlers do not */
    sigprocmask(SIG_SETMASK, &held, NULL);
    execv("/proc/self/exe", (char *const *)(uintptr_t)spec->arguments);
    _exit(1);
}

err_code_t process_start(const process_spec_t *spec, process_t **ret_self, err_t *err)
{
    int ends[2];
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends))
        return err_set(err, ERR_LIMIT, "start a process: %s", strerror(errno));
    process_t *self = calloc(1, sizeof *self);
    CHECK(self);
    pid_t parent = getpid();
    self->pid = fork();
    if (self->pid == 0)
        s_become(spec, ends[1], parent);
    int failed = errno;
    close(ends[1]);
    if (self->pid < 0) {
        close(ends[0]);
        free(self);
        return err_set(err, ERR_LIMIT, "start a process: %s", strerror(failed));
    }
    process_lines_init(&self->lines, ends[0]);
    *ret_self = self;
    return ERR_OK;
}

/* ---- life and death ---- */

pid_t process_pid(const process_t *self)
{
    return self->pid;
}

process_lines_t *process_lines(process_t *self)
{
    return &self->lines;
}

static void s_bury(process_t *self, int flags)
{
    pid_t found = 0;
    while (!self->buried && (found = waitpid(self->pid, &self->status, flags)) < 0 && errno == EINTR) {
    }
    self->buried = self->buried || found == self->pid || (found < 0 && errno == ECHILD);
}

void process_kill(process_t *self)
{
    if (self->buried)
        return;
    kill(self->pid, SIGKILL);
    s_bury(self, 0);
}

bool process_has_ended(process_t *self, int *ret_status)
{
    s_bury(self, WNOHANG);
    if (!self->buried && self->lines.ended)
        process_kill(self);
    if (self->buried && ret_status)
        *ret_status = self->status;
    return self->buried;
}

void process_destroy(process_t **self_p)
{
    process_t *self = *self_p;
    *self_p = NULL;
    if (!self)
        return;
    process_kill(self);
    close(self->lines.fd);
    free(self);
}

void process_status_text(int status, char *ret_text, size_t size)
{
    if (WIFSIGNALED(status))
        snprintf(ret_text, size, "was ended by signal %d (%s)", WTERMSIG(status),
                 strsignal(WTERMSIG(status)));
    else
        snprintf(ret_text, size, "ended with status %d", WEXITSTATUS(status));
}

bool process_is_orphan(pid_t parent)
{
    return getppid() != parent;
}
