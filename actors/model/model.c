#include "actors/model/model.h"

#include "actors/model/conv_plan.h"
#include "actors/model/deepfm.h"
#include "actors/model/graph_describe.h"
#include "actors/model/kernel.h"
#include "actors/model/ledger.h"
#include "actors/model/models/family.h"
#include "actors/model/net.h"
#include "actors/model/onednn.h"
#include "actors/model/vector.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MODEL(FAMILY, TEXT, ...) ", " TEXT
static const char s_names[] =
#include "brokers/models.def"
    ;
#undef MODEL

/* In the order of rows. */
#define MODEL(FAMILY, ...) &model_##FAMILY,
static model_family_t *const *const s_families[] = {
#include "brokers/models.def"
};
#undef MODEL

/* A model as it is: everything said, and its layers. */
typedef struct {
    const model_row_t *row;
    model_spec_t spec;
    graph_t graph;        /* of pictures */
    deepfm_spec_t deepfm; /* of tables */
} made_t;

/* How models of one form of data compute. */
typedef struct {
    err_code_t (*lay_out)(const made_t *made, layout_t *ret_layout, err_t *err);
    err_code_t (*open)(const made_t *made, size_t batch_max, void **ret_state, err_t *err);
    void (*close)(void *state);
    void (*init)(const made_t *made, uint64_t seed, float *ret_w);
    void (*gradient)(void *state, const float *w, const float *x, const uint32_t *labels, size_t count,
                     float *ret_g, double *ret_loss);
    void (*evaluate)(void *state, const float *w, const float *x, const uint32_t *labels, size_t count,
                     double *add_loss, uint64_t *add_correct, float *ret_scores);
    err_code_t (*touches)(void *state, const float *x, size_t count,
                          ranges_t *elements); /* NULL: everything */
    bool sums;                                 /* gradients are sums over samples, not means */
    bool scores;                               /* evaluate gives scores */
} engine_t;

struct model {
    made_t made;
    const engine_t *engine;
    size_t batch_max;
    layout_t layout;
    void *state; /* the engine's */
};

/* -- engines ----------------------------------------------------------------------------------------------
 */

static err_code_t s_lay_out_net(const made_t *made, layout_t *ret_layout, err_t *err)
{
    return graph_layout(&made->graph, ret_layout, err);
}

static err_code_t s_open_net(const made_t *made, size_t batch_max, void **ret_state, err_t *err)
{
    return net_new(&made->graph, batch_max, (net_t **)ret_state, err);
}

static void s_close_net(void *state)
{
    net_destroy(&(net_t *){state});
}

static void s_init_net(const made_t *made, uint64_t seed, float *ret_w)
{
    graph_first_values(&made->graph, seed, ret_w);
}

static void s_gradient_net(void *state, const float *w, const float *x, const uint32_t *labels, size_t count,
                           float *ret_g, double *ret_loss)
{
    net_gradient(state, w, x, labels, count, ret_g, ret_loss);
}

static void s_evaluate_net(void *state, const float *w, const float *x, const uint32_t *labels, size_t count,
                           double *add_loss, uint64_t *add_correct, float *ret_scores)
{
    (void)ret_scores;
    net_evaluate(state, w, x, labels, count, add_loss, add_correct);
}

static err_code_t s_lay_out_deepfm(const made_t *made, layout_t *ret_layout, err_t *err)
{
    return deepfm_layout(&made->deepfm, ret_layout, err);
}

static err_code_t s_open_deepfm(const made_t *made, size_t batch_max, void **ret_state, err_t *err)
{
    return deepfm_new(&made->deepfm, batch_max, (deepfm_t **)ret_state, err);
}

static void s_close_deepfm(void *state)
{
    deepfm_destroy(&(deepfm_t *){state});
}

static void s_init_deepfm(const made_t *made, uint64_t seed, float *ret_w)
{
    deepfm_init(&made->deepfm, seed, ret_w);
}

static void s_gradient_deepfm(void *state, const float *w, const float *x, const uint32_t *labels,
                              size_t count, float *ret_g, double *ret_loss)
{
    deepfm_gradient(state, w, x, labels, count, ret_g, ret_loss);
}

