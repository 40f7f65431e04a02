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

void net_conv_pool_forward(net_t *self, const pass_t *pass, size_t l)
{
    const layer_t *layer = self->graph->layers + l;
    const conv_t *conv = &layer->conv;
    const float *weight = pass->w + layer->first, *bias = weight + layer->weight_count;
    pool_t pool = s_pool(layer);
    size_t output = s_size(layer);
    for (size_t first = 0, group; first < pass->count; first += group) {
        group = net_group(conv, first, pass->count);
        const float *x = net_view(self, pass, layer->from, first, group, self->views[0]);
        conv_forward(conv, group, x, weight, self->patches, self->group_y);
        pool_forward(&pool, group, self->group_y, bias, pass->places[l].y + first * output,
                     pass->places[l].choice + first * output);
    }
}

/* The gradient in a group's input: there where nobody left one before, else added to it; NULL for samples, whose
 * gradient nobody asks for. */
static float *s_input_gradient(const net_t *self, const pass_t *pass, size_t l, size_t first, bool *ret_adds)
{
    const layer_t *layer = self->graph->layers + l;
    if (layer->from == GRAPH_SAMPLES)
        return NULL;
    *ret_adds = self->last_reader[layer->from] != l;
    return pass->places[layer->from].dy + first * s_size(self->graph->layers + layer->from);
}

static void s_group_backward(net_t *self, const pass_t *pass, size_t l, size_t first, size_t group)
{
    const layer_t *layer = self->graph->layers + l;
    const conv_t *conv = &layer->conv;
    bool adds = false;
    const float *x = net_view(self, pass, layer->from, first, group, self->views[0]);
    float *dx = s_input_gradient(self, pass, l, first, &adds);
    conv_backward(conv, group, x, pass->w + layer->first, self->group_y, self->patches, pass->g + layer->first,
                  adds ? self->group_dx : dx);
    if (adds)
        vector_add(group * conv->I * conv->H * conv->W, dx, self->group_dx);
}

void net_conv_pool_backward(net_t *self, const pass_t *pass, size_t l)
{
    const layer_t *layer = self->graph->layers + l;
    const place_t *place = pass->places + l;
    pool_t pool = s_pool(layer);
    size_t output = s_size(layer);
    float *dbias = pass->g + layer->first + layer->weight_count;
    memset(pass->g + layer->first, 0, layer->count * sizeof *pass->g);
    for (size_t first = 0, group; first < pass->count; first += group) {
        group = net_group(&layer->conv, first, pass->count);
        pool_backward(&pool, group, place->choice + first * output, place->dy + first * output, dbias,
                      self->group_y);
        s_group_backward(self, pass, l, first, group);
    }
}

/* ---- with a normalization behind it ---- */

/* Values of each channel in the batch. */
static size_t s_seen(const layer_t *layer, const pass_t *pass)
{
    return pass->count * layer->H * layer->W;
}

static void s_normalize(const net_t *self, const pass_t *pass, size_t l)
{
    const layer_t *layer = self->graph->layers + l;
    batchnorm_t norm = net_norm(self, pass, l);
    const float *weight = pass->w + layer->first + layer->weight_count, *running = weight + 2 * layer->C;
    if (pass->training)
        batchnorm_of_batch(&norm, self->norms[l].moments, s_seen(layer, pass), weight);
    else
        batchnorm_of_running(&norm, running, running + layer->C, weight);
}

void net_conv_norm_forward(net_t *self, const pass_t *pass, size_t l)
{
    const layer_t *layer = self->graph->layers + l;
    const conv_t *conv = &layer->conv;
    size_t plane = layer->H * layer->W;
    for (size_t first = 0, group; first < pass->count; first += group) {
        group = net_group(conv, first, pass->count);
        const float *x = net_view(self, pass, layer->from, first, group, self->views[0]);
        float *y = pass->places[l].y + first * s_size(layer);
        conv_forward(conv, group, x, pass->w + layer->first, self->patches, y);
        if (pass->training)
            batchnorm_see(layer->C, group * plane, y, first * plane, self->norms[l].moments);
    }
    s_normalize(self, pass, l);
}

static void s_sum(net_t *self, const pass_t *pass, size_t l, const batchnorm_t *norm)
{
    size_t size = s_size(self->graph->layers + l), step;
    memset(self->sums, 0, norm->C * sizeof *self->sums);
    for (size_t n = 0; n < pass->count; n++) {
        const float *x = net_image(self, pass, l, n, &step);
        batchnorm_sum(norm, x, step, pass->places[l].dy + n * size, self->sums);
    }
}

static void s_norm_gradient(const net_t *self, const pass_t *pass, size_t l, const batchnorm_t *norm)
{
    const layer_t *layer = self->graph->layers + l;
    size_t C = layer->C, at = layer->first + layer->weight_count;
    const float *running = pass->w + at + 2 * C;
    float *g = pass->g + at;
    batchnorm_gradient(norm, self->sums, g, g + C);
    batchnorm_average(C, self->norms[l].moments, s_seen(layer, pass), running, running + C, g + 2 * C, g + 3 * C);
}

void net_conv_norm_backward(net_t *self, const pass_t *pass, size_t l)
{
    const layer_t *layer = self->graph->layers + l;
    batchnorm_t norm = net_norm(self, pass, l);
    size_t plane = layer->H * layer->W, size = s_size(layer), step;
    s_sum(self, pass, l, &norm);
    s_norm_gradient(self, pass, l, &norm);
    memset(pass->g + layer->first, 0, layer->weight_count * sizeof *pass->g);
    for (size_t first = 0, group; first < pass->count; first += group) {
        group = net_group(&layer->conv, first, pass->count);
        for (size_t n = 0; n < group; n++) {
            const float *x = net_image(self, pass, l, first + n, &step);
            batchnorm_backward(&norm, x, step, pass->places[l].dy + (first + n) * size, self->sums,
                               s_seen(layer, pass), self->group_y + n * plane);
        }
        s_group_backward(self, pass, l, first, group);
    }
}
