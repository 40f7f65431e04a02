#include "actors/model/kernel.h"
#include "actors/model/net.h"
#include "actors/model/models/resnet.h"
#include "tests/unit/actors/model/reference_net.h"

#define CLASSES 5

typedef struct {
    graph_t graph;
    layout_t layout;
    net_t *net;
    rng_t rng;
    size_t B;
    float *w, *x, *g;
    uint32_t *labels;
    double loss;
} case_t;

/* A described graph as a net, with random parameters and samples. */
static void s_open(case_t *self, size_t B)
{
    err_t err;
    rng_init(&self->rng, test_seed());
    self->B = B;
    cr_assert_eq(graph_check(&self->graph, &err), ERR_OK, "%s", err.text);
    cr_assert_eq(graph_layout(&self->graph, &self->layout, &err), ERR_OK, "%s", err.text);
    cr_assert_eq(kernel_prepare(&err), ERR_OK, "%s", err.text);
    cr_assert_eq(net_new(&self->graph, B, &self->net, &err), ERR_OK, "%s", err.text);
    size_t n = self->layout.count, size = self->graph.C * self->graph.H * self->graph.W;
    self->w = test_random(&self->rng, n, 1);
    self->x = test_random(&self->rng, B * size, 1);
    self->g = test_random(&self->rng, n, 9);
    self->labels = test_alloc(B, sizeof *self->labels);
    for (size_t b = 0; b < B; b++)
        self->labels[b] = (uint32_t)rng_below(&self->rng, graph_output_size(&self->graph));
    graph_first_values(&self->graph, 5, self->w);
    for (size_t i = 0; i < n; i++)
        self->w[i] += (float)(0.2 * (rng_unit(&self->rng) - 0.5));
}

static void s_close(case_t *self)
{
    net_destroy(&self->net);
    free(self->w), free(self->x), free(self->g), free(self->labels), free(self);
}

static void s_gradient(case_t *self)
{
    net_gradient(self->net, self->w, self->x, self->labels, self->B, self->g, &self->loss);
}

/* At some places of every tensor that an optimizer steps. */
static void s_check_places(case_t *self, size_t places)
{
    size_t size = self->graph.C * self->graph.H * self->graph.W;
    reference_net_t reference = {&self->graph, self->B, test_widen(self->x, self->B * size),
                                 test_widen(self->w, self->layout.count), self->labels};
    s_gradient(self);
    test_near("loss", 0, self->loss, reference_net_loss(&reference), 1e-5);
    for (size_t t = 0; t < self->layout.tensor_count; t++) {
        const tensor_t *tensor = self->layout.tensors + t;
        for (size_t k = 0; k < places && tensor->rule == TENSOR_OPTIMIZER; k++) {
            size_t i = tensor->offset + (size_t)rng_below(&self->rng, tensor->count);
            double one = 1, slope = reference_net_slope(&reference, i, 1, &one);
            cr_assert(fabs((double)self->g[i] - slope) <= 1e-5 + 5e-4 * fabs(slope),
                      "%s: got %.9g, expected %.9g", tensor->name, (double)self->g[i], slope);
        }
    }
    free(reference.x), free(reference.w);
}

static size_t s_norm(graph_t *graph, size_t from, const char *name, size_t O, size_t K, size_t stride,
                     bool relu)
{
    char norm[TENSOR_NAME_MAX];
    snprintf(norm, sizeof norm, "%s_norm", name);
    return graph_conv_norm(graph, from, &(filter_t){name, norm, O, K, stride, K / 2, relu});
}

static void s_end(graph_t *graph, size_t x)
{
    graph_dense(graph, graph_mean(graph, x), "fc", CLASSES, false);
}

Test(net, normalized_convolution)
{
    case_t *self = test_alloc(1, sizeof *self);
    graph_init(&self->graph, 2, 6, 7);
    s_end(&self->graph, s_norm(&self->graph, GRAPH_SAMPLES, "a", 3, 3, 1, true));
    s_open(self, 4);
    s_check_places(self, 6);
    s_close(self);
}

