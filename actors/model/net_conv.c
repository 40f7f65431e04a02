#include "actors/model/net_inside.h"

#include "actors/model/pool.h"
#include "actors/model/vector.h"

#include <string.h>

static pool_t s_pool(const layer_t *layer)
{
    return (pool_t){.C = layer->C, .H = 2 * layer->H, .W = 2 * layer->W};
}

static size_t s_size(const layer_t *layer)
{
    return layer->C * layer->H * layer->W;
}

/* ---- with a maximum behind it ---- */

static size_t s_group(const conv_plan_t *plan, size_t first, size_t count)
{
    size_t group = conv_plan_group(plan);
    return count - first < group ? count - first : group;
}

void net_conv_pool_forward(net_t *self, const pass_t *pass, size_t l)
{
    const layer_t *layer = self->graph->layers + l;
    const float *weight = pass->w + layer->first, *bias = weight + layer->weight_count;
    conv_plan_t *plan = self->plans[l];
    pool_t pool = s_pool(layer);
    size_t output = s_size(layer);
    conv_plan_begin(plan, weight, NULL, self->scratch);
    for (size_t first = 0, group; first < pass->count; first += group) {
        group = s_group(plan, first, pass->count);
        const float *x = net_view(self, pass, layer->from, first, group, NULL);
        conv_plan_forward(plan, group, x, self->group_y);
        pool_forward(&pool, group, self->group_y, bias, pass->places[l].y + first * output,
                     pass->places[l].choice + first * output);
    }
    conv_plan_end(plan);
}

void net_conv_pool_backward(net_t *self, const pass_t *pass, size_t l)
{
    const layer_t *layer = self->graph->layers + l;
    const conv_t *conv = &layer->conv;
    const place_t *place = pass->places + l;
    conv_plan_t *plan = self->plans[l];
    pool_t pool = s_pool(layer);
    size_t output = s_size(layer), input = conv->I * conv->H * conv->W;
    float *dweight = pass->g + layer->first, *dbias = dweight + layer->weight_count;
    float *dx = layer->from == GRAPH_SAMPLES ? NULL : pass->places[layer->from].dy;
    memset(dbias, 0, layer->C * sizeof *dbias);
    conv_plan_begin(plan, pass->w + layer->first, dweight, self->scratch);
    for (size_t first = 0, group; first < pass->count; first += group) {
        group = s_group(plan, first, pass->count);
        const float *x = net_view(self, pass, layer->from, first, group, NULL);
        pool_backward(&pool, group, place->choice + first * output, place->dy + first * output, dbias,
                      self->group_y);
        conv_plan_backward(plan, group, x, self->group_y, dx ? dx + first * input : NULL);
    }
    conv_plan_end(plan);
}

/* ---- with a normalization behind it ---- */

void net_conv_norm_forward(net_t *self, const pass_t *pass, size_t l)
{
    const layer_t *layer = self->graph->layers + l;
    const place_t *place = pass->places + l;
    const float *kernel = pass->w + layer->first, *weight = kernel + layer->weight_count;
    const float *running = weight + 2 * layer->C;
    batchnorm_t norm = net_norm(self, pass, l);
    const float *x = net_view(self, pass, layer->from, 0, pass->count, place->view);
    conv_layer_forward(self->convs[l], pass->count, x, kernel, self->scratch, place->y);
    if (!pass->training) {
        batchnorm_of_running(&norm, running, running + layer->C, weight);
        return;
    }
    batchnorm_see(&norm, pass->count, place->y, self->norms[l].moments);
    batchnorm_of_batch(&norm, pass->count, self->norms[l].moments, weight);
}

/* Leaves the gradient in the convolution in its place. */
static void s_norm_backward(net_t *self, const pass_t *pass, size_t l)
{
    const layer_t *layer = self->graph->layers + l;
    const place_t *place = pass->places + l;
    size_t C = layer->C, at = layer->first + layer->weight_count;
    const float *running = pass->w + at + 2 * C;
    float *g = pass->g + at;
    batchnorm_t norm = net_norm(self, pass, l);
    batchnorm_sum(&norm, pass->count, place->y, place->dy, self->sums);
    batchnorm_gradient(&norm, self->sums, g, g + C);
    batchnorm_average(&norm, pass->count, self->norms[l].moments, running, running + C, g + 2 * C, g + 3 * C);
    batchnorm_backward(&norm, pass->count, place->dy, self->sums, place->y);
}

void net_conv_norm_backward(net_t *self, const pass_t *pass, size_t l)
{
    const layer_t *layer = self->graph->layers + l;
    const place_t *place = pass->places + l;
    bool inner = layer->from != GRAPH_SAMPLES, adds = inner && self->last_reader[layer->from] != l;
    float *dx = inner ? pass->places[layer->from].dy : NULL;
    s_norm_backward(self, pass, l);
    const float *x = net_view(self, pass, layer->from, 0, pass->count, place->again);
    conv_layer_backward(self->convs[l], pass->count, x, pass->w + layer->first, place->y, self->scratch,
                        pass->g + layer->first, adds ? place->dx : dx);
    if (adds)
        vector_add(pass->count * layer->conv.I * layer->conv.H * layer->conv.W, dx, place->dx);
}
