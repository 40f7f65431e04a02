#include "actors/model/net.h"

#include "actors/model/loss.h"
#include "actors/model/pool.h"
#include "codec/base/rng.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define ALIGN 64

typedef struct {
    size_t weight; /* offsets in the flat parameters */
    size_t bias;
    float *y;        /* (batch_max, output) */
    int32_t *choice; /* NET_CONV: as many */
} place_t;

struct net {
    const net_layer_t *layers;
    size_t layer_count;
    size_t batch_max;
    size_t output_size;
    place_t places[NET_LAYERS_MAX];
    float *dy[2];   /* gradients of one layer's output and of its input, taking turns */
    float *patches; /* of one group of images */
    float *conv_y;  /* the convolution's output for one group, or its gradient */
    char *block;    /* all of the above */
};

static pool_t s_pool(const conv_t *conv)
{
    return (pool_t){.C = conv->O, .H = conv_height(conv), .W = conv_width(conv)};
}

static size_t s_input_size(const net_layer_t *layer)
{
    return layer->kind == NET_CONV ? layer->conv.I * layer->conv.H * layer->conv.W : layer->dense.I;
}

static size_t s_output_size(const net_layer_t *layer)
{
    return layer->kind == NET_CONV ? conv_output_size(&layer->conv, 1) / 4 : layer->dense.O;
}

static size_t s_weight_count(const net_layer_t *layer)
{
    const conv_t *conv = &layer->conv;
    return layer->kind == NET_CONV ? conv->O * conv->I * conv->K * conv->K : layer->dense.O * layer->dense.I;
}

static size_t s_bias_count(const net_layer_t *layer)
{
    return layer->kind == NET_CONV ? layer->conv.O : layer->dense.O;
}

size_t net_output_size(const net_layer_t *layers, size_t layer_count)
{
    return s_output_size(layers + layer_count - 1);
}

static err_code_t s_layer_layout(const net_layer_t *layer, layout_t *layout, err_t *err)
{
    char name[TENSOR_NAME_MAX];
    const conv_t *conv = &layer->conv;
    size_t conv_dims[] = {conv->O, conv->I, conv->K, conv->K};
    size_t dense_dims[] = {layer->dense.O, layer->dense.I};
    size_t bias_dims[] = {s_bias_count(layer)};
    bool is_conv = layer->kind == NET_CONV;
    snprintf(name, sizeof name, "%s.weight", layer->name);
    err_code_t code = layout_add(layout, name, is_conv ? 4 : 2, is_conv ? conv_dims : dense_dims, err);
    if (code)
        return code;
    snprintf(name, sizeof name, "%s.bias", layer->name);
    return layout_add(layout, name, 1, bias_dims, err);
}

err_code_t net_layout(const net_layer_t *layers, size_t layer_count, layout_t *ret_layout, err_t *err)
{
    for (size_t i = 0; i < layer_count; i++) {
        err_code_t code = s_layer_layout(layers + i, ret_layout, err);
        if (code)
            return code;
    }
    return ERR_OK;
}

static double s_bound(const net_layer_t *layer)
{
    if (layer->kind == NET_CONV) {
        size_t area = layer->conv.K * layer->conv.K;
        return sqrt(6.0 / (double)((layer->conv.I + layer->conv.O) * area));
    }
    size_t fan = layer->dense.relu ? layer->dense.I : layer->dense.I + layer->dense.O;
    return sqrt(6.0 / (double)fan);
}

void net_init(const net_layer_t *layers, size_t layer_count, uint64_t seed, float *ret_w)
{
    for (size_t l = 0; l < layer_count; l++) {
        size_t weight_count = s_weight_count(layers + l), bias_count = s_bias_count(layers + l);
        double bound = s_bound(layers + l);
        rng_t rng;
        rng_init_for(&rng, seed, "init", l, 0);
        /* Subtraction and product are exact and rounded once: nothing that a compiler could fuse into other
         * bits. */
        for (size_t i = 0; i < weight_count; i++)
            ret_w[i] = (float)((2.0 * rng_unit(&rng) - 1.0) * bound);
        memset(ret_w + weight_count, 0, bias_count * sizeof *ret_w);
        ret_w += weight_count + bias_count;
    }
}

/* Carves `count` items from the block, or with block NULL only counts the bytes. */
static void *s_carve(char *block, size_t *offset, size_t count, size_t item_size)
{
    void *place = block ? block + *offset : NULL;
    *offset += (count * item_size + ALIGN - 1) / ALIGN * ALIGN;
    return place;
}

static size_t s_larger(size_t a, size_t b)
{
    return a > b ? a : b;
}

/* Places all scratch arrays in the block and returns its size; called twice, first to measure. */
static size_t s_place(net_t *self, char *block)
{
    size_t offset = 0, widest = 0, patches = 0, conv_y = 0, parameter = 0;
    for (size_t l = 0; l < self->layer_count; l++) {
        const net_layer_t *layer = self->layers + l;
        place_t *place = self->places + l;
        size_t outputs = self->batch_max * s_output_size(layer);
        place->weight = parameter;
        place->bias = parameter + s_weight_count(layer);
        parameter = place->bias + s_bias_count(layer);
        place->y = s_carve(block, &offset, outputs, sizeof(float));
        widest = s_larger(widest, outputs);
        if (layer->kind != NET_CONV)
            continue;
        place->choice = s_carve(block, &offset, outputs, sizeof(int32_t));
        patches = s_larger(patches, conv_patch_size(&layer->conv, conv_group(&layer->conv)));
        conv_y = s_larger(conv_y, conv_output_size(&layer->conv, conv_group(&layer->conv)));
    }
    for (size_t i = 0; i < 2; i++)
        self->dy[i] = s_carve(block, &offset, widest, sizeof(float));
    self->patches = s_carve(block, &offset, patches, sizeof(float));
    self->conv_y = s_carve(block, &offset, conv_y, sizeof(float));
    return offset;
}

