/* statedir_stores - where the stores of a shard lie in a state directory: its own, and copies that are
 * kept for another node.
 *
 *   DIR/REGION/shard-K/INCARNATION/    one store per shard and incarnation (16 hexadecimal digits)
 *   DIR/REGION/shard-K/INCARNATION.N/  its N-th replacement: the disk has spoiled the one before
 *   DIR/REGION/kept-K/INCARNATION/     copies of what that incarnation has stored where it runs
 *   DIR/REGION/kept-K/seal             the incarnation below which no copies are taken
 *
 * Rules    which of two stores is newer is decided by the incarnation, then by the replacement.
 * Errors   ERR_LIMIT (too long a path), ERR_MALFORMED (region name), ERR_IO, ERR_FULL, ERR_DENIED,
 *          ERR_MEMORY.
 * Not      what lies in the stores. Which of them a restart goes on from: statedir_latest.h.
 * Threads  any.
 */
#ifndef STORE_STATEDIR_STORES_H
#define STORE_STATEDIR_STORES_H

#include "store/statedir.h"

/* The store of an incarnation of a shard; its folder is created. */
MUST_USE err_code_t statedir_shard(const char *path, const char *region, uint32_t shard, uint64_t incarnation,
                                   char ret[STATEDIR_PATH_MAX], err_t *err);

/* A further directory for the same incarnation, newer than all it has: the disk refused a write into the one
 * before, which stays as it is. Errors: as above. */
MUST_USE err_code_t statedir_shard_again(const char *path, const char *region, uint32_t shard,
                                         uint64_t incarnation, char ret[STATEDIR_PATH_MAX], err_t *err);

/* The name of a shard's store: which is newer is decided by the incarnation, then by the replacement. */
typedef struct {
    uint64_t incarnation;
    uint64_t replacement; /* 0: none */
} statedir_store_t;

#define STATEDIR_STORE_NAME_SIZE 40
bool statedir_store_parse(const char *name, statedir_store_t *ret_store);
const char *statedir_store_name(const statedir_store_t *store, char out[STATEDIR_STORE_NAME_SIZE]);
int statedir_store_compare(const statedir_store_t *a, const statedir_store_t *b); /* as strcmp: older first */

/* The stores in a directory DIR/REGION/shard-K, newest first; free() the list, which is NULL when there are
 * none. A directory that does not exist has none. Errors: ERR_IO, ERR_DENIED, ERR_MEMORY. */
MUST_USE err_code_t statedir_stores(const char *parent, statedir_store_t **ret_stores, size_t *ret_count,
                                    err_t *err);
/* The same for several directories, each name once. */
MUST_USE err_code_t statedir_stores_all(char parents[][STATEDIR_PATH_MAX], size_t parent_count,
                                        statedir_store_t **ret_stores, size_t *ret_count, err_t *err);
/* The path of a store; it need not be there. Errors: ERR_LIMIT. */
MUST_USE err_code_t statedir_store_dir(const char *parent, const statedir_store_t *store,
                                       char ret[STATEDIR_PATH_MAX], err_t *err);

/* The store for copies of what an incarnation of a shard that runs on another node has stored: see
 * actors/keeper. */
MUST_USE err_code_t statedir_kept(const char *path, const char *region, uint32_t shard, uint64_t incarnation,
                                  char ret[STATEDIR_PATH_MAX], err_t *err);

/* The incarnations of a shard that there are copies of, newest first.
 *
 *   out  ret_items  (ret_count); free() it; NULL when there are none */
MUST_USE err_code_t statedir_kept_list(const char *path, const char *region, uint32_t shard,
                                       uint64_t **ret_items, size_t *ret_count, err_t *err);

/* Removes the copies of one incarnation; nobody may have its store open. */
MUST_USE err_code_t statedir_kept_remove(const char *path, const char *region, uint32_t shard,
                                         uint64_t incarnation, err_t *err);

/* The seal of the copies of a shard: nothing is taken from incarnations older than it. 0: none was set. On
 * the disk when statedir_seal returns. Errors: also ERR_MALFORMED (the file has been changed). */
MUST_USE err_code_t statedir_seal(const char *path, const char *region, uint32_t shard, uint64_t incarnation,
                                  err_t *err);
MUST_USE err_code_t statedir_sealed(const char *path, const char *region, uint32_t shard,
                                    uint64_t *ret_incarnation, err_t *err);

#endif
