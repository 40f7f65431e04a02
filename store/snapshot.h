/* snapshot - everything one shard needs to go on, made visible by one transaction.
 *
 * Why      a restart goes on from parameters, optimizer state and positions that belong together, or not at
 *          all.
 * Not      what the values mean (the shard's business), nor a thread (store/writer.h).
 * Threads  a snapshot_t has one owner; a snapshot_store_t may be used by any thread, calls wait for each
 *          other, except snapshot_store_newest and snapshot_store_bytes_written, which never wait.
 * Limits   those of store/manifest.h; memory for a snapshot being loaded.
 *
 * A value is a buf_t. One whose buf_id this store has already written, or loaded, is not written again: so
 * whoever changes a buffer in place calls buf_touch. Values go first, in pieces and in transactions of
 * bounded size; the manifest goes last, in a transaction that also removes what no kept snapshot needs. A
 * crash in between leaves values that nobody names, removed by the next open.
 */
#ifndef STORE_SNAPSHOT_H
#define STORE_SNAPSHOT_H

#include "codec/base/buf.h"
#include "codec/base/err.h"
#include "store/kv.h"
#include "store/manifest.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef manifest_id_t snapshot_id_t;

typedef struct {
    char name[MANIFEST_NAME_MAX + 1];
    buf_t *buf;
} snapshot_value_t;

typedef struct {
    snapshot_id_t id;
    snapshot_value_t *values; /* in the order they were added */
    size_t count;
    size_t capacity;
} snapshot_t;

/* A snapshot without values; NULL without memory. */
snapshot_t *snapshot_new(const snapshot_id_t *id);
void snapshot_destroy(snapshot_t **self_p);

/* Adds a named value, which must not be changed any more while the snapshot lives.
 *
 *   in   buf_p  moved, also on failure
 *
 * Errors   ERR_LIMIT (name empty or too long, too many values), ERR_MEMORY
 */
MUST_USE err_code_t snapshot_add(snapshot_t *self, const char *name, buf_t **buf_p, err_t *err);

/* A snapshot of the same identity with the same values, whose buffers are shared and not copied.
 *
 *   in   wants  names the values that are shared; NULL: all are
 *
 * Returns NULL without memory.
 */
snapshot_t *snapshot_share(const snapshot_t *self, bool (*wants)(const void *hint, const char *name),
                           const void *hint);

/* The value of a name; borrowed while the snapshot lives; NULL when there is none. */
buf_t *snapshot_peek(const snapshot_t *self, const char *name);

typedef struct snapshot_store snapshot_store_t;

#define SNAPSHOT_KEEP 2
/* With LMDB's page header a whole number of pages, and short enough that a hole for it is found. */
#define SNAPSHOT_PIECE_BYTES ((uint32_t)(1 << 20) - 16)
/* Small, so that the memory LMDB takes for a transaction is used again and again: 1.7 times as fast as 32
 * MiB. */
#define SNAPSHOT_TRANSACTION_BYTES ((size_t)4 << 20)

typedef struct {
    uint32_t keep;            /* how many snapshots stay, at least 1; 0: SNAPSHOT_KEEP */
    uint32_t piece_bytes;     /* 0: SNAPSHOT_PIECE_BYTES */
    size_t transaction_bytes; /* a transaction of values ends at about this; 0: SNAPSHOT_TRANSACTION_BYTES */
    uint32_t marks;           /* how many common points stay whose snapshots are older than that; 0: none */
} snapshot_store_options_t;

/* A tag that begins so names a common point of all shards of a job. What stands behind a ':' tells the
 * attempts at one point apart; of these the newest stays. */
#define SNAPSHOT_MARK_PREFIX "mark/"
bool snapshot_is_mark(const char *tag);
size_t snapshot_mark_length(const char *tag); /* without the attempt */

/* Opens the snapshots in a kv and, unless it is read only, removes values that no manifest names (if all
 * manifests can be read). A damaged manifest does not fail the open: it is passed over, and its values stay
 * until it is too old to be kept.
 *
 *   in   kv       borrowed; must outlive the store; must not be written by anybody else
 *   in   options  NULL: the defaults
 *
 * Errors   ERR_IO, ERR_MEMORY, ERR_FULL
 */
