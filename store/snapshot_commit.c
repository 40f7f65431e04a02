#include "store/snapshot_store.h"

#include "codec/base/failpoint.h"
#include "codec/base/hash.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#define SWEEP_KEY "sweep"

/* One commit on its way. */
typedef struct {
    manifest_t manifest;
    const snapshot_t *snapshot;
    bool *fresh;  /* (count) whether the value has to be written */
    buf_t *bytes; /* the manifest as it is stored */
    bool *goes;   /* (stored snapshots) whether it is removed with this commit */
    snapshot_view_t stays;
    kv_txn_t *txn;
    size_t txn_bytes;
    uint64_t written_bytes;
} commit_t;

/* ---- What is to be written ---- */

static int s_compare_bufs(const void *a, const void *b)
{
    const manifest_value_t *left = *(manifest_value_t *const *)a, *right = *(manifest_value_t *const *)b;
    if (left->buf_id != right->buf_id)
        return left->buf_id < right->buf_id ? -1 : 1;
    return (left > right) - (left < right);
}

/* The values of some manifests by the number of their buffer; free() it. */
static manifest_value_t **s_by_buf(const manifest_t *manifests, size_t manifest_count, size_t *ret_count)
{
    size_t total = 0, count = 0;
    for (size_t i = 0; i < manifest_count; i++)
        total += manifests[i].count;
    manifest_value_t **values = malloc((total + 1) * sizeof(manifest_value_t *));
    if (!values)
        return NULL;
    for (size_t i = 0; i < manifest_count; i++) {
        for (size_t j = 0; j < manifests[i].count; j++) {
            if (manifests[i].values[j].buf_id)
                values[count++] = &manifests[i].values[j];
        }
    }
    qsort(values, count, sizeof(manifest_value_t *), s_compare_bufs);
    *ret_count = count;
    return values;
}

static void s_same(manifest_value_t *value, const manifest_value_t *stored)
{
    value->key = stored->key;
    value->size_bytes = stored->size_bytes;
    value->checksum = stored->checksum;
    value->piece_bytes = stored->piece_bytes;
}

/* Gives each value the key it has already, or a new one; both lists are in the order of the buffers. */
static void s_assign(snapshot_store_t *self, commit_t *commit, manifest_value_t **wanted, size_t wanted_count,
                     manifest_value_t **stored, size_t stored_count)
{
    for (size_t i = 0, at = 0; i < wanted_count; i++) {
        manifest_value_t *value = wanted[i];
        size_t index = (size_t)(value - commit->manifest.values);
        buf_t *buf = commit->snapshot->values[index].buf;
        while (at < stored_count && stored[at]->buf_id < value->buf_id)
            at++;
        if (i > 0 && wanted[i - 1]->buf_id == value->buf_id) {
            s_same(value, wanted[i - 1]);
        } else if (at < stored_count && stored[at]->buf_id == value->buf_id) {
            s_same(value, stored[at]);
        } else {
            commit->fresh[index] = true;
            value->key = self->next_key++;
            value->size_bytes = buf_size(buf);
            value->checksum = buf_checksum(buf);
            value->piece_bytes = self->options.piece_bytes;
        }
    }
}

static err_code_t s_plan_values(snapshot_store_t *self, commit_t *commit, err_t *err)
{
    size_t wanted_count = 0, stored_count = 0;
    manifest_value_t **wanted = s_by_buf(&commit->manifest, 1, &wanted_count);
    manifest_value_t **stored = s_by_buf(self->view.good, self->view.good_count, &stored_count);
    err_code_t code = ERR_OK;
    if (wanted && stored)
        s_assign(self, commit, wanted, wanted_count, stored, stored_count);
    else
        code = err_set(err, ERR_MEMORY, "no memory for %zu values", commit->manifest.count);
    free(wanted);
    free(stored);
    return code;
}

static err_code_t s_plan(snapshot_store_t *self, const snapshot_t *snapshot, commit_t *commit, err_t *err)
{
    manifest_t *manifest = &commit->manifest;
    commit->snapshot = snapshot;
    manifest->id = snapshot->id;
    manifest->values = calloc(snapshot->count + 1, sizeof *manifest->values);
    commit->fresh = calloc(snapshot->count + 1, sizeof *commit->fresh);
    if (!manifest->values || !commit->fresh)
        return err_set(err, ERR_MEMORY, "no memory for %zu values", snapshot->count);
    manifest->count = snapshot->count;
    for (size_t i = 0; i < snapshot->count; i++) {
        memcpy(manifest->values[i].name, snapshot->values[i].name, sizeof manifest->values[i].name);
        manifest->values[i].buf_id = buf_id(snapshot->values[i].buf);
    }
    err_code_t code = manifest_check_names(manifest, err);
    if (!code)
        code = s_plan_values(self, commit, err);
    manifest->next_key = self->next_key;
    return code ? code : manifest_encode(manifest, &commit->bytes, err);
}

