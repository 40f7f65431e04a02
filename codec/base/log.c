#include "codec/base/log.h"

#include "codec/base/outlet.h"

#include <errno.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define LINE_MAX_BYTES 4096 /* at most PIPE_BUF: lines of several processes never mix in a pipe */

static atomic_int s_fd = STDERR_FILENO;
static atomic_int s_least = LEVEL_INFO;
static atomic_int s_echo_fd = -1;
static atomic_int s_echo_least = LEVEL_INFO;
static struct timespec s_started;

__attribute__((constructor)) static void s_start(void)
{
    clock_gettime(CLOCK_MONOTONIC, &s_started);
}

static double s_seconds(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)(now.tv_sec - s_started.tv_sec) + (double)(now.tv_nsec - s_started.tv_nsec) / 1e9;
}

void log_open(int fd, log_level_t least)
{
    atomic_store(&s_fd, fd);
    atomic_store(&s_least, (int)least);
}

void log_echo(int fd, log_level_t least)
{
    atomic_store(&s_echo_least, (int)least);
    atomic_store(&s_echo_fd, fd);
}

/* What snprintf wrote, which is less than what it wanted to when there was no room. */
static size_t s_written(int wanted, size_t room)
{
    if (wanted < 0)
        return 0;
    return (size_t)wanted < room ? (size_t)wanted : room - 1;
}

/* An event is one line whatever a peer put into its texts. */
static void s_flatten(char *text, size_t size)
{
    for (size_t index = 0; index < size; index++)
        if ((unsigned char)text[index] < ' ' || text[index] == 0x7f)
            text[index] = ' ';
}

static void s_write(int fd, const char *line, size_t size)
{
    ssize_t wrote;
    if (fd == STDERR_FILENO) {
        outlet_write(fd, line, size);
        return;
    }
    do
        wrote = write(fd, line, size);
    while (wrote < 0 && errno == EINTR);
}

void log_event(log_level_t level, const char *actor, const char *event, const char *format, ...)
{
    static const char *const names[] = {"debug", "info", "warn", "error"};
    if ((int)level < atomic_load(&s_least))
        return;
    int saved_errno = errno;
    char line[LINE_MAX_BYTES];
    size_t room = sizeof line - 4; /* for "..." and the newline */
    size_t size = s_written(snprintf(line, room, "t=%.3f lvl=%s actor=%s ev=%s ", s_seconds(), names[level],
                                     actor ? actor : "-", event ? event : "-"),
                            room);
    va_list args;
    va_start(args, format);
    int wanted = format ? vsnprintf(line + size, room - size, format, args) : 0;
    va_end(args);
    bool cut = wanted > 0 && (size_t)wanted >= room - size;
    size += s_written(wanted, room - size);
    while (size && line[size - 1] == ' ')
        size--;
    s_flatten(line, size);
    if (cut) {
        memcpy(line + size, "...", 3);
        size += 3;
    }
    line[size++] = '\n';
    s_write(atomic_load(&s_fd), line, size);
    int echo_fd = atomic_load(&s_echo_fd);
    if (echo_fd >= 0 && (int)level >= atomic_load(&s_echo_least))
        s_write(echo_fd, line, size);
    errno = saved_errno;
}
