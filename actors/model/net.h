/* net - runs batches through a graph of layers, forwards and backwards, in memory that is planned once.
 *
 * Why      what is common to all models of layers is here once; a model is a description (graph).
 * How      A normalized convolution is kept as it was before its normalization, which is made again, with its
 *          ReLU, for whoever reads it. A pass uses one block of memory, in which buffers that never live at
 *          the same time take the same place (arena).
 * Not      parameters: they belong to the caller, laid out by graph_layout.
 * Threads  one per net_t.
 */
#ifndef ACTORS_MODEL_NET_H
#define ACTORS_MODEL_NET_H

#include "actors/model/graph.h"
#include "codec/base/err.h"

#include <stddef.h>
#include <stdint.h>

typedef struct net net_t;

/* Gradients of up to batch_max samples at once, evaluation of any number. `graph` is borrowed for the life of
 * the net. Errors: ERR_MEMORY. */
MUST_USE err_code_t net_new(const graph_t *graph, size_t batch_max, net_t **ret_self, err_t *err);
void net_destroy(net_t **self_p);

/* As model_gradient and model_evaluate. */
void net_gradient(net_t *self, const float *w, const float *x, const uint32_t *labels, size_t count,
                  float *ret_g, double *ret_loss);
void net_evaluate(net_t *self, const float *w, const float *x, const uint32_t *labels, size_t count,
                  double *add_loss, uint64_t *add_correct);

#endif
