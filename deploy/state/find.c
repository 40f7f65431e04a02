#include "deploy/state/find.h"

#include "codec/base/quote.h"
#include "deploy/state/holders.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define NAMES_MAX 200 /* bytes of names that an error lists */

err_code_t state_default_base(char ret[STATEDIR_PATH_MAX], err_t *err)
{
    const char *base = getenv("XDG_STATE_HOME"), *home = getenv("HOME");
    int length = 0;
    if (base && base[0] == '/')
        length = snprintf(ret, STATEDIR_PATH_MAX, "%s/cloudless", base);
    else if (home && home[0] == '/')
        length = snprintf(ret, STATEDIR_PATH_MAX, "%s/.local/state/cloudless", home);
    else
        return err_set(err, ERR_USAGE, "there is no home directory to keep state in; give --state DIR");
    return length < STATEDIR_PATH_MAX
               ? ERR_OK
               : err_set(err, ERR_LIMIT, "%.200s: the path is too long; give --state DIR", ret);
}

/* The directories below the base, and which of it is meant. */
typedef struct {
    char base[STATEDIR_PATH_MAX];
    char only[STATEDIR_PATH_MAX], running[STATEDIR_PATH_MAX];
    size_t count, running_count;
    char names[NAMES_MAX];
} found_t;

static void s_note(found_t *self, const char *name)
{
    char path[STATEDIR_PATH_MAX];
    if (snprintf(path, sizeof path, "%s/%s", self->base, name) >= (int)sizeof path || !state_is_kept(path))
        return;
    size_t length = strlen(self->names);
    snprintf(self->names + length, sizeof self->names - length, "%s%s", self->count ? ", " : "", name);
    self->count++;
    memcpy(self->only, path, sizeof path);
    if (!state_holder(path))
        return;
    self->running_count++;
    memcpy(self->running, path, sizeof path);
}

err_code_t state_find(char ret[STATEDIR_PATH_MAX], err_t *err)
{
    found_t found = {.count = 0};
    char quoted[QUOTE_MAX];
    err_code_t rc = state_default_base(found.base, err);
    if (rc)
        return rc;
    DIR *dir = opendir(found.base);
    for (const struct dirent *entry; dir && (entry = readdir(dir));)
        if (entry->d_name[0] != '.')
            s_note(&found, entry->d_name);
    if (dir)
        closedir(dir);
    const char *which = found.running_count == 1 ? found.running : found.count == 1 ? found.only : NULL;
    if (which) {
        memcpy(ret, which, STATEDIR_PATH_MAX);
        return ERR_OK;
    }
    if (!found.count)
        return err_set(err, ERR_USAGE, "no run is kept in %s; name its directory with --state", found.base);
    return err_set(err, ERR_USAGE, "several runs are kept in %s (%s); name one with --state %s/...",
                   found.base, found.names, quote_word(found.base, quoted));
}
