/* graph - the layers of a model and which reads which: a description, without memory or values.
 *
 * Why      layout, first values and the run (net) read the same description, so they cannot disagree.
 * How      each graph_LAYER function appends a layer and returns its number, which later ones read from. A
 *          layer is what is computed in one go: a convolution with what stands behind it, a product with its
 *          bias.
 * Errors   the first one is kept, later calls do nothing: graph_check tells it at the end.
 * Legend   C channels, H height, W width of an output; O channels out, K kernel side.
 * Limits   GRAPH_LAYERS_MAX layers.       Threads  immutable once built.
 */
#ifndef ACTORS_MODEL_GRAPH_H
#define ACTORS_MODEL_GRAPH_H

#include "actors/model/conv.h"
#include "actors/model/dense.h"
#include "codec/base/err.h"
#include "codec/tensor/layout.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define GRAPH_LAYERS_MAX 64
#define GRAPH_SAMPLES SIZE_MAX /* read from: the samples themselves */

typedef enum {
    LAYER_CONV_POOL, /* convolution, 2 x 2 maximum, bias (Caffe's order in LeNet; no ReLU) */
    LAYER_CONV_NORM, /* convolution without bias, batch normalization, ReLU where `relu` */
    LAYER_ADD,       /* sum of two, then ReLU: the end of a residual block */
    LAYER_MEAN,      /* of each channel's pixels: (C, 1, 1) */
    LAYER_DENSE      /* product with all inputs, bias, ReLU where `relu` */
} layer_kind_t;

typedef struct {
    layer_kind_t kind;
    char name[TENSOR_NAME_MAX]; /* of its tensors: NAME.weight, NAME.bias */
    char norm[TENSOR_NAME_MAX]; /* LAYER_CONV_NORM, of those of the normalization */
    size_t from;                /* the layer it reads */
    size_t shortcut;            /* LAYER_ADD: the other */
    bool relu;
    size_t C, H, W; /* of its output, (count, C, H, W) */
    conv_t conv;
    dense_t dense;
    size_t first, weight_count, count; /* its place in the flat parameters; weights come first */
} layer_t;

typedef struct {
    size_t C, H, W; /* of a sample */
    layer_t layers[GRAPH_LAYERS_MAX];
    size_t layer_count;
    err_t refused; /* the first error; code ERR_OK: none */
} graph_t;

/* A convolution with batch normalization, as one row. */
typedef struct {
    const char *name, *norm;
    size_t O, K, stride, pad;
    bool relu;
} filter_t;

/* Begins a description of a model whose samples are (C, H, W). */
void graph_init(graph_t *self, size_t C, size_t H, size_t W);

/* Stride 1, no padding; outputs before the maximum must be even. */
size_t graph_conv_pool(graph_t *self, size_t from, const char *name, size_t O, size_t K);
size_t graph_conv_norm(graph_t *self, size_t from, const filter_t *filter);
/* `branch` is a LAYER_CONV_NORM without ReLU that nobody else reads; nobody has read `shortcut` since the
 * branch began but the branch's own first layer. */
size_t graph_add(graph_t *self, size_t branch, size_t shortcut);
size_t graph_mean(graph_t *self, size_t from);
/* Reads (C, H, W) as C H W values. Not of a LAYER_CONV_NORM. */
size_t graph_dense(graph_t *self, size_t from, const char *name, size_t O, bool relu);

/* Errors   ERR_LIMIT (layers), ERR_SHAPE (an input that a layer cannot read, with what it can) */
MUST_USE err_code_t graph_check(const graph_t *self, err_t *err);

/* Values per sample coming out of the last layer. */
size_t graph_output_size(const graph_t *self);

/* Appends the tensors, layer by layer, with the names that the same model has in PyTorch. A normalization's
 * are NORM.weight, NORM.bias, NORM.running_mean, NORM.running_var; the last two have the rule TENSOR_AVERAGE
 * with rate 0.1, which is PyTorch's momentum. */
MUST_USE err_code_t graph_layout(const graph_t *self, layout_t *ret_layout, err_t *err);

/* Weights uniform in +-sqrt(6 / (inputs + outputs)) (Glorot and Bengio, 2010; for a convolution inputs are I
 * K K and outputs O K K), or +-sqrt(6 / inputs) before a ReLU or a normalization (He et al., 2015); biases
 * are 0. A normalization begins as scale 1, shift 0, running mean 0, running variance 1. */
void graph_first_values(const graph_t *self, uint64_t seed, float *ret_w);

#endif
