#include "store/cover.h"

#include "store/file.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

/* Names of one length: the same place in the directory. */
#define COVER_ON "covered"
#define COVER_OFF "exposed"

static err_code_t s_set(const char *dir, const char *from, const char *to, err_t *err)
{
    char before[PATH_MAX], after[PATH_MAX];
    snprintf(before, sizeof before, "%s/%s", dir, from);
    snprintf(after, sizeof after, "%s/%s", dir, to);
    if (access(after, F_OK) == 0)
        return ERR_OK;
    int number = rename(before, after) == 0 ? 0 : errno;
    if (number == ENOENT) { /* there was none yet */
        int fd = open(after, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
        number = fd < 0 ? errno : 0;
        if (fd >= 0)
            close(fd);
    }
    if (number)
        return err_set(err, file_code_of(number), "%s: %s", after, strerror(number));
    return file_sync_dir(dir, err);
}

err_code_t cover_put_on(const char *dir, err_t *err)
{
    return s_set(dir, COVER_OFF, COVER_ON, err);
}

err_code_t cover_take_off(const char *dir, err_t *err)
{
    return s_set(dir, COVER_ON, COVER_OFF, err);
}

bool cover_is_off(const char *dir)
{
    char path[PATH_MAX];
    snprintf(path, sizeof path, "%s/" COVER_OFF, dir);
    return access(path, F_OK) == 0;
}
