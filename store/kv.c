#include "store/kv.h"

#include <stdlib.h>
#include <string.h>

#define VALUE_MAX ((size_t)1 << 31) /* LMDB counts the bytes of a value in 32 bits */

void kv_destroy(kv_t **self_p)
{
    kv_t *self = *self_p;
    *self_p = NULL;
    if (self)
        self->ops->destroy(self);
}

bool kv_suspect(const kv_t *self)
{
    return atomic_load(&self->suspect);
}

bool kv_read_only(const kv_t *self)
{
    return self->read_only;
}

err_code_t kv_begin(kv_t *self, kv_txn_t **ret_txn, err_t *err)
{
    if (self->read_only)
        return err_set(err, ERR_DENIED, "the store was opened to be read only");
    if (kv_suspect(self))
        return err_set(err, ERR_IO, "a write failed before, the store may be damaged; write a new one");
    kv_txn_t *txn = NULL;
    err_code_t code = self->ops->begin(self, &txn, err);
    if (code)
        return code;
    txn->kv = self;
    txn->failed = ERR_OK;
    *ret_txn = txn;
    return ERR_OK;
}

static err_code_t s_check_put(const kv_txn_t *txn, const char *key, size_t size, err_t *err)
{
    if (txn->failed)
        return err_set(err, txn->failed, "an earlier write of the transaction failed");
    size_t length = strlen(key);
    if (length == 0 || length > KV_KEY_MAX)
        return err_set(err, ERR_LIMIT, "a key of %zu bytes; keys have 1 to %d", length, KV_KEY_MAX);
    if (size > VALUE_MAX)
        return err_set(err, ERR_LIMIT, "%s: a value of %zu bytes; values have at most %zu", key, size,
                       VALUE_MAX);
    return ERR_OK;
}

void kv_fill_copy(void *hint, void *data, size_t size)
{
    if (size)
        memcpy(data, hint, size);
}

err_code_t kv_put(kv_txn_t *txn, const char *key, const void *data, size_t size, err_t *err)
{
    return kv_put_fill(txn, key, size, kv_fill_copy, (void *)(uintptr_t)data, err);
}

err_code_t kv_put_fill(kv_txn_t *txn, const char *key, size_t size, kv_fill_fn *fill, void *hint, err_t *err)
{
    err_code_t code = s_check_put(txn, key, size, err);
    if (!code)
        code = txn->kv->ops->put(txn, key, size, fill, hint, err);
    txn->failed = code;
    return code;
}

err_code_t kv_del(kv_txn_t *txn, const char *key, err_t *err)
{
    err_code_t code = s_check_put(txn, key, 0, err);
    if (!code)
        code = txn->kv->ops->del(txn, key, err);
    txn->failed = code;
    return code;
}

err_code_t kv_commit(kv_txn_t **txn_p, err_t *err)
{
    kv_txn_t *txn = *txn_p;
    if (txn->failed) {
        err_code_t code = err_set(err, txn->failed, "an earlier write of the transaction failed");
        kv_abort(txn_p);
        return code;
    }
    *txn_p = NULL;
    return txn->kv->ops->commit(txn, err);
}

void kv_abort(kv_txn_t **txn_p)
{
    kv_txn_t *txn = *txn_p;
    *txn_p = NULL;
    if (txn)
        txn->kv->ops->abort(txn);
}

err_code_t kv_sync(kv_t *self, err_t *err)
{
    if (self->read_only)
        return ERR_OK;
    if (kv_suspect(self))
        return err_set(err, ERR_IO, "a write failed before, the store may be damaged; write a new one");
    return self->ops->sync(self, err);
}

err_code_t kv_read(kv_t *self, const char *key, kv_visit_fn *visit, void *hint, err_t *err)
{
    return self->ops->read(self, key, visit, hint, err);
}

static void s_copy(void *hint, const void *data, size_t size)
{
    buf_t **copy = hint;
    *copy = buf_new_copy(data, size);
}

err_code_t kv_get(kv_t *self, const char *key, buf_t **ret_value, err_t *err)
{
    buf_t *copy = NULL;
    err_code_t code = kv_read(self, key, s_copy, &copy, err);
    if (code)
        return code;
    if (!copy)
        return err_set(err, ERR_MEMORY, "%s: no memory for its value", key);
    *ret_value = copy;
    return ERR_OK;
}

err_code_t kv_keys(kv_t *self, const char *prefix, kv_keys_t *ret_keys, err_t *err)
{
    kv_keys_t keys = {0};
    err_code_t code = self->ops->keys(self, prefix, &keys, err);
    if (code)
        kv_keys_fini(&keys);
    else
        *ret_keys = keys;
    return code;
}

err_code_t kv_keys_append(kv_keys_t *keys, const char *key, size_t key_size, size_t value_size, err_t *err)
{
    if (key_size > KV_KEY_MAX || memchr(key, '\0', key_size))
        return err_set(err, ERR_MALFORMED, "a stored key of %zu bytes that nobody can have written",
                       key_size);
    if (keys->count == keys->capacity) {
        size_t capacity = keys->capacity ? 2 * keys->capacity : 16;
        kv_key_t *items = realloc(keys->items, capacity * sizeof *items);
        if (!items)
            return err_set(err, ERR_MEMORY, "no memory for %zu keys", capacity);
        keys->items = items;
        keys->capacity = capacity;
    }
    kv_key_t *item = &keys->items[keys->count++];
    memcpy(item->key, key, key_size);
    item->key[key_size] = '\0';
    item->size_bytes = value_size;
    return ERR_OK;
}

void kv_keys_fini(kv_keys_t *keys)
{
    free(keys->items);
    *keys = (kv_keys_t){0};
}

err_code_t kv_store(kv_t *self, const char *key, const void *data, size_t size, err_t *err)
{
    kv_txn_t *txn = NULL;
    err_code_t code = kv_begin(self, &txn, err);
    if (code)
        return code;
    code = kv_put(txn, key, data, size, err);
    if (code) {
        kv_abort(&txn);
        return code;
    }
    return kv_commit(&txn, err);
}
