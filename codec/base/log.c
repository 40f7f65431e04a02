#include "codec/base/log.h"

#include "codec/base/log_file.h"
#include "codec/base/log_repeat.h"
#include "codec/base/machine.h"
#include "codec/base/outlet.h"

#include <errno.h>
#include <pthread.h>
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
static char s_machine[MACHINE_NAME_MAX];
static pthread_mutex_t s_mutex = PTHREAD_MUTEX_INITIALIZER; /* of the next two */
static log_file_t s_file = {.fd = -1};                      /* in place of s_fd, when it is open */
static log_repeat_t s_repeat;

__attribute__((constructor)) static void s_start(void)
{
    clock_gettime(CLOCK_MONOTONIC, &s_started);
    machine_name(s_machine);
}

static int64_t s_up_us(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)(now.tv_sec - s_started.tv_sec) * 1000000 + (now.tv_nsec - s_started.tv_nsec) / 1000;
}

static const char *s_time_of_day(char out[32])
{
    struct timespec now;
    struct tm day;
    clock_gettime(CLOCK_REALTIME, &now);
    gmtime_r(&now.tv_sec, &day);
    size_t length = strftime(out, 32, "%Y-%m-%dT%H:%M:%S", &day);
    snprintf(out + length, 32 - length, ".%03ldZ", now.tv_nsec / 1000000);
    return out;
}

void log_open(int fd, log_level_t least)
{
    pthread_mutex_lock(&s_mutex);
    log_file_close(&s_file);
    pthread_mutex_unlock(&s_mutex);
    atomic_store(&s_fd, fd);
    atomic_store(&s_least, (int)least);
}

err_code_t log_open_file(const char *path, size_t most_bytes, log_level_t least, err_t *err)
{
    log_file_t file;
    err_code_t rc = log_file_open(&file, path, most_bytes, err);
    if (rc)
        return rc;
    pthread_mutex_lock(&s_mutex);
    log_file_close(&s_file);
    s_file = file;
    pthread_mutex_unlock(&s_mutex);
    atomic_store(&s_least, (int)least);
    return ERR_OK;
}

void log_echo(int fd, log_level_t least)
{
    atomic_store(&s_echo_least, (int)least);
    atomic_store(&s_echo_fd, fd);
}

/* Bytes that snprintf wrote, which is less than what it wanted to when there was no room. */
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

static void s_write_line(int fd, const char *line, size_t size)
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

/* The event without what is before it, for which it is the same as another. */
static bool s_passes(log_level_t level, int64_t up_us, const char *event, size_t size, uint64_t *ret_held)
{
    *ret_held = 0;
    if (level < LEVEL_WARN)
        return true; /* each of those is a fact of its own */
    pthread_mutex_lock(&s_mutex);
    bool passes = log_repeat_pass(&s_repeat, event, size, up_us, ret_held);
    pthread_mutex_unlock(&s_mutex);
    return passes;
}

static void s_put_line(log_level_t level, const char *line, size_t size)
{
    pthread_mutex_lock(&s_mutex);
    bool filed = s_file.fd >= 0;
    if (filed)
        log_file_write(&s_file, line, size);
    pthread_mutex_unlock(&s_mutex);
    if (!filed)
        s_write_line(atomic_load(&s_fd), line, size);
    int echo_fd = atomic_load(&s_echo_fd);
    if (echo_fd >= 0 && (int)level >= atomic_load(&s_echo_least))
        s_write_line(echo_fd, line, size);
}

/* "actor=A ev=E ..." into at most `room` bytes; *ret_cut: there was more. */
static size_t s_event(char *out, size_t room, const char *actor, const char *event, const char *format,
                      va_list args, bool *ret_cut)
{
    size_t size =
        s_written(snprintf(out, room, "actor=%s ev=%s ", actor ? actor : "-", event ? event : "-"), room);
    int wanted = format ? vsnprintf(out + size, room - size, format, args) : 0;
    *ret_cut = wanted > 0 && (size_t)wanted >= room - size;
    size += s_written(wanted, room - size);
    while (size && out[size - 1] == ' ')
        size--;
    s_flatten(out, size);
    return size;
}

void log_event(log_level_t level, const char *actor, const char *event, const char *format, ...)
{
    static const char *const names[] = {"debug", "info", "warn", "error"};
    if ((int)level < atomic_load(&s_least))
        return;
    int saved_errno = errno;
    char line[LINE_MAX_BYTES], day[32];
    size_t room = sizeof line - 32; /* for "...", held= and the newline */
    bool cut;
    uint64_t held;
    int64_t up_us = s_up_us();
    size_t head = s_written(snprintf(line, room, "t=%s up=%.3f lvl=%s machine=%s ", s_time_of_day(day),
                                     (double)up_us / 1e6, names[level], s_machine),
                            room);
    va_list args;
    va_start(args, format);
    size_t size = head + s_event(line + head, room - head, actor, event, format, args, &cut);
    va_end(args);
    if (s_passes(level, up_us, line + head, size - head, &held)) {
        if (cut)
            size += (size_t)snprintf(line + size, sizeof line - size, "...");
        if (held)
            size += (size_t)snprintf(line + size, sizeof line - size, " held=%llu", (unsigned long long)held);
        line[size++] = '\n';
        s_put_line(level, line, size);
    }
    errno = saved_errno;
}
