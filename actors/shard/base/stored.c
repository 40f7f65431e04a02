#include "actors/shard/base/stored.h"

#include "store/snapshot_patch.h"

#include <inttypes.h>
#include <stdio.h>

const char *stored_key(stored_name_t name, const char *what, uint64_t number)
{
    snprintf(name, sizeof(stored_name_t), "%s/%" PRIu64, what, number);
    return name;
}

const char *stored_region_key(stored_name_t name, const char *what, uint64_t region, uint64_t number)
{
    snprintf(name, sizeof(stored_name_t), "%s/%" PRIu64 "/%" PRIu64, what, region, number);
    return name;
}

bool stored_add(snapshot_t *snapshot, const char *name, buf_t *buf, err_t *err)
{
    buf_t *mine = buf_ref(buf);
    return !buf || !snapshot_add(snapshot, name, &mine, err);
}

bool stored_add_tensors(snapshot_t *snapshot, const stored_tensor_t *tensors, size_t count, err_t *err)
{
    bool added = true;
    for (size_t i = 0; i < count && added; i++)
        added = stored_add(snapshot, tensors[i].name, *tensors[i].slot, err);
    return added;
}

err_code_t stored_tensor(const base_t *base, const snapshot_t *snapshot, const char *name, bool required,
                         buf_t **ret_buf, err_t *err)
{
    buf_t *buf = NULL;
    err_code_t code = snapshot_patch_read(snapshot, name, &buf, err);
    if (code)
        return code;
    if (!buf)
        return required ? err_set(err, ERR_MALFORMED, "the snapshot has no %s", name) : ERR_OK;
    if (buf_size(buf) == base_bytes(base)) {
        *ret_buf = buf;
        return ERR_OK;
    }
    err_set(err, ERR_SHAPE, "%s has %zu bytes instead of %zu", name, buf_size(buf), base_bytes(base));
    buf_destroy(&buf);
    return ERR_SHAPE;
}

err_code_t stored_tensors(const base_t *base, const snapshot_t *snapshot, const stored_tensor_t *tensors,
                          size_t count, err_t *err)
{
    err_code_t code = ERR_OK;
    for (size_t i = 0; i < count && !code; i++)
        code = stored_tensor(base, snapshot, tensors[i].name, tensors[i].required, tensors[i].slot, err);
    return code;
}

bool stored_head(delta_head_t *head, uint64_t kind)
{
    if (head->first == 0 || head->first > head->last || kind > DELTA_DIFFERENCE)
        return false;
    head->kind = (delta_kind_t)kind;
    return true;
}
