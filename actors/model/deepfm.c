#include "actors/model/deepfm.h"

#include "actors/model/clones.h"
#include "actors/model/dense.h"
#include "actors/model/radix.h"
#include "codec/base/rng.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define ALIGN 64
#define EMBEDDING_BOUND 0.05
#define LAYERS_MAX (DEEPFM_HIDDEN_MAX + 1)

/* Where a layer's parameters stand in the flat array, and what it computed. */
typedef struct {
    dense_t dense;
    size_t weight, bias;
    float *y; /* (B, O) */
} layer_t;

struct deepfm {
    deepfm_spec_t spec;
    size_t batch_max;
    size_t inputs; /* of the deep part: C k + M */
    size_t embedding, parameters;
    layer_t layers[LAYERS_MAX];
    size_t layer_count;
    uint32_t *rows;             /* (B, C) as the samples have them */
    uint32_t *sorted, *scratch; /* (B C) */
    float *input;               /* (B, C k + M): embeddings side by side, then numbers */
    float *sums;                /* (B, k): of a sample's embeddings */
    float *squares;             /* (k): of one sample's */
    float *z;                   /* (B) */
    float *dy[2];               /* (B, widest) */
    void *block;
};

/* ---- tensors ---- */

/* Places the parameters; first.weight is at 0. */
static void s_plan(const deepfm_spec_t *spec, deepfm_t *self)
{
    self->spec = *spec;
    self->embedding = spec->rows;
    self->inputs = spec->categorical * spec->embedding + spec->numeric;
    size_t at = spec->rows + spec->rows * spec->embedding, inputs = self->inputs;
    for (size_t l = 0; l <= spec->hidden_count; l++) {
        bool last = l == spec->hidden_count;
        size_t outputs = last ? 1 : spec->hidden[l];
        self->layers[l] = (layer_t){
            .dense = {.I = inputs, .O = outputs, .relu = !last}, .weight = at, .bias = at + inputs * outputs};
        at = self->layers[l].bias + outputs;
        inputs = outputs;
    }
    self->layer_count = spec->hidden_count + 1;
    self->parameters = at;
}

static err_code_t s_add_sparse(layout_t *layout, const char *name, size_t rows, size_t width, err_t *err)
{
    err_code_t code = layout_add(layout, name, 2, (size_t[]){rows, width}, err);
    if (!code)
        layout_last(layout)->sparse = true;
    return code;
}

static err_code_t s_add_dense(layout_t *layout, const char *layer, const dense_t *dense, err_t *err)
{
    char name[TENSOR_NAME_MAX];
    snprintf(name, sizeof name, "%s.weight", layer);
    err_code_t code = layout_add(layout, name, 2, (size_t[]){dense->O, dense->I}, err);
    if (code)
        return code;
    snprintf(name, sizeof name, "%s.bias", layer);
    return layout_add(layout, name, 1, (size_t[]){dense->O}, err);
}

err_code_t deepfm_layout(const deepfm_spec_t *spec, layout_t *ret_layout, err_t *err)
{
    deepfm_t plan = {0};
    s_plan(spec, &plan);
    err_code_t code = s_add_sparse(ret_layout, "first.weight", spec->rows, 1, err);
    if (!code)
        code = s_add_sparse(ret_layout, "embedding.weight", spec->rows, spec->embedding, err);
    for (size_t l = 0; !code && l < plan.layer_count; l++) {
        char name[16] = "out";
        if (l < spec->hidden_count)
            snprintf(name, sizeof name, "fc%zu", l + 1);
        code = s_add_dense(ret_layout, name, &plan.layers[l].dense, err);
    }
    return code;
}

static void s_fill(uint64_t seed, size_t stream, size_t count, double bound, float *ret_w)
{
    rng_t rng;
    rng_init_for(&rng, seed, "init", stream, 0);
    for (size_t i = 0; i < count; i++)
        ret_w[i] = (float)((2.0 * rng_unit(&rng) - 1.0) * bound);
}

void deepfm_init(const deepfm_spec_t *spec, uint64_t seed, float *ret_w)
{
    deepfm_t plan = {0};
    s_plan(spec, &plan);
    memset(ret_w, 0, plan.parameters * sizeof *ret_w);
    size_t k = spec->embedding;
    s_fill(seed, 0, (spec->rows - 1) * k, EMBEDDING_BOUND, ret_w + plan.embedding + k);
    for (size_t l = 0; l < plan.layer_count; l++) {
        const dense_t *dense = &plan.layers[l].dense;
        double fan = (double)(dense->relu ? dense->I : dense->I + dense->O);
        s_fill(seed, l + 1, dense->I * dense->O, sqrt(6.0 / fan), ret_w + plan.layers[l].weight);
    }
}

/* ---- life ---- */

/* Carves `count` items of four bytes from the block, or with block NULL only counts the bytes. */
static void *s_carve(char *block, size_t *offset, size_t count)
{
    void *place = block ? block + *offset : NULL;
    *offset += (count * sizeof(float) + ALIGN - 1) / ALIGN * ALIGN;
    return place;
}

