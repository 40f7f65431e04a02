#include "actors/model/graph.h"

#include "codec/base/rng.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#define NORM_TENSORS 4
#define AVERAGE_RATE 0.1f /* of running statistics: PyTorch's momentum */

void graph_init(graph_t *self, size_t C, size_t H, size_t W)
{
    memset(self, 0, sizeof *self);
    self->C = C;
    self->H = H;
    self->W = W;
}

err_code_t graph_check(const graph_t *self, err_t *err)
{
    return self->refused.code ? err_set(err, self->refused.code, "%s", self->refused.text) : ERR_OK;
}

size_t graph_output_size(const graph_t *self)
{
    const layer_t *last = self->layers + self->layer_count - 1;
    return last->C * last->H * last->W;
}

/* ---- building ---- */

/* The next layer, with the shape of what it reads as its own for now; NULL when something was refused. */
static layer_t *s_append(graph_t *self, layer_kind_t kind, size_t from, const char *name)
{
    if (self->refused.code)
        return NULL;
    if (self->layer_count == GRAPH_LAYERS_MAX) {
        (void)err_set(&self->refused, ERR_LIMIT, "a model has at most %d layers", GRAPH_LAYERS_MAX);
        return NULL;
    }
    CHECK(from == GRAPH_SAMPLES || from < self->layer_count);
    layer_t *layer = self->layers + self->layer_count;
    const layer_t *read = from == GRAPH_SAMPLES ? NULL : self->layers + from;
    *layer = (layer_t){.kind = kind,
                       .from = from,
                       .C = read ? read->C : self->C,
                       .H = read ? read->H : self->H,
                       .W = read ? read->W : self->W,
                       .first = self->layer_count ? layer[-1].first + layer[-1].count : 0};
    snprintf(layer->name, sizeof layer->name, "%s", name);
    return layer;
}

static size_t s_done(graph_t *self, const layer_t *layer)
{
    return layer ? self->layer_count++ : 0;
}

static conv_t s_conv(const layer_t *layer, size_t O, size_t K, size_t stride, size_t pad)
{
    return (conv_t){
        .I = layer->C, .H = layer->H, .W = layer->W, .O = O, .K = K, .stride = stride, .pad = pad};
}

size_t graph_conv_pool(graph_t *self, size_t from, const char *name, size_t O, size_t K)
{
    layer_t *layer = s_append(self, LAYER_CONV_POOL, from, name);
    if (!layer)
        return 0;
    size_t H = layer->H, W = layer->W;
    if (H <= K || W <= K || (H - K + 1) % 2 || (W - K + 1) % 2) {
        (void)err_set(&self->refused, ERR_SHAPE,
                      "layer %s takes pictures of %zu x %zu and more, in steps of 2, not of %zu x %zu", name,
                      K + 1, K + 1, H, W);
        return 0;
    }
    layer->conv = s_conv(layer, O, K, 1, 0);
    layer->weight_count = conv_weight_size(&layer->conv);
    layer->count = layer->weight_count + O;
    layer->C = O;
    layer->H = (H - K + 1) / 2;
    layer->W = (W - K + 1) / 2;
    return s_done(self, layer);
}

size_t graph_conv_norm(graph_t *self, size_t from, const filter_t *filter)
{
    layer_t *layer = s_append(self, LAYER_CONV_NORM, from, filter->name);
    if (!layer)
        return 0;
    size_t K = filter->K, H = layer->H + 2 * filter->pad, W = layer->W + 2 * filter->pad;
    if (H < K || W < K) {
        (void)err_set(&self->refused, ERR_SHAPE,
                      "layer %s takes pictures of %zu x %zu and more, not of %zu x %zu", filter->name,
                      K - 2 * filter->pad, K - 2 * filter->pad, layer->H, layer->W);
        return 0;
    }
    snprintf(layer->norm, sizeof layer->norm, "%s", filter->norm);
    layer->relu = filter->relu;
    layer->conv = s_conv(layer, filter->O, K, filter->stride, filter->pad);
    layer->weight_count = conv_weight_size(&layer->conv);
    layer->count = layer->weight_count + NORM_TENSORS * filter->O;
    layer->C = filter->O;
    layer->H = conv_height(&layer->conv);
    layer->W = conv_width(&layer->conv);
    return s_done(self, layer);
}

size_t graph_add(graph_t *self, size_t branch, size_t shortcut)
{
    layer_t *layer = s_append(self, LAYER_ADD, branch, "");
    if (!layer)
        return 0;
    const layer_t *one = self->layers + branch, *other = self->layers + shortcut;
    CHECK(shortcut < self->layer_count && one->kind == LAYER_CONV_NORM && !one->relu);
    CHECK(one->C == other->C && one->H == other->H && one->W == other->W);
    layer->shortcut = shortcut;
    layer->relu = true;
    return s_done(self, layer);
}

