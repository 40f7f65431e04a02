#include "deploy/cli/checkpoint/whole.h"

#include "store/snapshot_patch.h"

#include <inttypes.h>
#include <math.h>
#include <string.h>

err_code_t whole_place(const snapshot_t *snapshot, const topology_t *topology, uint32_t shard,
                       parameters_t *parameters, err_t *err)
{
    size_t first, end;
    buf_t *buf = NULL;
    err_code_t code = snapshot_patch_read(snapshot, "parameters", &buf, err);
    layout_shard(&parameters->layout, topology->regions[0].shards, shard, &first, &end);
    size_t size = (end - first) * sizeof *parameters->values;
    if (!code && (!buf || buf_size(buf) != size))
        code = err_set(err, ERR_SHAPE, "shard %" PRIu32 " has %zu bytes of parameters, the model needs %zu",
                       shard, buf ? buf_size(buf) : 0, size);
    if (!code)
        memcpy(parameters->values + first, buf_peek(buf), size);
    buf_destroy(&buf);
    return code;
}

err_code_t whole_parameters(const topology_t *topology, const pick_t *picks, size_t count,
                            parameters_t **ret_parameters, err_t *err)
{
    parameters_t *parameters = NULL;
    err_code_t code = parameters_new(&topology->job.model, &parameters, err);
    for (size_t i = 0; i < count && !code; i++) {
        snapshot_t *snapshot = NULL;
        code = pick_load(&picks[i], &snapshot, err);
        if (!code)
            code = whole_place(snapshot, topology, picks[i].shard, parameters, err);
        snapshot_destroy(&snapshot);
    }
    if (code)
        parameters_destroy(&parameters);
    else
        *ret_parameters = parameters;
    return code;
}

bool whole_is_finite(const parameters_t *parameters, err_t *err)
{
    for (size_t i = 0; i < parameters->layout.tensor_count; i++) {
        const tensor_t *tensor = &parameters->layout.tensors[i];
        size_t bad = 0;
        for (size_t k = 0; k < tensor->count; k++)
            bad += !isfinite(parameters->values[tensor->offset + k]);
        if (!bad)
            continue;
        err_set(err, ERR_NUMBER, "%zu of %zu values of tensor %s are not finite", bad, tensor->count,
                tensor->name);
        return false;
    }
    return true;
}
