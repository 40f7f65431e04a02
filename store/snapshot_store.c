#include "store/snapshot_store.h"

#include <stdlib.h>

void snapshot_store_note_view(snapshot_store_t *self)
{
    uint64_t newest = 0;
    for (size_t i = 0; i < self->view.good_count; i++) {
        const manifest_t *manifest = &self->view.good[i];
        newest = manifest->id.number;
        if (self->next_key < manifest->next_key)
            self->next_key = manifest->next_key;
    }
    atomic_store(&self->newest, newest);
}

/* Removes the pieces whose value no manifest names; what an unreadable manifest names is not known, so then
 * none. */
static err_code_t s_clean(snapshot_store_t *self, const kv_keys_t *pieces, const number_set_t *named,
                          err_t *err)
{
    kv_txn_t *txn = NULL;
    err_code_t code = ERR_OK;
    for (size_t i = 0; i < pieces->count && !code; i++) {
        uint64_t key = 0, piece = 0;
        if (!manifest_parse_piece_key(pieces->items[i].key, &key, &piece))
            continue;
        if (self->next_key <= key)
            self->next_key = key + 1;
        if (kv_read_only(self->kv) || self->view.bad_count > 0 || number_set_has(named, key))
            continue;
        if (!txn)
            code = kv_begin(self->kv, &txn, err);
        if (!code)
            code = kv_del(txn, pieces->items[i].key, err);
    }
    if (!code && txn)
        code = kv_commit(&txn, err);
    kv_abort(&txn);
    return code;
}

static err_code_t s_open_store(snapshot_store_t *self, err_t *err)
{
    kv_keys_t pieces = {0};
    number_set_t named = {0};
    err_code_t code = snapshot_view_read(self->kv, &self->view, err);
    if (code)
        return code;
    snapshot_store_note_view(self);
    code = snapshot_view_keys(&self->view, 0, NULL, &named, err);
    if (!code)
        code = kv_keys(self->kv, MANIFEST_VALUE_PREFIX, &pieces, err);
    if (!code)
        code = s_clean(self, &pieces, &named, err);
    kv_keys_fini(&pieces);
    number_set_fini(&named);
    return code;
}

err_code_t snapshot_store_open(kv_t *kv, const snapshot_store_options_t *options, snapshot_store_t **ret_self,
                               err_t *err)
{
    snapshot_store_t *self = calloc(1, sizeof *self);
    if (!self)
        return err_set(err, ERR_MEMORY, "open snapshots: no memory");
    self->kv = kv;
    if (options)
        self->options = *options;
    if (self->options.keep == 0)
        self->options.keep = SNAPSHOT_KEEP;
    if (self->options.piece_bytes == 0)
        self->options.piece_bytes = SNAPSHOT_PIECE_BYTES;
    if (self->options.transaction_bytes == 0)
        self->options.transaction_bytes = SNAPSHOT_TRANSACTION_BYTES;
    pthread_mutex_init(&self->lock, NULL);
    atomic_init(&self->newest, 0);
    atomic_init(&self->written_bytes, 0);
    err_code_t code = s_open_store(self, err);
    if (code) {
        snapshot_store_destroy(&self);
        return err_prefix(err, code, "open snapshots");
    }
    *ret_self = self;
    return ERR_OK;
}

void snapshot_store_destroy(snapshot_store_t **self_p)
{
    snapshot_store_t *self = *self_p;
    *self_p = NULL;
    if (!self)
        return;
    snapshot_view_fini(&self->view);
    pthread_mutex_destroy(&self->lock);
    free(self->garbage);
    free(self);
}

kv_t *snapshot_store_kv(const snapshot_store_t *self)
{
    return self->kv;
}

uint64_t snapshot_store_newest(const snapshot_store_t *self)
{
    return atomic_load(&self->newest);
}

uint64_t snapshot_store_bytes_written(const snapshot_store_t *self)
{
    return atomic_load(&self->written_bytes);
}
