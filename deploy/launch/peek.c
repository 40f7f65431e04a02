/* The data set for commands that run nothing: unpacked into a directory that is gone afterwards. */
#include "deploy/launch/launch.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static void s_remove(const char *path)
{
    char inner[STATEDIR_PATH_MAX + 300], file[STATEDIR_PATH_MAX + 600];
    snprintf(inner, sizeof inner, "%s/data", path);
    DIR *dir = opendir(inner);
    struct dirent *entry;
    while (dir && (entry = readdir(dir))) {
        snprintf(file, sizeof file, "%s/%s", inner, entry->d_name);
        unlink(file);
    }
    if (dir)
        closedir(dir);
    rmdir(inner);
    rmdir(path);
}

err_code_t launch_peek_dataset(launch_t *self, err_t *err)
{
    const char *base = getenv("TMPDIR");
    snprintf(self->state_dir, sizeof self->state_dir, "%s/cloudless-look-XXXXXX",
             base && *base ? base : "/tmp");
    if (!mkdtemp(self->state_dir))
        return err_set(err, ERR_IO, "%s: no temporary directory; set TMPDIR", self->state_dir);
    err_code_t rc = launch_look_at_dataset(self, err);
    s_remove(self->state_dir);
    return rc;
}
