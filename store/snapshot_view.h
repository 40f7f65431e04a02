/* snapshot_view - which snapshots a kv holds, as far as their manifests can be read.
 *
 * Why      the store, and the report about a store, look at the same list.
 * Threads  one owner.
 */
#ifndef STORE_SNAPSHOT_VIEW_H
#define STORE_SNAPSHOT_VIEW_H

#include "store/kv.h"
#include "store/manifest.h"

#include <stdbool.h>

typedef struct {
    manifest_t *good; /* by number, smallest first */
    size_t good_count;
    uint64_t *bad; /* numbers of the manifests that cannot be read, smallest first */
    size_t bad_count;
} snapshot_view_t;

/* Numbers in ascending order, each once. */
typedef struct {
    uint64_t *items;
    size_t count;
} number_set_t;

/* Reads all manifests. Errors: ERR_IO, ERR_MEMORY; a damaged manifest is none. */
MUST_USE err_code_t snapshot_view_read(kv_t *kv, snapshot_view_t *ret_view, err_t *err);
void snapshot_view_fini(snapshot_view_t *self);

/* Returns whether a code says that what is stored is damaged (or gone), rather than that it could not be
 * read now. */
bool snapshot_view_is_damage(err_code_t code);

/* The greatest number in the view, readable or not; 0 when it is empty. */
uint64_t snapshot_view_last(const snapshot_view_t *self);

/* The greatest number below a limit, readable or not; 0 when there is none. */
uint64_t snapshot_view_before(const snapshot_view_t *self, uint64_t limit);

manifest_t *snapshot_view_find(const snapshot_view_t *self, uint64_t number);

/* The keys of all values that the manifests from index `first` on name, and those of `extra`, which may be
 * NULL. */
MUST_USE err_code_t snapshot_view_keys(const snapshot_view_t *self, size_t first, const manifest_t *extra,
                                       number_set_t *ret_keys, err_t *err);
bool number_set_has(const number_set_t *self, uint64_t number);
void number_set_fini(number_set_t *self);

#endif
