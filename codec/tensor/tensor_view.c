#include "codec/tensor/tensor_view.h"

#include "codec/base/json.h"
#include "codec/tensor/safetensors.h"

#include <stdio.h>
#include <string.h>

#define LENGTH_SIZE 8

/* The length before the header, checked against the file. */
static err_code_t s_read_length(const char *path, const uint8_t *bytes, uint64_t size, uint64_t *ret_length,
                                err_t *err)
{
    uint64_t length = 0;
    for (size_t i = 0; size >= LENGTH_SIZE && i < LENGTH_SIZE; i++)
        length |= (uint64_t)bytes[i] << 8 * i;
    if (size < LENGTH_SIZE || length > SAFETENSORS_HEADER_MAX || length > size - LENGTH_SIZE)
        return err_set(err, ERR_MALFORMED,
                       "%s: no safetensors file: declares a header of %llu bytes; the file has %llu and at "
                       "most %u are read",
                       path, (unsigned long long)length, (unsigned long long)size, SAFETENSORS_HEADER_MAX);
    *ret_length = length;
    return ERR_OK;
}

static err_code_t s_read_shape(const char *path, const char *name, const json_value_t *shape,
                               tensor_view_t *view, err_t *err)
{
    view->rank = json_count(shape);
    view->count = 1;
    if (view->rank > TENSOR_VIEW_RANK_MAX)
        return err_set(err, ERR_LIMIT, "%s: tensor %s has %zu dimensions; at most %d", path, name, view->rank,
                       TENSOR_VIEW_RANK_MAX);
    for (size_t d = 0; d < view->rank; d++) {
        view->dims[d] = json_u64(json_at(shape, d), UINT64_MAX);
        if (view->dims[d] == UINT64_MAX || __builtin_mul_overflow(view->count, view->dims[d], &view->count))
            return err_set(err, ERR_MALFORMED, "%s: tensor %s: no such shape can be", path, name);
    }
    return shape ? ERR_OK : err_set(err, ERR_MALFORMED, "%s: tensor %s has no shape", path, name);
}

static err_code_t s_read_entry(const char *path, const char *name, const json_value_t *entry,
                               const uint8_t *data, uint64_t data_size, tensor_view_t *view, err_t *err)
{
    const json_value_t *offsets = json_get(entry, "data_offsets");
    uint64_t first = json_u64(json_at(offsets, 0), UINT64_MAX), end = json_u64(json_at(offsets, 1), 0);
    snprintf(view->type, sizeof view->type, "%s", json_get_string(entry, "dtype", ""));
    err_code_t code = s_read_shape(path, name, json_get(entry, "shape"), view, err);
    if (!code && (json_count(offsets) != 2 || first > end || end > data_size))
        code = err_set(err, ERR_MALFORMED,
                       "%s: tensor %s: its offsets do not fit the %llu bytes of data; is the file whole?",
                       path, name, (unsigned long long)data_size);
    if (code)
        return code;
    view->bytes = data + first;
    view->size_bytes = end - first;
    return ERR_OK;
}

err_code_t tensor_view_find(const char *path, const uint8_t *bytes, uint64_t size, const char *name,
                            tensor_view_t *ret_view, err_t *err)
{
    uint64_t length = 0;
    json_value_t *header = NULL;
    tensor_view_t view = {0};
    err_code_t code = s_read_length(path, bytes, size, &length, err);
    if (!code && (code = json_parse((const char *)bytes + LENGTH_SIZE, (size_t)length, &header, err)))
        err_prefix(err, code, "%s: header", path);
    const json_value_t *entry = code ? NULL : json_get(header, name);
    if (!code && !entry)
        code = err_set(err, ERR_NOT_FOUND, "%s: no tensor is called %s", path, name);
    if (!code)
        code = s_read_entry(path, name, entry, bytes + LENGTH_SIZE + length, size - LENGTH_SIZE - length,
                            &view, err);
    json_destroy(&header);
    if (!code)
        *ret_view = view;
    return code;
}
