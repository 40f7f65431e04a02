#include "deploy/state/catalog.h"

#include "actors/model/model.h"
#include "actors/shard/shard_core.h"
#include "codec/base/quote.h"
#include "deploy/state/catalog_archive.h"
#include "deploy/state/holders.h"
#include "store/kv_child.h"
#include "store/snapshot_view.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define ENVELOPE_LENGTH_BYTES 8

err_code_t catalog_decode(const buf_t *state, message_t **ret_state, err_t *err)
{
    return shard_core_decode(state, ret_state, err);
}

buf_t *catalog_encode(const message_t *state)
{
    size_t envelope_bytes;
    buf_t *packed = message_pack(state, &envelope_bytes);
    buf_t *out = packed ? buf_new(ENVELOPE_LENGTH_BYTES + buf_size(packed)) : NULL;
    if (out) {
        unsigned char *bytes = buf_data(out);
        for (size_t i = 0; i < ENVELOPE_LENGTH_BYTES; i++)
            bytes[i] = (unsigned char)((uint64_t)envelope_bytes >> (8 * i));
        memcpy(bytes + ENVELOPE_LENGTH_BYTES, buf_peek(packed), buf_size(packed));
    }
    buf_destroy(&packed);
    return out;
}

/* ---- Stores and what is in them ---- */

uint64_t catalog_batches(const message_t *state)
{
    const wire_ranges_t *ranges = &state->shard_state.applied;
    uint64_t count = 0;
    for (size_t i = 0; i < ranges->count; i++)
        count += ranges->items[i].end - ranges->items[i].first;
    return count;
}

static err_code_t s_read_state(kv_t *kv, const manifest_t *manifest, message_t **ret_state, err_t *err)
{
    size_t i = 0;
    while (i < manifest->count && strcmp(manifest->values[i].name, "state") != 0)
        i++;
    if (i == manifest->count)
        return err_set(err, ERR_MALFORMED, "snapshot %" PRIu64 " has no state", manifest->id.number);
    buf_t *bytes = NULL;
    err_code_t code = manifest_load_value(kv, &manifest->values[i], &bytes, err);
    if (!code)
        code = catalog_decode(bytes, ret_state, err);
    buf_destroy(&bytes);
    return code ? err_prefix(err, code, "snapshot %" PRIu64, manifest->id.number) : ERR_OK;
}

bool catalog_is_own(const catalog_t *self, const store_place_t *place, const catalog_snapshot_t *snapshot,
                    err_t *why)
{
    const message_t *state = snapshot->state;
    uint64_t incarnation = snapshot->manifest.id.incarnation;
    if (run_id_differs(self->run, state->shard_state.run))
        run_id_refuse(why, "the snapshot", state->shard_state.run, self->run);
    else if (strcmp(state->shard_state.region, place->region) != 0 ||
             state->shard_state.shard != place->shard)
        err_set(why, ERR_JOB, "snapshot %" PRIu64 " is of shard %" PRIu64 " of region %s, not of this one",
                snapshot->number, state->shard_state.shard, state->shard_state.region);
    else if (self->layout && state->shard_state.layout != self->layout)
        err_set(why, ERR_JOB, "snapshot %" PRIu64 " is of another model than %s", snapshot->number,
                self->topology->job.model.name);
    else if (incarnation != place->incarnation)
        err_set(why, ERR_JOB, "snapshot %" PRIu64 " is of incarnation %016" PRIx64 ", not of this one",
                snapshot->number, incarnation);
    else
        return true;
    return false;
}

static void s_read_snapshot(const catalog_t *self, const store_place_t *place, kv_t *kv,
                            catalog_snapshot_t *snapshot)
{
    err_t why = {.code = ERR_OK};
    err_code_t code = manifest_load(kv, snapshot->number, &snapshot->manifest, &why);
    for (size_t i = 0; !code && i < snapshot->manifest.count; i++)
        snapshot->size_bytes += snapshot->manifest.values[i].size_bytes;
    if (!code)
        code = s_read_state(kv, &snapshot->manifest, &snapshot->state, &why);
    snapshot->readable = !code && catalog_is_own(self, place, snapshot, &why);
    if (!code)
        snapshot->batches = catalog_batches(snapshot->state);
    if (!snapshot->readable)
        snprintf(snapshot->why, sizeof snapshot->why, "%.250s", why.text);
}

static int s_by_number(const void *a, const void *b)
{
    const catalog_snapshot_t *left = a, *right = b;
    return (left->number > right->number) - (left->number < right->number);
}

