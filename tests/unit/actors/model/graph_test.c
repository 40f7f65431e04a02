#include "actors/model/graph.h"
#include "actors/model/models/resnet.h"
#include "tests/unit/actors/model/reference.h"

static graph_t *s_graph(size_t C, size_t H, size_t W)
{
    graph_t *graph = test_alloc(1, sizeof *graph);
    graph_init(graph, C, H, W);
    return graph;
}

static void s_shape(const graph_t *graph, size_t l, size_t C, size_t H, size_t W)
{
    const layer_t *layer = graph->layers + l;
    cr_assert(layer->C == C && layer->H == H && layer->W == W, "%zu: %zu x %zu x %zu", l, layer->C, layer->H,
              layer->W);
}

Test(graph, shapes_follow_from_what_a_layer_reads)
{
    graph_t *graph = s_graph(3, 32, 28);
    size_t x =
        graph_conv_norm(graph, GRAPH_SAMPLES, &(filter_t){"a", "b", .O = 8, .K = 3, .stride = 2, .pad = 1});
    s_shape(graph, x, 8, 16, 14);
    x = graph_conv_norm(graph, x, &(filter_t){"c", "d", .O = 4, .K = 1, .stride = 2});
    s_shape(graph, x, 4, 8, 7);
    x = graph_mean(graph, x);
    s_shape(graph, x, 4, 1, 1);
    x = graph_dense(graph, x, "fc", 5, false);
    s_shape(graph, x, 5, 1, 1);
    cr_assert_eq(graph_output_size(graph), 5);
    cr_assert_eq(graph_check(graph, NULL), ERR_OK);
    free(graph);
}

Test(graph, the_first_error_is_kept)
{
    graph_t *graph = s_graph(1, 9, 9);
    err_t err;
    size_t x = graph_conv_pool(graph, GRAPH_SAMPLES, "conv1", 20, 5);
    x = graph_conv_pool(graph, x, "conv2", 50, 5);
    graph_dense(graph, x, "fc", 10, false);
    cr_assert_eq(graph_check(graph, &err), ERR_SHAPE);
    cr_assert(strstr(err.text, "conv1") && strstr(err.text, "9 x 9"), "%s", err.text);
    graph_init(graph, 1, 4, 4);
    graph_conv_norm(graph, GRAPH_SAMPLES, &(filter_t){"conv", "bn", .O = 8, .K = 7, .stride = 1, .pad = 1});
    cr_assert_eq(graph_check(graph, &err), ERR_SHAPE);
    cr_assert(strstr(err.text, "5 x 5") && strstr(err.text, "4 x 4"), "%s", err.text);
    free(graph);
}

Test(graph, has_room_for_so_many_layers_and_no_more)
{
    graph_t *graph = s_graph(1, 1, 1);
    size_t x = GRAPH_SAMPLES;
    for (size_t l = 0; l < GRAPH_LAYERS_MAX; l++)
        x = graph_dense(graph, x, "fc", 1, false);
    cr_assert_eq(graph_check(graph, NULL), ERR_OK);
    graph_dense(graph, x, "fc", 1, false);
    cr_assert_eq(graph_check(graph, NULL), ERR_LIMIT);
    free(graph);
}

/* Running statistics are no weights: no optimizer steps them, and nothing decays but kernels and products. */
Test(graph, tensors_of_a_normalization)
{
    static const struct {
        const char *name;
        tensor_rule_t rule;
        size_t offset, count;
    } rows[] = {{"conv.weight", TENSOR_OPTIMIZER, 0, 54},  {"bn.weight", TENSOR_OPTIMIZER, 54, 3},
                {"bn.bias", TENSOR_OPTIMIZER, 57, 3},      {"bn.running_mean", TENSOR_AVERAGE, 60, 3},
                {"bn.running_var", TENSOR_AVERAGE, 63, 3}, {"fc.weight", TENSOR_OPTIMIZER, 66, 6},
                {"fc.bias", TENSOR_OPTIMIZER, 72, 2}};
    graph_t *graph = s_graph(2, 5, 5);
    layout_t *layout = test_alloc(1, sizeof *layout);
    size_t x = graph_conv_norm(graph, GRAPH_SAMPLES, &(filter_t){"conv", "bn", .O = 3, .K = 3, .stride = 1});
    graph_dense(graph, graph_mean(graph, x), "fc", 2, false);
    cr_assert_eq(graph_layout(graph, layout, NULL), ERR_OK);
    cr_assert_eq(layout->tensor_count, sizeof rows / sizeof *rows);
    for (size_t i = 0; i < layout->tensor_count; i++) {
        const tensor_t *tensor = layout->tensors + i;
        bool average = rows[i].rule == TENSOR_AVERAGE;
        cr_assert_str_eq(tensor->name, rows[i].name);
        cr_assert(tensor->offset == rows[i].offset && tensor->count == rows[i].count, "%s", tensor->name);
        cr_assert_eq(tensor->rule, rows[i].rule);
        cr_assert_float_eq(tensor->rate, average ? 0.1f : 0, 1e-9);
        cr_assert_eq(tensor->decays, tensor->rank > 1);
    }
    free(graph), free(layout);
}

