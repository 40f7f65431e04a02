/* statedir_paths - how paths below a state directory are put together; for the files of statedir alone.
 *
 * Owns     nothing: the folders that others may ask for are in statedir.h.
 * Errors   ERR_LIMIT (too long), ERR_MALFORMED (the name of a region cannot be that of a folder).
 * Threads  pure.
 */
#ifndef STORE_STATEDIR_PATHS_H
#define STORE_STATEDIR_PATHS_H

#include "store/statedir.h"

#define STATEDIR_JOB_FILE "job"
#define STATEDIR_LOCK_FILE "lock"

/* Folders that stores lie in: those of the shard itself, and copies of them. */
typedef enum { STORES_OWN, STORES_KEPT, STORES_KINDS } statedir_stores_kind_t;

MUST_USE err_code_t statedir_join(const char *path, const char *name, char ret[STATEDIR_PATH_MAX],
                                  err_t *err);
/* The folder that a shard's stores of a kind lie in; it need not be there. */
MUST_USE err_code_t statedir_parent(const char *path, const char *region, uint32_t shard,
                                    statedir_stores_kind_t kind, char ret[STATEDIR_PATH_MAX], err_t *err);

#endif
