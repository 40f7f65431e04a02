#include "store/lockfile.h"

#include "store/file.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define PID_TEXT_MAX 32
#define PID_TRIES 1000

static struct flock s_whole_file(short type)
{
    return (struct flock){.l_type = type, .l_whence = SEEK_SET};
}

static bool s_held(int fd)
{
    struct flock lock = s_whole_file(F_WRLCK);
    return fcntl(fd, F_OFD_GETLK, &lock) == 0 && lock.l_type != F_UNLCK;
}

static pid_t s_read_pid(int fd)
{
    char text[PID_TEXT_MAX] = {0};
    if (pread(fd, text, sizeof text - 1, 0) <= 0)
        return 0;
    long pid = strtol(text, NULL, 10);
    return pid > 0 ? (pid_t)pid : 0;
}

/* Between taking the lock and writing its pid a holder shows none, or that of one that was killed: look
 * again, giving it the processor, until the pid is of a living process. */
static pid_t s_holder(int fd)
{
    pid_t pid = 0;
    for (int i = 0; i < PID_TRIES && s_held(fd); i++) {
        pid = s_read_pid(fd);
        if (pid > 0 && (kill(pid, 0) == 0 || errno == EPERM))
            return pid;
        sched_yield();
    }
    return s_held(fd) ? pid : 0;
}

static err_code_t s_write_pid(int fd, const char *path, err_t *err)
{
    char text[PID_TEXT_MAX];
    int length = snprintf(text, sizeof text, "%ld\n", (long)getpid());
    if (ftruncate(fd, 0) != 0 || pwrite(fd, text, (size_t)length, 0) != length)
        return err_set(err, errno ? file_code_of(errno) : ERR_IO, "write %s: %s", path, strerror(errno));
    return ERR_OK;
}

static err_code_t s_take_lock(int fd, const char *path, err_t *err)
{
    struct flock lock = s_whole_file(F_WRLCK);
    if (fcntl(fd, F_OFD_SETLK, &lock) == 0)
        return s_write_pid(fd, path, err);
    if (errno != EAGAIN && errno != EACCES)
        return err_set(err, file_code_of(errno), "lock %s: %s", path, strerror(errno));
    return err_set(err, ERR_IN_USE, "%s is held by process %ld", path, (long)s_holder(fd));
}

err_code_t lockfile_take(const char *path, int *ret_fd, err_t *err)
{
    errno = 0;
    int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (fd < 0)
        return err_set(err, file_code_of(errno), "open %s: %s", path, strerror(errno));
    err_code_t code = s_take_lock(fd, path, err);
    if (code)
        close(fd);
    else
        *ret_fd = fd;
    return code;
}

void lockfile_release(int *fd_p)
{
    if (*fd_p < 0)
        return;
    /* Without a pid left behind, only a killed holder leaves one. A failure changes nothing that matters. */
    if (ftruncate(*fd_p, 0) != 0)
        errno = 0;
    close(*fd_p);
    *fd_p = -1;
}

pid_t lockfile_holder(const char *path)
{
    int fd = open(path, O_RDWR | O_CLOEXEC);
    if (fd < 0)
        fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return 0;
    pid_t pid = s_holder(fd);
    close(fd);
    return pid;
}
