/* net - a chain of layers with the scratch memory to run a batch through it, forwards and backwards.
 *
 * Why      a model is a row of layers; what is common to all such models is here once.
 * How      convolutions run over a few images at a time, so that patches and outputs stay in the second-level
 *          cache and only the pooled outputs are kept; dense layers run over the whole batch.
 * Not      parameters: they belong to the caller, layer by layer weights then bias (layout of net_layout).
 * Threads  one per net_t.
 */
#ifndef ACTORS_MODEL_NET_H
#define ACTORS_MODEL_NET_H

#include "actors/model/conv.h"
#include "actors/model/dense.h"
#include "codec/base/err.h"
#include "codec/tensor/layout.h"

#include <stddef.h>
#include <stdint.h>

#define NET_LAYERS_MAX 16

typedef enum { NET_CONV, NET_DENSE } net_kind_t;

typedef struct {
    const char *name; /* of its tensors: NAME.weight, NAME.bias */
    net_kind_t kind;
    conv_t conv; /* NET_CONV: convolution, 2 x 2 maximum, bias */
    dense_t dense;
} net_layer_t;

typedef struct net net_t;

/* Appends the tensors of the layers. */
MUST_USE err_code_t net_layout(const net_layer_t *layers, size_t layer_count, layout_t *ret_layout,
                               err_t *err);

/* Initial weights, uniform in +-sqrt(6 / (inputs + outputs)) (Glorot and Bengio, 2010; for a convolution
 * inputs are I K K and outputs O K K), or +-sqrt(6 / inputs) before a ReLU (He et al., 2015); biases are 0.
 */
void net_init(const net_layer_t *layers, size_t layer_count, uint64_t seed, float *ret_w);

/* `layers` is borrowed for the life of the net. Errors: ERR_MEMORY. */
MUST_USE err_code_t net_new(const net_layer_t *layers, size_t layer_count, size_t batch_max, net_t **ret_self,
                            err_t *err);
void net_destroy(net_t **self_p);

/* Values per sample coming out. */
size_t net_output_size(const net_layer_t *layers, size_t layer_count);

/* As model_gradient and model_evaluate. */
void net_gradient(net_t *self, const float *w, const float *x, const uint32_t *labels, size_t count,
                  float *ret_g, double *ret_loss);
void net_evaluate(net_t *self, const float *w, const float *x, const uint32_t *labels, size_t count,
                  double *add_loss, uint64_t *add_correct);

#endif
