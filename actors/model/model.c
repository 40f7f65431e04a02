#include "actors/model/model.h"

#include "actors/model/kernel.h"
#include "actors/model/ledger.h"
#include "actors/model/net.h"
#include "actors/model/resnet.h"
#include "actors/model/vector.h"

#include <stdlib.h>
#include <string.h>

typedef struct {
    const char *name;
    const char *data_kind;
    size_t channels, height, width, classes;
    void (*describe)(graph_t *graph, size_t classes); /* NULL: the ledger */
} row_t;

static void s_softmax(graph_t *graph, size_t classes)
{
    graph_dense(graph, GRAPH_SAMPLES, "fc", classes, false);
}

static void s_mlp_of(graph_t *graph, size_t first, size_t second, size_t classes)
{
    size_t x = graph_dense(graph, GRAPH_SAMPLES, "fc1", first, true);
    x = graph_dense(graph, x, "fc2", second, true);
    graph_dense(graph, x, "fc3", classes, false);
}

static void s_mlp(graph_t *graph, size_t classes)
{
    s_mlp_of(graph, 256, 128, classes);
}

static void s_mlp_large(graph_t *graph, size_t classes)
{
    s_mlp_of(graph, 2048, 512, classes);
}

static void s_lenet(graph_t *graph, size_t classes)
{
    size_t x = graph_conv_pool(graph, GRAPH_SAMPLES, "conv1", 20, 5);
    x = graph_conv_pool(graph, x, "conv2", 50, 5);
    x = graph_dense(graph, x, "fc1", 500, true);
    graph_dense(graph, x, "fc2", classes, false);
}

static void s_resnet8(graph_t *graph, size_t classes)
{
    resnet_describe(&RESNET8, classes, graph);
}

static void s_resnet20(graph_t *graph, size_t classes)
{
    resnet_describe(&RESNET20, classes, graph);
}

static void s_resnet18(graph_t *graph, size_t classes)
{
    resnet_describe(&RESNET18, classes, graph);
}

/* One row per model. The names of the layers are those of the same model in PyTorch. */
static const row_t ROWS[] = {
    {"softmax", "idx", 1, 28, 28, 10, s_softmax},     {"mlp", "idx", 1, 28, 28, 10, s_mlp},
    {"mlp-large", "idx", 1, 28, 28, 10, s_mlp_large}, {"lenet", "idx", 1, 28, 28, 10, s_lenet},
    {"resnet8", "idx", 1, 28, 28, 10, s_resnet8},     {"resnet20", "idx", 1, 28, 28, 10, s_resnet20},
    {"resnet18", "idx", 1, 28, 28, 10, s_resnet18},   {"ledger", "counter", 1, 1, 1, LEDGER_COUNTERS, NULL},
};
#define ROW_COUNT (sizeof ROWS / sizeof *ROWS)
#define NAMES "softmax, mlp, mlp-large, lenet, resnet8, resnet20, resnet18, ledger"

struct model {
    const row_t *row;
    size_t batch_max;
    graph_t graph;
    layout_t layout;
    net_t *net; /* NULL: the ledger */
};

static const row_t *s_row(const char *name)
{
    for (size_t i = 0; name && i < ROW_COUNT; i++)
        if (strcmp(ROWS[i].name, name) == 0)
            return ROWS + i;
    return NULL;
}

static err_code_t s_describe(const row_t *row, graph_t *ret_graph, err_t *err)
{
    graph_init(ret_graph, row->channels, row->height, row->width);
    if (row->describe)
        row->describe(ret_graph, row->classes);
    return graph_check(ret_graph, err);
}

bool model_known(const char *name)
{
    return s_row(name) != NULL;
}

const char *model_names(void)
{
    return NAMES;
}

static err_code_t s_unknown(const char *name, err_t *err)
{
    return err_set(err, ERR_NOT_FOUND, "no model is called '%s'; write one of %s", name ? name : "", NAMES);
}

err_code_t model_layout_of(const char *name, layout_t *ret_layout, err_t *err)
{
    const row_t *row = s_row(name);
    if (!row)
        return s_unknown(name, err);
    graph_t graph;
    memset(ret_layout, 0, sizeof *ret_layout);
    err_code_t code = s_describe(row, &graph, err);
    if (code || row->describe)
        return code ? code : graph_layout(&graph, ret_layout, err);
    return layout_add(ret_layout, "counters", 1, (size_t[]){LEDGER_COUNTERS}, err);
}

