#include "actors/model/conv_layer.h"

#include <stdlib.h>
#include <string.h>

#define LINE 64 /* bytes that scratch is aligned to */

struct conv_layer {
    conv_t conv;
    size_t batch_max;
    size_t group;         /* images at once */
    size_t plane;         /* P Q */
    size_t patches_bytes; /* of a group, in front of its outputs */
};

static size_t s_rounded(size_t floats)
{
    return (floats * sizeof(float) + LINE - 1) / LINE * LINE;
}

err_code_t conv_layer_new(const conv_t *conv, size_t batch_max, conv_layer_t **ret_self, err_t *err)
{
    if (!conv_is_valid(conv))
        return err_set(err, ERR_CONFIG, "no convolution of side %zu, stride %zu, padding %zu on %zu x %zu",
                       conv->K, conv->stride, conv->pad, conv->H, conv->W);
    conv_layer_t *self = calloc(1, sizeof *self);
    if (!self)
        return err_set(err, ERR_MEMORY, "no memory for a convolution");
    size_t group = conv_group(conv);
    self->conv = *conv;
    self->batch_max = batch_max;
    self->group = group < batch_max ? group : batch_max;
    self->plane = conv_height(conv) * conv_width(conv);
    self->patches_bytes = s_rounded(conv_patch_size(conv, self->group));
    *ret_self = self;
    return ERR_OK;
}

void conv_layer_destroy(conv_layer_t **self_p)
{
    free(*self_p);
    *self_p = NULL;
}

/* The product leaves channels outermost: of one image alone that is the order asked for. */
static size_t s_outputs_bytes(const conv_layer_t *self)
{
    return self->group > 1 ? s_rounded(conv_output_size(&self->conv, self->group)) : 0;
}

size_t conv_layer_scratch(const conv_layer_t *self)
{
    return self->patches_bytes + s_outputs_bytes(self);
}

static size_t s_group(const conv_layer_t *self, size_t first, size_t count)
{
    return count - first < self->group ? count - first : self->group;
}

/* Copies y (O, group, P, Q) to (group, O, P, Q), or back. */
static void s_turn(const conv_layer_t *self, size_t group, const float *from, float *to, bool outward)
{
    size_t O = self->conv.O, plane = self->plane;
    for (size_t o = 0; o < O; o++)
        for (size_t n = 0; n < group; n++) {
            size_t inner = (o * group + n) * plane, outer = (n * O + o) * plane;
            memcpy(to + (outward ? outer : inner), from + (outward ? inner : outer), plane * sizeof *to);
        }
}

void conv_layer_forward(conv_layer_t *self, size_t count, const float *x, const float *w, void *scratch,
                        float *ret_y)
{
    CHECK(count <= self->batch_max);
    const conv_t *conv = &self->conv;
    float *turned = (float *)((char *)scratch + self->patches_bytes);
    size_t input = conv->I * conv->H * conv->W, output = conv->O * self->plane;
    for (size_t first = 0, group; first < count; first += group) {
        group = s_group(self, first, count);
        float *y = ret_y + first * output;
        conv_forward(conv, group, x + first * input, w, scratch, group > 1 ? turned : y);
        if (group > 1)
            s_turn(self, group, turned, y, true);
    }
}

void conv_layer_backward(conv_layer_t *self, size_t count, const float *x, const float *w, const float *dy,
                         void *scratch, float *ret_dw, float *ret_dx)
{
    CHECK(count <= self->batch_max);
    const conv_t *conv = &self->conv;
    float *turned = (float *)((char *)scratch + self->patches_bytes);
    size_t input = conv->I * conv->H * conv->W, output = conv->O * self->plane;
    memset(ret_dw, 0, conv_weight_size(conv) * sizeof *ret_dw);
    for (size_t first = 0, group; first < count; first += group) {
        group = s_group(self, first, count);
        const float *from = dy + first * output;
        if (group > 1)
            s_turn(self, group, from, turned, false);
        conv_backward(conv, group, x + first * input, w, group > 1 ? turned : from, scratch, ret_dw,
                      ret_dx ? ret_dx + first * input : NULL);
    }
}
