#include "codec/base/output.h"

#include "codec/base/rng.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define NAME_TRIES 100

static err_code_t s_fail_output(const char *verb, const char *path, err_t *err)
{
    int why = errno;
    err_code_t code = why == ENOENT || why == ENOTDIR                  ? ERR_NOT_FOUND
                      : why == ENOSPC || why == EDQUOT || why == EFBIG ? ERR_FULL
                      : why == EACCES || why == EPERM || why == EROFS  ? ERR_DENIED
                      : why == ENAMETOOLONG                            ? ERR_LIMIT
                                                                       : ERR_IO;
    return err_set(err, code, "%s %s: %s", verb, path, strerror(why));
}

static err_code_t s_exists(const char *path, err_t *err)
{
    return err_set(err, ERR_EXISTS, "%s is there already; add --force to replace it, or name another one",
                   path);
}

bool output_is_stdout(const char *path)
{
    return strcmp(path, "-") == 0;
}

/* Where a path leads: a link is followed, so that what it points to is replaced and not the link. */
static err_code_t s_resolve(const char *path, char out[PATH_MAX], err_t *err)
{
    struct stat status;
    if (!*path || strlen(path) >= PATH_MAX)
        return err_set(err, ERR_LIMIT, "%.200s: the path is empty or too long", path);
    snprintf(out, PATH_MAX, "%s", path);
    if (lstat(path, &status) != 0 || !S_ISLNK(status.st_mode))
        return ERR_OK;
    if (realpath(path, out))
        return ERR_OK;
    return err_set(err, ERR_USAGE, "%s is a link that leads to nothing (%s); name the file itself", path,
                   strerror(errno));
}

err_code_t output_check(const char *path, bool overwrite, err_t *err)
{
    struct stat status;
    bool there = !output_is_stdout(path) && stat(path, &status) == 0;
    return there && S_ISREG(status.st_mode) && !overwrite ? s_exists(path, err) : ERR_OK;
}

/* As mkstemp, but the permissions of a new file are the umask's to decide. */
static int s_create_beside(const char *path, char temporary[PATH_MAX])
{
    for (int i = 0; i < NAME_TRIES; i++) {
        int length = snprintf(temporary, PATH_MAX, "%s.%08" PRIx32, path, (uint32_t)rng_entropy());
        errno = ENAMETOOLONG;
        int fd = length < PATH_MAX ? open(temporary, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666) : -1;
        if (fd >= 0 || errno != EEXIST)
            return fd;
    }
    return -1;
}

/* The new file takes over whose the old one was, where that is allowed, and who may do what with it. */
static err_code_t s_take_after(int fd, const struct stat *old, const char *path, err_t *err)
{
    bool kept = fchown(fd, old->st_uid, old->st_gid) == 0;
    mode_t mode = old->st_mode & (kept ? 0777 : 0707); /* another group is not given what the old one had */
    return fchmod(fd, mode) == 0 ? ERR_OK : s_fail_output("set the permissions of", path, err);
}

static err_code_t s_begin_output(output_t *self, err_t *err)
{
    struct stat old;
    bool there = stat(self->path, &old) == 0;
    if (there && S_ISDIR(old.st_mode))
        return err_set(err, ERR_USAGE, "%s is a directory; write the path of a file", self->path);
    if (there && !S_ISREG(old.st_mode)) {
        self->fd = open(self->path, O_WRONLY | O_CLOEXEC);
        return self->fd >= 0 ? ERR_OK : s_fail_output("open", self->path, err);
    }
    if (there && !self->overwrite)
        return s_exists(self->path, err);
    self->fd = s_create_beside(self->path, self->temporary);
    if (self->fd < 0) {
        self->temporary[0] = '\0';
        return s_fail_output("create", self->path, err);
    }
    err_code_t code = there ? s_take_after(self->fd, &old, self->path, err) : ERR_OK;
    if (code)
        output_abandon(self);
    return code;
}

err_code_t output_begin(output_t *self, const char *path, bool overwrite, err_t *err)
{
    *self = (output_t){.fd = -1, .overwrite = overwrite};
    if (!output_is_stdout(path)) {
        err_code_t code = s_resolve(path, self->path, err);
        return code ? code : s_begin_output(self, err);
    }
    snprintf(self->path, sizeof self->path, "standard output");
    fflush(stdout);
    self->fd = dup(STDOUT_FILENO);
    return self->fd >= 0 ? ERR_OK : s_fail_output("write", self->path, err);
}

err_code_t output_write(output_t *self, const void *data, size_t size, err_t *err)
{
    for (const char *bytes = data; size;) {
        ssize_t written = write(self->fd, bytes, size);
        if (written < 0 && errno == EINTR)
            continue;
        if (written < 0)
            return s_fail_output("write", self->path, err);
        bytes += written;
        size -= (size_t)written;
    }
    return ERR_OK;
}

static err_code_t s_rename(output_t *self, err_t *err)
{
    const char *from = self->temporary, *to = self->path;
    int failed =
        self->overwrite ? rename(from, to) : renameat2(AT_FDCWD, from, AT_FDCWD, to, RENAME_NOREPLACE);
    if (failed && !self->overwrite && (errno == EINVAL || errno == ENOSYS)) {
        /* A file system that cannot: a link never replaces either, and the old name goes. */
        failed = link(from, to);
        if (!failed)
            unlink(from);
    }
    if (failed)
        return errno == EEXIST ? s_exists(to, err) : s_fail_output("rename to", to, err);
    self->temporary[0] = '\0';
    return ERR_OK;
}

/* Makes the new name durable; a directory that cannot be synced has no better way. */
static void s_sync_parent(const char *path)
{
    char dir[PATH_MAX];
    snprintf(dir, sizeof dir, "%s", path);
    char *slash = strrchr(dir, '/');
    if (slash)
        slash[slash == dir] = '\0';
    int fd = open(slash ? dir : ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0)
        return;
    fsync(fd);
    close(fd);
}

err_code_t output_finish(output_t *self, err_t *err)
{
    bool beside = self->temporary[0];
    err_code_t code = beside && fsync(self->fd) != 0 ? s_fail_output("sync", self->path, err) : ERR_OK;
    if (close(self->fd) != 0 && !code)
        code = s_fail_output("write", self->path, err);
    self->fd = -1;
    if (!code && beside)
        code = s_rename(self, err);
    if (!code && beside)
        s_sync_parent(self->path);
    output_abandon(self);
    return code;
}

void output_abandon(output_t *self)
{
    if (self->fd >= 0)
        close(self->fd);
    self->fd = -1;
    if (self->temporary[0])
        unlink(self->temporary);
    self->temporary[0] = '\0';
}
