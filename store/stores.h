/* stores - every store that lies in a state directory, found by looking: those of shards, the copies that
 * keepers hold, and the rest (schedulers').
 *
 *   REGION/shard-K/INCARNATION/   of a shard; INCARNATION.N/ its N-th replacement
 *   REGION/kept-K/INCARNATION/    a keeper's copy of the same
 *   REGION/scheduler/             what a regional scheduler keeps for its successor
 *   run/global/                   what the global scheduler does
 *   anything else with a data.mdb in it
 *
 * Why      tools that recover must see what is there, not what should be.
 * Not      what is in them.
 * Threads  any.   Limits  STATEDIR_PATH_MAX bytes per path; STORES_DEPTH folders deep.
 */
#ifndef STORE_STORES_H
#define STORE_STORES_H

#include "store/statedir.h"

#define STORES_DEPTH 4
#define STORES_GLOBAL "run/global"

typedef enum { STORE_SHARD, STORE_KEPT, STORE_OTHER } store_kind_t; /* schedulers' are STORE_OTHER */

typedef struct {
    store_kind_t kind;
    char region[STATEDIR_NAME_MAX + 1]; /* empty for STORE_OTHER */
    uint32_t shard;
    uint64_t incarnation;
    uint64_t replacement;          /* 0: none */
    char below[STATEDIR_PATH_MAX]; /* its path in the state directory */
} store_place_t;

typedef struct {
    store_place_t *items; /* by kind, region, shard, incarnation and replacement (oldest first), path */
    size_t count;
} stores_t;

/* Errors: ERR_NOT_FOUND (no such directory), ERR_DENIED, ERR_IO, ERR_LIMIT, ERR_MEMORY. */
MUST_USE err_code_t stores_find(const char *state_dir, stores_t *ret_stores, err_t *err);
void stores_fini(stores_t *self);

/* "shard" or "kept": how the folders of a kind begin; "" for the rest. */
const char *stores_kind_name(store_kind_t kind);

/* Writes STATE/REGION/KIND-K/INCARNATION into the caller's array; nothing is created. Errors: ERR_LIMIT. */
MUST_USE err_code_t stores_path(const char *state_dir, const store_place_t *place,
                                char ret[STATEDIR_PATH_MAX], err_t *err);

/* Fills a place of a shard or a copy, with its path below the state directory. */
store_place_t stores_place(store_kind_t kind, const char *region, uint32_t shard, uint64_t incarnation);

/* Returns whether a scheduler keeps there what its successor is to know. */
bool stores_is_scheduler(const store_place_t *place);

/* Returns whether both are of the same shard of the same region, and of the same kind; not of the rest. */
bool stores_same_shard(const store_place_t *a, const store_place_t *b);

/* Which is newer, as strcmp: by incarnation, then by replacement. */
int stores_compare_age(const store_place_t *a, const store_place_t *b);

#endif
