/* whole - a region's model, put together from the snapshots of its shards.
 *
 * Threads  the main thread.
 */
#ifndef DEPLOY_CLI_CHECKPOINT_WHOLE_H
#define DEPLOY_CLI_CHECKPOINT_WHOLE_H

#include "deploy/state/catalog.h"
#include "deploy/launch/parameters.h"

/* Copies a shard's part of the parameters to where it belongs. Errors: ERR_SHAPE. */
MUST_USE err_code_t whole_place(const snapshot_t *snapshot, const topology_t *topology, uint32_t shard,
                                parameters_t *parameters, err_t *err);

/* Reads the snapshots of all shards of one region, every byte checked. Errors: those of pick_load, ERR_SHAPE,
 * ERR_NOT_FOUND (no such model). */
MUST_USE err_code_t whole_parameters(const topology_t *topology, const pick_t *picks, size_t count,
                                     parameters_t **ret_parameters, err_t *err);

/* Returns whether all values are finite; `err` says which tensor has how many that are not. */
bool whole_is_finite(const parameters_t *parameters, err_t *err);

#endif