/* ---- Writing ---- */

static err_code_t s_delete_value(kv_txn_t *txn, const manifest_value_t *value, err_t *err)
{
    char key[KV_KEY_MAX + 1];
    err_code_t code = ERR_OK;
    uint64_t count = manifest_piece_count(value);
    for (uint64_t i = 0; i < count && !code; i++)
        code = kv_del(txn, manifest_piece_key(value->key, i, key), err);
    return code;
}

/* A transaction of its own that removes what failed commits left, and a mark or not. */
static err_code_t s_sweep(snapshot_store_t *self, bool mark, err_t *err)
{
    kv_txn_t *txn = NULL;
    err_code_t code = kv_begin(self->kv, &txn, err);
    for (size_t i = 0; i < self->garbage_count && !code; i++)
        code = s_delete_value(txn, &self->garbage[i], err);
    if (!code)
        code = mark ? kv_put(txn, SWEEP_KEY, "", 0, err) : kv_del(txn, SWEEP_KEY, err);
    if (!code)
        code = kv_commit(&txn, err);
    kv_abort(&txn);
    return code;
}

/* On a full disk room is needed before more is asked for. LMDB hands out the pages that a transaction freed
 * to the one after the next, and does not count one that changes nothing: hence two, with a mark that comes
 * and goes. */
static err_code_t s_delete_garbage(snapshot_store_t *self, err_t *err)
{
    if (self->garbage_count == 0)
        return ERR_OK;
    err_code_t code = s_sweep(self, true, err);
    if (!code)
        code = s_sweep(self, false, err);
    if (!code)
        self->garbage_count = 0;
    return code;
}

static err_code_t s_write_value(snapshot_store_t *self, commit_t *commit, size_t index, err_t *err)
{
    char key[KV_KEY_MAX + 1];
    const manifest_value_t *value = &commit->manifest.values[index];
    const uint8_t *data = buf_peek(commit->snapshot->values[index].buf);
    uint64_t count = manifest_piece_count(value);
    for (uint64_t i = 0; i < count; i++) {
        err_code_t code = ERR_OK;
        if (commit->txn_bytes >= self->options.transaction_bytes) {
            commit->txn_bytes = 0;
            code = kv_commit(&commit->txn, err);
            if (!code)
                code = kv_begin(self->kv, &commit->txn, err);
        }
        size_t size = manifest_piece_size(value, i);
        if (!code)
            code = kv_put(commit->txn, manifest_piece_key(value->key, i, key), data + i * value->piece_bytes,
                          size, err);
        if (code)
            return err_prefix(err, code, "value %s", value->name);
        commit->txn_bytes += size;
        commit->written_bytes += size;
    }
    FAILPOINT(store_value_written);
    return ERR_OK;
}

/* ---- Which snapshots go ---- */

/* How many of the oldest snapshots are beyond `keep` when one more is stored. */
static size_t s_beyond(const snapshot_store_t *self)
{
    size_t count = self->view.good_count + 1;
    return count > self->options.keep ? count - self->options.keep : 0;
}

static uint64_t s_oldest_kept(const snapshot_store_t *self, const commit_t *commit)
{
    size_t beyond = s_beyond(self);
    return beyond < self->view.good_count ? self->view.good[beyond].id.number : commit->manifest.id.number;
}

static bool s_same_point(const char *a, const char *b)
{
    size_t length = snapshot_mark_length(a);
    return length == snapshot_mark_length(b) && memcmp(a, b, length) == 0;
}

/* The snapshot with an index in the order of the commit: behind the stored ones the one that comes. */
static const char *s_tag(const snapshot_store_t *self, const commit_t *commit, size_t index)
{
    return index < self->view.good_count ? self->view.good[index].id.tag : commit->manifest.id.tag;
}

/* Returns whether a snapshot, of those beyond `keep`, stays as its point's newest: how many points are newer
 * decides. */