MUST_USE err_code_t snapshot_store_open(kv_t *kv, const snapshot_store_options_t *options,
                                        snapshot_store_t **ret_self, err_t *err);
void snapshot_store_destroy(snapshot_store_t **self_p);

/* The kv it was opened on; borrowed. */
kv_t *snapshot_store_kv(const snapshot_store_t *self);

/* The number of the newest committed snapshot, 0 when there is none: what `durable` means. Never waits. */
uint64_t snapshot_store_newest(const snapshot_store_t *self);

/* How many bytes of values and manifests this store has written since it was opened. Never waits. */
uint64_t snapshot_store_bytes_written(const snapshot_store_t *self);

/* Stores a snapshot, all of it or nothing, and removes those beyond `keep` and `marks`.
 *
 * Errors   ERR_STALE (its number is not above the newest), ERR_MALFORMED (a name twice), ERR_FULL, ERR_IO,
 * ERR_MEMORY; the earlier snapshots are then as they were. After ERR_IO the kv may be suspect: see
 * kv_suspect.
 */
MUST_USE err_code_t snapshot_commit(snapshot_store_t *self, const snapshot_t *snapshot, err_t *err);

/* Removes all snapshots newer than one, readable or not, in one transaction: what comes next may take their
 * numbers.
 *
 *   in   number  of the newest that stays; 0: none does
 *
 * Errors   ERR_IO, ERR_FULL, ERR_MEMORY; nothing is removed then
 */
MUST_USE err_code_t snapshot_forget_after(snapshot_store_t *self, uint64_t number, err_t *err);

#define SNAPSHOT_NEWEST UINT64_MAX

/* Reads a snapshot and checks every byte of it.
 *
 *   in   number  of it, or SNAPSHOT_NEWEST
 *
 * Errors   ERR_NOT_FOUND, ERR_CHECKSUM, ERR_MALFORMED or ERR_VERSION (damaged; the text names the value),
 * ERR_MEMORY, ERR_IO
 */
MUST_USE err_code_t snapshot_load(snapshot_store_t *self, uint64_t number, snapshot_t **ret_snapshot,
                                  err_t *err);

/* Reads one value of a snapshot, whatever became of its other values: what is still known of a damaged one.
 *
 *   in   number   of the snapshot
 *   out  ret_buf  the caller's
 *
 * Errors   ERR_NOT_FOUND (no such snapshot or value), ERR_CHECKSUM, ERR_MALFORMED or ERR_VERSION (damaged),
 * ERR_MEMORY, ERR_IO
 */
MUST_USE err_code_t snapshot_load_value(snapshot_store_t *self, uint64_t number, const char *name,
                                        buf_t **ret_buf, err_t *err);

/* Told of each snapshot that was passed over because it is damaged. */
typedef void snapshot_skipped_fn(void *hint, uint64_t number, const err_t *why);

/* Reads the newest snapshot that is whole; a start from an older one than the newest is a loss, and the
 * caller's to report.
 *
 *   in   skipped  NULL: nobody is told
 *
 * Errors   ERR_NOT_FOUND (there is none), ERR_CHECKSUM (all are damaged), ERR_MEMORY, ERR_IO
 */
MUST_USE err_code_t snapshot_load_newest_good(snapshot_store_t *self, snapshot_skipped_fn *skipped,
                                              void *hint, snapshot_t **ret_snapshot, err_t *err);

typedef struct {
    snapshot_id_t id;
    uint64_t values;
    uint64_t size_bytes;
} snapshot_info_t;

/* The snapshots whose manifests can be read, oldest first.
 *
 *   out  ret_infos  (ret_count); free() it; NULL when there are none
 */
MUST_USE err_code_t snapshot_list(snapshot_store_t *self, snapshot_info_t **ret_infos, size_t *ret_count,
                                  err_t *err);

#endif
