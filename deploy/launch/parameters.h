/* parameters - a region's model as its shards have committed it, put together again.
 *
 * Why      reports tell the SHA-256 of what was trained.
 * How      the newest snapshot of every shard, also while they are written; nothing is locked or changed.
 *          What is damaged is not passed over: `checkpoint export` says what can be had then.
 * Threads  any.
 */
#ifndef DEPLOY_LAUNCH_PARAMETERS_H
#define DEPLOY_LAUNCH_PARAMETERS_H

#include "brokers/topology.h"
#include "codec/base/hash.h"
#include "codec/tensor/layout.h"

typedef struct {
    layout_t layout;
    float *values; /* (layout.count) */
} parameters_t;

/* Errors: ERR_NOT_FOUND (a shard has no snapshot yet), ERR_CHECKSUM (damaged), ERR_SHAPE, ERR_MEMORY, ERR_IO.
 */
MUST_USE err_code_t parameters_load(const topology_t *topology, const char *state_dir, size_t region_index,
                                    parameters_t **ret_self, err_t *err);
/* A model's layout with all values 0. Errors: those of model_layout_of, ERR_MEMORY. */
MUST_USE err_code_t parameters_new(const model_spec_t *model, parameters_t **ret_self, err_t *err);
void parameters_destroy(parameters_t **self_p);

/* How many values are not finite. */
size_t parameters_not_finite(const parameters_t *self);

void parameters_sha256(const parameters_t *self, char ret_hex[SHA256_HEX_SIZE]);

#endif
