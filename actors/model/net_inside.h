/* net_inside - what a net is made of, for its own files.
 *
 * Words    place: where what a layer leaves is kept during a pass. A LAYER_CONV_NORM leaves its convolution, group
 *          after group of images, channels outermost in each; net_view makes its output of that. All others leave
 *          their output, (count, C, H, W).
 */
#ifndef ACTORS_MODEL_NET_INSIDE_H
#define ACTORS_MODEL_NET_INSIDE_H

#include "actors/model/batchnorm.h"
#include "actors/model/net.h"

typedef struct {
    float *y;
    int32_t *choice; /* LAYER_CONV_POOL: which of four was the largest */
    float *dy;       /* the gradient in the layer's output; a pass forwards has none */
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
    size_t last_reader[GRAPH_LAYERS_MAX]; /* of each layer: the first to leave a gradient for it */

    float *patches;         /* of one group of images */
    float *group_y;         /* a convolution's output for a group, or the gradient in it */
    float *views[2];        /* outputs made again for a group */
    float *group_dx;        /* the gradient in a group's input, where it is added to another */
    batchnorm_sums_t *sums; /* (widest C) */
    char *block;            /* all of the above */
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

/* Places all buffers of self for its graph and batch_max in one block. Errors: ERR_MEMORY. */
MUST_USE err_code_t net_plan(net_t *self, err_t *err);

/* ---- net_view ---- */

/* How many images of `count` a convolution takes at once from `first`. */
size_t net_group(const conv_t *conv, size_t first, size_t count);

/* A LAYER_CONV_NORM's convolution for image n; its channels are *ret_step floats apart. */
float *net_image(const net_t *self, const pass_t *pass, size_t l, size_t n, size_t *ret_step);

batchnorm_t net_norm(const net_t *self, const pass_t *pass, size_t l);

/* The output (group, C, H, W) of a layer, or the samples, for `group` images from `first`; made in spare where it is
 * not kept. */
const float *net_view(const net_t *self, const pass_t *pass, size_t l, size_t first, size_t group, float *spare);

/* ---- net_conv ---- */

void net_conv_pool_forward(net_t *self, const pass_t *pass, size_t l);
void net_conv_pool_backward(net_t *self, const pass_t *pass, size_t l);
void net_conv_norm_forward(net_t *self, const pass_t *pass, size_t l);
void net_conv_norm_backward(net_t *self, const pass_t *pass, size_t l);

/* ---- net_join ---- */

void net_add_forward(net_t *self, const pass_t *pass, size_t l);
void net_add_backward(net_t *self, const pass_t *pass, size_t l);
void net_mean_forward(net_t *self, const pass_t *pass, size_t l);
void net_mean_backward(net_t *self, const pass_t *pass, size_t l);

#endif
