#include "store/snapshot_store.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#define GONE_TRIES 8 /* a reader beside a writer looks so often again when what it read was removed */

/* Beside a writer in another process the list has to be read anew each time. */
static err_code_t s_refresh(snapshot_store_t *self, err_t *err)
{
    if (!kv_read_only(self->kv))
        return ERR_OK;
    snapshot_view_t view = {0};
    err_code_t code = snapshot_view_read(self->kv, &view, err);
    if (code)
        return code;
    snapshot_view_fini(&self->view);
    self->view = view;
    snapshot_store_note_view(self);
    return ERR_OK;
}

static err_code_t s_load_values(snapshot_store_t *self, manifest_t *manifest, snapshot_t *snapshot,
                                err_t *err)
{
    err_code_t code = ERR_OK;
    for (size_t i = 0; i < manifest->count && !code; i++) {
        buf_t *bytes = NULL;
        code = manifest_load_value(self->kv, &manifest->values[i], &bytes, err);
        if (!code) {
            manifest->values[i].buf_id = buf_id(bytes);
            code = snapshot_add(snapshot, manifest->values[i].name, &bytes, err);
        }
    }
    return code ? err_prefix(err, code, "snapshot %" PRIu64, manifest->id.number) : ERR_OK;
}

static err_code_t s_load(snapshot_store_t *self, uint64_t number, snapshot_t **ret_snapshot, err_t *err)
{
    manifest_t again = {0};
    manifest_t *manifest = snapshot_view_find(&self->view, number);
    err_code_t code = ERR_OK;
    if (!manifest) { /* for the reason why it is not in the list */
        code = manifest_load(self->kv, number, &again, err);
        manifest = &again;
    }
    snapshot_t *snapshot = code ? NULL : snapshot_new(&manifest->id);
    if (!code && !snapshot)
        code = err_set(err, ERR_MEMORY, "snapshot %" PRIu64 ": no memory", number);
    if (!code)
        code = s_load_values(self, manifest, snapshot, err);
    manifest_fini(&again);
    if (code)
        snapshot_destroy(&snapshot);
    else
        *ret_snapshot = snapshot;
    return code;
}

/* Returns whether the writing process has removed a snapshot while it was read here. */
static bool s_gone(snapshot_store_t *self, uint64_t number)
{
    manifest_t manifest = {0};
    if (!kv_read_only(self->kv))
        return false;
    err_code_t code = manifest_load(self->kv, number, &manifest, NULL);
    manifest_fini(&manifest);
    return code == ERR_NOT_FOUND;
}

static err_code_t s_load_number(snapshot_store_t *self, uint64_t number, snapshot_t **ret_snapshot,
                                err_t *err)
{
    err_code_t code = ERR_NOT_FOUND;
    for (int i = 0; i < GONE_TRIES; i++) {
        code = s_refresh(self, err);
        if (code)
            return code;
        uint64_t which = number == SNAPSHOT_NEWEST ? snapshot_view_last(&self->view) : number;
        if (which == 0)
            return err_set(err, ERR_NOT_FOUND, "there is no snapshot");
        code = s_load(self, which, ret_snapshot, err);
        if (!code || !snapshot_view_is_damage(code) || !s_gone(self, which))
            break;
        code = err_set(err, ERR_NOT_FOUND, "snapshot %" PRIu64 ": not stored any more", which);
        if (number != SNAPSHOT_NEWEST)
            break;
    }
    return code;
}

err_code_t snapshot_load(snapshot_store_t *self, uint64_t number, snapshot_t **ret_snapshot, err_t *err)
{
    pthread_mutex_lock(&self->lock);
    err_code_t code = s_load_number(self, number, ret_snapshot, err);
    pthread_mutex_unlock(&self->lock);
    return code;
}