/* Places all scratch arrays in the block and returns its size; called twice, first to measure. */
static size_t s_place(deepfm_t *self, char *block)
{
    size_t B = self->batch_max, offset = 0, widest = self->inputs;
    self->rows = s_carve(block, &offset, B * self->spec.categorical);
    self->sorted = s_carve(block, &offset, B * self->spec.categorical);
    self->scratch = s_carve(block, &offset, B * self->spec.categorical);
    self->input = s_carve(block, &offset, B * self->inputs);
    self->sums = s_carve(block, &offset, B * self->spec.embedding);
    self->squares = s_carve(block, &offset, self->spec.embedding);
    self->z = s_carve(block, &offset, B);
    for (size_t l = 0; l < self->layer_count; l++) {
        size_t outputs = self->layers[l].dense.O;
        self->layers[l].y = s_carve(block, &offset, B * outputs);
        widest = outputs > widest ? outputs : widest;
    }
    for (size_t i = 0; i < 2; i++)
        self->dy[i] = s_carve(block, &offset, B * widest);
    return offset;
}

err_code_t deepfm_new(const deepfm_spec_t *spec, size_t batch_max, deepfm_t **ret_self, err_t *err)
{
    CHECK(spec->rows > 0 && spec->rows <= DEEPFM_ROWS_MAX);
    CHECK(spec->categorical > 0 && spec->embedding > 0 && spec->hidden_count <= DEEPFM_HIDDEN_MAX);
    deepfm_t *self = calloc(1, sizeof *self);
    if (!self)
        return err_set(err, ERR_MEMORY, "no memory for a model");
    s_plan(spec, self);
    self->batch_max = batch_max;
    size_t size = s_place(self, NULL);
    self->block = aligned_alloc(ALIGN, size);
    if (!self->block) {
        deepfm_destroy(&self);
        return err_set(err, ERR_MEMORY, "no memory for a batch of %zu: %zu bytes", batch_max, size);
    }
    /* Touched now, so that the first steps do not pay for page faults. */
    memset(self->block, 0, size);
    s_place(self, self->block);
    *ret_self = self;
    return ERR_OK;
}

void deepfm_destroy(deepfm_t **self_p)
{
    deepfm_t *self = *self_p;
    if (!self)
        return;
    free(self->block);
    free(self);
    *self_p = NULL;
}

/* ---- forwards ---- */

/* Rows of the samples; data and model were compared before, so one that is not there is a mistake of ours. */
static void s_read_rows(deepfm_t *self, const float *x, size_t count)
{
    size_t C = self->spec.categorical, width = C + self->spec.numeric;
    uint32_t most = 0, *rows = self->rows;
    for (size_t b = 0; b < count; b++, x += width, rows += C)
        for (size_t f = 0; f < C; f++) {
            rows[f] = (uint32_t)(int32_t)x[f];
            most = rows[f] > most ? rows[f] : most;
        }
    CHECK(most < self->spec.rows);
}

size_t deepfm_rows(deepfm_t *self, const float *x, size_t count, uint32_t *ret_rows)
{
    CHECK(count <= self->batch_max);
    s_read_rows(self, x, count);
    size_t rows = count * self->spec.categorical;
    memcpy(ret_rows, self->rows, rows * sizeof *ret_rows);
    return radix_sort_unique(ret_rows, rows, self->scratch);
}

/* Adds `width` elements of each row of a tensor that begins at `first`; neighbours are one run. */
static err_code_t s_add_rows(const uint32_t *rows, size_t count, size_t first, size_t width,
                             ranges_t *elements)
{
    err_code_t code = ERR_OK;
    for (size_t i = 0, next; i < count && !code; i = next) {
        next = i + 1;
        while (next < count && rows[next] == rows[next - 1] + 1)
            next++;
        code = ranges_add(elements, first + rows[i] * width, first + (rows[next - 1] + 1) * width);
    }
    return code;
}

err_code_t deepfm_touches(deepfm_t *self, const float *x, size_t count, ranges_t *elements)
{
    size_t rows = deepfm_rows(self, x, count, self->sorted), k = self->spec.embedding;
    err_code_t code = s_add_rows(self->sorted, rows, 0, 1, elements);
    if (!code)
        code = s_add_rows(self->sorted, rows, self->embedding, k, elements);
    return code ? code : ranges_add(elements, self->embedding + self->spec.rows * k, self->parameters);
}

/* Embeddings of one sample side by side, their sum, and the first two orders of z. Sums are element by
 * element, so that the loops need no order among those of a register.   scratch: squares (k) */
