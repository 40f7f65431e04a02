#include "actors/model/conv_layer.h"

#include "actors/model/conv_plan.h"

#include <stdlib.h>

struct conv_layer {
    conv_plan_t *plan;
    size_t batch_max;
    size_t input, output; /* floats of an image, before and behind it */
};

err_code_t conv_layer_new(const conv_t *conv, bool first, size_t batch_max, conv_layer_t **ret_self,
                          err_t *err)
{
    if (!conv_is_valid(conv))
        return err_set(err, ERR_CONFIG, "no convolution of side %zu, stride %zu, padding %zu on %zu x %zu",
                       conv->K, conv->stride, conv->pad, conv->H, conv->W);
    conv_layer_t *self = calloc(1, sizeof *self);
    if (!self)
        return err_set(err, ERR_MEMORY, "no memory for a convolution");
    self->batch_max = batch_max;
    self->input = conv->I * conv->H * conv->W;
    self->output = conv_output_size(conv, 1);
    conv_plan_spec_t spec = {.conv = *conv, .first = first, .images_outermost = true};
    err_code_t code = conv_plan_new(&spec, batch_max, &self->plan, err);
    if (code)
        conv_layer_destroy(&self);
    else
        *ret_self = self;
    return code;
}

void conv_layer_destroy(conv_layer_t **self_p)
{
    conv_layer_t *self = *self_p;
    if (!self)
        return;
    conv_plan_destroy(&self->plan);
    free(self);
    *self_p = NULL;
}

size_t conv_layer_scratch(const conv_layer_t *self)
{
    return conv_plan_scratch(self->plan);
}

static size_t s_group(const conv_layer_t *self, size_t first, size_t count)
{
    size_t group = conv_plan_group(self->plan);
    return count - first < group ? count - first : group;
}

void conv_layer_forward(conv_layer_t *self, size_t count, const float *x, const float *w, void *scratch,
                        float *ret_y)
{
    CHECK(count <= self->batch_max);
    conv_plan_begin(self->plan, w, NULL, scratch);
    for (size_t first = 0, group; first < count; first += group) {
        group = s_group(self, first, count);
        conv_plan_forward(self->plan, group, x + first * self->input, ret_y + first * self->output);
    }
    conv_plan_end(self->plan);
}

void conv_layer_backward(conv_layer_t *self, size_t count, const float *x, const float *w, const float *dy,
                         void *scratch, float *ret_dw, float *ret_dx)
{
    CHECK(count <= self->batch_max);
    conv_plan_begin(self->plan, w, ret_dw, scratch);
    for (size_t first = 0, group; first < count; first += group) {
        group = s_group(self, first, count);
        conv_plan_backward(self->plan, group, x + first * self->input, dy + first * self->output,
                           ret_dx ? ret_dx + first * self->input : NULL);
    }
    conv_plan_end(self->plan);
}