Test(net, normalized_convolutions_in_a_row)
{
    case_t *self = test_alloc(1, sizeof *self);
    graph_init(&self->graph, 1, 7, 6);
    size_t x = s_norm(&self->graph, GRAPH_SAMPLES, "a", 3, 3, 2, true);
    x = s_norm(&self->graph, x, "b", 4, 3, 1, false);
    s_end(&self->graph, s_norm(&self->graph, x, "c", 2, 1, 1, true));
    s_open(self, 3);
    s_check_places(self, 6);
    s_close(self);
}

/* The first block reads what is made again, the second what is kept; the third goes around by a projection.
 * */
Test(net, residual_blocks)
{
    case_t *self = test_alloc(1, sizeof *self);
    graph_t *graph = &self->graph;
    graph_init(graph, 2, 6, 6);
    size_t x = s_norm(graph, GRAPH_SAMPLES, "a", 3, 3, 1, true);
    x = graph_add(graph, s_norm(graph, s_norm(graph, x, "b", 3, 3, 1, true), "c", 3, 3, 1, false), x);
    x = graph_add(graph, s_norm(graph, s_norm(graph, x, "d", 3, 3, 1, true), "e", 3, 3, 1, false), x);
    size_t y = s_norm(graph, s_norm(graph, x, "f", 4, 3, 2, true), "g", 4, 3, 1, false);
    s_end(graph, graph_add(graph, y, s_norm(graph, x, "h", 4, 1, 2, false)));
    s_open(self, 3);
    s_check_places(self, 6);
    s_close(self);
}

Test(net, maxima_and_products)
{
    case_t *self = test_alloc(1, sizeof *self);
    graph_t *graph = &self->graph;
    graph_init(graph, 3, 10, 10);
    size_t x = graph_conv_pool(graph, GRAPH_SAMPLES, "a", 3, 3);
    x = graph_conv_pool(graph, x, "b", 4, 3);
    x = graph_dense(graph, x, "c", 6, true);
    graph_dense(graph, x, "d", CLASSES, false);
    s_open(self, 3);
    s_check_places(self, 6);
    s_close(self);
}

/* ---- the networks, on small pictures ---- */

static case_t *s_resnet(const resnet_t *shape, size_t C, size_t side, size_t B)
{
    case_t *self = test_alloc(1, sizeof *self);
    graph_init(&self->graph, C, side, side);
    resnet_describe(shape, CLASSES, &self->graph);
    s_open(self, B);
    return self;
}

Test(net, resnet8_gradient)
{
    case_t *self = s_resnet(&(resnet_t){16, 3, 1}, 3, 8, 3);
    s_check_places(self, 2);
    s_close(self);
}

/* Along the gradient of each layer, so that every number of it has its share. */
static void s_check_directions(case_t *self, size_t step)
{
    size_t size = self->graph.C * self->graph.H * self->graph.W;
    reference_net_t reference = {&self->graph, self->B, test_widen(self->x, self->B * size),
                                 test_widen(self->w, self->layout.count), self->labels};
    s_gradient(self);
    double *direction = test_widen(self->g, self->layout.count);
    for (size_t t = 0; t < self->layout.tensor_count; t += step) {
        const tensor_t *tensor = self->layout.tensors + t;
        double norm = 0, *part = direction + tensor->offset;
        for (size_t i = 0; i < tensor->count; i++)
            norm += part[i] * part[i];
        norm = sqrt(norm);
        for (size_t i = 0; i < tensor->count; i++)
            part[i] /= norm;
        if (tensor->rule == TENSOR_OPTIMIZER)
            test_near(tensor->name, 0,
                      reference_net_slope(&reference, tensor->offset, tensor->count, part) / norm, 1, 5e-4);
    }
    free(direction), free(reference.x), free(reference.w);
}

