#include "deploy/cli/checkpoint/build.h"

#include "codec/base/quote.h"
#include "deploy/launch/launch.h"
#include "deploy/state/holders.h"
#include "store/file.h"
#include "store/kv_child.h"
#include "store/kv_lmdb.h"
#include "store/verify.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* ---- One store ---- */

/* Cuts the last name off a path. */
static char *s_cut(char *path)
{
    char *slash = strrchr(path, '/');
    CHECK(slash);
    *slash = '\0';
    return slash + 1;
}

/* Not synced piece by piece: build_verify syncs the whole. */
static err_code_t s_open_new_store(const char *path, kv_t **ret_kv, err_t *err)
{
    kv_lmdb_options_t options = {.durability = KV_DURABILITY_PROCESS};
    return kv_lmdb_open(path, &options, ret_kv, err);
}

err_code_t build_begin(build_t *self, const char *path, err_t *err)
{
    char parent[STATEDIR_PATH_MAX];
    *self = (build_t){0};
    snprintf(self->path, sizeof self->path, "%s", path);
    snprintf(parent, sizeof parent, "%s", path);
    const char *name = s_cut(parent);
    int length = snprintf(self->temporary, sizeof self->temporary, "%s/.new-%s", parent, name);
    if (length >= (int)sizeof self->temporary)
        return err_set(err, ERR_LIMIT, "%s: the path is too long", path);
    err_code_t code = file_make_dirs(parent, err);
    if (!code)
        code = file_remove_tree(self->temporary, err); /* of an interrupted call */
    if (!code)
        code = s_open_new_store(self->temporary, &self->kv, err);
    snapshot_store_options_t options = {.keep = UINT32_MAX};
    return code ? code : snapshot_store_open(self->kv, &options, &self->snapshots, err);
}

err_code_t build_add(build_t *self, const snapshot_t *snapshot, err_t *err)
{
    err_code_t code = snapshot_commit(self->snapshots, snapshot, err);
    self->count += !code;
    return code;
}

err_code_t build_verify(build_t *self, err_t *err)
{
    verify_report_t report = {0};
    err_code_t code = kv_sync(self->kv, err);
    snapshot_store_destroy(&self->snapshots);
    kv_destroy(&self->kv);
    if (!code)
        code = file_sync_dir(self->temporary, err);
    if (!code)
        code = verify_dir(self->temporary, &report, err);
    if (!code && (report.problem_total || report.snapshots != self->count))
        code =
            err_set(err, ERR_CHECKSUM, "%s: what was written does not read back (%s); is the disk in order?",
                    self->path, report.problem_count ? report.problems[0].text : "snapshots are missing");
    verify_report_fini(&report);
    return code;
}

err_code_t build_place(build_t *self, err_t *err)
{
    err_code_t code = file_swap(self->temporary, self->path, err);
    return code ? code : file_remove_tree(self->temporary, err);
}

void build_fini(build_t *self)
{
    snapshot_store_destroy(&self->snapshots);
    kv_destroy(&self->kv);
    if (self->temporary[0] && file_remove_tree(self->temporary, NULL))
        self->temporary[0] = '\0'; /* it stays; nobody takes it for a store */
}

err_code_t build_remove(const char *path, err_t *err)
{
    char parent[STATEDIR_PATH_MAX], aside[STATEDIR_PATH_MAX + 8];
    snprintf(parent, sizeof parent, "%s", path);
    const char *name = s_cut(parent);
    snprintf(aside, sizeof aside, "%s/.old-%s", parent, name);
    err_code_t code = file_remove_tree(aside, err);
    if (!code && rename(path, aside) != 0)
        code = err_set(err, file_code_of(errno), "remove %s: %s", path, strerror(errno));
    return code ? code : file_remove_tree(aside, err);
}

static err_code_t s_copy_keys(kv_t *from, kv_t *to, err_t *err)
{
    kv_keys_t keys = {0};
    kv_txn_t *txn = NULL;
    err_code_t code = kv_keys(from, "", &keys, err);
    buf_t **values = code ? NULL : calloc(keys.count + 1, sizeof *values); /* borrowed by the transaction */
    CHECK(code || values);
    if (!code)
        code = kv_begin(to, &txn, err);
    for (size_t i = 0; i < keys.count && !code; i++) {
        code = kv_get(from, keys.items[i].key, &values[i], err);
        if (!code)
            code = kv_put(txn, keys.items[i].key, buf_peek(values[i]), buf_size(values[i]), err);
    }
    if (!code)
        code = kv_commit(&txn, err);
    kv_abort(&txn);
    for (size_t i = 0; values && i < keys.count; i++)
        buf_destroy(&values[i]);
    free(values);
    kv_keys_fini(&keys);
    return code ? code : kv_sync(to, err);
}

err_code_t build_copy_keys(const char *from, const char *to, err_t *err)
{
    char parent[STATEDIR_PATH_MAX];
    kv_t *source = NULL, *target = NULL;
    snprintf(parent, sizeof parent, "%s", to);
    s_cut(parent);
    err_code_t code = file_make_dirs(parent, err);
    if (!code)
        code = kv_child_open(from, &source, err);
    if (!code)
        code = s_open_new_store(to, &target, err);
    if (!code)
        code = s_copy_keys(source, target, err);
    kv_destroy(&source);
    kv_destroy(&target);
    return code;
}

/* ---- A state directory ---- */

