/* source - a model as a state directory or an archive holds it, for commands that read either.
 *
 * Threads  the main thread.
 */
#ifndef DEPLOY_CLI_CHECKPOINT_SOURCE_H
#define DEPLOY_CLI_CHECKPOINT_SOURCE_H

#include "deploy/cli/checkpoint/catalog.h"
#include "deploy/launch/parameters.h"

typedef struct source source_t;

/* Opens a state directory or an archive; `choice` is copied, its tag borrowed.
 * Errors: those of catalog_open and archive_read. */
MUST_USE err_code_t source_open(const char *path, const choice_t *choice, source_t **ret_self, err_t *err);
void source_destroy(source_t **self_p);
const topology_t *source_topology(const source_t *self);

/* Reads one shard's snapshot, every byte checked. Errors: those of catalog_pick and catalog_load, or archive_read. */
MUST_USE err_code_t source_load(source_t *self, size_t region_index, uint32_t shard,
                                snapshot_t **ret_snapshot, err_t *err);

/* Puts a region's parameters together. Errors: also ERR_SHAPE. */
MUST_USE err_code_t source_parameters(source_t *self, size_t region_index, parameters_t **ret_parameters,
                                      err_t *err);

/* Copies a shard's part of the parameters to where it belongs. Errors: ERR_SHAPE. */
MUST_USE err_code_t source_place(const snapshot_t *snapshot, const topology_t *topology, uint32_t shard,
                                 parameters_t *parameters, err_t *err);

#endif
