#include "actors/model/net_inside.h"

#include "actors/model/clones.h"
#include "actors/model/relu.h"

#include <string.h>

CLONES
static void s_add_relu(size_t n, const float *a, const float *b, float *restrict y)
{
    for (size_t i = 0; i < n; i++) {
        float z = a[i] + b[i];
        y[i] = z < 0.0f ? 0.0f : z;
    }
}

void net_add_forward(net_t *self, const pass_t *pass, size_t l)
{
    const layer_t *layer = self->graph->layers + l;
    size_t size = layer->C * layer->H * layer->W;
    for (size_t n = 0; n < pass->count; n++) {
        const float *a = net_view(self, pass, layer->from, n, 1, self->images[0]);
        const float *b = net_view(self, pass, layer->shortcut, n, 1, self->images[1]);
        s_add_relu(size, a, b, pass->places[l].y + n * size);
    }
}

/* Both that were added take the same gradient, and share its place (net_plan). */
void net_add_backward(net_t *self, const pass_t *pass, size_t l)
{
    const layer_t *layer = self->graph->layers + l;
    relu_backward(pass->count * layer->C * layer->H * layer->W, pass->places[l].y, pass->places[l].dy);
}

CLONES
static float s_mean(size_t n, const float *x)
{
    float part[16] = {0}, sum = 0;
    size_t i = 0;
    for (; i + 16 <= n; i += 16)
        for (size_t k = 0; k < 16; k++)
            part[k] += x[i + k];
    for (size_t k = 0; i < n; i++, k++)
        part[k] += x[i];
    for (size_t k = 0; k < 16; k++)
        sum += part[k];
    return sum / (float)n;
}

static size_t s_plane_from(const net_t *self, size_t l)
{
    const layer_t *from = self->graph->layers + self->graph->layers[l].from;
    return from->H * from->W;
}

void net_mean_forward(net_t *self, const pass_t *pass, size_t l)
{
    const layer_t *layer = self->graph->layers + l;
    size_t plane = s_plane_from(self, l);
    for (size_t n = 0; n < pass->count; n++) {
        const float *x = net_view(self, pass, layer->from, n, 1, self->images[0]);
        for (size_t c = 0; c < layer->C; c++)
            pass->places[l].y[n * layer->C + c] = s_mean(plane, x + c * plane);
    }
}

void net_mean_backward(net_t *self, const pass_t *pass, size_t l)
{
    const layer_t *layer = self->graph->layers + l;
    size_t plane = s_plane_from(self, l);
    const float *dy = pass->places[l].dy;
    float *dx = pass->places[layer->from].dy;
    for (size_t i = 0; i < pass->count * layer->C; i++)
        for (size_t k = 0; k < plane; k++)
            dx[i * plane + k] = dy[i] / (float)plane;
}
