/* kv - named byte strings with transactions: what every store is written on.
 *
 * Why      snapshots and schedulers see the disk only through this, so a test can give them one that is full,
 *          broken or damaged (store/kv_mem.h) and the product one that survives a crash (store/kv_lmdb.h).
 *          Not checksums: the file below has none and hands damaged bytes back without a word, so whoever
 *          stores a value checks it (store/snapshot.h).
 * Threads  any thread may read; one write transaction at a time, others wait in kv_begin; a transaction stays
 *          in the thread that began it. A fault found by one thread is seen by all (kv_suspect).
 * Limits   keys of 1 to KV_KEY_MAX bytes without zeros; the size of the whole as set by the implementation.
 */
#ifndef STORE_KV_H
#define STORE_KV_H

#include "codec/base/buf.h"
#include "codec/base/err.h"

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define KV_KEY_MAX 127

/* Faults that a commit that returned has survived: kill -9 of this process, or a power cut as well
 * (fsync). */
typedef enum { KV_DURABILITY_PROCESS, KV_DURABILITY_DISK } kv_durability_t;

typedef struct kv kv_t;
typedef struct kv_txn kv_txn_t;

/* Fills `size` bytes of a value that is being stored. May be called again for the same value (the file was
 * grown and the transaction repeated), so it must give the same bytes each time. */
typedef void kv_fill_fn(void *hint, void *data, size_t size);

/* Sees a stored value; data is borrowed for the call, which must be short (it holds old pages of the file)
 * and must not call the kv. */
typedef void kv_visit_fn(void *hint, const void *data, size_t size);

typedef struct {
    char key[KV_KEY_MAX + 1];
    size_t size_bytes; /* of its value */
} kv_key_t;

typedef struct {
    kv_key_t *items; /* in the order of the bytes of the keys */
    size_t count;
    size_t capacity;
} kv_keys_t;

/* Gives everything back and sets the pointer to NULL; NULL is fine. No transaction may be open. */
void kv_destroy(kv_t **self_p);

/* Returns whether a commit or sync failed in a way after which the file may be anything (EIO). What was
 * committed before may be readable, but nothing more is accepted: write a new store from memory or from a
 * peer. */
bool kv_suspect(const kv_t *self);

/* Returns whether it was opened to be read only; then kv_begin fails with ERR_DENIED. */
bool kv_read_only(const kv_t *self);

/* Starts a write transaction; nothing of it is visible before kv_commit.
 *
 *   out  ret_txn  ended by kv_commit or kv_abort in the same thread
 *
 * Errors   ERR_IO (suspect, or the system refused), ERR_DENIED (read only), ERR_MEMORY
 */
MUST_USE err_code_t kv_begin(kv_t *self, kv_txn_t **ret_txn, err_t *err);

/* Stores a value under a key, in place of an older one.
 *
 *   in   data  (size) bytes, borrowed until kv_commit or kv_abort: when the file must grow, the transaction
 * is repeated from them
 *
 * Errors   ERR_FULL (disk or the greatest size), ERR_IO, ERR_MEMORY, ERR_LIMIT (key). After an error the
 *          transaction can only be aborted; kv_commit then fails with the same error.
 */
MUST_USE err_code_t kv_put(kv_txn_t *txn, const char *key, const void *data, size_t size, err_t *err);

/* The same, without a copy: fill(hint, data, size) writes the value where it will lie. hint is borrowed until
 * kv_commit or kv_abort. */
MUST_USE err_code_t kv_put_fill(kv_txn_t *txn, const char *key, size_t size, kv_fill_fn *fill, void *hint,
                                err_t *err);

/* Removes a key; one that is not there is fine. Errors as kv_put. */
MUST_USE err_code_t kv_del(kv_txn_t *txn, const char *key, err_t *err);

/* Makes all of the transaction visible and durable, or nothing. Ends it either way.
 *
 * Errors   ERR_FULL (no room; what was there before is intact and the kv can be used on), ERR_IO (the kv is
 * now suspect; whether the transaction is there is not known), ERR_MEMORY
 */
MUST_USE err_code_t kv_commit(kv_txn_t **txn_p, err_t *err);

/* Drops the transaction; NULL is fine. */
void kv_abort(kv_txn_t **txn_p);

/* Flushes what was committed to the disk, also with `process` durability. Errors: ERR_IO (suspect from now
 * on). */
MUST_USE err_code_t kv_sync(kv_t *self, err_t *err);

/* Shows the committed value of a key to visit. Errors: ERR_NOT_FOUND, ERR_IO, ERR_MALFORMED (damaged file).
 */
MUST_USE err_code_t kv_read(kv_t *self, const char *key, kv_visit_fn *visit, void *hint, err_t *err);

/* A copy of the committed value of a key. Errors as kv_read, and ERR_MEMORY. */
MUST_USE err_code_t kv_get(kv_t *self, const char *key, buf_t **ret_value, err_t *err);

/* The committed keys that begin with prefix, with the sizes of their values.
 *
 *   out  ret_keys  given back with kv_keys_fini; {0} when nothing begins so
 */
MUST_USE err_code_t kv_keys(kv_t *self, const char *prefix, kv_keys_t *ret_keys, err_t *err);
void kv_keys_fini(kv_keys_t *keys);

/* One value in a transaction of its own. Errors as kv_put and kv_commit. */
MUST_USE err_code_t kv_store(kv_t *self, const char *key, const void *data, size_t size, err_t *err);

/* ---- For implementations ---- */

typedef struct {
    void (*destroy)(kv_t *self);
    err_code_t (*begin)(kv_t *self, kv_txn_t **ret_txn, err_t *err);
    err_code_t (*put)(kv_txn_t *txn, const char *key, size_t size, kv_fill_fn *fill, void *hint, err_t *err);
    err_code_t (*del)(kv_txn_t *txn, const char *key, err_t *err);
    err_code_t (*commit)(kv_txn_t *txn, err_t *err); /* frees txn, also on failure */
    void (*abort)(kv_txn_t *txn);                    /* frees txn */
    err_code_t (*sync)(kv_t *self, err_t *err);
    err_code_t (*read)(kv_t *self, const char *key, kv_visit_fn *visit, void *hint, err_t *err);
    err_code_t (*keys)(kv_t *self, const char *prefix, kv_keys_t *keys, err_t *err);
} kv_ops_t;

struct kv {
    const kv_ops_t *ops;
    bool read_only;
    atomic_bool suspect;
};

struct kv_txn {
    kv_t *kv;
    err_code_t failed; /* the first error of a put or del */
};

/* Appends to a list of keys; ERR_MEMORY. */
MUST_USE err_code_t kv_keys_append(kv_keys_t *keys, const char *key, size_t key_size, size_t value_size,
                                   err_t *err);

/* The fill function of kv_put: hint is the data. */
void kv_fill_copy(void *hint, void *data, size_t size);

#endif
