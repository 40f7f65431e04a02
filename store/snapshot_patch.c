#include "store/snapshot_patch.h"

#include "codec/tensor/patch.h"

#include <stdio.h>
#include <string.h>

#define SUFFIX "_patch"
#define HEAD sizeof(uint64_t)

bool snapshot_patch_is_of(const char *value, const char *name)
{
    size_t length = strlen(name);
    return strncmp(value, name, length) == 0 && (!value[length] || strcmp(value + length, SUFFIX) == 0);
}

static const char *s_name(const char *name, char ret_name[MANIFEST_NAME_MAX + 1])
{
    snprintf(ret_name, MANIFEST_NAME_MAX + 1, "%s" SUFFIX, name);
    return ret_name;
}

static buf_t *s_encode(const patch_t *patch, const float *values)
{
    const uint64_t runs = patch->runs.count;
    buf_t *bytes = buf_new(HEAD + patch_words(patch) * sizeof(float));
    if (!bytes)
        return NULL;
    memcpy(buf_data(bytes), &runs, HEAD);
    uint32_t *words = (uint32_t *)(void *)((char *)buf_data(bytes) + HEAD);
    patch_index(patch, words);
    patch_gather(patch, values, (float *)(void *)(words + 2 * runs));
    return bytes;
}

bool snapshot_patch_add(snapshot_t *snapshot, const char *name, buf_t *before, const buf_t *now,
                        const ranges_t *touched, err_t *err)
{
    char patch_name[MANIFEST_NAME_MAX + 1];
    patch_t *patch = NULL;
    buf_t *value = buf_ref(before), *bytes = NULL;
    if (!patch_new(touched, 0, buf_size(now) / sizeof(float), &patch))
        bytes = s_encode(patch, buf_peek(now));
    patch_destroy(&patch);
    bool added = bytes && !snapshot_add(snapshot, s_name(name, patch_name), &bytes, err);
    if (added)
        return !snapshot_add(snapshot, name, &value, err);
    buf_destroy(&value);
    return false;
}

/* A patch of a float32 value, and where its values are. */
static err_code_t s_decode(const buf_t *bytes, size_t size, patch_t **ret_patch, const char **ret_values)
{
    uint64_t runs, words = buf_size(bytes) >= HEAD ? (buf_size(bytes) - HEAD) / sizeof(float) : 0;
    if (buf_size(bytes) < HEAD || buf_size(bytes) % sizeof(float) || size % sizeof(float))
        return ERR_MALFORMED;
    const char *index = (const char *)buf_peek(bytes) + HEAD;
    memcpy(&runs, buf_peek(bytes), sizeof runs);
    if (!patch_fits(size / sizeof(float), runs, words))
        return ERR_MALFORMED;
    err_code_t code = patch_load(index, (size_t)runs, size / sizeof(float), ret_patch, NULL);
    if (!code && patch_words(*ret_patch) != words) {
        patch_destroy(ret_patch);
        return ERR_MALFORMED;
    }
    *ret_values = index + 2 * runs * sizeof(uint32_t);
    return code;
}

err_code_t snapshot_patch_read(const snapshot_t *snapshot, const char *name, buf_t **ret_buf, err_t *err)
{
    char patch_name[MANIFEST_NAME_MAX + 1];
    buf_t *before = snapshot_peek(snapshot, name);
    const buf_t *bytes = snapshot_peek(snapshot, s_name(name, patch_name));
    if (!before || !bytes) {
        *ret_buf = buf_ref(before);
        return ERR_OK;
    }
    patch_t *patch = NULL;
    const char *values;
    err_code_t code = s_decode(bytes, buf_size(before), &patch, &values);
    if (code)
        return err_set(err, code, "%s is no patch of %s", patch_name, name);
    buf_t *now = buf_new_copy(buf_peek(before), buf_size(before));
    if (now)
        patch_scatter(patch, 0, patch->count, values, buf_data(now));
    patch_destroy(&patch);
    *ret_buf = now;
    return now ? ERR_OK : err_set(err, ERR_MEMORY, "no memory for %s", name);
}
