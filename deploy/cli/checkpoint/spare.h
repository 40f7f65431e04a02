/* spare - whole or damaged, a snapshot of some shard that lies elsewhere: in a keeper's copy, in another
 * state directory, or in an archive.
 *
 * Threads  the main thread.
 */
#ifndef DEPLOY_CLI_CHECKPOINT_SPARE_H
#define DEPLOY_CLI_CHECKPOINT_SPARE_H

#include "deploy/state/catalog.h"

typedef struct {
    char region[TOPOLOGY_NAME_MAX];
    uint32_t shard;
    manifest_id_t id;
    uint64_t size_bytes;
    char from[STATEDIR_PATH_MAX]; /* where it lies, for people */
    catalog_store_t *store;       /* borrowed */
} spare_t;

typedef struct {
    spare_t *items; /* by incarnation and number once sorted */
    size_t count;
    catalog_t *others[2]; /* a directory and an archive; NULL: none */
} spares_t;

/* Adds the keepers' copies of a state directory, which must outlive the list; those of another one and its
 * shards' own stores; what an archive holds. Errors: ERR_JOB (of another job), and those of catalog_open
 * and archive_read. */
void spares_add_kept(spares_t *self, const catalog_t *catalog);
MUST_USE err_code_t spares_add_dir(spares_t *self, const char *dir, const catalog_t *ours, err_t *err);
MUST_USE err_code_t spares_add_archive(spares_t *self, const char *path, const catalog_t *ours, err_t *err);
void spares_sort(spares_t *self);
void spares_fini(spares_t *self);

/* Returns whether it is of that shard and incarnation. */
bool spare_belongs(const spare_t *self, const store_place_t *place);

/* Reads it and checks all of it. */
MUST_USE err_code_t spare_load(const spare_t *self, snapshot_t **ret_snapshot, err_t *err);

#endif
