#include "actors/model/net_inside.h"

#include "actors/model/loss.h"

#include <stdlib.h>

typedef void layer_fn(net_t *self, const pass_t *pass, size_t l);

err_code_t net_new(const graph_t *graph, size_t batch_max, net_t **ret_self, err_t *err)
{
    CHECK(graph->layer_count && batch_max);
    net_t *self = calloc(1, sizeof *self);
    if (!self)
        return err_set(err, ERR_MEMORY, "no memory for a net");
    self->graph = graph;
    self->batch_max = batch_max;
    err_code_t code = net_plan(self, err);
    if (code)
        net_destroy(&self);
    else
        *ret_self = self;
    return code;
}

void net_destroy(net_t **self_p)
{
    net_t *self = *self_p;
    if (!self)
        return;
    for (size_t l = 0; l < self->graph->layer_count; l++) {
        conv_layer_destroy(&self->convs[l]);
        conv_plan_destroy(&self->plans[l]);
    }
    free(self->block);
    free(self);
    *self_p = NULL;
}

static void s_dense_forward(net_t *self, const pass_t *pass, size_t l)
{
    const layer_t *layer = self->graph->layers + l;
    const float *x = net_view(self, pass, layer->from, 0, pass->count, NULL);
    const float *weight = pass->w + layer->first, *bias = weight + layer->weight_count;
    dense_forward(&layer->dense, pass->count, x, weight, bias, pass->places[l].y);
}

static void s_dense_backward(net_t *self, const pass_t *pass, size_t l)
{
    const layer_t *layer = self->graph->layers + l;
    const place_t *place = pass->places + l;
    const float *x = net_view(self, pass, layer->from, 0, pass->count, NULL);
    float *dweight = pass->g + layer->first, *dbias = dweight + layer->weight_count;
    /* nobody asks for the gradient of the pixels */
    float *dx = layer->from == GRAPH_SAMPLES ? NULL : pass->places[layer->from].dy;
    dense_backward(&layer->dense, pass->count, x, pass->w + layer->first, place->y, place->dy, dweight, dbias,
                   dx);
}

static const struct {
    layer_fn *forward, *backward;
} RUNS[] = {[LAYER_CONV_POOL] = {net_conv_pool_forward, net_conv_pool_backward},
            [LAYER_CONV_NORM] = {net_conv_norm_forward, net_conv_norm_backward},
            [LAYER_ADD] = {net_add_forward, net_add_backward},
            [LAYER_MEAN] = {net_mean_forward, net_mean_backward},
            [LAYER_DENSE] = {s_dense_forward, s_dense_backward}};

/* Returns the outputs of the last layer. */
static const float *s_forward(net_t *self, const pass_t *pass)
{
    size_t count = self->graph->layer_count;
    for (size_t l = 0; l < count; l++)
        RUNS[self->graph->layers[l].kind].forward(self, pass, l);
    return pass->places[count - 1].y;
}

void net_gradient(net_t *self, const float *w, const float *x, const uint32_t *labels, size_t count,
                  float *ret_g, double *ret_loss)
{
    CHECK(count > 0 && count <= self->batch_max);
    pass_t pass = {.w = w, .x = x, .count = count, .places = self->training, .training = true, .g = ret_g};
    size_t last = self->graph->layer_count - 1;
    const float *z = s_forward(self, &pass);
    double loss = loss_gradient(count, graph_output_size(self->graph), z, labels, self->training[last].dy);
    *ret_loss = loss / (double)count;
    for (size_t l = self->graph->layer_count; l-- > 0;)
        RUNS[self->graph->layers[l].kind].backward(self, &pass, l);
}

void net_evaluate(net_t *self, const float *w, const float *x, const uint32_t *labels, size_t count,
                  double *add_loss, uint64_t *add_correct)
{
    const graph_t *graph = self->graph;
    for (size_t first = 0; first < count; first += self->slice) {
        size_t slice = count - first < self->slice ? count - first : self->slice;
        pass_t pass = {.w = w,
                       .x = x + first * graph->C * graph->H * graph->W,
                       .count = slice,
                       .places = self->evaluation};
        const float *z = s_forward(self, &pass);
        *add_loss += loss_evaluate(slice, graph_output_size(graph), z, labels + first, add_correct);
    }
}
