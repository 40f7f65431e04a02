/* since - a tensor as it was when it was stored whole, and the elements that steps have changed since.
 *
 * Why      where steps change few elements the next snapshot has these, beside what is stored already.
 * How      as with a trail steps lead from the number of a buffer to that of the next. Whatever else changes
 *          the tensor ends it: the next snapshot has it whole again, and it begins anew.
 * Owns     a reference to what was stored, and the set.
 * Threads  one owner.
 * Limits   what is a quarter of the tensor, or more, is stored whole.
 */
#ifndef ACTORS_SHARD_REPLICA_SINCE_H
#define ACTORS_SHARD_REPLICA_SINCE_H

#include "store/snapshot_patch.h"

typedef struct {
    buf_t *before;    /* as it was stored; NULL: it has not begun */
    uint64_t at;      /* buf_id of the version to which the steps have led */
    ranges_t touched; /* by them */
} since_t;            /* all-zero bytes are one that has not begun */

void since_fini(since_t *self); /* it has not begun */

void since_step(since_t *self, uint64_t from, uint64_t to, const ranges_t *touched);
/* Adds the present version to a snapshot, by what has changed or whole. False: as snapshot_add. */
bool since_store(since_t *self, snapshot_t *snapshot, const char *name, buf_t *present, err_t *err);

#endif
