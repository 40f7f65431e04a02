#include "codec/base/log_file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

static int s_open_log(const char *path)
{
    return open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
}

err_code_t log_file_open(log_file_t *self, const char *path, size_t most_bytes, err_t *err)
{
    *self = (log_file_t){.fd = s_open_log(path), .most_bytes = most_bytes};
    snprintf(self->path, sizeof self->path, "%s", path);
    self->look_bytes = most_bytes < LOG_FILE_LOOK_BYTES ? most_bytes : LOG_FILE_LOOK_BYTES;
    return self->fd < 0 ? err_set(err, ERR_IO, "%s: %s", path, strerror(errno)) : ERR_OK;
}

void log_file_close(log_file_t *self)
{
    if (self->fd >= 0)
        close(self->fd);
    self->fd = -1;
}

/* Returns whether the file that is open still has the name; else another process was quicker. */
static bool s_is_current(const log_file_t *self, size_t *ret_bytes)
{
    struct stat own, named;
    if (fstat(self->fd, &own) || stat(self->path, &named) || own.st_ino != named.st_ino ||
        own.st_dev != named.st_dev)
        return false;
    *ret_bytes = (size_t)own.st_size;
    return true;
}

/* Without a new one, as with no descriptors left, the old one goes on. */
static void s_follow(log_file_t *self)
{
    int fd = s_open_log(self->path);
    if (fd < 0)
        return;
    dup3(fd, self->fd, O_CLOEXEC);
    close(fd);
}

/* One of the writers alone gives the file its other name. */
static void s_look_at_file(log_file_t *self)
{
    size_t bytes = 0;
    char before[PATH_MAX + 2];
    self->since_bytes = 0;
    if (!s_is_current(self, &bytes)) {
        s_follow(self);
        return;
    }
    if (bytes < self->most_bytes || flock(self->fd, LOCK_EX | LOCK_NB))
        return;
    snprintf(before, sizeof before, "%s.1", self->path);
    if (s_is_current(self, &bytes) && !rename(self->path, before))
        s_follow(self);
    else
        flock(self->fd, LOCK_UN);
}

void log_file_write(log_file_t *self, const char *bytes, size_t size)
{
    ssize_t wrote;
    do
        wrote = write(self->fd, bytes, size);
    while (wrote < 0 && errno == EINTR);
    self->since_bytes += size;
    if (self->since_bytes >= self->look_bytes)
        s_look_at_file(self);
}
