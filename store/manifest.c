#include "store/manifest.h"

#include "codec/base/hash.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MAGIC "CLDSNAP"
#define MAGIC_SIZE 8
#define HEAD_SIZE (MAGIC_SIZE + 4 + 4 + 4 * 8)
#define CHECKSUM_SIZE 8
#define VALUE_FIXED_SIZE (3 * 8 + 4)
#define VALUE_MIN_SIZE (1 + 1 + VALUE_FIXED_SIZE)

/* ---- Writing ---- */

static uint8_t *s_write_u(uint8_t *at, uint64_t value, unsigned size)
{
    for (unsigned i = 0; i < size; i++)
        at[i] = (uint8_t)(value >> (8 * i));
    return at + size;
}

static uint8_t *s_write_text(uint8_t *at, const char *text)
{
    size_t length = strlen(text);
    *at = (uint8_t)length;
    memcpy(at + 1, text, length);
    return at + 1 + length;
}

static size_t s_encoded_size(const manifest_t *self)
{
    size_t size = HEAD_SIZE + 1 + strlen(self->id.tag) + CHECKSUM_SIZE;
    for (size_t i = 0; i < self->count; i++)
        size += 1 + strlen(self->values[i].name) + VALUE_FIXED_SIZE;
    return size;
}

static uint8_t *s_write_head(uint8_t *at, const manifest_t *self)
{
    memcpy(at, MAGIC, MAGIC_SIZE);
    at = s_write_u(at + MAGIC_SIZE, MANIFEST_VERSION, 4);
    at = s_write_u(at, self->count, 4);
    at = s_write_u(at, self->id.history, 8);
    at = s_write_u(at, self->id.number, 8);
    at = s_write_u(at, self->id.incarnation, 8);
    at = s_write_u(at, self->next_key, 8);
    return s_write_text(at, self->id.tag);
}

static uint8_t *s_write_value(uint8_t *at, const manifest_value_t *value)
{
    at = s_write_text(at, value->name);
    at = s_write_u(at, value->key, 8);
    at = s_write_u(at, value->size_bytes, 8);
    at = s_write_u(at, value->checksum, 8);
    return s_write_u(at, value->piece_bytes, 4);
}

err_code_t manifest_encode(const manifest_t *self, buf_t **ret_bytes, err_t *err)
{
    if (self->count > MANIFEST_VALUES_MAX)
        return err_set(err, ERR_LIMIT, "manifest: %zu values; at most %d", self->count, MANIFEST_VALUES_MAX);
    size_t size = s_encoded_size(self);
    buf_t *bytes = buf_new(size);
    if (!bytes)
        return err_set(err, ERR_MEMORY, "manifest: no memory for %zu bytes", size);
    uint8_t *start = buf_data(bytes);
    uint8_t *at = s_write_head(start, self);
    for (size_t i = 0; i < self->count; i++)
        at = s_write_value(at, &self->values[i]);
    at = s_write_u(at, hash_checksum(start, (size_t)(at - start)), CHECKSUM_SIZE);
    CHECK((size_t)(at - start) == size);
    *ret_bytes = bytes;
    return ERR_OK;
}

/* ---- Reading ---- */

/* The bytes that are left to read; once it was too short it gives zeros and stays bad. */
typedef struct {
    const uint8_t *at;
    size_t left;
    bool bad;
} input_t;

static uint64_t s_read_u(input_t *in, unsigned size)
{
    uint64_t value = 0;
    if (in->bad || in->left < size) {
        in->bad = true;
        return 0;
    }
    for (unsigned i = 0; i < size; i++)
        value |= (uint64_t)in->at[i] << (8 * i);
    in->at += size;
    in->left -= size;
    return value;
}

static void s_read_text(input_t *in, char out[MANIFEST_NAME_MAX + 1])
{
    size_t length = (size_t)s_read_u(in, 1);
    if (in->bad || length > MANIFEST_NAME_MAX || length > in->left || memchr(in->at, '\0', length)) {
        in->bad = true;
        return;
    }
    memcpy(out, in->at, length);
    out[length] = '\0';
    in->at += length;
    in->left -= length;
}

static err_code_t s_read_magic(input_t *in, err_t *err)
{
    if (in->left < HEAD_SIZE || memcmp(in->at, MAGIC, MAGIC_SIZE) != 0)
        return err_set(err, ERR_MALFORMED, "manifest: not one (%zu bytes)", in->left);
    in->at += MAGIC_SIZE;
    in->left -= MAGIC_SIZE;
    uint64_t version = s_read_u(in, 4);
    if (version != MANIFEST_VERSION)
        return err_set(err, ERR_VERSION, "manifest: format version %" PRIu64 "; this program reads %d",
                       version, MANIFEST_VERSION);
    return ERR_OK;
}

static err_code_t s_read_value(input_t *in, const manifest_t *self, manifest_value_t *value, err_t *err)
{
    s_read_text(in, value->name);
    value->key = s_read_u(in, 8);
    value->size_bytes = s_read_u(in, 8);
    value->checksum = s_read_u(in, 8);
    value->piece_bytes = (uint32_t)s_read_u(in, 4);
    if (in->bad || value->name[0] == '\0' || value->piece_bytes == 0 || value->key >= self->next_key)
        return err_set(err, ERR_MALFORMED, "manifest: a value that cannot be");
    return ERR_OK;
}

