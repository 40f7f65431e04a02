#include "store/statedir_paths.h"

#include "store/file.h"

#include <inttypes.h>
#include <string.h>

err_code_t statedir_join(const char *path, const char *name, char ret[STATEDIR_PATH_MAX], err_t *err)
{
    int length = snprintf(ret, STATEDIR_PATH_MAX, "%s/%s", path, name);
    if (length < 0 || length >= STATEDIR_PATH_MAX)
        return err_set(err, ERR_LIMIT, "%s/%s: the path is too long; choose a shorter --state", path, name);
    return ERR_OK;
}

static err_code_t s_check_region(const char *region, err_t *err)
{
    static const char *reserved[] = {"log", "run", "data", STATEDIR_JOB_FILE, STATEDIR_LOCK_FILE};
    size_t length = strlen(region);
    size_t good = strspn(region, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_.");
    bool bad = length == 0 || length > STATEDIR_NAME_MAX || good != length || region[0] == '.';
    for (size_t i = 0; i < sizeof reserved / sizeof *reserved; i++)
        bad = bad || strcmp(region, reserved[i]) == 0;
    if (bad)
        return err_set(err, ERR_MALFORMED,
                       "region '%.80s' cannot be the name of a folder; use letters, digits and '-'", region);
    return ERR_OK;
}

err_code_t statedir_parent(const char *path, const char *region, uint32_t shard, statedir_stores_kind_t kind,
                           char ret[STATEDIR_PATH_MAX], err_t *err)
{
    static const char *names[STORES_KINDS] = {[STORES_OWN] = "shard", [STORES_KEPT] = "kept"};
    char below[STATEDIR_PATH_MAX];
    err_code_t code = s_check_region(region, err);
    if (code)
        return code;
    snprintf(below, sizeof below, "%s/%s-%" PRIu32, region, names[kind], shard);
    return statedir_join(path, below, ret, err);
}

err_code_t statedir_folder(const char *path, statedir_folder_t folder, char ret[STATEDIR_PATH_MAX],
                           err_t *err)
{
    static const char *names[] = {[STATEDIR_LOG] = "log", [STATEDIR_RUN] = "run", [STATEDIR_DATA] = "data"};
    err_code_t code = statedir_join(path, names[folder], ret, err);
    return code ? code : file_make_dirs(ret, err);
}

err_code_t statedir_scheduler(const char *path, const char *region, char ret[STATEDIR_PATH_MAX], err_t *err)
{
    char below[STATEDIR_PATH_MAX];
    err_code_t code = s_check_region(region, err);
    if (code)
        return code;
    snprintf(below, sizeof below, "%s/scheduler", region);
    code = statedir_join(path, below, ret, err);
    return code ? code : file_make_dirs(ret, err);
}
