#include "deploy/state/holders.h"

#include "codec/base/err.h"
#include "store/lockfile.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static bool s_is_lock(const char *name)
{
    size_t length = strlen(name), suffix = strlen(HOLDER_LOCK_SUFFIX);
    return length > suffix && !strcmp(name + length - suffix, HOLDER_LOCK_SUFFIX);
}

typedef void role_fn(void *hint, const char *role, pid_t holder);

/* Of the processes that were started by hand and work in this directory. */
static void s_each_role(const char *state_dir, role_fn *each, void *hint)
{
    char run[STATEDIR_PATH_MAX], path[STATEDIR_PATH_MAX + NAME_MAX + 2], role[NAME_MAX + 1];
    snprintf(run, sizeof run, "%s/run", state_dir);
    DIR *dir = opendir(run);
    struct dirent *entry;
    while (dir && (entry = readdir(dir))) {
        if (!s_is_lock(entry->d_name))
            continue;
        snprintf(path, sizeof path, "%s/%s", run, entry->d_name);
        snprintf(role, sizeof role, "%.*s", (int)(strlen(entry->d_name) - strlen(HOLDER_LOCK_SUFFIX)),
                 entry->d_name);
        pid_t holder = lockfile_holder(path);
        if (holder)
            each(hint, role, holder);
    }
    if (dir)
        closedir(dir);
}

typedef struct {
    pid_t holder;
    char *role; /* (NAME_MAX + 1) */
} found_t;

static void s_prefer_scheduler(void *hint, const char *role, pid_t holder)
{
    found_t *found = hint;
    if (found->holder && strcmp(role, HOLDER_SCHEDULER))
        return;
    found->holder = holder;
    snprintf(found->role, NAME_MAX + 1, "%s", role);
}

pid_t state_role_holder(const char *state_dir, char ret_role[NAME_MAX + 1])
{
    found_t found = {.role = ret_role};
    s_each_role(state_dir, s_prefer_scheduler, &found);
    return found.holder;
}

typedef struct {
    const char *kind; /* how their names begin */
    char (*names)[STATEDIR_NAME_MAX];
    size_t count;
} owners_t;

static void s_add_owner(void *hint, const char *role, pid_t holder)
{
    owners_t *owners = hint;
    (void)holder;
    if (strncmp(role, owners->kind, strlen(owners->kind)))
        return;
    owners->names = realloc(owners->names, (owners->count + 1) * sizeof *owners->names);
    CHECK(owners->names);
    snprintf(owners->names[owners->count++], sizeof *owners->names, "%s", role);
}

void state_owners(const char *state_dir, char (**ret_names)[STATEDIR_NAME_MAX], size_t *ret_count)
{
    static const char *const kinds[] = {HOLDER_SCHEDULER, "broker-", "node-"};
    owners_t owners = {.kind = ""};
    if (statedir_lock_holder(state_dir))
        s_add_owner(&owners, HOLDER_UP, 0);
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds && !owners.count; i++) {
        owners.kind = kinds[i];
        s_each_role(state_dir, s_add_owner, &owners);
    }
    *ret_names = owners.names;
    *ret_count = owners.count;
}

pid_t state_holder(const char *state_dir)
{
    char role[NAME_MAX + 1];
    pid_t holder = statedir_lock_holder(state_dir);
    return holder ? holder : state_role_holder(state_dir, role);
}

bool state_is_kept(const char *dir)
{
    char job[STATEDIR_PATH_MAX + 32];
    snprintf(job, sizeof job, "%s/job", dir);
    return access(job, F_OK) == 0;
}