static err_code_t s_read_values(input_t *in, manifest_t *self, err_t *err)
{
    uint64_t count = self->count;
    self->count = 0;
    if (count > MANIFEST_VALUES_MAX || count > in->left / VALUE_MIN_SIZE)
        return err_set(err, ERR_LIMIT, "manifest: %" PRIu64 " values in %zu bytes", count, in->left);
    if (count == 0)
        return ERR_OK;
    self->values = calloc(count, sizeof *self->values);
    if (!self->values)
        return err_set(err, ERR_MEMORY, "manifest: no memory for %" PRIu64 " values", count);
    for (; self->count < count; self->count++) {
        err_code_t code = s_read_value(in, self, &self->values[self->count], err);
        if (code)
            return code;
    }
    return manifest_check_names(self, err);
}

static err_code_t s_read_all(input_t *in, manifest_t *self, err_t *err)
{
    err_code_t code = s_read_magic(in, err);
    if (code)
        return code;
    self->count = (size_t)s_read_u(in, 4);
    self->id.history = s_read_u(in, 8);
    self->id.number = s_read_u(in, 8);
    self->id.incarnation = s_read_u(in, 8);
    self->next_key = s_read_u(in, 8);
    s_read_text(in, self->id.tag);
    code = s_read_values(in, self, err);
    if (!code && (in->bad || in->left > 0 || self->id.number == 0))
        code = err_set(err, ERR_MALFORMED, "manifest: it does not end where it should");
    return code;
}

err_code_t manifest_decode(const void *bytes, size_t size, manifest_t *ret_manifest, err_t *err)
{
    if (size < CHECKSUM_SIZE)
        return err_set(err, ERR_MALFORMED, "manifest: not one (%zu bytes)", size);
    input_t in = {bytes, size - CHECKSUM_SIZE, false};
    input_t tail = {in.at + in.left, CHECKSUM_SIZE, false};
    if (s_read_u(&tail, CHECKSUM_SIZE) != hash_checksum(bytes, in.left))
        return err_set(err, ERR_CHECKSUM, "manifest: it does not match its checksum");
    manifest_t manifest = {0};
    err_code_t code = s_read_all(&in, &manifest, err);
    if (code)
        manifest_fini(&manifest);
    else
        *ret_manifest = manifest;
    return code;
}

err_code_t manifest_load(kv_t *kv, uint64_t number, manifest_t *ret_manifest, err_t *err)
{
    char key[KV_KEY_MAX + 1];
    buf_t *bytes = NULL;
    manifest_t manifest = {0};
    err_code_t code = kv_get(kv, manifest_key(number, key), &bytes, err);
    if (!code)
        code = manifest_decode(buf_peek(bytes), buf_size(bytes), &manifest, err);
    if (!code && manifest.id.number != number)
        code = err_set(err, ERR_CHECKSUM, "manifest: it is that of snapshot %" PRIu64, manifest.id.number);
    buf_destroy(&bytes);
    if (code) {
        manifest_fini(&manifest);
        return err_prefix(err, code, "snapshot %" PRIu64, number);
    }
    *ret_manifest = manifest;
    return ERR_OK;
}

void manifest_fini(manifest_t *self)
{
    free(self->values);
    *self = (manifest_t){0};
}

/* ---- Names ---- */

static int s_compare_names(const void *a, const void *b)
{
    const manifest_value_t *const *left = a, *const *right = b;
    return strcmp((*left)->name, (*right)->name);
}

err_code_t manifest_check_names(const manifest_t *self, err_t *err)
{
    if (self->count < 2)
        return ERR_OK;
    const manifest_value_t **sorted = calloc(self->count, sizeof(manifest_value_t *));
    if (!sorted)
        return err_set(err, ERR_MEMORY, "manifest: no memory for %zu names", self->count);
    for (size_t i = 0; i < self->count; i++)
        sorted[i] = &self->values[i];
    qsort(sorted, self->count, sizeof(manifest_value_t *), s_compare_names);
    err_code_t code = ERR_OK;
    for (size_t i = 1; i < self->count && !code; i++) {
        if (strcmp(sorted[i - 1]->name, sorted[i]->name) == 0)
            code = err_set(err, ERR_MALFORMED, "manifest: two values have the name %s", sorted[i]->name);
    }
    free(sorted);
    return code;
}

uint64_t manifest_piece_count(const manifest_value_t *value)
{
    return value->size_bytes / value->piece_bytes + (value->size_bytes % value->piece_bytes != 0);
}

size_t manifest_piece_size(const manifest_value_t *value, uint64_t piece)
{
    uint64_t left = value->size_bytes - piece * value->piece_bytes;
    return left < value->piece_bytes ? (size_t)left : value->piece_bytes;
}

