#include "deploy/cli/checkpoint/catalog.h"

#include "deploy/launch/launch.h"
#include "store/kv_child.h"
#include "store/snapshot_view.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#define ENVELOPE_LENGTH_BYTES 8

err_code_t catalog_decode(const buf_t *state, message_t **ret_state, err_t *err)
{
    size_t size = buf_size(state);
    const unsigned char *bytes = buf_peek(state);
    uint64_t envelope_bytes = 0;
    for (size_t i = 0; i < ENVELOPE_LENGTH_BYTES && size >= ENVELOPE_LENGTH_BYTES; i++)
        envelope_bytes |= (uint64_t)bytes[i] << (8 * i);
    if (size < ENVELOPE_LENGTH_BYTES || envelope_bytes > size - ENVELOPE_LENGTH_BYTES)
        return err_set(err, ERR_MALFORMED, "the state is cut off");
    const unsigned char *envelope = bytes + ENVELOPE_LENGTH_BYTES;
    err_code_t code = message_unpack(envelope, envelope_bytes, envelope + envelope_bytes,
                                     size - ENVELOPE_LENGTH_BYTES - envelope_bytes, NULL, ret_state, err);
    if (!code && (*ret_state)->kind != KIND_shard_state) {
        message_destroy(ret_state);
        code = err_set(err, ERR_MALFORMED, "the state is another message");
    }
    return code;
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

static uint64_t s_count(const wire_ranges_t *ranges)
{
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

static void s_read_snapshot(kv_t *kv, catalog_snapshot_t *snapshot)
{
    err_t why = {.code = ERR_OK};
    err_code_t code = manifest_load(kv, snapshot->number, &snapshot->manifest, &why);
    for (size_t i = 0; !code && i < snapshot->manifest.count; i++)
        snapshot->size_bytes += snapshot->manifest.values[i].size_bytes;
    if (!code)
        code = s_read_state(kv, &snapshot->manifest, &snapshot->state, &why);
    snapshot->readable = !code;
    if (code)
        snprintf(snapshot->why, sizeof snapshot->why, "%.250s", why.text);
    else
        snapshot->batches = s_count(&snapshot->state->shard_state.applied);
}

static int s_by_number(const void *a, const void *b)
{
    const catalog_snapshot_t *left = a, *right = b;
    return (left->number > right->number) - (left->number < right->number);
}

static err_code_t s_read_snapshots(catalog_store_t *store, err_t *err)
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
        s_read_snapshot(store->kv, snapshot);
    }
    kv_keys_fini(&keys);
    if (store->count > 1)
        qsort(store->snapshots, store->count, sizeof *store->snapshots, s_by_number);
    return code;
}

/* The newest store of a shard is the one that may be written now. */
static bool s_is_newest(const stores_t *places, size_t index)
{
    const store_place_t *place = &places->items[index], *next = place + 1;
    return index + 1 == places->count || next->kind != place->kind || next->shard != place->shard ||
           strcmp(next->region, place->region) != 0;
}

static void s_open_store(catalog_store_t *store)
{
    err_t why = {.code = ERR_OK};
    err_code_t code = kv_child_open(store->path, &store->kv, &why);
    store->readable = !code || code == ERR_NOT_FOUND; /* begun or removed by a running job just now: empty */
    if (!store->readable)
        snprintf(store->why, sizeof store->why, "%.250s", why.text);
}

static void s_read_store(catalog_store_t *store)
{
    err_t why = {.code = ERR_OK};
    if (!store->kv || !s_read_snapshots(store, &why))
        return;
    store->readable = false;
    snprintf(store->why, sizeof store->why, "%.250s", why.text);
}

/* First all are opened, then all are held, so that the moments are near each other. */
static void s_hold_newest(catalog_t *self, const stores_t *places)
{
    for (size_t i = 0; i < places->count; i++)
        if (places->items[i].kind != STORE_OTHER && s_is_newest(places, i))
            s_open_store(&self->stores[i]);
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
            s_open_store(store);
        s_read_store(store);
        if (!kept)
            kv_destroy(&store->kv);
    }
    return ERR_OK;
}

static err_code_t s_read_topology(catalog_t *self, err_t *err)
{
    char path[STATEDIR_PATH_MAX + 32];
    snprintf(path, sizeof path, "%s/" LAUNCH_TOPOLOGY_FILE, self->dir);
    err_code_t code = topology_read(path, NULL, 0, &self->topology, err);
    if (code == ERR_NOT_FOUND)
        return err_set(err, ERR_USAGE, "%s is no state directory; give --state as for up", self->dir);
    return code;
}

err_code_t catalog_open(const char *dir, bool hold, catalog_t **ret_self, err_t *err)
{
    catalog_t *self = calloc(1, sizeof *self);
    CHECK(self);
    stores_t places = {0};
    int length = snprintf(self->dir, sizeof self->dir, "%s", dir);
    while (length > 1 && length < (int)sizeof self->dir && self->dir[length - 1] == '/')
        self->dir[--length] = '\0';
    err_code_t code = length >= (int)sizeof self->dir
                          ? err_set(err, ERR_USAGE, "%s: the path is too long", dir)
                          : s_read_topology(self, err);
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

err_code_t catalog_load(catalog_store_t *store, uint64_t number, snapshot_t **ret_snapshot, err_t *err)
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
    return code ? err_prefix(err, code, "%s", store->place.below) : ERR_OK;
}
