/* stored - how rooms write their part of a snapshot, and read it again.
 *
 * Why      a snapshot is a message of numbers and lists (shard_state) beside named values. Each room knows
 *          its own fields and values; what they have in common is here. durable/state joins the parts.
 * Names    of values: NAME, NAME/NUMBER or NAME/REGION/NUMBER, regions by index. They are what earlier
 *          versions have stored: none may get another meaning.
 * Threads  pure: any.
 */
#ifndef ACTORS_SHARD_BASE_STORED_H
#define ACTORS_SHARD_BASE_STORED_H

#include "actors/shard/base/base.h"
#include "store/snapshot.h"

/* A tensor of the shard that a room stores. */
typedef struct {
    const char *name;
    buf_t **slot;  /* the room's; NULL in it: there is none */
    bool required; /* a snapshot without it cannot be gone on from */
    bool given;    /* goes along to another region that takes this state */
} stored_tensor_t;

typedef char stored_name_t[MANIFEST_NAME_MAX + 1];

/* "what/number", "what/region/number"; returned is `name`. */
const char *stored_key(stored_name_t name, const char *what, uint64_t number);
const char *stored_region_key(stored_name_t name, const char *what, uint64_t region, uint64_t number);

/* Values, by reference; NULL is left out. False without memory, or beyond the limits of a snapshot. */
bool stored_add(snapshot_t *snapshot, const char *name, buf_t *buf, err_t *err);
bool stored_add_tensors(snapshot_t *snapshot, const stored_tensor_t *tensors, size_t count, err_t *err);

/* One tensor of this shard's size, or all of a list; the slots are the caller's on failure too.
 *
 * Errors   ERR_MALFORMED (not there, though required), ERR_SHAPE */
MUST_USE err_code_t stored_tensor(const base_t *base, const snapshot_t *snapshot, const char *name,
                                  bool required, buf_t **ret_buf, err_t *err);
MUST_USE err_code_t stored_tensors(const base_t *base, const snapshot_t *snapshot,
                                   const stored_tensor_t *tensors, size_t count, err_t *err);

/* Gives the head of a delta that was stored its kind. False: there cannot be such a delta. */
bool stored_head(delta_head_t *head, uint64_t kind);

#endif
