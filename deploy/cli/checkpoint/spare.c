#include "deploy/cli/checkpoint/spare.h"

#include <stdlib.h>
#include <string.h>

static spare_t *s_add_spare(spares_t *self)
{
    spare_t *items = realloc(self->items, (self->count + 1) * sizeof *items);
    CHECK(items);
    self->items = items;
    items[self->count] = (spare_t){.store = NULL};
    return &items[self->count++];
}

/* Only what is whole is a spare: it is read now, and again when it is taken. An archive was read whole
 * when it was opened. */
static void s_add_store(spares_t *self, const catalog_t *catalog, catalog_store_t *store)
{
    for (size_t i = 0; i < store->count; i++) {
        const catalog_snapshot_t *snapshot = &store->snapshots[i];
        snapshot_t *loaded = NULL;
        if (!snapshot->readable || (!store->archived && catalog_load(store, snapshot->number, &loaded, NULL)))
            continue;
        snapshot_destroy(&loaded);
        spare_t *spare = s_add_spare(self);
        snprintf(spare->region, sizeof spare->region, "%s", store->place.region);
        snprintf(spare->from, sizeof spare->from, "%s%s%s", catalog->dir, catalog->is_archive ? "" : "/",
                 catalog->is_archive ? "" : store->place.below);
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

static err_code_t s_check_job(const catalog_t *theirs, const catalog_t *ours, err_t *err)
{
    char a[17], b[17];
    topology_digest(theirs->topology, a);
    topology_digest(ours->topology, b);
    if (strcmp(a, b) != 0 || strcmp(theirs->topology->job.name, ours->topology->job.name) != 0)
        return err_set(err, ERR_JOB, "%s is of job %s, or of other settings; nothing of it fits here",
                       theirs->dir, theirs->topology->job.name);
    return run_id_differs(theirs->run, ours->run) ? run_id_refuse(err, theirs->dir, theirs->run, ours->run)
                                                  : ERR_OK;
}

static err_code_t s_add_all(spares_t *self, catalog_t *other, const catalog_t *ours, err_t *err)
{
    err_code_t code = s_check_job(other, ours, err);
    for (size_t i = 0; !code && i < other->count; i++)
        if (other->stores[i].place.kind != STORE_OTHER)
            s_add_store(self, other, &other->stores[i]);
    return code;
}

err_code_t spares_add_dir(spares_t *self, const char *dir, const catalog_t *ours, err_t *err)
{
    err_code_t code = catalog_open(dir, false, &self->others[0], err);
    return code ? code : s_add_all(self, self->others[0], ours, err);
}

err_code_t spares_add_archive(spares_t *self, const char *path, const catalog_t *ours, err_t *err)
{
    err_code_t code = catalog_open_archive(path, &self->others[1], err);
    return code ? code : s_add_all(self, self->others[1], ours, err);
}

/* ---- All ---- */

static int s_compare_spares(const void *a, const void *b)
{
    const spare_t *left = a, *right = b;
    return incarnation_compare(left->id.incarnation, left->id.number, right->id.incarnation,
                               right->id.number);
}

void spares_sort(spares_t *self)
{
    if (self->count > 1)
        qsort(self->items, self->count, sizeof *self->items, s_compare_spares);
}

void spares_fini(spares_t *self)
{
    free(self->items);
    catalog_destroy(&self->others[0]);
    catalog_destroy(&self->others[1]);
    *self = (spares_t){0};
}

bool spare_belongs(const spare_t *self, const store_place_t *place)
{
    return self->shard == place->shard && !strcmp(self->region, place->region) &&
           self->id.incarnation == place->incarnation;
}

err_code_t spare_load(const spare_t *self, snapshot_t **ret_snapshot, err_t *err)
{
    return catalog_load(self->store, self->id.number, ret_snapshot, err);
}