static err_code_t s_load_value(snapshot_store_t *self, uint64_t number, const char *name, buf_t **ret_buf,
                               err_t *err)
{
    manifest_t manifest = {0};
    err_code_t code = manifest_load(self->kv, number, &manifest, err);
    if (code)
        return code;
    size_t i = 0;
    while (i < manifest.count && strcmp(manifest.values[i].name, name) != 0)
        i++;
    code = i < manifest.count ? manifest_load_value(self->kv, &manifest.values[i], ret_buf, err)
                              : err_set(err, ERR_NOT_FOUND, "snapshot %" PRIu64 " has no %s", number, name);
    manifest_fini(&manifest);
    return code;
}

err_code_t snapshot_load_value(snapshot_store_t *self, uint64_t number, const char *name, buf_t **ret_buf,
                               err_t *err)
{
    pthread_mutex_lock(&self->lock);
    err_code_t code = s_load_value(self, number, name, ret_buf, err);
    pthread_mutex_unlock(&self->lock);
    return code;
}

/* One pass from the newest to the oldest. *ret_again: something was removed meanwhile, the list is out of
 * date. */
static err_code_t s_load_pass(snapshot_store_t *self, snapshot_skipped_fn *skipped, void *hint,
                              snapshot_t **ret_snapshot, bool *ret_again, err_t *err)
{
    err_code_t code = err_set(err, ERR_NOT_FOUND, "there is no snapshot");
    uint64_t number = snapshot_view_last(&self->view);
    *ret_again = false;
    for (; number > 0; number = snapshot_view_before(&self->view, number)) {
        err_t why = {.code = ERR_OK};
        code = s_load(self, number, ret_snapshot, &why);
        if (!code)
            return ERR_OK;
        if (!snapshot_view_is_damage(code))
            return err_set(err, code, "%s", why.text);
        if (s_gone(self, number)) {
            *ret_again = true;
            return err_set(err, ERR_NOT_FOUND, "snapshot %" PRIu64 ": not stored any more", number);
        }
        if (skipped)
            skipped(hint, number, &why);
        code = err_set(err, ERR_CHECKSUM, "no snapshot is whole; %.400s", why.text);
    }
    return code;
}

err_code_t snapshot_load_newest_good(snapshot_store_t *self, snapshot_skipped_fn *skipped, void *hint,
                                     snapshot_t **ret_snapshot, err_t *err)
{
    bool again = true;
    err_code_t code = ERR_OK;
    pthread_mutex_lock(&self->lock);
    for (int i = 0; i < GONE_TRIES && again && !code; i++) {
        code = s_refresh(self, err);
        if (code)
            break;
        code = s_load_pass(self, skipped, hint, ret_snapshot, &again, err);
        if (again && i + 1 < GONE_TRIES)
            code = ERR_OK;
    }
    pthread_mutex_unlock(&self->lock);
    return code;
}

static void s_list(const snapshot_store_t *self, snapshot_info_t *infos)
{
    for (size_t i = 0; i < self->view.good_count; i++) {
        const manifest_t *manifest = &self->view.good[i];
        infos[i] = (snapshot_info_t){.id = manifest->id, .values = manifest->count};
        for (size_t j = 0; j < manifest->count; j++)
            infos[i].size_bytes += manifest->values[j].size_bytes;
    }
}

err_code_t snapshot_list(snapshot_store_t *self, snapshot_info_t **ret_infos, size_t *ret_count, err_t *err)
{
    pthread_mutex_lock(&self->lock);
    err_code_t code = s_refresh(self, err);
    size_t count = self->view.good_count;
    snapshot_info_t *infos = !code && count ? calloc(count, sizeof *infos) : NULL;
    if (!code && count && !infos)
        code = err_set(err, ERR_MEMORY, "no memory for %zu snapshots", count);
    if (infos)
        s_list(self, infos);
    pthread_mutex_unlock(&self->lock);
    if (!code) {
        *ret_infos = infos;
        *ret_count = count;
    }
    return code;
}
