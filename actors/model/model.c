#include "actors/model/model.h"

#include "actors/model/kernel.h"
#include "actors/model/ledger.h"
#include "actors/model/net.h"
#include "actors/model/vector.h"

#include <stdlib.h>
#include <string.h>

typedef struct {
    const char *name;
    const char *data_kind;
    size_t height, width;               /* of a picture */
    net_layer_t layers[NET_LAYERS_MAX]; /* up to the first without a name; none: the ledger */
} row_t;

/* One row per model. The names of the layers are those of the same model in PyTorch. */
static const row_t ROWS[] = {
    {"softmax", "idx", 28, 28, {{.name = "fc", .kind = NET_DENSE, .dense = {.I = 784, .O = 10}}}},
    {"mlp",
     "idx",
     28,
     28,
     {{.name = "fc1", .kind = NET_DENSE, .dense = {.I = 784, .O = 256, .relu = true}},
      {.name = "fc2", .kind = NET_DENSE, .dense = {.I = 256, .O = 128, .relu = true}},
      {.name = "fc3", .kind = NET_DENSE, .dense = {.I = 128, .O = 10}}}},
    {"mlp-large",
     "idx",
     28,
     28,
     {{.name = "fc1", .kind = NET_DENSE, .dense = {.I = 784, .O = 2048, .relu = true}},
      {.name = "fc2", .kind = NET_DENSE, .dense = {.I = 2048, .O = 512, .relu = true}},
      {.name = "fc3", .kind = NET_DENSE, .dense = {.I = 512, .O = 10}}}},
    {"lenet",
     "idx",
     28,
     28,
     {{.name = "conv1", .kind = NET_CONV, .conv = {.I = 1, .H = 28, .W = 28, .O = 20, .K = 5, .stride = 1}},
      {.name = "conv2", .kind = NET_CONV, .conv = {.I = 20, .H = 12, .W = 12, .O = 50, .K = 5, .stride = 1}},
      {.name = "fc1", .kind = NET_DENSE, .dense = {.I = 800, .O = 500, .relu = true}},
      {.name = "fc2", .kind = NET_DENSE, .dense = {.I = 500, .O = 10}}}},
    {"ledger", "counter", 1, 1, {{.name = NULL}}},
};
#define ROW_COUNT (sizeof ROWS / sizeof *ROWS)
#define NAMES "softmax, mlp, mlp-large, lenet, ledger"

struct model {
    const row_t *row;
    size_t batch_max;
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

static size_t s_layer_count(const row_t *row)
{
    size_t count = 0;
    while (count < NET_LAYERS_MAX && row->layers[count].name)
        count++;
    return count;
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
    memset(ret_layout, 0, sizeof *ret_layout);
    if (s_layer_count(row))
        return net_layout(row->layers, s_layer_count(row), ret_layout, err);
    return layout_add(ret_layout, "counters", 1, (size_t[]){LEDGER_COUNTERS}, err);
}

static err_code_t s_check_labels(const row_t *row, const dataset_facts_t *data, err_t *err)
{
    size_t classes = net_output_size(row->layers, s_layer_count(row));
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
    return s_layer_count(row) ? s_check_labels(row, data, err) : ERR_OK;
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
    if (!code && s_layer_count(row))
        code = net_new(row->layers, s_layer_count(row), batch_max, &self->net, err);
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
    return self->row->height * self->row->width;
}

size_t model_class_count(const model_t *self)
{
    return self->net ? net_output_size(self->row->layers, s_layer_count(self->row)) : LEDGER_COUNTERS;
}

void model_init(const model_t *self, uint64_t seed, float *ret_w)
{
    memset(ret_w, 0, self->layout.count * sizeof *ret_w);
    net_init(self->row->layers, s_layer_count(self->row), seed, ret_w);
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

bool model_scores(const model_t *self)
{
    (void)self;
    return false;
}

void model_evaluate(model_t *self, const float *w, const float *x, const uint32_t *labels, size_t count,
                    double *add_loss, uint64_t *add_correct, float *ret_scores)
{
    CHECK(count <= self->batch_max);
    (void)ret_scores;
    if (self->net)
        net_evaluate(self->net, w, x, labels, count, add_loss, add_correct);
}
