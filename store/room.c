#include "store/room.h"

#include "store/file.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

typedef int allocate_fn(int fd, size_t bytes); /* returns an error number */

static int s_allocate(int fd, size_t bytes)
{
    return posix_fallocate(fd, 0, (off_t)bytes);
}

static int s_allocate_ahead(int fd, size_t bytes)
{
    if (fallocate(fd, FALLOC_FL_KEEP_SIZE, 0, (off_t)bytes) == 0 || errno == EOPNOTSUPP)
        return 0;
    return errno;
}

static err_code_t s_take_room(const char *path, size_t bytes, allocate_fn *allocate, err_t *err)
{
    int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    int number = fd < 0 ? errno : EINTR;
    while (fd >= 0 && number == EINTR)
        number = allocate(fd, bytes);
    if (fd >= 0)
        close(fd);
    else if (file_code_of(number) == ERR_DENIED)
        return ERR_OK;
    return number ? err_set(err, file_code_of(number), "%s: no room for it: %s", path, strerror(number))
                  : ERR_OK;
}

err_code_t room_take(const char *path, size_t bytes, err_t *err)
{
    return s_take_room(path, bytes, s_allocate, err);
}

err_code_t room_take_ahead(const char *path, size_t bytes, err_t *err)
{
    return s_take_room(path, bytes, s_allocate_ahead, err);
}