static bool s_stays(const snapshot_store_t *self, const commit_t *commit, size_t index)
{
    const char *tag = s_tag(self, commit, index);
    uint32_t newer = 0;
    if (!snapshot_is_mark(tag))
        return false;
    for (size_t i = index + 1; i <= self->view.good_count; i++) {
        const char *other = s_tag(self, commit, i);
        bool newest = snapshot_is_mark(other);
        if (newest && s_same_point(tag, other))
            return false;
        for (size_t j = i + 1; newest && j <= self->view.good_count; j++)
            newest =
                !snapshot_is_mark(s_tag(self, commit, j)) || !s_same_point(other, s_tag(self, commit, j));
        newer += newest;
    }
    return newer < self->options.marks;
}

/* Fills commit->goes and a view of what stays, whose manifests are the store's; free() its list. */
static err_code_t s_choose(snapshot_store_t *self, commit_t *commit, err_t *err)
{
    size_t count = self->view.good_count, beyond = s_beyond(self);
    commit->goes = calloc(count + 1, sizeof *commit->goes);
    commit->stays.good = calloc(count + 1, sizeof *commit->stays.good);
    if (!commit->goes || !commit->stays.good)
        return err_set(err, ERR_MEMORY, "no memory for %zu snapshots", count);
    for (size_t i = 0; i < count; i++) {
        commit->goes[i] = i < beyond && !s_stays(self, commit, i);
        if (!commit->goes[i])
            commit->stays.good[commit->stays.good_count++] = self->view.good[i];
    }
    return ERR_OK;
}

/* Removes the snapshots that are too old, and the values that only they name. */
static err_code_t s_delete_expired(snapshot_store_t *self, commit_t *commit, err_t *err)
{
    char key[KV_KEY_MAX + 1];
    uint64_t oldest = s_oldest_kept(self, commit);
    number_set_t named = {0};
    err_code_t code = snapshot_view_keys(&commit->stays, 0, &commit->manifest, &named, err);
    for (size_t i = 0; i < self->view.good_count && !code; i++) {
        const manifest_t *manifest = &self->view.good[i];
        if (!commit->goes[i])
            continue;
        code = kv_del(commit->txn, manifest_key(manifest->id.number, key), err);
        for (size_t j = 0; j < manifest->count && !code; j++) {
            if (!number_set_has(&named, manifest->values[j].key))
                code = s_delete_value(commit->txn, &manifest->values[j], err);
        }
    }
    for (size_t i = 0; i < self->view.bad_count && !code; i++) {
        if (self->view.bad[i] < oldest)
            code = kv_del(commit->txn, manifest_key(self->view.bad[i], key), err);
    }
    number_set_fini(&named);
    return code;
}

static err_code_t s_write_values(snapshot_store_t *self, commit_t *commit, err_t *err)
{
    char key[KV_KEY_MAX + 1];
    err_code_t code = s_delete_garbage(self, err);
    if (!code)
        code = kv_begin(self->kv, &commit->txn, err);
    for (size_t i = 0; i < commit->manifest.count && !code; i++) {
        if (commit->fresh[i])
            code = s_write_value(self, commit, i, err);
    }
    if (!code)
        code = kv_put(commit->txn, manifest_key(commit->manifest.id.number, key), buf_peek(commit->bytes),
                      buf_size(commit->bytes), err);
    if (!code)
        code = s_delete_expired(self, commit, err);
    FAILPOINT(store_before_commit);
    if (!code)
        code = kv_commit(&commit->txn, err);
    FAILPOINT(store_after_commit);
    kv_abort(&commit->txn);
    return code;
}

/* ---- Afterwards ---- */

/* Room for what either end of the commit has to note, taken before it, so that noting cannot fail. */
static err_code_t s_reserve(snapshot_store_t *self, const commit_t *commit, err_t *err)
{
    manifest_t *good = realloc(self->view.good, (self->view.good_count + 1) * sizeof *good);
    if (good)
        self->view.good = good;
    size_t room = self->garbage_count + commit->manifest.count + 1;
    manifest_value_t *garbage = realloc(self->garbage, room * sizeof *garbage);
    if (garbage)
        self->garbage = garbage;
    return good && garbage ? ERR_OK : err_set(err, ERR_MEMORY, "no memory for %zu values", room);
}

static void s_note_failed(snapshot_store_t *self, const commit_t *commit)
{
    for (size_t i = 0; i < commit->manifest.count; i++) {
        if (commit->fresh[i])
            self->garbage[self->garbage_count++] = commit->manifest.values[i];
    }
}

