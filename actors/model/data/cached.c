#include "actors/model/data/cached.h"

#include "codec/base/hash.h"
#include "store/file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define LOCK_TRIES 500 /* times LOCK_PAUSE_NS: 10 s */
#define LOCK_PAUSE_NS 20000000L

err_code_t cached_io(err_t *err, const char *what, const char *path)
{
    bool full = errno == ENOSPC || errno == EDQUOT;
    return err_set(err, full ? ERR_FULL : ERR_IO, "%s: cannot %s: %s", path, what, strerror(errno));
}

err_code_t cached_write(int fd, const void *bytes, size_t size, const char *path, err_t *err)
{
    const char *at = bytes;
    while (size) {
        ssize_t written = write(fd, at, size);
        if (written < 0 && errno == EINTR)
            continue;
        if (written < 0)
            return cached_io(err, "write", path);
        at += written;
        size -= (size_t)written;
    }
    return ERR_OK;
}

err_code_t cached_stamp(const char *path, char ret_stamp[CACHED_STAMP_MAX], err_t *err)
{
    char real[PATH_MAX];
    struct stat status;
    if (!realpath(path, real) || stat(real, &status) < 0)
        return cached_io(err, "resolve", path);
    snprintf(ret_stamp, CACHED_STAMP_MAX, "%s %lld %lld.%09ld", real, (long long)status.st_size,
             (long long)status.st_mtim.tv_sec, status.st_mtim.tv_nsec);
    return ERR_OK;
}

err_code_t cached_path(const char *cache_dir, const char *name, const char *source, size_t length,
                       char ret_path[PATH_MAX], err_t *err)
{
    uint64_t digest = hash_checksum(source, length);
    if (snprintf(ret_path, PATH_MAX, "%s/%s.%016llx", cache_dir, name, (unsigned long long)digest) >=
        PATH_MAX)
        return err_set(err, ERR_LIMIT, "%.200s...: path too long", cache_dir);
    return file_make_dirs(cache_dir, err);
}

/* Fills a temporary file of our own beside `path` and renames it when it is whole and on disk. */
static err_code_t s_make(const char *path, cached_fill_t *fill, void *hint, err_t *err)
{
    char temp_path[PATH_MAX];
    if (snprintf(temp_path, sizeof temp_path, "%s.XXXXXX", path) >= (int)sizeof temp_path)
        return err_set(err, ERR_LIMIT, "%.200s...: path too long", path);
    int fd = mkostemp(temp_path, O_CLOEXEC);
    if (fd < 0)
        return cached_io(err, "create", temp_path);
    err_code_t code = fill(hint, fd, temp_path, err);
    if (!code && (fchmod(fd, 0644) < 0 || fsync(fd) < 0))
        code = cached_io(err, "write", temp_path);
    close(fd);
    if (!code && rename(temp_path, path) < 0)
        code = cached_io(err, "rename", temp_path);
    if (code)
        unlink(temp_path);
    return code;
}

/* Takes the lock, or goes on without it: since the result appears whole, two that make it at once only waste
 * time, and a holder that was stopped must not stop everybody. Returns what to close, or -1. */
static int s_lock(const char *path)
{
    int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0644);
    for (int i = 0; fd >= 0 && i < LOCK_TRIES; i++) {
        if (flock(fd, LOCK_EX | LOCK_NB) == 0 || errno != EWOULDBLOCK)
            break;
        nanosleep(&(struct timespec){.tv_nsec = LOCK_PAUSE_NS}, NULL);
    }
    return fd;
}

err_code_t cached_make(const char *path, cached_fill_t *fill, void *hint, err_t *err)
{
    char lock_path[PATH_MAX];
    if (snprintf(lock_path, sizeof lock_path, "%s.lock", path) >= (int)sizeof lock_path)
        return err_set(err, ERR_LIMIT, "%.200s...: path too long", path);
    err_code_t code = ERR_OK;
    if (access(path, F_OK) == 0)
        return ERR_OK;
    int lock = s_lock(lock_path);
    if (access(path, F_OK) < 0) /* still: nobody else made it while we waited */
        code = s_make(path, fill, hint, err);
    if (lock >= 0)
        close(lock);
    return code;
}