/* A path as it will be, also when its last part is not there yet. */
static err_code_t s_real(const char *path, char out[PATH_MAX], err_t *err)
{
    char parent[PATH_MAX], real[PATH_MAX];
    if (realpath(path, out))
        return ERR_OK;
    int length = snprintf(parent, sizeof parent, "%s%s", path[0] == '/' ? "" : "./", path);
    if (length >= (int)sizeof parent)
        return err_set(err, ERR_USAGE, "%s: the path is too long", path);
    const char *name = s_cut(parent);
    if (!realpath(*parent ? parent : "/", real))
        return err_set(err, ERR_USAGE, "%s: %s; create the directory that is to hold it", path,
                       strerror(errno));
    length = snprintf(out, PATH_MAX, "%s/%s", strcmp(real, "/") ? real : "", name);
    return length < PATH_MAX ? ERR_OK : err_set(err, ERR_USAGE, "%s: the path is too long", path);
}

static bool s_is_in(const char *inner, const char *outer)
{
    size_t length = strlen(outer);
    return !strncmp(inner, outer, length) && (inner[length] == '/' || !inner[length]);
}

static err_code_t s_check_apart(const char *path, const char *source, err_t *err)
{
    char a[PATH_MAX], b[PATH_MAX];
    err_code_t code = s_real(path, a, err);
    if (code || !source)
        return code;
    code = s_real(source, b, err);
    if (!code && (s_is_in(a, b) || s_is_in(b, a)))
        code =
            err_set(err, ERR_USAGE, "%s and %s lie in each other; name a directory beside it", path, source);
    return code;
}

static bool s_is_empty(const char *path)
{
    DIR *dir = opendir(path);
    size_t entries = 0;
    while (dir && readdir(dir))
        entries++;
    if (dir)
        closedir(dir);
    return dir && entries <= 2;
}

/* Checks whether no process works there. */
static err_code_t s_check_idle(const char *path, err_t *err)
{
    char quoted[QUOTE_MAX];
    pid_t holder = state_holder(path);
    if (!holder)
        return ERR_OK;
    return err_set(err, ERR_IN_USE, "%s is in use by process %ld; stop it with cloudless stop --state %s",
                   path, (long)holder, quote_word(path, quoted));
}

/* Checks whether something may be put there. */
static err_code_t s_check_place(const char *path, bool force, err_t *err)
{
    if (access(path, F_OK) != 0)
        return ERR_OK;
    if (s_is_empty(path))
        return ERR_OK;
    if (!state_is_kept(path))
        return err_set(err, ERR_JOB, "%s is there and no state directory; name another one", path);
    if (!force)
        return err_set(err, ERR_EXISTS, "%s is there already; add --force to replace it, or name another one",
                       path);
    return s_check_idle(path, err);
}

err_code_t build_dir_begin(build_dir_t *self, const char *path, const char *source, bool force, bool dry,
                           err_t *err)
{
    *self = (build_dir_t){0};
    int length = snprintf(self->path, sizeof self->path, "%s", path);
    while (length > 1 && length < (int)sizeof self->path && self->path[length - 1] == '/')
        self->path[--length] = '\0';
    if (length <= 0 || length >= (int)sizeof self->path - 8)
        return err_set(err, ERR_USAGE, "the path of the directory is empty or too long");
    err_code_t code = s_check_apart(self->path, source, err);
    if (!code)
        code = s_check_place(self->path, force, err);
    if (code || dry)
        return code;
    snprintf(self->temporary, sizeof self->temporary, "%s.XXXXXX", self->path);
    if (mkdtemp(self->temporary))
        return ERR_OK;
    self->temporary[0] = '\0';
    return err_set(err, file_code_of(errno), "create %s: %s", self->path, strerror(errno));
}

/* All of it reaches the disk before it gets its name. */
static err_code_t s_sync_all(const char *path, err_t *err)
{
    int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    err_code_t code = ERR_OK;
    if (fd < 0 || syncfs(fd) != 0)
        code = err_set(err, file_code_of(errno), "sync %s: %s", path, strerror(errno));
    if (fd >= 0)
        close(fd);
    return code;
}

err_code_t build_dir_place(build_dir_t *self, const char *text, size_t size, const statedir_run_t *run,
                           err_t *err)
{
    char path[STATEDIR_PATH_MAX + 32], digest[17];
    topology_t *topology = NULL;
    statedir_run_t whole = *run;
    if (!whole.changes[0])
        statedir_find_changes(text, size, &whole);
    err_code_t code = topology_parse(LAUNCH_TOPOLOGY_FILE, text, size, NULL, 0, &topology, err);
    if (!code) {
        topology_digest(topology, digest);
        code = statedir_mark(self->temporary, topology->job.name, digest, &whole, err);
    }
    topology_destroy(&topology);
    snprintf(path, sizeof path, "%s/" LAUNCH_TOPOLOGY_FILE, self->temporary);
    if (!code)
        code = file_write(path, text, size, err);
    if (!code)
        code = s_sync_all(self->temporary, err);
    if (!code)
        code = file_swap(self->temporary, self->path, err);
    return code ? code : file_remove_tree(self->temporary, err);
}

void build_dir_fini(build_dir_t *self)
{
    if (self->temporary[0] && file_remove_tree(self->temporary, NULL))
        self->temporary[0] = '\0';
}

err_code_t build_take(catalog_t **catalog_p, statedir_t **ret_state, err_t *err)
{
    char digest[17], dir[STATEDIR_PATH_MAX];
    const catalog_t *catalog = *catalog_p;
    snprintf(dir, sizeof dir, "%s", catalog->dir);
    topology_digest(catalog->topology, digest);
    err_code_t code = s_check_idle(dir, err);
    if (!code)
        code = statedir_open(dir, catalog->topology->job.name, digest, ret_state, err);
    catalog_destroy(catalog_p);
    return code ? code : catalog_open(dir, false, catalog_p, err);
}
