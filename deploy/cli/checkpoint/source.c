#include "deploy/cli/checkpoint/source.h"

#include "deploy/launch/launch.h"
#include "store/archive.h"

#include <inttypes.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

struct source {
    char path[PATH_MAX];
    choice_t choice;
    catalog_t *catalog;   /* NULL: it is an archive */
    topology_t *topology; /* of the archive */
};

/* ---- Archives ---- */

typedef struct {
    const source_t *source;
    const char *region;
    uint32_t shard;
    snapshot_t *found;
    topology_t *topology;
} search_t;

static bool s_wants(void *hint, const char *region, uint32_t shard, const manifest_t *manifest)
{
    const search_t *self = hint;
    return self->region && !strcmp(region, self->region) && shard == self->shard &&
           choice_fits(&self->source->choice, &manifest->id);
}

/* The visitor's snapshot is given back after the call: its buffers are shared. */
static err_code_t s_take(void *hint, const char *region, uint32_t shard, const snapshot_t *snapshot,
                         err_t *err)
{
    search_t *self = hint;
    (void)region;
    (void)shard;
    snapshot_destroy(&self->found);
    self->found = snapshot_new(&snapshot->id);
    err_code_t code = self->found ? ERR_OK : err_set(err, ERR_MEMORY, "no memory for a snapshot");
    for (size_t i = 0; i < snapshot->count && !code; i++) {
        buf_t *buf = buf_ref(snapshot->values[i].buf);
        code = snapshot_add(self->found, snapshot->values[i].name, &buf, err);
    }
    return code;
}

static err_code_t s_file(void *hint, const char *name, const void *data, size_t size, err_t *err)
{
    search_t *self = hint;
    if (strcmp(name, LAUNCH_TOPOLOGY_FILE) != 0 || self->topology)
        return ERR_OK;
    return topology_parse(name, data, size, NULL, 0, &self->topology, err);
}

static err_code_t s_search(const source_t *source, search_t *search, err_t *err)
{
    archive_visitor_t visitor = {.hint = search, .wants = s_wants, .snapshot = s_take, .file = s_file};
    search->source = source;
    return archive_read(source->path, &visitor, err);
}

static err_code_t s_open_archive(source_t *self, err_t *err)
{
    search_t search = {.region = NULL};
    err_code_t code = s_search(self, &search, err);
    self->topology = search.topology;
    if (code == ERR_NOT_FOUND)
        code =
            err_set(err, ERR_USAGE, "%s: there is nothing; name a state directory or an archive", self->path);
    if (!code && !self->topology)
        code = err_set(err, ERR_MALFORMED, "%s: has no topology; it was not written by checkpoint export",
                       self->path);
    return code;
}

/* ---- Either ---- */

err_code_t source_open(const char *path, const choice_t *choice, source_t **ret_self, err_t *err)
{
    struct stat status;
    source_t *self = calloc(1, sizeof *self);
    CHECK(self);
    self->choice = *choice;
    snprintf(self->path, sizeof self->path, "%s", path);
    bool dir = stat(path, &status) == 0 && S_ISDIR(status.st_mode);
    err_code_t code = dir ? catalog_open(path, true, &self->catalog, err) : s_open_archive(self, err);
    if (code)
        source_destroy(&self);
    else
        *ret_self = self;
    return code;
}

void source_destroy(source_t **self_p)
{
    source_t *self = *self_p;
    *self_p = NULL;
    if (!self)
        return;
    catalog_destroy(&self->catalog);
    topology_destroy(&self->topology);
    free(self);
}

const topology_t *source_topology(const source_t *self)
{
    return self->catalog ? self->catalog->topology : self->topology;
}

err_code_t source_load(source_t *self, size_t region_index, uint32_t shard, snapshot_t **ret_snapshot,
                       err_t *err)
{
    pick_t pick;
    search_t search = {.region = source_topology(self)->regions[region_index].name, .shard = shard};
    err_code_t code = self->catalog
                          ? catalog_pick(self->catalog, region_index, shard, &self->choice, &pick, err)
                          : s_search(self, &search, err);
    topology_destroy(&search.topology);
    if (code) {
        snapshot_destroy(&search.found);
        return self->catalog ? err_prefix(err, code, "%s", self->path) : code;
    }
    if (self->catalog)
        return catalog_load(pick.store, pick.snapshot->number, ret_snapshot, err);
    if (!search.found)
        return err_set(err, ERR_NOT_FOUND, "%s: has no such snapshot of shard %" PRIu32 " of region %s",
                       self->path, shard, search.region);
    *ret_snapshot = search.found;
    return ERR_OK;
}

err_code_t source_place(const snapshot_t *snapshot, const topology_t *topology, uint32_t shard,
                        parameters_t *parameters, err_t *err)
{
    size_t first, end;
    const buf_t *buf = snapshot_peek(snapshot, "parameters");
    layout_shard(&parameters->layout, topology->regions[0].shards, shard, &first, &end);
    size_t size = (end - first) * sizeof *parameters->values;
    if (!buf || buf_size(buf) != size)
        return err_set(err, ERR_SHAPE, "has %zu bytes of parameters, the model needs %zu",
                       buf ? buf_size(buf) : 0, size);
    memcpy(parameters->values + first, buf_peek(buf), size);
    return ERR_OK;
}

err_code_t source_parameters(source_t *self, size_t region_index, parameters_t **ret_parameters, err_t *err)
{
    const topology_t *topology = source_topology(self);
    parameters_t *parameters = NULL;
    err_code_t code = parameters_new(topology->job.model, &parameters, err);
    for (uint32_t k = 0; !code && k < topology->regions[region_index].shards; k++) {
        snapshot_t *snapshot = NULL;
        code = source_load(self, region_index, k, &snapshot, err);
        if (!code)
            code = source_place(snapshot, topology, k, parameters, err);
        snapshot_destroy(&snapshot);
    }
    if (code)
        parameters_destroy(&parameters);
    else
        *ret_parameters = parameters;
    return code;
}
