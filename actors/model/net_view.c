#include "actors/model/net_inside.h"

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

const float *net_view(const net_t *self, const pass_t *pass, size_t l, size_t first, size_t count,
                      float *spare)
{
    const graph_t *graph = self->graph;
    if (l == GRAPH_SAMPLES)
        return pass->x + first * graph->C * graph->H * graph->W;
    const layer_t *layer = graph->layers + l;
    const float *y = pass->places[l].y + first * layer->C * layer->H * layer->W;
    if (layer->kind != LAYER_CONV_NORM)
        return y;
    batchnorm_t norm = net_norm(self, pass, l);
    batchnorm_apply(&norm, count, y, spare);
    return spare;
}