Test(graph, first_values_of_a_normalization)
{
    graph_t *graph = s_graph(2, 5, 5);
    size_t x = graph_conv_norm(graph, GRAPH_SAMPLES, &(filter_t){"conv", "bn", .O = 3, .K = 3, .stride = 1});
    graph_dense(graph, graph_mean(graph, x), "fc", 2, false);
    float w[74];
    double most = 0;
    graph_first_values(graph, 7, w);
    for (size_t i = 0; i < 54; i++)
        most = fmax(most, fabs((double)w[i]));
    cr_assert(most <= sqrt(6.0 / 18) * (1 + 1e-6) && most > 0.9 * sqrt(6.0 / 18), "%g", most);
    for (size_t i = 0; i < 12; i++)
        cr_assert_float_eq(w[54 + i], i < 3 || i >= 9 ? 1 : 0, 0, "%zu", i);
    free(graph);
}

/* ---- residual networks ---- */

static layout_t *s_resnet(const resnet_t *shape, size_t C, size_t side, graph_t **ret_graph)
{
    layout_t *layout = test_alloc(1, sizeof *layout);
    *ret_graph = s_graph(C, side, side);
    resnet_describe(shape, 10, *ret_graph);
    cr_assert_eq(graph_check(*ret_graph, NULL), ERR_OK);
    cr_assert_eq(graph_layout(*ret_graph, layout, NULL), ERR_OK);
    return layout;
}

static size_t s_trained(const layout_t *layout)
{
    size_t count = 0;
    for (size_t t = 0; t < layout->tensor_count; t++)
        count += layout->tensors[t].rule == TENSOR_OPTIMIZER ? layout->tensors[t].count : 0;
    return count;
}

/* The papers' networks by their parameters, with projections (option B) where CIFAR's have zeros. */
Test(resnet, parameters)
{
    static const struct {
        resnet_t shape;
        size_t C, side, parameters, tensors;
    } rows[] = {{{16, 3, 1}, 3, 32, 78042, 47},
                {{16, 3, 3}, 3, 32, 272474, 107},
                {{16, 3, 3}, 1, 28, 272186, 107},
                {{64, 4, 2}, 3, 32, 11173962, 102}};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        graph_t *graph;
        layout_t *layout = s_resnet(&rows[i].shape, rows[i].C, rows[i].side, &graph);
        cr_assert_eq(s_trained(layout), rows[i].parameters, "%zu: %zu", i, s_trained(layout));
        cr_assert_eq(layout->tensor_count, rows[i].tensors, "%zu: %zu", i, layout->tensor_count);
        free(graph), free(layout);
    }
}

Test(resnet, names_are_those_of_torchvision)
{
    static const char *const names[] = {"conv1.weight",
                                        "bn1.weight",
                                        "bn1.bias",
                                        "bn1.running_mean",
                                        "bn1.running_var",
                                        "layer1.0.conv1.weight",
                                        "layer2.0.bn2.running_var",
                                        "layer2.0.downsample.0.weight",
                                        "layer2.0.downsample.1.running_mean",
                                        "layer4.1.conv2.weight",
                                        "fc.weight",
                                        "fc.bias"};
    graph_t *graph;
    layout_t *layout = s_resnet(&(resnet_t){64, 4, 2}, 3, 32, &graph);
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        size_t t = 0;
        while (t < layout->tensor_count && strcmp(layout->tensors[t].name, names[i]))
            t++;
        cr_assert_lt(t, layout->tensor_count, "%s", names[i]);
    }
    free(graph), free(layout);
}

/* 28 is halved to 14, 7 and, rounded up, 4. */
Test(resnet, stages_halve_the_picture)
{
    graph_t *graph;
    layout_t *layout = s_resnet(&(resnet_t){64, 4, 2}, 1, 28, &graph);
    s_shape(graph, graph->layer_count - 3, 512, 4, 4);
    s_shape(graph, graph->layer_count - 2, 512, 1, 1);
    free(graph), free(layout);
}
