/* net_inside - what a net is made of, for its own files.
 *
 * Words    place: where what a layer leaves is kept during a pass, (count, C, H, W). A LAYER_CONV_NORM leaves
 *          its convolution; net_view makes its output of that.
 */
#ifndef ACTORS_MODEL_NET_INSIDE_H
#define ACTORS_MODEL_NET_INSIDE_H

#include "actors/model/batchnorm.h"
#include "actors/model/conv_layer.h"
#include "actors/model/conv_plan.h"
#include "actors/model/net.h"

typedef struct {
    float *y;
    int32_t *choice;     /* LAYER_CONV_POOL: which of four was the largest */
    float *view, *again; /* LAYER_CONV_NORM: what it reads, where that is not kept; forwards and backwards */
    float *dy;           /* the gradient in the layer's output; a pass forwards has none */
    float *dx;           /* LAYER_CONV_NORM: in what it reads, where that is added to another's */
} place_t;

/* A normalization's coefficients of this pass, and its batch. */
typedef struct {
    float *mean, *root, *scale; /* (C) */
    moments_t *moments;         /* (C), of a pass that is for a gradient */
} norm_place_t;

struct net {
    const graph_t *graph;
    size_t batch_max; /* of a gradient */
    size_t slice;     /* images that are evaluated at once */
    place_t training[GRAPH_LAYERS_MAX], evaluation[GRAPH_LAYERS_MAX];
    norm_place_t norms[GRAPH_LAYERS_MAX];
    conv_layer_t *convs[GRAPH_LAYERS_MAX]; /* of each LAYER_CONV_NORM */
    conv_plan_t *plans[GRAPH_LAYERS_MAX];  /* of each LAYER_CONV_POOL */
    size_t last_reader[GRAPH_LAYERS_MAX];  /* of each layer: the first to leave a gradient for it */

    void *scratch;          /* of one convolution */
    float *group_y;         /* LAYER_CONV_POOL: its convolution's output for a group, or the gradient in it */
    float *images[2];       /* one image's output, made again */
    batchnorm_sums_t *sums; /* (widest C) */
    char *block;            /* all that a pass uses */
};

/* One batch on its way. */
typedef struct {
    const float *w, *x;
    size_t count;
    const place_t *places; /* of this kind of pass */
    bool training;         /* a gradient is wanted: normalizations by the batch */
    float *g;
} pass_t;

/* ---- net_plan ---- */

/* Makes what computes, and places all buffers of self for its graph and batch_max in one block. Errors:
 * ERR_MEMORY, those of conv_layer_new. */
MUST_USE err_code_t net_plan(net_t *self, err_t *err);

/* ---- net_view ---- */

batchnorm_t net_norm(const net_t *self, const pass_t *pass, size_t l);

/* The output (count, C, H, W) of a layer, or the samples, for `count` images from `first`; made in spare
 * where it is not kept. */
const float *net_view(const net_t *self, const pass_t *pass, size_t l, size_t first, size_t count,
                      float *spare);

/* ---- net_conv, net_join: layers, forwards and backwards ---- */

void net_conv_pool_forward(net_t *self, const pass_t *pass, size_t l);
void net_conv_pool_backward(net_t *self, const pass_t *pass, size_t l);
void net_conv_norm_forward(net_t *self, const pass_t *pass, size_t l);
void net_conv_norm_backward(net_t *self, const pass_t *pass, size_t l);
void net_add_forward(net_t *self, const pass_t *pass, size_t l);
void net_add_backward(net_t *self, const pass_t *pass, size_t l);
void net_mean_forward(net_t *self, const pass_t *pass, size_t l);
void net_mean_backward(net_t *self, const pass_t *pass, size_t l);

#endif
