/* reference_net - a graph's layers once more, naively and in double precision, and its gradient checked
 * against finite differences of that. */
#ifndef TESTS_UNIT_ACTORS_MODEL_REFERENCE_NET_H
#define TESTS_UNIT_ACTORS_MODEL_REFERENCE_NET_H

#include "actors/model/graph.h"
#include "tests/unit/actors/model/reference.h"

typedef struct {
    const graph_t *graph;
    size_t B;
    double *x, *w; /* samples; the flat parameters */
    uint32_t *labels;
} reference_net_t;

static inline size_t reference_size(const layer_t *layer)
{
    return layer->C * layer->H * layer->W;
}

static inline void reference_conv_pool(const layer_t *layer, size_t B, const double *x, const double *w,
                                       double *y)
{
    double *whole = test_alloc(4 * B * reference_size(layer), sizeof *whole);
    reference_conv(&layer->conv, B, x, w, whole);
    reference_pool(B, layer->C, 2 * layer->H, 2 * layer->W, whole, w + layer->weight_count, y);
    free(whole);
}

static inline void reference_conv_norm(const layer_t *layer, size_t B, const double *x, const double *w,
                                       double *y)
{
    const double *weight = w + layer->weight_count;
    double *whole = test_alloc(B * reference_size(layer), sizeof *whole);
    reference_conv(&layer->conv, B, x, w, whole);
    reference_norm(B, layer->C, layer->H * layer->W, layer->relu, whole, weight, weight + layer->C, y);
    free(whole);
}

static inline void reference_mean(size_t count, size_t plane, const double *x, double *y)
{
    for (size_t i = 0; i < count; i++) {
        y[i] = 0;
        for (size_t k = 0; k < plane; k++)
            y[i] += x[i * plane + k] / (double)plane;
    }
}

/* y of one layer, of x and, for a sum, of `shortcut`. */
static inline void reference_layer(const graph_t *graph, const layer_t *layer, size_t B, const double *x,
                                   const double *shortcut, const double *w, double *y)
{
    const layer_t *from = layer->from == GRAPH_SAMPLES ? NULL : graph->layers + layer->from;
    if (layer->kind == LAYER_CONV_POOL)
        reference_conv_pool(layer, B, x, w, y);
    if (layer->kind == LAYER_CONV_NORM)
        reference_conv_norm(layer, B, x, w, y);
    if (layer->kind == LAYER_DENSE)
        reference_dense(B, layer->dense.I, layer->dense.O, layer->relu, x, w, w + layer->weight_count, y);
    if (layer->kind == LAYER_MEAN)
        reference_mean(B * layer->C, from->H * from->W, x, y);
    for (size_t i = 0; layer->kind == LAYER_ADD && i < B * reference_size(layer); i++)
        y[i] = fmax(x[i] + shortcut[i], 0);
}

/* The mean loss; context is a reference_net_t. */
static inline double reference_net_loss(void *context)
{
    const reference_net_t *self = context;
    const graph_t *graph = self->graph;
    double *y[GRAPH_LAYERS_MAX];
    for (size_t l = 0; l < graph->layer_count; l++) {
        const layer_t *layer = graph->layers + l;
        y[l] = test_alloc(self->B * reference_size(layer), sizeof *y[l]);
        reference_layer(graph, layer, self->B, layer->from == GRAPH_SAMPLES ? self->x : y[layer->from],
                        y[layer->shortcut], self->w + layer->first, y[l]);
    }
    double loss = reference_loss(self->B, graph_output_size(graph), y[graph->layer_count - 1], self->labels);
    for (size_t l = 0; l < graph->layer_count; l++)
        free(y[l]);
    return loss;
}

/* The slope of the loss along `direction` (a part of w, from `first`). */
static inline double reference_net_slope(reference_net_t *self, size_t first, size_t count,
                                         const double *direction)
{
    double h = 1e-5, loss[2];
    for (int side = 0; side < 2; side++) {
        for (size_t i = 0; i < count; i++)
            self->w[first + i] += (side ? -2 * h : h) * direction[i];
        loss[side] = reference_net_loss(self);
    }
    for (size_t i = 0; i < count; i++)
        self->w[first + i] += h * direction[i];
    return (loss[0] - loss[1]) / (2 * h);
}

#endif
