/* family - what a file with a model is: from its options, the layers it is made of.
 *
 * Why      a model is a row of brokers/models.def and such a file.
 * Threads  any; pure functions.
 */
#ifndef ACTORS_MODEL_MODELS_FAMILY_H
#define ACTORS_MODEL_MODELS_FAMILY_H

#include "actors/model/net.h"
#include "brokers/model_spec.h"
#include "codec/base/err.h"

typedef struct {
    net_layer_t layers[NET_LAYERS_MAX]; /* (count) in their order; their names are borrowed for ever */
    size_t count;                       /* 0: the ledger, which has none */
} model_chain_t;

/* Fills *ret_chain, which is all zeros, for a spec in which everything is said. The names of the layers are
 * those of the same model in PyTorch.
 *
 * Errors   ERR_CONFIG: what the model cannot be made of, and what to write */
typedef err_code_t model_family_t(const model_spec_t *spec, model_chain_t *ret_chain, err_t *err);

#define MODEL(FAMILY, ...) extern model_family_t *const model_##FAMILY;
#include "brokers/models.def"
#undef MODEL

/* Values of one sample. */
static inline size_t model_family_inputs(const model_spec_t *spec)
{
    return (size_t)(spec->input[0] * spec->input[1] * spec->input[2]);
}

#endif
