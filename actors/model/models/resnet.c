#include "actors/model/models/resnet.h"

#include "actors/model/models/family.h"

#include <stdio.h>
#include <string.h>

static size_t s_convolve(graph_t *graph, size_t from, const char *block, const char *conv, const char *norm,
                         filter_t filter)
{
    char name[TENSOR_NAME_MAX], norm_name[TENSOR_NAME_MAX];
    snprintf(name, sizeof name, "%s%s", block, conv);
    snprintf(norm_name, sizeof norm_name, "%s%s", block, norm);
    filter.name = name;
    filter.norm = norm_name;
    return graph_conv_norm(graph, from, &filter);
}

/* "layer2.0.", with O channels, from x. */
static size_t s_block(graph_t *graph, size_t x, const char *name, size_t O, size_t stride)
{
    size_t y = s_convolve(graph, x, name, "conv1", "bn1",
                          (filter_t){.O = O, .K = 3, .stride = stride, .pad = 1, .relu = true});
    y = s_convolve(graph, y, name, "conv2", "bn2", (filter_t){.O = O, .K = 3, .stride = 1, .pad = 1});
    if (stride > 1)
        x = s_convolve(graph, x, name, "downsample.0", "downsample.1",
                       (filter_t){.O = O, .K = 1, .stride = stride});
    return graph_add(graph, y, x);
}

void resnet_describe(const resnet_t *self, size_t classes, graph_t *graph)
{
    size_t O = self->width;
    size_t x = s_convolve(graph, GRAPH_SAMPLES, "", "conv1", "bn1",
                          (filter_t){.O = O, .K = 3, .stride = 1, .pad = 1, .relu = true});
    for (size_t stage = 0; stage < self->stages; stage++, O *= 2)
        for (size_t b = 0; b < self->blocks; b++) {
            char name[32];
            snprintf(name, sizeof name, "layer%zu.%zu.", stage + 1, b);
            x = s_block(graph, x, name, O, stage && !b ? 2 : 1);
        }
    graph_dense(graph, graph_mean(graph, x), "fc", classes, false);
}

static err_code_t s_make_resnet(const model_spec_t *spec, graph_t *graph, err_t *err)
{
    static const struct {
        const char *name;
        resnet_t shape;
    } rows[] = {{"resnet8", {.width = 16, .stages = 3, .blocks = 1}},
                {"resnet20", {.width = 16, .stages = 3, .blocks = 3}},
                {"resnet18", {.width = 64, .stages = 4, .blocks = 2}}};
    size_t i = 0;
    while (i < sizeof rows / sizeof *rows && strcmp(rows[i].name, spec->name))
        i++;
    CHECK(i < sizeof rows / sizeof *rows);
    (void)err;
    resnet_describe(&rows[i].shape, (size_t)spec->classes, graph);
    return ERR_OK;
}

model_family_t *const model_resnet = s_make_resnet;
