/* snapshot_patch - a value of a snapshot as it was once, beside a patch of what has changed since.
 *
 * Why      of a large table few rows change between two snapshots: what it was is stored already, and the
 *          patch is short.
 * Names    the patch of NAME is NAME_patch. Without one the value is NAME alone.
 * Form     uint64, how many runs; then the patch (codec/tensor/patch.h).
 * Threads  any.
 */
#ifndef STORE_SNAPSHOT_PATCH_H
#define STORE_SNAPSHOT_PATCH_H

#include "codec/base/ranges.h"
#include "store/snapshot.h"

/* Returns whether `value` is the name of a value or of its patch. */
bool snapshot_patch_is_of(const char *value, const char *name);

/* Adds a float32 value: `before`, and where it differs from that now. `now` is borrowed. False: as
 * snapshot_add. */
bool snapshot_patch_add(snapshot_t *snapshot, const char *name, buf_t *before, const buf_t *now,
                        const ranges_t *touched, err_t *err);

/* The value with its patch; the caller owns it. NULL: there is none.
 *
 * Errors   ERR_MALFORMED (no patch of such a value), ERR_MEMORY */
MUST_USE err_code_t snapshot_patch_read(const snapshot_t *snapshot, const char *name, buf_t **ret_buf,
                                        err_t *err);

#endif