const char *manifest_key(uint64_t number, char out[KV_KEY_MAX + 1])
{
    snprintf(out, KV_KEY_MAX + 1, MANIFEST_PREFIX "%016" PRIx64, number);
    return out;
}

const char *manifest_value_key(uint64_t key, char out[KV_KEY_MAX + 1])
{
    snprintf(out, KV_KEY_MAX + 1, MANIFEST_VALUE_PREFIX "%016" PRIx64 "/", key);
    return out;
}

const char *manifest_piece_key(uint64_t key, uint64_t piece, char out[KV_KEY_MAX + 1])
{
    snprintf(out, KV_KEY_MAX + 1, MANIFEST_VALUE_PREFIX "%016" PRIx64 "/%016" PRIx64, key, piece);
    return out;
}

static bool s_parse_hex(const char *text, uint64_t *ret_value)
{
    uint64_t value = 0;
    for (int i = 0; i < 16; i++) {
        char c = text[i];
        if (c >= '0' && c <= '9')
            value = value << 4 | (uint64_t)(c - '0');
        else if (c >= 'a' && c <= 'f')
            value = value << 4 | (uint64_t)(c - 'a' + 10);
        else
            return false;
    }
    *ret_value = value;
    return true;
}

bool manifest_parse_key(const char *key, uint64_t *ret_number)
{
    size_t prefix = strlen(MANIFEST_PREFIX);
    return strncmp(key, MANIFEST_PREFIX, prefix) == 0 && strlen(key) == prefix + 16 &&
           s_parse_hex(key + prefix, ret_number);
}

bool manifest_parse_piece_key(const char *key, uint64_t *ret_key, uint64_t *ret_piece)
{
    size_t prefix = strlen(MANIFEST_VALUE_PREFIX);
    return strncmp(key, MANIFEST_VALUE_PREFIX, prefix) == 0 && strlen(key) == prefix + 16 + 1 + 16 &&
           key[prefix + 16] == '/' && s_parse_hex(key + prefix, ret_key) &&
           s_parse_hex(key + prefix + 17, ret_piece);
}

/* ---- Values ---- */

typedef struct {
    uint8_t *to;
    size_t size;
    bool done;
} copy_t;

static void s_copy(void *hint, const void *data, size_t size)
{
    copy_t *copy = hint;
    copy->done = size == copy->size;
    if (copy->done && size)
        memcpy(copy->to, data, size);
}

/* Compares what is stored with what should be before any memory is taken for it. */
static err_code_t s_check_pieces(kv_t *kv, const manifest_value_t *value, err_t *err)
{
    char key[KV_KEY_MAX + 1];
    kv_keys_t keys = {0};
    uint64_t count = manifest_piece_count(value);
    err_code_t code = kv_keys(kv, manifest_value_key(value->key, key), &keys, err);
    if (code)
        return code;
    if (keys.count != count)
        code = err_set(err, ERR_CHECKSUM, "%zu of its %" PRIu64 " pieces are stored", keys.count, count);
    for (size_t i = 0; i < keys.count && !code; i++) {
        size_t size = manifest_piece_size(value, i);
        if (strcmp(keys.items[i].key, manifest_piece_key(value->key, i, key)) != 0)
            code = err_set(err, ERR_CHECKSUM, "piece %zu is missing", i);
        else if (keys.items[i].size_bytes != size)
            code = err_set(err, ERR_CHECKSUM, "piece %zu has %zu bytes; it should have %zu", i,
                           keys.items[i].size_bytes, size);
    }
    kv_keys_fini(&keys);
    return code;
}

static err_code_t s_read_pieces(kv_t *kv, const manifest_value_t *value, uint8_t *to, err_t *err)
{
    char key[KV_KEY_MAX + 1];
    uint64_t count = manifest_piece_count(value);
    for (uint64_t i = 0; i < count; i++) {
        copy_t copy = {to + i * value->piece_bytes, manifest_piece_size(value, i), false};
        err_code_t code = kv_read(kv, manifest_piece_key(value->key, i, key), s_copy, &copy, err);
        if (code == ERR_NOT_FOUND || (!code && !copy.done))
            return err_set(err, ERR_CHECKSUM, "piece %" PRIu64 " is not what it was", i);
        if (code)
            return code;
    }
    if (hash_checksum(to, value->size_bytes) != value->checksum)
        return err_set(err, ERR_CHECKSUM, "it does not match its checksum");
    return ERR_OK;
}

err_code_t manifest_load_value(kv_t *kv, const manifest_value_t *value, buf_t **ret_bytes, err_t *err)
{
    buf_t *bytes = NULL;
    err_code_t code = s_check_pieces(kv, value, err);
    if (!code) {
        bytes = buf_new(value->size_bytes);
        code = bytes ? s_read_pieces(kv, value, buf_data(bytes), err)
                     : err_set(err, ERR_MEMORY, "no memory for %" PRIu64 " bytes", value->size_bytes);
    }
    if (code) {
        buf_destroy(&bytes);
        return err_prefix(err, code, "value %s", value->name);
    }
    *ret_bytes = bytes;
    return ERR_OK;
}