static err_code_t s_read_snapshots(const catalog_t *self, catalog_store_t *store, err_t *err)
{
    kv_keys_t keys = {0};
    err_code_t code = kv_keys(store->kv, MANIFEST_PREFIX, &keys, err);
    store->snapshots = code ? NULL : calloc(keys.count + 1, sizeof *store->snapshots);
    CHECK(code || store->snapshots);
    for (size_t i = 0; i < keys.count && !code; i++) {
        uint64_t number;
        if (!manifest_parse_key(keys.items[i].key, &number) || !number)
            continue;
        catalog_snapshot_t *snapshot = &store->snapshots[store->count++];
        snapshot->number = number;
        s_read_snapshot(self, &store->place, store->kv, snapshot);
    }
    kv_keys_fini(&keys);
    if (store->count > 1)
        qsort(store->snapshots, store->count, sizeof *store->snapshots, s_by_number);
    return code;
}

/* The newest store of a shard is the one that may be written now. */
static bool s_is_newest(const stores_t *places, size_t index)
{
    const store_place_t *place = &places->items[index];
    return index + 1 == places->count || !stores_same_shard(place, place + 1);
}

/* A file of no bytes: beside a running job one that was begun just now; where nothing runs, what it held
 * is gone. */
static bool s_is_emptied(const catalog_store_t *store)
{
    char path[STATEDIR_PATH_MAX + 16];
    struct stat status;
    snprintf(path, sizeof path, "%s/data.mdb", store->path);
    return stat(path, &status) == 0 && status.st_size == 0;
}

static void s_open_store(const catalog_t *self, catalog_store_t *store)
{
    err_t why = {.code = ERR_OK};
    err_code_t code = kv_child_open(store->path, &store->kv, &why);
    bool emptied = code == ERR_NOT_FOUND && !self->live && s_is_emptied(store);
    /* removed by a running job just now: empty */
    store->readable = !code || (code == ERR_NOT_FOUND && !emptied);
    if (emptied)
        err_set(&why, ERR_MALFORMED, "its data.mdb has no bytes: what it held is lost");
    if (!store->readable)
        snprintf(store->why, sizeof store->why, "%.250s", why.text);
}

static void s_read_store(const catalog_t *self, catalog_store_t *store)
{
    err_t why = {.code = ERR_OK};
    if (store->place.kind == STORE_OTHER || !store->kv || !s_read_snapshots(self, store, &why))
        return;
    store->readable = false;
    snprintf(store->why, sizeof store->why, "%.250s", why.text);
}

/* First all are opened, then all are held, so that the moments are near each other. */
static void s_hold_newest(catalog_t *self, const stores_t *places)
{
    for (size_t i = 0; i < places->count; i++)
        if (places->items[i].kind != STORE_OTHER && s_is_newest(places, i))
            s_open_store(self, &self->stores[i]);
    for (size_t i = 0; i < places->count; i++) {
        err_t why = {.code = ERR_OK};
        if (!self->stores[i].kv || !kv_child_hold(self->stores[i].kv, &why))
            continue;
        self->stores[i].readable = false;
        snprintf(self->stores[i].why, sizeof self->stores[i].why, "%.250s", why.text);
    }
}

static err_code_t s_list(catalog_t *self, const stores_t *places, bool hold, err_t *err)
{
    self->stores = calloc(places->count + 1, sizeof *self->stores);
    CHECK(self->stores);
    self->count = places->count;
    err_code_t code = ERR_OK;
    for (size_t i = 0; i < places->count && !code; i++) {
        self->stores[i].place = places->items[i];
        code = stores_path(self->dir, &places->items[i], self->stores[i].path, err);
    }
    if (code)
        return code;
    if (hold)
        s_hold_newest(self, places);
    for (size_t i = 0; i < places->count; i++) {
        catalog_store_t *store = &self->stores[i];
        bool kept = store->kv;
        if (!kept && !store->why[0])
            s_open_store(self, store);
        s_read_store(self, store);
        if (!kept)
            kv_destroy(&store->kv);
    }
    return ERR_OK;
}

/* A topology that is lost or damaged has a remedy of its own. */
static err_code_t s_no_topology(const char *dir, err_code_t code, const err_t *why, err_t *err)
{
    char quoted[QUOTE_MAX];
    if (code != ERR_NOT_FOUND && code != ERR_CONFIG)
        return err_set(err, code, "%s", why->text);
    if (code == ERR_NOT_FOUND && !state_is_kept(dir))
        return err_set(err, ERR_USAGE, "%s is no state directory; give --state as for up", dir);
    return err_set(err, ERR_CONFIG,
                   "the " STATEDIR_TOPOLOGY_FILE
                   " of %s is %s; cloudless checkpoint repair --state %s --from DIR (or --archive FILE) "
                   "takes it from elsewhere",
                   dir, code == ERR_NOT_FOUND ? "lost" : "damaged", quote_word(dir, quoted));
}