err_code_t net_new(const net_layer_t *layers, size_t layer_count, size_t batch_max, net_t **ret_self,
                   err_t *err)
{
    CHECK(layer_count > 0 && layer_count <= NET_LAYERS_MAX);
    net_t *self = calloc(1, sizeof *self);
    if (!self)
        return err_set(err, ERR_MEMORY, "no memory for a net");
    self->layers = layers;
    self->layer_count = layer_count;
    self->batch_max = batch_max;
    self->output_size = net_output_size(layers, layer_count);
    size_t size = s_place(self, NULL);
    self->block = aligned_alloc(ALIGN, size ? size : ALIGN);
    if (!self->block) {
        net_destroy(&self);
        return err_set(err, ERR_MEMORY, "no memory for a batch of %zu: %zu bytes", batch_max, size);
    }
    /* Touched now, so that the first steps do not pay for page faults. */
    memset(self->block, 0, size);
    s_place(self, self->block);
    *ret_self = self;
    return ERR_OK;
}

void net_destroy(net_t **self_p)
{
    net_t *self = *self_p;
    if (!self)
        return;
    free(self->block);
    free(self);
    *self_p = NULL;
}

static size_t s_group(const conv_t *conv, size_t first, size_t count)
{
    size_t group = conv_group(conv);
    return count - first < group ? count - first : group;
}

static void s_conv_forward(net_t *self, size_t l, const float *w, const float *x, size_t count)
{
    const conv_t *conv = &self->layers[l].conv;
    const place_t *place = self->places + l;
    pool_t pool = s_pool(conv);
    size_t input = s_input_size(self->layers + l), output = s_output_size(self->layers + l);
    for (size_t first = 0, group; first < count; first += group) {
        group = s_group(conv, first, count);
        float *y = place->y + first * output;
        conv_forward(conv, group, x + first * input, w + place->weight, self->patches, self->conv_y);
        pool_forward(&pool, group, self->conv_y, w + place->bias, y, place->choice + first * output);
    }
}

static void s_conv_backward(net_t *self, size_t l, const float *w, const float *x, const float *dy,
                            size_t count, float *ret_g, float *ret_dx)
{
    const conv_t *conv = &self->layers[l].conv;
    const place_t *place = self->places + l;
    pool_t pool = s_pool(conv);
    size_t input = s_input_size(self->layers + l), output = s_output_size(self->layers + l);
    float *dw = ret_g + place->weight, *db = ret_g + place->bias;
    memset(dw, 0, s_weight_count(self->layers + l) * sizeof *dw);
    memset(db, 0, s_bias_count(self->layers + l) * sizeof *db);
    for (size_t first = 0, group; first < count; first += group) {
        group = s_group(conv, first, count);
        pool_backward(&pool, group, place->choice + first * output, dy + first * output, db, self->conv_y);
        conv_backward(conv, group, x + first * input, w + place->weight, self->conv_y, self->patches, dw,
                      ret_dx ? ret_dx + first * input : NULL);
    }
}

static const float *s_forward(net_t *self, const float *w, const float *x, size_t count)
{
    for (size_t l = 0; l < self->layer_count; l++) {
        const place_t *place = self->places + l;
        if (self->layers[l].kind == NET_CONV)
            s_conv_forward(self, l, w, x, count);
        else
            dense_forward(&self->layers[l].dense, count, x, w + place->weight, w + place->bias, place->y);
        x = place->y;
    }
    return x;
}

static void s_backward(net_t *self, const float *w, const float *x, size_t count, float *ret_g)
{
    float *dy = self->dy[0], *dx = self->dy[1];
    for (size_t l = self->layer_count; l-- > 0;) {
        const place_t *place = self->places + l;
        const float *input = l ? self->places[l - 1].y : x;
        float *ret_dx = l ? dx : NULL; /* nobody asks for the gradient of the pixels */
        if (self->layers[l].kind == NET_CONV)
            s_conv_backward(self, l, w, input, dy, count, ret_g, ret_dx);
        else
            dense_backward(&self->layers[l].dense, count, input, w + place->weight, place->y, dy,
                           ret_g + place->weight, ret_g + place->bias, ret_dx);
        dx = dy;
        dy = ret_dx;
    }
}

void net_gradient(net_t *self, const float *w, const float *x, const uint32_t *labels, size_t count,
                  float *ret_g, double *ret_loss)
{
    CHECK(count > 0 && count <= self->batch_max);
    const float *z = s_forward(self, w, x, count);
    *ret_loss = loss_gradient(count, self->output_size, z, labels, self->dy[0]) / (double)count;
    s_backward(self, w, x, count, ret_g);
}

void net_evaluate(net_t *self, const float *w, const float *x, const uint32_t *labels, size_t count,
                  double *add_loss, uint64_t *add_correct)
{
    CHECK(count <= self->batch_max);
    if (count == 0)
        return;
    const float *z = s_forward(self, w, x, count);
    *add_loss += loss_evaluate(count, self->output_size, z, labels, add_correct);
}
