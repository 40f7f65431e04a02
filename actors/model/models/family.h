/* family - what a file with a model is: from its options, the layers it is made of.
 *
 * Why      a model is a row of brokers/models.def and such a file.
 * Threads  any; pure functions.
 */
#ifndef ACTORS_MODEL_MODELS_FAMILY_H
#define ACTORS_MODEL_MODELS_FAMILY_H

#include "actors/model/graph.h"
#include "brokers/model_spec.h"
#include "codec/base/err.h"

/* Appends the layers to a graph that has its samples and no layer, for a spec in which everything is said;
 * none: the ledger, and deepfm. The names of the layers are those of the same model in PyTorch.
 *
 * Errors   ERR_CONFIG: what the model cannot be made of, and what to write */
typedef err_code_t model_family_t(const model_spec_t *spec, graph_t *graph, err_t *err);

#define MODEL(FAMILY, ...) extern model_family_t *const model_##FAMILY;
#include "brokers/models.def"
#undef MODEL

#endif