static err_code_t s_check_labels(const row_t *row, const dataset_facts_t *data, err_t *err)
{
    size_t classes = row->classes;
    if (data->label_most < classes)
        return ERR_OK;
    bool from_one = data->label_least > 0 && data->label_most - data->label_least < classes;
    return err_set(err, ERR_CONFIG, "labels are %u to %u, and model %s tells %zu classes apart, 0 to %zu; %s",
                   data->label_least, data->label_most, row->name, classes, classes - 1,
                   from_one ? "number them from 0" : "use data with no more classes");
}

err_code_t model_accepts(const char *name, const dataset_facts_t *data, err_t *err)
{
    const row_t *row = s_row(name);
    if (!row)
        return s_unknown(name, err);
    if (data->form != data_kind_find(row->data_kind)->form)
        return err_set(err, ERR_CONFIG,
                       "data are of kind %s, and model %s takes %s; change job.data.kind, or job.model",
                       data->kind, name, row->data_kind);
    if (data->height != row->height || data->width != row->width)
        return err_set(err, ERR_CONFIG,
                       "pictures are %zu x %zu, and model %s takes %zu x %zu; use such pictures",
                       data->height, data->width, name, row->height, row->width);
    return row->describe ? s_check_labels(row, data, err) : ERR_OK;
}

err_code_t model_new(const char *name, size_t batch_max, model_t **ret_self, err_t *err)
{
    const row_t *row = s_row(name);
    if (!row)
        return s_unknown(name, err);
    if (kernel_prepare(err))
        return err ? err->code : ERR_NOT_FOUND;
    if (batch_max < 1 || batch_max > MODEL_BATCH_MAX)
        return err_set(err, ERR_LIMIT, "batch %zu; write 1 to %d", batch_max, MODEL_BATCH_MAX);
    model_t *self = calloc(1, sizeof *self);
    if (!self)
        return err_set(err, ERR_MEMORY, "no memory for model %s", name);
    self->row = row;
    self->batch_max = batch_max;
    err_code_t code = model_layout_of(name, &self->layout, err);
    if (!code)
        code = s_describe(row, &self->graph, err);
    if (!code && row->describe)
        code = net_new(&self->graph, batch_max, &self->net, err);
    if (code) {
        model_destroy(&self);
        return err_prefix(err, code, "model %s", name);
    }
    *ret_self = self;
    return ERR_OK;
}

void model_destroy(model_t **self_p)
{
    model_t *self = *self_p;
    if (!self)
        return;
    net_destroy(&self->net);
    free(self);
    *self_p = NULL;
}

const layout_t *model_layout(const model_t *self)
{
    return &self->layout;
}

size_t model_sample_size(const model_t *self)
{
    return self->row->channels * self->row->height * self->row->width;
}

size_t model_class_count(const model_t *self)
{
    return self->row->classes;
}

void model_init(const model_t *self, uint64_t seed, float *ret_w)
{
    memset(ret_w, 0, self->layout.count * sizeof *ret_w);
    graph_first_values(&self->graph, seed, ret_w);
}

void model_gradient(model_t *self, const float *w, const float *x, const uint32_t *labels, size_t count,
                    float *ret_g, double *ret_loss)
{
    CHECK(count > 0 && count <= self->batch_max);
    if (self->net) {
        net_gradient(self->net, w, x, labels, count, ret_g, ret_loss);
        return;
    }
    ledger_gradient(labels, count, ret_g);
    *ret_loss = 0;
}

err_code_t model_touches(const model_t *self, const float *x, size_t count, ranges_t *elements)
{
    (void)x; /* no model has a sparse tensor yet */
    CHECK(count > 0 && count <= self->batch_max);
    return ranges_add(elements, 0, self->layout.count);
}

void model_join(const model_t *self, size_t done, size_t count, const float *part, double part_loss, float *g,
                double *loss)
{
    double share = (double)count / (double)(done + count);
    if (self->net)
        vector_mix(self->layout.count, g, (float)(1 - share), part, (float)share);
    else
        vector_add(self->layout.count, g, part);
    *loss += share * (part_loss - *loss);
}

void model_evaluate(model_t *self, const float *w, const float *x, const uint32_t *labels, size_t count,
                    double *add_loss, uint64_t *add_correct)
{
    if (self->net)
        net_evaluate(self->net, w, x, labels, count, add_loss, add_correct);
}