Test(net, resnet20_gradient)
{
    case_t *self = s_resnet(&(resnet_t){16, 3, 3}, 1, 6, 2);
    s_check_directions(self, 3);
    s_close(self);
}

/* As deep as resnet18, an eighth as wide. */
Test(net, four_stages_gradient)
{
    case_t *self = s_resnet(&(resnet_t){.width = 8, .stages = 4, .blocks = 2}, 2, 16, 2);
    s_check_directions(self, 3);
    s_close(self);
}

/* ---- running statistics ---- */

/* Evaluation by running statistics that are those of the batch is what the gradient saw, but for its biased
 * variance. */
Test(net, evaluation_is_by_running_statistics)
{
    case_t *self = s_resnet(&(resnet_t){16, 3, 1}, 1, 8, 16);
    s_gradient(self);
    double evaluated = 0, before = 0;
    uint64_t correct = 0;
    net_evaluate(self->net, self->w, self->x, self->labels, self->B, &before, &correct);
    for (size_t t = 0; t < self->layout.tensor_count; t++) {
        const tensor_t *tensor = self->layout.tensors + t;
        for (size_t i = tensor->offset; tensor->rule == TENSOR_AVERAGE && i < tensor->offset + tensor->count;
             i++)
            self->w[i] -= self->g[i];
    }
    net_evaluate(self->net, self->w, self->x, self->labels, self->B, &evaluated, &correct);
    test_near("loss", 0, evaluated / (double)self->B, self->loss, 0.02);
    cr_assert(fabs(before / (double)self->B - self->loss) > 0.05, "%g and %g", before, self->loss);
    s_close(self);
}

/* Any number of samples is evaluated, slice by slice, as each of them alone. */
Test(net, evaluation_of_many_is_that_of_each)
{
    enum { COUNT = 300 };
    case_t *self = s_resnet(&(resnet_t){16, 3, 1}, 1, 4, 2);
    float *x = test_random(&self->rng, COUNT * 16, 1);
    uint32_t labels[COUNT];
    double all = 0, each = 0;
    uint64_t right = 0, right_each = 0;
    for (size_t i = 0; i < COUNT; i++)
        labels[i] = (uint32_t)(i % CLASSES);
    net_evaluate(self->net, self->w, x, labels, COUNT, &all, &right);
    for (size_t i = 0; i < COUNT; i++)
        net_evaluate(self->net, self->w, x + i * 16, labels + i, 1, &each, &right_each);
    test_near("loss", 0, all, each, 1e-5);
    cr_assert_eq(right, right_each);
    free(x);
    s_close(self);
}

/* Buffers take turns in one block: nothing of an earlier batch or evaluation is left in the next. */
Test(net, gradient_is_repeatable)
{
    case_t *self = s_resnet(&(resnet_t){16, 3, 1}, 1, 8, 4);
    size_t bytes = self->layout.count * sizeof *self->g;
    float *first = test_alloc(self->layout.count, sizeof *first);
    double loss = 0;
    uint64_t correct = 0;
    s_gradient(self);
    memcpy(first, self->g, bytes);
    net_gradient(self->net, self->w, self->x, self->labels, 2, self->g, &loss);
    net_evaluate(self->net, self->w, self->x, self->labels, 3, &loss, &correct);
    s_gradient(self);
    cr_assert_eq(memcmp(first, self->g, bytes), 0);
    free(first);
    s_close(self);
}

Test(net, steps_along_the_gradient_lower_the_loss)
{
    case_t *self = s_resnet(&(resnet_t){16, 3, 1}, 1, 8, 8);
    double first = 0;
    graph_first_values(&self->graph, 5, self->w);
    for (size_t step = 0; step < 20; step++) {
        s_gradient(self);
        first = step ? first : self->loss;
        for (size_t i = 0; i < self->layout.count; i++)
            self->w[i] -= 0.1f * self->g[i];
    }
    cr_assert(self->loss < 0.3 * first, "%g then %g", first, self->loss);
    s_close(self);
}
