#include "actors/model/graph_describe.h"

#include "actors/model/batchnorm.h"

#include <stdio.h>

/* A list that grows, and which of its operations has a layer's output. */
typedef struct {
    json_value_t *list;
    size_t count;
    size_t outputs[GRAPH_LAYERS_MAX];
} describer_t;

static size_t s_number(const describer_t *self, size_t layer)
{
    return layer == GRAPH_SAMPLES ? 0 : self->outputs[layer];
}

/* An operation that reads one other; s_add puts it into the list. */
static json_value_t *s_begin(const char *op, size_t from)
{
    json_value_t *object = json_new_object(), *numbers = json_new_array();
    json_set_string(object, "op", op);
    json_add_u64(numbers, from);
    json_set_moved(object, "from", &numbers);
    return object;
}

static size_t s_add(describer_t *self, json_value_t *object)
{
    json_add_moved(self->list, &object);
    return ++self->count;
}

static void s_set_tensor(json_value_t *object, const char *key, const char *name, const char *part)
{
    char tensor[2 * TENSOR_NAME_MAX];
    snprintf(tensor, sizeof tensor, "%s.%s", name, part);
    json_set_string(object, key, tensor);
}

static size_t s_add_relu(describer_t *self, size_t from)
{
    return s_add(self, s_begin("relu", from));
}

static size_t s_add_conv(describer_t *self, const layer_t *layer, bool bias)
{
    json_value_t *object = s_begin("conv2d", s_number(self, layer->from));
    s_set_tensor(object, "weight", layer->name, "weight");
    if (bias)
        s_set_tensor(object, "bias", layer->name, "bias");
    json_set_u64(object, "stride", layer->conv.stride);
    json_set_u64(object, "padding", layer->conv.pad);
    return s_add(self, object);
}

/* A bias added before a maximum or behind it gives the same. */
static size_t s_describe_conv_pool(describer_t *self, const layer_t *layer)
{
    json_value_t *pool = s_begin("max_pool2d", s_add_conv(self, layer, true));
    json_set_u64(pool, "size", 2);
    json_set_u64(pool, "stride", 2);
    return s_add(self, pool);
}

static size_t s_describe_conv_norm(describer_t *self, const layer_t *layer)
{
    static const char *const parts[] = {"weight", "bias", "running_mean", "running_var"};
    json_value_t *norm = s_begin("batch_norm2d", s_add_conv(self, layer, false));
    for (size_t i = 0; i < sizeof parts / sizeof *parts; i++)
        s_set_tensor(norm, parts[i], layer->norm, parts[i]);
    json_set_number(norm, "epsilon", BATCHNORM_EPSILON);
    size_t number = s_add(self, norm);
    return layer->relu ? s_add_relu(self, number) : number;
}

static size_t s_describe_add(describer_t *self, const layer_t *layer)
{
    json_value_t *object = s_begin("add", s_number(self, layer->from)), *numbers = json_new_array();
    json_add_u64(numbers, s_number(self, layer->from));
    json_add_u64(numbers, s_number(self, layer->shortcut));
    json_set_moved(object, "from", &numbers);
    return s_add_relu(self, s_add(self, object));
}

static size_t s_describe_mean(describer_t *self, const layer_t *layer)
{
    return s_add(self, s_begin("mean", s_number(self, layer->from)));
}

static size_t s_describe_dense(describer_t *self, const layer_t *layer)
{
    json_value_t *object = s_begin("linear", s_number(self, layer->from));
    s_set_tensor(object, "weight", layer->name, "weight");
    s_set_tensor(object, "bias", layer->name, "bias");
    size_t number = s_add(self, object);
    return layer->relu ? s_add_relu(self, number) : number;
}

json_value_t *graph_describe(const graph_t *graph)
{
    static size_t (*const describers[])(describer_t * self,
                                        const layer_t *layer) = {[LAYER_CONV_POOL] = s_describe_conv_pool,
                                                                 [LAYER_CONV_NORM] = s_describe_conv_norm,
                                                                 [LAYER_ADD] = s_describe_add,
                                                                 [LAYER_MEAN] = s_describe_mean,
                                                                 [LAYER_DENSE] = s_describe_dense};
    describer_t self = {.list = json_new_array()};
    for (size_t i = 0; i < graph->layer_count; i++)
        self.outputs[i] = describers[graph->layers[i].kind](&self, graph->layers + i);
    return self.list;
}
