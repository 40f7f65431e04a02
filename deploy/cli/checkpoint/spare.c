#include "deploy/cli/checkpoint/spare.h"

#include "store/archive.h"

#include <stdlib.h>
#include <string.h>

static spare_t *s_add(spares_t *self)
{
    spare_t *items = realloc(self->items, (self->count + 1) * sizeof *items);
    CHECK(items);
    self->items = items;
    items[self->count] = (spare_t){.store = NULL};
    return &items[self->count++];
}

/* Only what is whole is a spare: it is read now, and again when it is taken. */
static void s_add_store(spares_t *self, const catalog_t *catalog, catalog_store_t *store)
{
    for (size_t i = 0; i < store->count; i++) {
        const catalog_snapshot_t *snapshot = &store->snapshots[i];
        snapshot_t *loaded = NULL;
        if (!snapshot->readable || catalog_load(store, snapshot->number, &loaded, NULL))
            continue;
        snapshot_destroy(&loaded);
        spare_t *spare = s_add(self);
        snprintf(spare->region, sizeof spare->region, "%s", store->place.region);
        snprintf(spare->from, sizeof spare->from, "%s/%s", catalog->dir, store->place.below);
        spare->shard = store->place.shard;
        spare->id = snapshot->manifest.id;
        spare->size_bytes = snapshot->size_bytes;
        spare->store = store;
    }
}

void spares_add_kept(spares_t *self, const catalog_t *catalog)
{
    for (size_t i = 0; i < catalog->count; i++)
        if (catalog->stores[i].place.kind == STORE_KEPT)
            s_add_store(self, catalog, &catalog->stores[i]);
}

static err_code_t s_check_job(const char *path, const topology_t *theirs, const topology_t *ours, err_t *err)
{
    char a[17], b[17];
    topology_digest(theirs, a);
    topology_digest(ours, b);
    if (!strcmp(a, b) && !strcmp(theirs->job.name, ours->job.name))
        return ERR_OK;
    return err_set(err, ERR_JOB, "%s is of job %s, or of other settings; nothing of it fits here", path,
                   theirs->job.name);
}

err_code_t spares_add_dir(spares_t *self, const char *dir, const topology_t *topology, err_t *err)
{
    err_code_t code = catalog_open(dir, false, &self->other, err);
    if (!code)
        code = s_check_job(dir, self->other->topology, topology, err);
    for (size_t i = 0; !code && i < self->other->count; i++)
        if (self->other->stores[i].place.kind != STORE_OTHER)
            s_add_store(self, self->other, &self->other->stores[i]);
    return code;
}

/* ---- Archives ---- */

typedef struct {
    spares_t *spares;
    const topology_t *topology;
    const char *path;
} listing_t;

/* Notes what there is; nothing is wanted of it yet. */
static bool s_list(void *hint, const char *region, uint32_t shard, const manifest_t *manifest)
{
    listing_t *self = hint;
    size_t index = topology_region_index(self->topology, region);
    if (index == SIZE_MAX)
        return false;
    spare_t *spare = s_add(self->spares);
    snprintf(spare->region, sizeof spare->region, "%s", region);
    snprintf(spare->from, sizeof spare->from, "%s", self->path);
    spare->shard = shard;
    spare->id = manifest->id;
    for (size_t i = 0; i < manifest->count; i++)
        spare->size_bytes += manifest->values[i].size_bytes;
    spare->archive = self->spares->archive;
    spare->region_index = index;
    return false;
}

err_code_t spares_add_archive(spares_t *self, const char *path, const topology_t *topology, err_t *err)
{
    choice_t any = {.tag = NULL};
    err_code_t code = source_open(path, &any, &self->archive, err);
    if (!code)
        code = s_check_job(path, source_topology(self->archive), topology, err);
    listing_t listing = {.spares = self, .topology = topology, .path = path};
    archive_visitor_t visitor = {.hint = &listing, .wants = s_list};
    return code ? code : archive_read(path, &visitor, err);
}

/* ---- All ---- */

static int s_compare(const void *a, const void *b)
{
    const spare_t *left = a, *right = b;
    int order =
        (left->id.incarnation > right->id.incarnation) - (left->id.incarnation < right->id.incarnation);
    return order ? order : (left->id.number > right->id.number) - (left->id.number < right->id.number);
}

void spares_sort(spares_t *self)
{
    if (self->count > 1)
        qsort(self->items, self->count, sizeof *self->items, s_compare);
}

void spares_fini(spares_t *self)
{
    free(self->items);
    catalog_destroy(&self->other);
    source_destroy(&self->archive);
    *self = (spares_t){0};
}

bool spare_belongs(const spare_t *self, const store_place_t *place)
{
    return self->shard == place->shard && !strcmp(self->region, place->region) &&
           self->id.incarnation == place->incarnation;
}

err_code_t spare_load(const spare_t *self, snapshot_t **ret_snapshot, err_t *err)
{
    return self->store ? catalog_load(self->store, self->id.number, ret_snapshot, err)
                       : source_load(self->archive, self->region_index, self->shard, ret_snapshot, err);
}
