/* build - stores and state directories written anew, and put in their place in one step when they are whole.
 *
 * Why      whatever a tool is interrupted in, what was there stays until what comes instead is written and
 *          verified.
 * Threads  the main thread.
 */
#ifndef DEPLOY_CLI_CHECKPOINT_BUILD_H
#define DEPLOY_CLI_CHECKPOINT_BUILD_H

#include "deploy/state/catalog.h"

/* ---- One store ---- */

typedef struct {
    char path[STATEDIR_PATH_MAX];      /* where it belongs */
    char temporary[STATEDIR_PATH_MAX]; /* where it is written; a name that nobody takes for a store */
    kv_t *kv;
    snapshot_store_t *snapshots;
    uint64_t count;
} build_t;

/* Begins a store beside its place, whose parents are created. Errors: ERR_LIMIT, ERR_IO, ERR_FULL,
 * ERR_DENIED. */
MUST_USE err_code_t build_begin(build_t *self, const char *path, err_t *err);

/* Adds a snapshot; they come in the order of their numbers. Errors: those of snapshot_commit. */
MUST_USE err_code_t build_add(build_t *self, const snapshot_t *snapshot, err_t *err);

/* Syncs and closes it and reads all of it again in a child. Errors: ERR_CHECKSUM (not what was written),
 * ERR_IO. */
MUST_USE err_code_t build_verify(build_t *self, err_t *err);

/* Puts a verified store in its place; what was there is removed. */
MUST_USE err_code_t build_place(build_t *self, err_t *err);

/* Removes what is not in its place; may be called always, also twice. */
void build_fini(build_t *self);

/* Removes a store; it is no store any more from the first moment on. Errors: ERR_IO, ERR_DENIED. */
MUST_USE err_code_t build_remove(const char *path, err_t *err);

/* Copies a store that holds no snapshots (a scheduler's), key by key. */
MUST_USE err_code_t build_copy_keys(const char *from, const char *to, err_t *err);

/* ---- A state directory ---- */

typedef struct {
    char path[STATEDIR_PATH_MAX];
    char temporary[STATEDIR_PATH_MAX]; /* empty: nothing was begun */
} build_dir_t;

/* Checks that a state directory may be put there and, unless `dry`, begins one beside it.
 *
 *   in   source  where its contents come from, NULL: from elsewhere; they may not lie in each other
 *
 * Errors   ERR_EXISTS (without force), ERR_JOB (something else is there), ERR_IN_USE, ERR_USAGE, ERR_IO,
 *          ERR_DENIED
 */
MUST_USE err_code_t build_dir_begin(build_dir_t *self, const char *path, const char *source, bool force,
                                    bool dry, err_t *err);

/* Writes job and topology, and puts it in its place. It goes on as the same run. Errors: also ERR_CONFIG
 * (the topology). */
MUST_USE err_code_t build_dir_place(build_dir_t *self, const char *topology, size_t size,
                                    const statedir_run_t *run, err_t *err);
void build_dir_fini(build_dir_t *self);

/* Takes a state directory for a tool that writes in it, and reads its catalog anew. Errors: ERR_IN_USE, and
 * those of statedir_open and catalog_open. */
MUST_USE err_code_t build_take(catalog_t **catalog_p, statedir_t **ret_state, err_t *err);

#endif
