#include "store/file.h"

#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

err_code_t file_code_of(int error_number)
{
    switch (error_number) {
    case ENOENT:
    case ENOTDIR:
        return ERR_NOT_FOUND;
    case EEXIST:
        return ERR_EXISTS;
    case EACCES:
    case EPERM:
    case EROFS:
        return ERR_DENIED;
    case ENOSPC:
    case EDQUOT:
    case EFBIG:
        return ERR_FULL;
    case ENOMEM:
        return ERR_MEMORY;
    case EMFILE:
    case ENFILE:
    case ENAMETOOLONG:
    case EAGAIN:
        return ERR_LIMIT;
    default:
        return ERR_IO;
    }
}

static err_code_t s_fail_file(err_t *err, const char *what, const char *path)
{
    int number = errno;
    return err_set(err, file_code_of(number), "%s %s: %s", what, path, strerror(number));
}

/* The directory that holds path, into out. */
static void s_parent(const char *path, char out[PATH_MAX])
{
    const char *slash = strrchr(path, '/');
    if (!slash)
        snprintf(out, PATH_MAX, ".");
    else if (slash == path)
        snprintf(out, PATH_MAX, "/");
    else
        snprintf(out, PATH_MAX, "%.*s", (int)(slash - path), path);
}

err_code_t file_sync_dir(const char *path, err_t *err)
{
    int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0)
        return s_fail_file(err, "open", path);
    err_code_t code = ERR_OK;
    if (fsync(fd) != 0 && errno != EINVAL) /* EINVAL: this file system has nothing to sync for a directory */
        code = s_fail_file(err, "sync", path);
    close(fd);
    return code;
}

static err_code_t s_write_all(int fd, const char *path, const char *data, size_t size, err_t *err)
{
    while (size > 0) {
        ssize_t done = write(fd, data, size);
        if (done < 0 && errno == EINTR)
            continue;
        if (done < 0)
            return s_fail_file(err, "write", path);
        data += done;
        size -= (size_t)done;
    }
    if (fsync(fd) != 0)
        return s_fail_file(err, "sync", path);
    return ERR_OK;
}

err_code_t file_write(const char *path, const void *data, size_t size, err_t *err)
{
    char temporary[PATH_MAX], parent[PATH_MAX];
    int length = snprintf(temporary, sizeof temporary, "%s.XXXXXX", path);
    if (length < 0 || (size_t)length >= sizeof temporary)
        return err_set(err, ERR_LIMIT, "write %s: the path is too long", path);
    int fd = mkostemp(temporary, O_CLOEXEC);
    if (fd < 0)
        return s_fail_file(err, "create", path);
    err_code_t code = s_write_all(fd, path, data, size, err);
    if (close(fd) != 0 && !code)
        code = s_fail_file(err, "close", path);
    if (!code && rename(temporary, path) != 0)
        code = s_fail_file(err, "rename to", path);
    if (code) {
        unlink(temporary);
        return code;
    }
    s_parent(path, parent);
    return file_sync_dir(parent, err);
}

/* Reads until the end of the file or until the buffer is full. */
static err_code_t s_read_all(int fd, const char *path, char *data, size_t size, size_t *ret_done, err_t *err)
{
    size_t done = 0;
    while (done < size) {
        ssize_t got = read(fd, data + done, size - done);
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            return s_fail_file(err, "read", path);
        if (got == 0)
            break;
        done += (size_t)got;
    }
    *ret_done = done;
    return ERR_OK;
}

static void s_free(void *data, void *hint)
{
    (void)hint;
    free(data);
}

static err_code_t s_read_open(int fd, const char *path, size_t max_bytes, buf_t **ret_contents, err_t *err)
{
    struct stat status;
    if (fstat(fd, &status) != 0)
        return s_fail_file(err, "read", path);
    if (!S_ISREG(status.st_mode))
        return err_set(err, ERR_IO, "read %s: it is not a file", path);
    if ((uint64_t)status.st_size > max_bytes)
        return err_set(err, ERR_LIMIT, "read %s: it has %lld bytes, more than the %zu allowed", path,
                       (long long)status.st_size, max_bytes);
    size_t size = (size_t)status.st_size, done = 0;
    char *text = malloc(size + 1);
    if (!text)
        return err_set(err, ERR_MEMORY, "read %s: no memory", path);
    err_code_t code = s_read_all(fd, path, text, size, &done, err);
    text[code ? 0 : done] = '\0';
    buf_t *contents = code ? NULL : buf_wrap(text, done, s_free, NULL);
    if (contents)
        *ret_contents = contents;
    else
        free(text);
    if (!code && !contents)
        return err_set(err, ERR_MEMORY, "read %s: no memory", path);
    return code;
}

err_code_t file_read(const char *path, size_t max_bytes, buf_t **ret_contents, err_t *err)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (fd < 0)
        return s_fail_file(err, "open", path);
    err_code_t code = s_read_open(fd, path, max_bytes, ret_contents, err);
    close(fd);
    return code;
}

/* One that is made is there after a power cut: a file in it is no use otherwise. */
static err_code_t s_make_dir(const char *path, err_t *err)
{
    struct stat status;
    char parent[PATH_MAX];
    if (mkdir(path, 0700) == 0) {
        s_parent(path, parent);
        return file_sync_dir(parent, err);
    }
    if (errno != EEXIST)
        return s_fail_file(err, "create directory", path);
    if (stat(path, &status) != 0)
        return s_fail_file(err, "create directory", path);
    if (!S_ISDIR(status.st_mode))
        return err_set(err, ERR_EXISTS, "create directory %s: there is something else by that name", path);
    return ERR_OK;
}

err_code_t file_make_dirs(const char *path, err_t *err)
{
    char part[PATH_MAX];
    size_t length = strlen(path);
    if (length == 0 || length >= sizeof part)
        return err_set(err, ERR_LIMIT, "create directory %s: the path is empty or too long", path);
    memcpy(part, path, length + 1);
    for (size_t i = 1; i < length; i++) {
        if (part[i] != '/' || part[i - 1] == '/')
            continue;
        part[i] = '\0';
        err_code_t code = s_make_dir(part, err);
        if (code)
            return code;
        part[i] = '/';
    }
    return s_make_dir(part, err);
}

static int s_remove_one(const char *path, const struct stat *status, int kind, struct FTW *walk)
{
    (void)status;
    (void)kind;
    (void)walk;
    return remove(path) == 0 || errno == ENOENT ? 0 : -1;
}

err_code_t file_remove_tree(const char *path, err_t *err)
{
    if (nftw(path, s_remove_one, 16, FTW_DEPTH | FTW_PHYS) != 0 && errno != ENOENT)
        return s_fail_file(err, "remove", path);
    return ERR_OK;
}

/* Where the file system cannot exchange two names there is a moment without `to`. */
static int s_exchange(const char *from, const char *to)
{
    char aside[PATH_MAX];
    if (renameat2(AT_FDCWD, from, AT_FDCWD, to, RENAME_EXCHANGE) == 0)
        return 0;
    if (errno == ENOENT)
        return rename(from, to);
    int length = snprintf(aside, sizeof aside, "%s.aside", from);
    if ((errno != EINVAL && errno != ENOSYS) || length >= (int)sizeof aside)
        return -1;
    return rename(to, aside) || rename(from, to) || rename(aside, from) ? -1 : 0;
}

err_code_t file_swap(const char *from, const char *to, err_t *err)
{
    char parent[PATH_MAX];
    if (s_exchange(from, to) != 0)
        return s_fail_file(err, "replace", to);
    s_parent(to, parent);
    return file_sync_dir(parent, err);
}
