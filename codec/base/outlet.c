#include "codec/base/outlet.h"

#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define OUTLET_LOOK_NS 5000000
#define OUTLET_SAY_MAX 4096

typedef struct {
    int fd;
    size_t most; /* bytes that wait */
    pthread_mutex_t mutex;
    pthread_cond_t more;
    bool asked, threaded; /* whether it has a thread was found out */
    char *bytes;          /* (count) wait, the first are being written */
    size_t count, room;
    size_t dropped; /* messages since the last that was taken */
    uint64_t written;
    int failed; /* errno of the first failure */
} outlet_t;

static outlet_t s_outlets[] = {
    {.fd = STDOUT_FILENO,
     .most = SIZE_MAX,
     .mutex = PTHREAD_MUTEX_INITIALIZER,
     .more = PTHREAD_COND_INITIALIZER},
    {.fd = STDERR_FILENO,
     .most = OUTLET_WAITS_MAX,
     .mutex = PTHREAD_MUTEX_INITIALIZER,
     .more = PTHREAD_COND_INITIALIZER},
};

static outlet_t *s_of(int fd)
{
    return &s_outlets[fd != STDOUT_FILENO];
}

/* Writes some of it; waits as long as it takes. 0: refused, and noted. */
static size_t s_write_some(const outlet_t *self, const char *bytes, size_t size, int *ret_failed)
{
    for (;;) {
        ssize_t done = write(self->fd, bytes, size);
        if (done > 0)
            return (size_t)done;
        if (done < 0 && errno == EAGAIN) /* whoever gave it to us reads or writes it without waiting */
            poll(&(struct pollfd){.fd = self->fd, .events = POLLOUT}, 1, -1);
        else if (done < 0 && errno != EINTR) {
            *ret_failed = errno;
            return 0;
        }
    }
}

static void s_remove(outlet_t *self, size_t size)
{
    self->written += size;
    self->count -= size;
    memmove(self->bytes, self->bytes + size, self->count);
}

/* A message that is refused is gone: the next message may fare better. */
static void *s_run_outlet(void *hint)
{
    outlet_t *self = hint;
    char some[PIPE_BUF];
    pthread_mutex_lock(&self->mutex);
    for (;;) {
        while (!self->count)
            pthread_cond_wait(&self->more, &self->mutex);
        size_t size = self->count < sizeof some ? self->count : sizeof some;
        int failed = 0;
        memcpy(some, self->bytes, size);
        pthread_mutex_unlock(&self->mutex);
        size_t done = s_write_some(self, some, size, &failed);
        pthread_mutex_lock(&self->mutex);
        self->failed = self->failed ? self->failed : failed;
        s_remove(self, failed ? self->count : done);
    }
    return NULL;
}

static bool s_may_wait(int fd)
{
    struct stat info;
    return fstat(fd, &info) == 0 && (S_ISFIFO(info.st_mode) || S_ISSOCK(info.st_mode) || isatty(fd));
}

/* Under the mutex. Without a thread, of which there may be no more, it is written at once, come what may. */
static void s_begin_outlet(outlet_t *self)
{
    pthread_t thread;
    if (self->asked)
        return;
    self->asked = true;
    self->threaded = s_may_wait(self->fd) && !pthread_create(&thread, NULL, s_run_outlet, self);
    if (self->threaded)
        pthread_detach(thread);
}

static void s_append(outlet_t *self, const char *bytes, size_t size)
{
    if (self->count + size > self->room) {
        self->room = 2 * (self->count + size);
        self->bytes = realloc(self->bytes, self->room);
        CHECK(self->bytes);
    }
    memcpy(self->bytes + self->count, bytes, size);
    self->count += size;
}

static void s_queue(outlet_t *self, const char *bytes, size_t size)
{
    char line[64];
    if (size > self->most || self->count > self->most - size) {
        self->dropped++;
        return;
    }
    if (self->dropped)
        s_append(
            self, line,
            (size_t)snprintf(line, sizeof line, "... %zu messages dropped: nobody read\n", self->dropped));
    self->dropped = 0;
    s_append(self, bytes, size);
    pthread_cond_signal(&self->more);
}

void outlet_write(int fd, const char *bytes, size_t size)
{
    outlet_t *self = s_of(fd);
    pthread_mutex_lock(&self->mutex);
    s_begin_outlet(self);
    if (self->threaded)
        s_queue(self, bytes, size);
    for (size_t done = 0; !self->threaded && done < size;) {
        int failed = 0;
        done += s_write_some(self, bytes + done, size - done, &failed);
        self->failed = self->failed ? self->failed : failed;
        if (failed)
            break;
    }
    pthread_mutex_unlock(&self->mutex);
}

void outlet_say(const char *format, ...)
{
    char text[OUTLET_SAY_MAX];
    va_list arguments;
    va_start(arguments, format);
    int length = vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    if (length > 0)
        outlet_write(STDERR_FILENO, text, (size_t)length < sizeof text ? (size_t)length : sizeof text - 1);
}

static int64_t s_now_us(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000000 + now.tv_nsec / 1000;
}

err_code_t outlet_flush(int fd, int64_t patience_us, err_t *err)
{
    outlet_t *self = s_of(fd);
    uint64_t written = 0;
    int64_t since_us = s_now_us();
    pthread_mutex_lock(&self->mutex);
    while (self->count && s_now_us() - since_us < patience_us) {
        if (written != self->written)
            since_us = s_now_us();
        written = self->written;
        pthread_mutex_unlock(&self->mutex);
        nanosleep(&(struct timespec){.tv_nsec = OUTLET_LOOK_NS}, NULL);
        pthread_mutex_lock(&self->mutex);
    }
    int failed = self->failed;
    bool left = self->count > 0;
    pthread_mutex_unlock(&self->mutex);
    if (failed)
        return err_set(err, failed == ENOSPC ? ERR_FULL : ERR_IO, "%s", strerror(failed));
    return left ? err_set(err, ERR_TIMEOUT, "nobody reads it") : ERR_OK;
}
