/* catalog_archive - the part of a catalog that comes from an archive.
 *
 * Threads  the main thread.
 */
#ifndef DEPLOY_STATE_CATALOG_ARCHIVE_H
#define DEPLOY_STATE_CATALOG_ARCHIVE_H

#include "deploy/state/catalog.h"

/* Reads one snapshot out of an archive. Errors: those of archive_read, ERR_NOT_FOUND. */
MUST_USE err_code_t catalog_archive_load(const catalog_store_t *store, uint64_t number,
                                         snapshot_t **ret_snapshot, err_t *err);

/* Notes the digest of the model's layout, once the topology is there. */
void catalog_note_layout(catalog_t *self);

#endif