static void s_evaluate_deepfm(void *state, const float *w, const float *x, const uint32_t *labels,
                              size_t count, double *add_loss, uint64_t *add_correct, float *ret_scores)
{
    deepfm_evaluate(state, w, x, labels, count, add_loss, add_correct, ret_scores);
}

static err_code_t s_touches_deepfm(void *state, const float *x, size_t count, ranges_t *elements)
{
    return deepfm_touches(state, x, count, elements);
}

static err_code_t s_lay_out_ledger(const made_t *made, layout_t *ret_layout, err_t *err)
{
    (void)made;
    return layout_add(ret_layout, "counters", 1, (size_t[]){LEDGER_COUNTERS}, err);
}

static void s_gradient_ledger(void *state, const float *w, const float *x, const uint32_t *labels,
                              size_t count, float *ret_g, double *ret_loss)
{
    (void)state, (void)w, (void)x;
    ledger_gradient(labels, count, ret_g);
    *ret_loss = 0;
}

static const engine_t s_net = {.lay_out = s_lay_out_net,
                               .open = s_open_net,
                               .close = s_close_net,
                               .init = s_init_net,
                               .gradient = s_gradient_net,
                               .evaluate = s_evaluate_net};
static const engine_t s_deepfm = {.lay_out = s_lay_out_deepfm,
                                  .open = s_open_deepfm,
                                  .close = s_close_deepfm,
                                  .init = s_init_deepfm,
                                  .gradient = s_gradient_deepfm,
                                  .evaluate = s_evaluate_deepfm,
                                  .touches = s_touches_deepfm,
                                  .scores = true};
static const engine_t s_ledger = {.lay_out = s_lay_out_ledger, .gradient = s_gradient_ledger, .sums = true};

static const engine_t *s_engine(const made_t *made)
{
    static const engine_t *const engines[] = {
        [DATA_PICTURES] = &s_net, [DATA_TABLE] = &s_deepfm, [DATA_COUNTS] = &s_ledger};
    return engines[made->row->form];
}

/* -- specs ------------------------------------------------------------------------------------------------
 */

const char *model_kernel(char text[MODEL_KERNEL_MAX])
{
    char version[16] = "";
    bool onednn = conv_plan_has_chosen(CONV_BY_ONEDNN);
    snprintf(text, MODEL_KERNEL_MAX, "%s%s%s%s", kernel_chosen()->name,
             conv_plan_has_chosen(CONV_DIRECT) ? "+direct" : "", onednn ? "+oneDNN-" : "",
             onednn ? onednn_version(version, sizeof version) : "");
    return text;
}

const char *model_names(void)
{
    return s_names + strlen(", ");
}

static deepfm_spec_t s_deepfm_spec(const model_spec_t *spec, const graph_t *samples)
{
    size_t columns = samples->C * samples->H * samples->W;
    deepfm_spec_t deepfm = {.rows = (size_t)spec->rows,
                            .categorical = (size_t)spec->categorical,
                            .numeric = columns - (size_t)spec->categorical,
                            .embedding = (size_t)spec->embedding,
                            .hidden_count = spec->hidden_count};
    for (size_t i = 0; i < spec->hidden_count; i++)
        deepfm.hidden[i] = (size_t)spec->hidden[i];
    return deepfm;
}

static err_code_t s_make(const model_spec_t *spec, made_t *ret_made, err_t *err)
{
    const model_row_t *row = model_row(spec->name);
    if (!row)
        return err_set(err, ERR_NOT_FOUND, "no model is called '%s'; write one of %s", spec->name,
                       model_names());
    *ret_made = (made_t){.row = row, .spec = *spec};
    model_spec_complete(&ret_made->spec, &row->otherwise);
    const uint64_t *input = ret_made->spec.input;
    graph_init(&ret_made->graph, (size_t)input[0], (size_t)input[1], (size_t)input[2]);
    err_code_t code = (*s_families[row - model_row_at(0)])(&ret_made->spec, &ret_made->graph, err);
    if (!code && row->form == DATA_TABLE)
        ret_made->deepfm = s_deepfm_spec(&ret_made->spec, &ret_made->graph);
    return code ? code : graph_check(&ret_made->graph, err);
}

static err_code_t s_lay_out(const made_t *made, layout_t *ret_layout, err_t *err)
{
    memset(ret_layout, 0, sizeof *ret_layout);
    return s_engine(made)->lay_out(made, ret_layout, err);
}