CLONES
static float s_gather(size_t C, size_t k, const uint32_t *restrict rows, const float *restrict first,
                      const float *restrict embedding, float *restrict ret_v, float *restrict ret_sum,
                      float *restrict squares)
{
    float z = 0, pairs = 0;
    memset(ret_sum, 0, k * sizeof *ret_sum);
    memset(squares, 0, k * sizeof *squares);
    for (size_t f = 0; f < C; f++, ret_v += k) {
        const float *restrict v = embedding + rows[f] * k;
        z += first[rows[f]];
        for (size_t i = 0; i < k; i++) {
            ret_v[i] = v[i];
            ret_sum[i] += v[i];
            squares[i] += v[i] * v[i];
        }
    }
    for (size_t i = 0; i < k; i++)
        pairs += ret_sum[i] * ret_sum[i] - squares[i];
    return z + 0.5f * pairs;
}

/* Leaves z of each sample in self->z. */
static void s_forward(deepfm_t *self, const float *w, const float *x, size_t count)
{
    size_t C = self->spec.categorical, M = self->spec.numeric, k = self->spec.embedding;
    s_read_rows(self, x, count);
    for (size_t b = 0; b < count; b++) {
        float *input = self->input + b * self->inputs;
        self->z[b] = s_gather(C, k, self->rows + b * C, w, w + self->embedding, input, self->sums + b * k,
                              self->squares);
        memcpy(input + C * k, x + b * (C + M) + C, M * sizeof *x);
    }
    const float *y = self->input;
    for (size_t l = 0; l < self->layer_count; l++) {
        layer_t *layer = self->layers + l;
        dense_forward(&layer->dense, count, y, w + layer->weight, w + layer->bias, layer->y);
        y = layer->y;
    }
    for (size_t b = 0; b < count; b++)
        self->z[b] += y[b];
}

/* Loss of one sample; ret_slope is its derivative by z. */
static double s_loss(float z, uint32_t label, float *ret_slope)
{
    CHECK(label < 2);
    float small = expf(-fabsf(z)), chance = z >= 0 ? 1 / (1 + small) : small / (1 + small);
    *ret_slope = chance - (float)label;
    return (double)(z > 0 ? z : 0) - (double)z * (double)label + (double)log1pf(small);
}

/* ---- backwards ---- */

/* Gradient of the deep part; returns that of its input, (B, C k + M), in one of the two buffers. */
static const float *s_backward_deep(deepfm_t *self, const float *w, size_t count, float *ret_g)
{
    float *dy = self->dy[0], *dx = self->dy[1];
    for (size_t l = self->layer_count; l-- > 0;) {
        const layer_t *layer = self->layers + l;
        const float *input = l ? self->layers[l - 1].y : self->input;
        dense_backward(&layer->dense, count, input, w + layer->weight, layer->y, dy, ret_g + layer->weight,
                       ret_g + layer->bias, dx);
        float *kept = dy;
        dy = dx;
        dx = kept;
    }
    return dy;
}

/* Adds one sample's gradient to its rows.   in   dz, dv (C, k) of the deep part, v (C, k), sum (k) */
CLONES
static void s_scatter(size_t C, size_t k, const uint32_t *restrict rows, float dz, const float *restrict dv,
                      const float *restrict v, const float *restrict sum, float *restrict first,
                      float *restrict embedding)
{
    for (size_t f = 0; f < C; f++, v += k, dv += k) {
        float *g = embedding + rows[f] * k;
        first[rows[f]] += dz;
        for (size_t i = 0; i < k; i++)
            g[i] += dv[i] + dz * (sum[i] - v[i]);
    }
}

void deepfm_gradient(deepfm_t *self, const float *w, const float *x, const uint32_t *labels, size_t count,
                     float *ret_g, double *ret_loss)
{
    CHECK(count > 0 && count <= self->batch_max);
    size_t C = self->spec.categorical, k = self->spec.embedding;
    double loss = 0;
    s_forward(self, w, x, count);
    for (size_t b = 0; b < count; b++) {
        loss += s_loss(self->z[b], labels[b], &self->z[b]);
        self->z[b] /= (float)count;
    }
    memcpy(self->dy[0], self->z, count * sizeof *self->z);
    const float *dinput = s_backward_deep(self, w, count, ret_g);
    memset(ret_g, 0, self->spec.rows * (1 + k) * sizeof *ret_g);
    for (size_t b = 0; b < count; b++)
        s_scatter(C, k, self->rows + b * C, self->z[b], dinput + b * self->inputs,
                  self->input + b * self->inputs, self->sums + b * k, ret_g, ret_g + self->embedding);
    *ret_loss = loss / (double)count;
}

void deepfm_evaluate(deepfm_t *self, const float *w, const float *x, const uint32_t *labels, size_t count,
                     double *add_loss, uint64_t *add_correct, float *ret_scores)
{
    size_t width = self->spec.categorical + self->spec.numeric;
    for (size_t first = 0, piece; first < count; first += piece) {
        piece = count - first < self->batch_max ? count - first : self->batch_max;
        s_forward(self, w, x + first * width, piece);
        for (size_t b = 0; b < piece; b++) {
            float slope;
            *add_loss += s_loss(self->z[b], labels[first + b], &slope);
            *add_correct += (self->z[b] > 0) == (labels[first + b] == 1);
        }
        if (ret_scores)
            memcpy(ret_scores + first, self->z, piece * sizeof *ret_scores);
    }
}
