#include "actors/model/net_inside.h"

size_t net_group(const conv_t *conv, size_t first, size_t count)
{
    size_t group = conv_group(conv);
    return count - first < group ? count - first : group;
}

float *net_image(const net_t *self, const pass_t *pass, size_t l, size_t n, size_t *ret_step)
{
    const layer_t *layer = self->graph->layers + l;
    size_t plane = layer->H * layer->W, first = n - n % conv_group(&layer->conv);
    *ret_step = net_group(&layer->conv, first, pass->count) * plane;
    return pass->places[l].y + first * layer->C * plane + (n - first) * plane;
}

batchnorm_t net_norm(const net_t *self, const pass_t *pass, size_t l)
{
    const layer_t *layer = self->graph->layers + l;
    const norm_place_t *norm = self->norms + l;
    const float *weight = pass->w + layer->first + layer->weight_count;
    return (batchnorm_t){.C = layer->C,
                         .plane = layer->H * layer->W,
                         .relu = layer->relu,
                         .shift = weight + layer->C,
                         .mean = norm->mean,
                         .root = norm->root,
                         .scale = norm->scale};
}

const float *net_view(const net_t *self, const pass_t *pass, size_t l, size_t first, size_t group, float *spare)
{
    const graph_t *graph = self->graph;
    if (l == GRAPH_SAMPLES)
        return pass->x + first * graph->C * graph->H * graph->W;
    const layer_t *layer = graph->layers + l;
    size_t size = layer->C * layer->H * layer->W;
    if (layer->kind != LAYER_CONV_NORM)
        return pass->places[l].y + first * size;
    batchnorm_t norm = net_norm(self, pass, l);
    for (size_t n = 0; n < group; n++) {
        size_t step;
        const float *image = net_image(self, pass, l, first + n, &step);
        batchnorm_apply(&norm, image, step, spare + n * size);
    }
    return spare;
}
