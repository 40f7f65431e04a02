#include "deploy/launch/parameters.h"

#include "actors/model/model.h"
#include "codec/tensor/safetensors.h"
#include "store/kv_lmdb.h"
#include "store/snapshot_patch.h"
#include "store/statedir.h"
#include "store/statedir_latest.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static err_code_t s_copy(const snapshot_t *snapshot, float *out, size_t count, err_t *err)
{
    buf_t *buf = NULL;
    err_code_t rc = snapshot_patch_read(snapshot, "parameters", &buf, err);
    if (!rc && (!buf || buf_size(buf) != count * sizeof *out))
        rc = err_set(err, ERR_SHAPE, "has %zu bytes of parameters, the model needs %zu",
                     buf ? buf_size(buf) : 0, count * sizeof *out);
    if (!rc)
        memcpy(out, buf_peek(buf), count * sizeof *out);
    buf_destroy(&buf);
    return rc;
}

/* The newest snapshot of one shard; one that is removed by its writer meanwhile has a newer successor. */
static err_code_t s_load_shard(const char *state_dir, const char *region, uint64_t shard, float *out,
                               size_t count, err_t *err)
{
    statedir_latest_t latest;
    err_code_t rc = statedir_shard_latest(state_dir, region, (uint32_t)shard, &latest, err);
    if (!rc && latest.skipped) /* older than the others' would be a mixture */
        rc = err_set(err, ERR_CHECKSUM, "the newest snapshot is damaged: %.300s", latest.why);
    if (rc)
        return rc;
    kv_lmdb_options_t options = {.read_only = true};
    kv_t *kv = NULL;
    snapshot_store_t *store = NULL;
    snapshot_t *snapshot = NULL;
    rc = kv_lmdb_open(latest.path, &options, &kv, err);
    if (!rc)
        rc = snapshot_store_open(kv, NULL, &store, err);
    if (!rc)
        rc = snapshot_load(store, SNAPSHOT_NEWEST, &snapshot, err);
    if (!rc)
        rc = s_copy(snapshot, out, count, err);
    snapshot_destroy(&snapshot);
    snapshot_store_destroy(&store);
    kv_destroy(&kv);
    return rc;
}

err_code_t parameters_new(const model_spec_t *model, parameters_t **ret_self, err_t *err)
{
    parameters_t *self = calloc(1, sizeof *self);
    CHECK(self);
    err_code_t rc = model_layout_of(model, &self->layout, err);
    if (!rc && !(self->values = calloc(self->layout.count, sizeof *self->values)))
        rc = err_set(err, ERR_MEMORY, "no memory for %zu parameters", self->layout.count);
    if (rc)
        parameters_destroy(&self);
    else
        *ret_self = self;
    return rc;
}

err_code_t parameters_load(const topology_t *topology, const char *state_dir, size_t region_index,
                           parameters_t **ret_self, err_t *err)
{
    parameters_t *self = NULL;
    const topology_region_t *region = &topology->regions[region_index];
    err_code_t rc = parameters_new(&topology->job.model, &self, err);
    for (uint64_t k = 0; k < region->shards && !rc; k++) {
        size_t first, end;
        layout_shard(&self->layout, region->shards, k, &first, &end);
        rc = s_load_shard(state_dir, region->name, k, self->values + first, end - first, err);
        if (rc)
            err_prefix(err, rc, "shard %llu of region %s", (unsigned long long)k, region->name);
    }
    if (rc)
        parameters_destroy(&self);
    else
        *ret_self = self;
    return rc;
}

void parameters_destroy(parameters_t **self_p)
{
    parameters_t *self = *self_p;
    *self_p = NULL;
    if (!self)
        return;
    free(self->values);
    free(self);
}

void parameters_sha256(const parameters_t *self, char ret_hex[SHA256_HEX_SIZE])
{
    safetensors_sha256(&self->layout, self->values, ret_hex);
}

size_t parameters_not_finite(const parameters_t *self)
{
    size_t count = 0;
    for (size_t i = 0; i < self->layout.count; i++)
        count += !isfinite(self->values[i]);
    return count;
}