err_code_t model_layout_of(const model_spec_t *spec, layout_t *ret_layout, err_t *err)
{
    made_t made;
    err_code_t code = s_make(spec, &made, err);
    return code ? code : s_lay_out(&made, ret_layout, err);
}

/* -- for others -------------------------------------------------------------------------------------------
 */

static json_value_t *s_numbers(const uint64_t *values, size_t count)
{
    json_value_t *array = json_new_array();
    for (size_t i = 0; i < count; i++)
        json_add_u64(array, values[i]);
    return array;
}

static json_value_t *s_describe_spec(const made_t *made)
{
    const model_spec_t *spec = &made->spec;
    json_value_t *object = json_new_object(), *hidden = s_numbers(spec->hidden, spec->hidden_count),
                 *input = s_numbers(spec->input, MODEL_INPUT_RANK);
    json_set_string(object, "name", spec->name);
    if (spec->hidden_count)
        json_set_moved(object, "hidden", &hidden);
    json_set_u64(object, "classes", spec->classes);
    json_set_moved(object, "input", &input);
    json_destroy(&hidden);
    return object;
}

err_code_t model_describe(const model_spec_t *spec, json_value_t **ret_document, err_t *err)
{
    made_t made;
    err_code_t code = s_make(spec, &made, err);
    if (code)
        return code;
    json_value_t *described = s_describe_spec(&made), *layers = graph_describe(&made.graph);
    *ret_document = json_new_object();
    json_set_moved(*ret_document, "spec", &described);
    json_set_moved(*ret_document, "layers", &layers);
    return ERR_OK;
}

/* -- data -------------------------------------------------------------------------------------------------
 */

model_spec_t model_seen(const dataset_facts_t *data)
{
    return (model_spec_t){.classes = (uint64_t)data->label_most + 1,
                          .input = {data->channels, data->height, data->width},
                          .rows = data->rows,
                          .categorical = data->categorical};
}

static err_code_t s_check_kind(const made_t *made, const dataset_facts_t *data, err_t *err)
{
    static const char *const forms[] = {
        [DATA_PICTURES] = "pictures", [DATA_TABLE] = "tables", [DATA_COUNTS] = "counter"};
    if (made->row->form == data->form)
        return ERR_OK;
    return err_set(err, ERR_CONFIG,
                   "data are of kind %s, and model %s takes %s; change job.data.kind, or job.model",
                   data->kind, made->spec.name, forms[made->row->form]);
}

/* Columns and categories of a table. */
static err_code_t s_check_table(const model_spec_t *spec, const dataset_facts_t *data, err_t *err)
{
    if (!data->categorical)
        return err_set(err, ERR_CONFIG,
                       "model %s needs a categorical column; write job.data.columns.categorical", spec->name);
    if (data->width == spec->input[2] && data->categorical == spec->categorical && data->rows == spec->rows)
        return ERR_OK;
    return err_set(
        err, ERR_CONFIG,
        "the table has %zu columns, %zu of them categorical with %zu rows, and model %s has %" PRIu64
        ", %" PRIu64 " and %" PRIu64 "; train on the table that it was begun with",
        data->width, data->categorical, data->rows, spec->name, spec->input[2], spec->categorical,
        spec->rows);
}

static err_code_t s_check_input(const model_spec_t *spec, const dataset_facts_t *data, err_t *err)
{
    const uint64_t *input = spec->input;
    if (data->channels == input[0] && data->height == input[1] && data->width == input[2])
        return ERR_OK;
    return err_set(err, ERR_CONFIG,
                   "pictures are %zu x %zu x %zu (channels, height, width), and model %s takes %" PRIu64
                   " x %" PRIu64 " x %" PRIu64 "; write job.model.input: [%zu, %zu, %zu], or use other data",
                   data->channels, data->height, data->width, spec->name, input[0], input[1], input[2],
                   data->channels, data->height, data->width);
}

