#include "deploy/state/catalog_archive.h"

#include "store/archive.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

/* ---- What an archive holds ---- */

static void s_copy_manifest(const manifest_t *from, manifest_t *to)
{
    *to = *from;
    to->values = calloc(from->count + 1, sizeof *to->values);
    CHECK(to->values);
    memcpy(to->values, from->values, from->count * sizeof *to->values);
}

/* A store of its own for each snapshot; its state comes next. */
static bool s_note(void *hint, const char *region, uint32_t shard, const manifest_t *manifest)
{
    catalog_t *self = hint;
    catalog_store_t *stores = realloc(self->stores, (self->count + 1) * sizeof *stores);
    CHECK(stores);
    self->stores = stores;
    catalog_store_t *store = &stores[self->count++];
    *store = (catalog_store_t){.archived = true, .readable = true, .count = 1};
    store->place = stores_place(STORE_SHARD, region, shard, manifest->id.incarnation);
    snprintf(store->path, sizeof store->path, "%s", self->dir);
    store->snapshots = calloc(1, sizeof *store->snapshots);
    CHECK(store->snapshots);
    store->snapshots->number = manifest->id.number;
    s_copy_manifest(manifest, &store->snapshots->manifest);
    for (size_t i = 0; i < manifest->count; i++)
        store->snapshots->size_bytes += manifest->values[i].size_bytes;
    return true;
}

static err_code_t s_take_state(void *hint, const char *region, uint32_t shard, const snapshot_t *snapshot,
                               err_t *err)
{
    catalog_t *self = hint;
    catalog_snapshot_t *row = self->stores[self->count - 1].snapshots;
    buf_t *bytes = snapshot_peek(snapshot, "state");
    err_code_t code =
        bytes ? catalog_decode(bytes, &row->state, err) : err_set(err, ERR_MALFORMED, "there is no state");
    if (code)
        return err_prefix(err, code, "%s/shard-%" PRIu32, region, shard);
    row->batches = catalog_batches(row->state);
    row->readable = true;
    return ERR_OK;
}

static err_code_t s_topology(void *hint, const char *name, const void *data, size_t size, err_t *err)
{
    catalog_t *self = hint;
    if (strcmp(name, STATEDIR_TOPOLOGY_FILE) != 0 || self->topology)
        return ERR_OK;
    return topology_parse(name, data, size, NULL, 0, &self->topology, err);
}

/* An archive that was written here has everything where it says; an archive that was put together by hand
 * may not. */
static err_code_t s_check_own(catalog_t *self, err_t *err)
{
    for (size_t i = 0; i < self->count; i++) {
        err_t why = {.code = ERR_OK};
        const catalog_store_t *store = &self->stores[i];
        if (self->run == RUN_ID_NONE)
            self->run = store->snapshots->state->shard_state.run;
        if (!catalog_is_own(self, &store->place, store->snapshots, &why))
            return err_set(err, ERR_JOB, "archive %s: %s: %s", self->dir, store->place.below, why.text);
    }
    return ERR_OK;
}

err_code_t catalog_open_archive(const char *path, catalog_t **ret_self, err_t *err)
{
    catalog_t *self = calloc(1, sizeof *self);
    CHECK(self);
    self->is_archive = true;
    snprintf(self->dir, sizeof self->dir, "%s", path);
    archive_visitor_t visitor = {.hint = self, .wants = s_note, .snapshot = s_take_state, .file = s_topology};
    err_code_t code = archive_read(path, &visitor, err);
    if (code == ERR_NOT_FOUND)
        code = err_set(err, ERR_USAGE, "%s: there is nothing; name a state directory or an archive", path);
    if (!code && !self->topology)
        code =
            err_set(err, ERR_MALFORMED, "%s has no topology; it was not written by checkpoint export", path);
    if (!code) {
        catalog_note_layout(self);
        code = s_check_own(self, err);
    }
    if (code)
        catalog_destroy(&self);
    else
        *ret_self = self;
    return code;
}

/* ---- One of its snapshots ---- */

typedef struct {
    const catalog_store_t *store;
    uint64_t number;
    snapshot_t *found;
} search_t;

static bool s_wants(void *hint, const char *region, uint32_t shard, const manifest_t *manifest)
{
    const search_t *self = hint;
    const store_place_t *place = &self->store->place;
    return !strcmp(region, place->region) && shard == place->shard && manifest->id.number == self->number &&
           manifest->id.incarnation == place->incarnation;
}

/* The visitor's snapshot is given back after the call: its buffers are shared. */
static err_code_t s_take_snapshot(void *hint, const char *region, uint32_t shard, const snapshot_t *snapshot,
                                  err_t *err)
{
    search_t *self = hint;
    (void)region;
    (void)shard;
    snapshot_destroy(&self->found);
    self->found = snapshot_share(snapshot, NULL, NULL);
    return self->found ? ERR_OK : err_set(err, ERR_MEMORY, "no memory for a snapshot");
}

err_code_t catalog_archive_load(const catalog_store_t *store, uint64_t number, snapshot_t **ret_snapshot,
                                err_t *err)
{
    search_t search = {.store = store, .number = number};
    archive_visitor_t visitor = {.hint = &search, .wants = s_wants, .snapshot = s_take_snapshot};
    err_code_t code = archive_read(store->path, &visitor, err);
    if (!code && !search.found)
        code = err_set(err, ERR_NOT_FOUND, "archive %s has no such snapshot", store->path);
    if (code)
        snapshot_destroy(&search.found);
    else
        *ret_snapshot = search.found;
    return code;
}