static void s_note_committed(snapshot_store_t *self, commit_t *commit)
{
    snapshot_view_t *view = &self->view;
    size_t good = 0, bad = 0;
    uint64_t oldest = s_oldest_kept(self, commit);
    for (size_t i = 0; i < view->good_count; i++) {
        if (commit->goes[i])
            manifest_fini(&view->good[i]);
        else
            view->good[good++] = view->good[i];
    }
    view->good[good++] = commit->manifest;
    view->good_count = good;
    for (size_t i = 0; i < view->bad_count; i++) {
        if (view->bad[i] >= oldest)
            view->bad[bad++] = view->bad[i];
    }
    view->bad_count = bad;
    atomic_fetch_add(&self->written_bytes, commit->written_bytes + buf_size(commit->bytes));
    atomic_store(&self->newest, commit->manifest.id.number);
    commit->manifest = (manifest_t){0};
}

static err_code_t s_commit(snapshot_store_t *self, const snapshot_t *snapshot, err_t *err)
{
    commit_t commit = {0};
    uint64_t last = snapshot_view_last(&self->view);
    if (snapshot->id.number <= last || snapshot->id.number == SNAPSHOT_NEWEST)
        return err_set(err, ERR_STALE, "the newest one stored is %" PRIu64, last);
    err_code_t code = s_plan(self, snapshot, &commit, err);
    if (!code)
        code = s_choose(self, &commit, err);
    if (!code)
        code = s_reserve(self, &commit, err);
    if (!code) {
        code = s_write_values(self, &commit, err);
        if (code)
            s_note_failed(self, &commit);
        else
            s_note_committed(self, &commit);
    }
    manifest_fini(&commit.manifest);
    buf_destroy(&commit.bytes);
    free(commit.fresh);
    free(commit.goes);
    free(commit.stays.good);
    return code;
}

err_code_t snapshot_commit(snapshot_store_t *self, const snapshot_t *snapshot, err_t *err)
{
    pthread_mutex_lock(&self->lock);
    err_code_t code = s_commit(self, snapshot, err);
    pthread_mutex_unlock(&self->lock);
    return code ? err_prefix(err, code, "store snapshot %" PRIu64, snapshot->id.number) : ERR_OK;
}

/* ---- Forgetting ---- */

static err_code_t s_delete_newer(snapshot_store_t *self, size_t stays, uint64_t number, kv_txn_t *txn,
                                 err_t *err)
{
    char key[KV_KEY_MAX + 1];
    snapshot_view_t *view = &self->view;
    snapshot_view_t kept = {.good = view->good, .good_count = stays};
    number_set_t named = {0};
    err_code_t code = snapshot_view_keys(&kept, 0, NULL, &named, err);
    for (size_t i = stays; i < view->good_count && !code; i++) {
        const manifest_t *manifest = &view->good[i];
        code = kv_del(txn, manifest_key(manifest->id.number, key), err);
        for (size_t j = 0; j < manifest->count && !code; j++)
            if (!number_set_has(&named, manifest->values[j].key))
                code = s_delete_value(txn, &manifest->values[j], err);
    }
    for (size_t i = 0; i < view->bad_count && !code; i++)
        if (view->bad[i] > number)
            code = kv_del(txn, manifest_key(view->bad[i], key), err);
    number_set_fini(&named);
    return code;
}

static void s_note_forgotten(snapshot_store_t *self, size_t stays, uint64_t number)
{
    snapshot_view_t *view = &self->view;
    while (view->good_count > stays)
        manifest_fini(&view->good[--view->good_count]);
    while (view->bad_count && view->bad[view->bad_count - 1] > number)
        view->bad_count--;
    atomic_store(&self->newest, stays ? view->good[stays - 1].id.number : 0);
}

static err_code_t s_forget_after(snapshot_store_t *self, uint64_t number, err_t *err)
{
    size_t stays = 0;
    kv_txn_t *txn = NULL;
    while (stays < self->view.good_count && self->view.good[stays].id.number <= number)
        stays++;
    err_code_t code = kv_begin(self->kv, &txn, err);
    if (!code)
        code = s_delete_newer(self, stays, number, txn, err);
    if (!code)
        code = kv_commit(&txn, err);
    kv_abort(&txn);
    if (!code)
        s_note_forgotten(self, stays, number);
    return code;
}

err_code_t snapshot_forget_after(snapshot_store_t *self, uint64_t number, err_t *err)
{
    pthread_mutex_lock(&self->lock);
    err_code_t code = s_forget_after(self, number, err);
    pthread_mutex_unlock(&self->lock);
    return code ? err_prefix(err, code, "remove snapshots after %" PRIu64, number) : ERR_OK;
}