size_t graph_mean(graph_t *self, size_t from)
{
    layer_t *layer = s_append(self, LAYER_MEAN, from, "");
    if (layer)
        layer->H = layer->W = 1;
    return s_done(self, layer);
}

size_t graph_dense(graph_t *self, size_t from, const char *name, size_t O, bool relu)
{
    layer_t *layer = s_append(self, LAYER_DENSE, from, name);
    if (!layer)
        return 0;
    CHECK(from == GRAPH_SAMPLES || self->layers[from].kind != LAYER_CONV_NORM);
    layer->relu = relu;
    layer->dense = (dense_t){.I = layer->C * layer->H * layer->W, .O = O, .relu = relu};
    layer->weight_count = O * layer->dense.I;
    layer->count = layer->weight_count + O;
    layer->C = O;
    layer->H = layer->W = 1;
    return s_done(self, layer);
}

/* ---- tensors ---- */

static err_code_t s_tensor(layout_t *layout, const char *name, const char *kind, size_t rank,
                           const size_t *dims, err_t *err)
{
    char whole[2 * TENSOR_NAME_MAX];
    snprintf(whole, sizeof whole, "%s.%s", name, kind);
    return layout_add(layout, whole, rank, dims, err);
}

static err_code_t s_weight(const layer_t *layer, layout_t *layout, err_t *err)
{
    const conv_t *conv = &layer->conv;
    if (layer->kind == LAYER_DENSE)
        return s_tensor(layout, layer->name, "weight", 2, (size_t[]){layer->dense.O, layer->dense.I}, err);
    return s_tensor(layout, layer->name, "weight", 4, (size_t[]){conv->O, conv->I, conv->K, conv->K}, err);
}

static err_code_t s_norm_layout(const layer_t *layer, layout_t *layout, err_t *err)
{
    static const struct {
        const char *name;
        tensor_rule_t rule;
        float rate;
    } kinds[NORM_TENSORS] = {{"weight", TENSOR_OPTIMIZER, 0},
                             {"bias", TENSOR_OPTIMIZER, 0},
                             {"running_mean", TENSOR_AVERAGE, AVERAGE_RATE},
                             {"running_var", TENSOR_AVERAGE, AVERAGE_RATE}};
    for (size_t i = 0; i < NORM_TENSORS; i++) {
        err_code_t code = s_tensor(layout, layer->norm, kinds[i].name, 1, &layer->conv.O, err);
        if (code)
            return code;
        layout_last(layout)->rule = kinds[i].rule;
        layout_last(layout)->rate = kinds[i].rate;
    }
    return ERR_OK;
}

err_code_t graph_layout(const graph_t *self, layout_t *ret_layout, err_t *err)
{
    err_code_t code = ERR_OK;
    for (size_t l = 0; !code && l < self->layer_count; l++) {
        const layer_t *layer = self->layers + l;
        if (!layer->count)
            continue;
        code = s_weight(layer, ret_layout, err);
        if (!code && layer->kind == LAYER_CONV_NORM)
            code = s_norm_layout(layer, ret_layout, err);
        else if (!code)
            code = s_tensor(ret_layout, layer->name, "bias", 1, &layer->C, err);
    }
    return code;
}

/* ---- first values ---- */

static double s_bound(const layer_t *layer)
{
    size_t outputs = layer->kind == LAYER_DENSE ? layer->dense.O : layer->conv.O;
    size_t inputs = layer->weight_count / outputs;
    if (layer->kind == LAYER_CONV_POOL)
        return sqrt(6.0 / (double)((layer->conv.I + layer->conv.O) * layer->conv.K * layer->conv.K));
    if (layer->kind == LAYER_CONV_NORM || layer->relu)
        return sqrt(6.0 / (double)inputs);
    return sqrt(6.0 / (double)(inputs + outputs));
}

static void s_first_values_of(const layer_t *layer, rng_t *rng, float *ret_w)
{
    double bound = s_bound(layer);
    /* Subtraction and product are exact and rounded once: nothing that a compiler could fuse into other bits.
     * */
    for (size_t i = 0; i < layer->weight_count; i++)
        ret_w[i] = (float)((2.0 * rng_unit(rng) - 1.0) * bound);
    memset(ret_w + layer->weight_count, 0, (layer->count - layer->weight_count) * sizeof *ret_w);
    if (layer->kind != LAYER_CONV_NORM)
        return;
    float *scale = ret_w + layer->weight_count, *variance = scale + 3 * layer->C;
    for (size_t c = 0; c < layer->C; c++)
        scale[c] = variance[c] = 1.0f;
}

void graph_first_values(const graph_t *self, uint64_t seed, float *ret_w)
{
    for (size_t l = 0; l < self->layer_count; l++) {
        rng_t rng;
        rng_init_for(&rng, seed, "init", l, 0);
        if (self->layers[l].count)
            s_first_values_of(self->layers + l, &rng, ret_w + self->layers[l].first);
    }
}