static err_code_t s_check_labels(const model_spec_t *spec, const dataset_facts_t *data, err_t *err)
{
    uint64_t classes = spec->classes;
    if (data->label_most < classes)
        return ERR_OK;
    bool from_one = data->label_least > 0 && data->label_most - data->label_least < classes;
    char other[64] = "";
    if (model_row_takes(model_row(spec->name), "classes"))
        snprintf(other, sizeof other, ", or write job.model.classes: %u", data->label_most + 1);
    return err_set(err, ERR_CONFIG,
                   "labels are %u to %u, and model %s tells %" PRIu64 " classes apart, 0 to %" PRIu64
                   "; %s%s",
                   data->label_least, data->label_most, spec->name, classes, classes - 1,
                   from_one ? "number them from 0" : "use data with no more classes", other);
}

err_code_t model_accepts(const model_spec_t *spec, const dataset_facts_t *data, err_t *err)
{
    made_t made;
    err_code_t code = s_make(spec, &made, err);
    if (!code)
        code = s_check_kind(&made, data, err);
    if (!code)
        code = data->form == DATA_TABLE ? s_check_table(&made.spec, data, err)
                                        : s_check_input(&made.spec, data, err);
    return code || made.row->form == DATA_COUNTS ? code : s_check_labels(&made.spec, data, err);
}

/* -- one that computes ------------------------------------------------------------------------------------
 */

err_code_t model_new(const model_spec_t *spec, size_t batch_max, model_t **ret_self, err_t *err)
{
    if (kernel_prepare(err))
        return err ? err->code : ERR_NOT_FOUND;
    if (batch_max < 1 || batch_max > MODEL_BATCH_MAX)
        return err_set(err, ERR_LIMIT, "batch %zu; write 1 to %d", batch_max, MODEL_BATCH_MAX);
    model_t *self = calloc(1, sizeof *self);
    if (!self)
        return err_set(err, ERR_MEMORY, "no memory for model %s", spec->name);
    self->batch_max = batch_max;
    err_code_t code = s_make(spec, &self->made, err);
    if (!code)
        code = s_lay_out(&self->made, &self->layout, err);
    if (!code) {
        self->engine = s_engine(&self->made);
        code = self->engine->open ? self->engine->open(&self->made, batch_max, &self->state, err) : ERR_OK;
    }
    if (code) {
        model_destroy(&self);
        return code;
    }
    *ret_self = self;
    return ERR_OK;
}

void model_destroy(model_t **self_p)
{
    model_t *self = *self_p;
    if (!self)
        return;
    if (self->state)
        self->engine->close(self->state);
    free(self);
    *self_p = NULL;
}

const layout_t *model_layout(const model_t *self)
{
    return &self->layout;
}

size_t model_sample_size(const model_t *self)
{
    const graph_t *graph = &self->made.graph;
    return graph->C * graph->H * graph->W;
}

size_t model_class_count(const model_t *self)
{
    return (size_t)self->made.spec.classes;
}

void model_init(const model_t *self, uint64_t seed, float *ret_w)
{
    memset(ret_w, 0, self->layout.count * sizeof *ret_w);
    if (self->engine->init)
        self->engine->init(&self->made, seed, ret_w);
}

void model_gradient(model_t *self, const float *w, const float *x, const uint32_t *labels, size_t count,
                    float *ret_g, double *ret_loss)
{
    CHECK(count > 0 && count <= self->batch_max);
    self->engine->gradient(self->state, w, x, labels, count, ret_g, ret_loss);
}

err_code_t model_touches(const model_t *self, const float *x, size_t count, ranges_t *elements)
{
    CHECK(count > 0 && count <= self->batch_max);
    return self->engine->touches ? self->engine->touches(self->state, x, count, elements)
                                 : ranges_add(elements, 0, self->layout.count);
}

void model_join(const model_t *self, size_t done, size_t count, const float *part, double part_loss, float *g,
                double *loss)
{
    double share = (double)count / (double)(done + count);
    if (self->engine->sums)
        vector_add(self->layout.count, g, part);
    else
        vector_mix(self->layout.count, g, (float)(1 - share), part, (float)share);
    *loss += share * (part_loss - *loss);
}

bool model_scores(const model_t *self)
{
    return self->engine->scores;
}

void model_evaluate(model_t *self, const float *w, const float *x, const uint32_t *labels, size_t count,
                    double *add_loss, uint64_t *add_correct, float *ret_scores)
{
    if (self->engine->evaluate)
        self->engine->evaluate(self->state, w, x, labels, count, add_loss, add_correct, ret_scores);
}