static err_code_t s_read_topology(catalog_t *self, err_t *err)
{
    char path[STATEDIR_PATH_MAX + 32];
    err_t why = {.code = ERR_OK};
    snprintf(path, sizeof path, "%s/" STATEDIR_TOPOLOGY_FILE, self->dir);
    err_code_t code = topology_read(path, NULL, 0, &self->topology, &why);
    return code ? s_no_topology(self->dir, code, &why, err) : ERR_OK;
}

void catalog_note_layout(catalog_t *self)
{
    layout_t *layout = calloc(1, sizeof *layout);
    CHECK(layout);
    if (!model_layout_of(&self->topology->job.model, layout, NULL))
        self->layout = layout_digest(layout);
    free(layout);
}

err_code_t catalog_open(const char *dir, bool hold, catalog_t **ret_self, err_t *err)
{
    catalog_t *self = calloc(1, sizeof *self);
    CHECK(self);
    stores_t places = {0};
    statedir_run_t run;
    int length = snprintf(self->dir, sizeof self->dir, "%s", dir);
    while (length > 1 && length < (int)sizeof self->dir && self->dir[length - 1] == '/')
        self->dir[--length] = '\0';
    err_code_t code = length >= (int)sizeof self->dir
                          ? err_set(err, ERR_USAGE, "%s: the path is too long", dir)
                          : s_read_topology(self, err);
    if (!code) {
        catalog_note_layout(self);
        self->live = state_holder(self->dir) != 0;
        self->run = statedir_run(self->dir, &run, NULL) ? RUN_ID_NONE : run.id;
    }
    if (!code)
        code = stores_find(self->dir, &places, err);
    if (!code)
        code = s_list(self, &places, hold, err);
    stores_fini(&places);
    if (code)
        catalog_destroy(&self);
    else
        *ret_self = self;
    return code;
}

err_code_t catalog_open_any(const char *path, bool hold, catalog_t **ret_self, err_t *err)
{
    struct stat status;
    bool dir = stat(path, &status) == 0 && S_ISDIR(status.st_mode);
    return dir ? catalog_open(path, hold, ret_self, err) : catalog_open_archive(path, ret_self, err);
}

void catalog_destroy(catalog_t **self_p)
{
    catalog_t *self = *self_p;
    *self_p = NULL;
    if (!self)
        return;
    for (size_t i = 0; i < self->count; i++) {
        catalog_store_t *store = &self->stores[i];
        for (size_t k = 0; k < store->count; k++) {
            manifest_fini(&store->snapshots[k].manifest);
            message_destroy(&store->snapshots[k].state);
        }
        free(store->snapshots);
        kv_destroy(&store->kv);
    }
    free(self->stores);
    topology_destroy(&self->topology);
    free(self);
}

static err_code_t s_load_snapshot(catalog_store_t *store, uint64_t number, snapshot_t **ret_snapshot,
                                  err_t *err)
{
    kv_t *opened = NULL;
    snapshot_store_t *snapshots = NULL;
    err_code_t code = store->kv ? ERR_OK : kv_child_open(store->path, &opened, err);
    if (!code)
        code = snapshot_store_open(store->kv ? store->kv : opened, NULL, &snapshots, err);
    if (!code)
        code = snapshot_load(snapshots, number, ret_snapshot, err);
    snapshot_store_destroy(&snapshots);
    kv_destroy(&opened);
    return code;
}

err_code_t catalog_load(catalog_store_t *store, uint64_t number, snapshot_t **ret_snapshot, err_t *err)
{
    err_code_t code = store->archived ? catalog_archive_load(store, number, ret_snapshot, err)
                                      : s_load_snapshot(store, number, ret_snapshot, err);
    return code ? err_prefix(err, code, "%s", store->place.below) : ERR_OK;
}

bool catalog_is_gone(const catalog_t *self, const catalog_store_t *store)
{
    char path[STATEDIR_PATH_MAX + 16];
    snprintf(path, sizeof path, "%s/data.mdb", store->path);
    return self->live && access(path, F_OK) != 0;
}

void catalog_read_values(catalog_t *self)
{
    for (size_t i = 0; i < self->count; i++)
        for (size_t k = 0; k < self->stores[i].count; k++) {
            catalog_snapshot_t *snapshot = &self->stores[i].snapshots[k];
            snapshot_t *loaded = NULL;
            err_t why = {.code = ERR_OK};
            if (!snapshot->readable || !catalog_load(&self->stores[i], snapshot->number, &loaded, &why)) {
                snapshot_destroy(&loaded);
                continue;
            }
            snapshot->readable = false;
            snprintf(snapshot->why, sizeof snapshot->why, "%.250s", why.text);
        }
}
