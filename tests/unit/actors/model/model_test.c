#include "actors/model/model.h"

#include "actors/model/kernel.h"
#include "brokers/topology_field.h"
#include "tests/unit/actors/model/reference.h"

#define CLASSES 10

/* The models once more, in double: what their rows in the table must mean. */
static void s_softmax(size_t B, const double *x, const double *w, double *ret_z)
{
    reference_dense(B, 784, 10, false, x, w, w + 7840, ret_z);
}

static void s_mlp_of(size_t H1, size_t H2, size_t B, const double *x, const double *w, double *ret_z)
{
    double *a = test_alloc(B * H1, sizeof *a), *b = test_alloc(B * H2, sizeof *b);
    const double *w2 = w + 784 * H1 + H1, *w3 = w2 + H1 * H2 + H2;
    reference_dense(B, 784, H1, true, x, w, w + 784 * H1, a);
    reference_dense(B, H1, H2, true, a, w2, w2 + H1 * H2, b);
    reference_dense(B, H2, 10, false, b, w3, w3 + 10 * H2, ret_z);
    free(a), free(b);
}

static void s_mlp(size_t B, const double *x, const double *w, double *ret_z)
{
    s_mlp_of(256, 128, B, x, w, ret_z);
}

static void s_mlp_large(size_t B, const double *x, const double *w, double *ret_z)
{
    s_mlp_of(2048, 512, B, x, w, ret_z);
}

static void s_lenet(size_t B, const double *x, const double *w, double *ret_z)
{
    const double *b1 = w + 500, *w2 = b1 + 20, *b2 = w2 + 25000, *w3 = b2 + 50, *b3 = w3 + 400000,
                 *w4 = b3 + 500;
    double *y1 = test_alloc(B * 20 * 576, sizeof *y1), *p1 = test_alloc(B * 20 * 144, sizeof *p1);
    double *y2 = test_alloc(B * 50 * 64, sizeof *y2), *p2 = test_alloc(B * 800, sizeof *p2);
    double *y3 = test_alloc(B * 500, sizeof *y3);
    reference_conv(&(conv_t){.I = 1, .H = 28, .W = 28, .O = 20, .K = 5, .stride = 1}, B, x, w, y1);
    reference_pool(B, 20, 24, 24, y1, b1, p1);
    reference_conv(&(conv_t){.I = 20, .H = 12, .W = 12, .O = 50, .K = 5, .stride = 1}, B, p1, w2, y2);
    reference_pool(B, 50, 8, 8, y2, b2, p2);
    reference_dense(B, 800, 500, true, p2, w3, b3, y3);
    reference_dense(B, 500, 10, false, y3, w4, w4 + 5000, ret_z);
    free(y1), free(p1), free(y2), free(p2), free(y3);
}

typedef struct {
    const char *name;
    void (*forward)(size_t B, const double *x, const double *w, double *ret_z);
    size_t parameter_count;
    size_t batch;
} reference_t;

static const reference_t REFERENCES[] = {{"softmax", s_softmax, 7850, 7},
                                         {"mlp", s_mlp, 235146, 5},
                                         {"lenet", s_lenet, 431080, 6},
                                         {"mlp-large", s_mlp_large, 2661898, 2}};

typedef struct {
    const reference_t *reference;
    double *x, *w, *z;
    uint32_t *labels;
} case_t;

static double s_loss(void *context)
{
    case_t *self = context;
    self->reference->forward(self->reference->batch, self->x, self->w, self->z);
    return reference_loss(self->reference->batch, CLASSES, self->z, self->labels);
}

static model_t *s_new(const char *name, size_t batch_max)
{
    model_t *model = NULL;
    err_t err;
    cr_assert_eq(model_new(&(model_spec_t[]){model_spec_of(name)}[0], batch_max, &model, &err), ERR_OK, "%s",
                 err.text);
    return model;
}

static uint32_t *s_labels(rng_t *rng, size_t count)
{
    uint32_t *labels = test_alloc(count, sizeof *labels);
    for (size_t i = 0; i < count; i++)
        labels[i] = (uint32_t)rng_below(rng, CLASSES);
    return labels;
}

static void s_check_slopes(const layout_t *layout, case_t *self, const float *g, rng_t *rng)
{
    for (size_t t = 0; t < layout->tensor_count; t++)
        for (size_t tries = 0; tries < 5; tries++) {
            size_t i = layout->tensors[t].offset + (size_t)rng_below(rng, layout->tensors[t].count);
            double slope = test_slope(self->w, i, s_loss, self);
            cr_assert(fabs(g[i] - slope) <= 2e-6 + 2e-4 * fabs(slope), "%s %s: got %.9g, expected %.9g",
                      self->reference->name, layout->tensors[t].name, g[i], slope);
        }
}

/* The gradient against finite differences at some places of every tensor. */
static void s_check(const reference_t *reference)
{
    rng_t rng;
    rng_init(&rng, test_seed());
    size_t B = reference->batch, n = reference->parameter_count;
    model_t *model = s_new(reference->name, B);
    cr_assert_eq(model_layout(model)->count, n);
    float *w = test_random(&rng, n, 1), *x = test_random(&rng, B * 784, 1), *g = test_random(&rng, n, 1);
    model_init(model, test_seed(), w);
    for (size_t i = 0; i < n; i++)
        w[i] += (float)(0.1 * (rng_unit(&rng) - 0.5)); /* biases too */
    case_t self = {reference, test_widen(x, B * 784), test_widen(w, n),
                   test_alloc(B * CLASSES, sizeof(double)), s_labels(&rng, B)};
    double loss = 0, evaluated = 0;
    uint64_t correct = 0;
    model_gradient(model, w, x, self.labels, B, g, &loss);
    test_near("loss", 0, loss, s_loss(&self), 1e-5);
    model_evaluate(model, w, x, self.labels, B, &evaluated, &correct, NULL);
    test_near("evaluated", 0, evaluated / (double)B, loss, 1e-6);
    s_check_slopes(model_layout(model), &self, g, &rng);
    free(w), free(x), free(g), free(self.x), free(self.w), free(self.z), free(self.labels);
    model_destroy(&model);
}

Test(model, softmax_gradient)
{
    s_check(REFERENCES + 0);
}

Test(model, mlp_gradient)
{
    s_check(REFERENCES + 1);
}

Test(model, lenet_gradient)
{
    s_check(REFERENCES + 2);
}

Test(model, mlp_large_gradient)
{
    s_check(REFERENCES + 3);
}

/* A batch's gradient is the mean of its samples' gradients, however the batch is cut into groups inside. */
Test(model, batch_is_the_mean_of_its_samples)
{
    rng_t rng;
    rng_init(&rng, test_seed());
    enum { BATCH = 11 };
    model_t *model = s_new("lenet", 16);
    size_t n = model_layout(model)->count;
    float *w = test_alloc(n, sizeof *w), *x = test_random(&rng, BATCH * 784, 1);
    float *whole = test_alloc(n, sizeof *w), *one = test_alloc(n, sizeof *w);
    double *mean = test_alloc(n, sizeof *mean), loss, sum = 0;
    uint32_t *labels = s_labels(&rng, BATCH);
    model_init(model, 5, w);
    for (size_t b = 0; b < BATCH; b++) {
        model_gradient(model, w, x + b * 784, labels + b, 1, one, &loss);
        sum += loss;
        for (size_t i = 0; i < n; i++)
            mean[i] += (double)one[i] / BATCH;
    }
    model_gradient(model, w, x, labels, BATCH, whole, &loss);
    test_near("loss", 0, loss, sum / BATCH, 1e-6);
    for (size_t i = 0; i < n; i++)
        cr_assert(fabs(whole[i] - mean[i]) < 1e-5, "%zu: %g and %g", i, whole[i], mean[i]);
    free(w), free(x), free(whole), free(one), free(mean), free(labels);
    model_destroy(&model);
}

/* The same input gives the same bits, also after other batches and in another model_t. */
Test(model, gradient_is_repeatable)
{
    rng_t rng;
    rng_init(&rng, test_seed());
    model_t *first = s_new("lenet", 9), *second = s_new("lenet", 32);
    size_t n = model_layout(first)->count;
    float *w = test_alloc(n, sizeof *w), *x = test_random(&rng, 9 * 784, 1);
    float *a = test_alloc(n, sizeof *w), *b = test_alloc(n, sizeof *w);
    uint32_t *labels = s_labels(&rng, 9);
    double loss;
    model_init(first, 5, w);
    model_gradient(first, w, x, labels, 9, a, &loss);
    model_gradient(second, w, x, labels, 4, b, &loss);
    model_gradient(second, w, x, labels, 9, b, &loss);
    cr_assert_eq(memcmp(a, b, n * sizeof *a), 0);
    free(w), free(x), free(a), free(b), free(labels);
    model_destroy(&first);
    model_destroy(&second);
}

#define WEIGHT(NAME, RANK, OFFSET, COUNT, ...)                                                               \
    {                                                                                                        \
        .name = NAME, .rank = (RANK), .dims = {__VA_ARGS__}, .offset = (OFFSET), .count = (COUNT),           \
        .decays = true                                                                                       \
    }
#define BIAS(NAME, OFFSET, COUNT)                                                                            \
    {                                                                                                        \
        .name = NAME, .rank = 1, .dims = {(COUNT)}, .offset = (OFFSET), .count = (COUNT)                     \
    }

Test(model, lenet_has_the_names_and_shapes_of_pytorch)
{
    static const tensor_t EXPECTED[] = {
        WEIGHT("conv1.weight", 4, 0, 500, 20, 1, 5, 5),      BIAS("conv1.bias", 500, 20),
        WEIGHT("conv2.weight", 4, 520, 25000, 50, 20, 5, 5), BIAS("conv2.bias", 25520, 50),
        WEIGHT("fc1.weight", 2, 25570, 400000, 500, 800),    BIAS("fc1.bias", 425570, 500),
        WEIGHT("fc2.weight", 2, 426070, 5000, 10, 500),      BIAS("fc2.bias", 431070, 10)};
    layout_t *layout = test_alloc(1, sizeof *layout);
    cr_assert_eq(model_layout_of(&(model_spec_t){.name = "lenet"}, layout, NULL), ERR_OK);
    cr_assert_eq(layout->tensor_count, sizeof EXPECTED / sizeof *EXPECTED);
    for (size_t i = 0; i < layout->tensor_count; i++)
        cr_assert_eq(memcmp(layout->tensors + i, EXPECTED + i, sizeof *EXPECTED), 0, "%s",
                     layout->tensors[i].name);
    cr_assert_eq(layout->count, 431080);
    free(layout);
}

static uint32_t s_bits(float value)
{
    uint32_t bits;
    memcpy(&bits, &value, sizeof bits);
    return bits;
}

Test(model, init_is_a_function_of_the_seed)
{
    model_t *model = s_new("lenet", 1);
    size_t n = model_layout(model)->count;
    float *a = test_alloc(n, sizeof *a), *b = test_alloc(n, sizeof *a), *c = test_alloc(n, sizeof *a);
    model_init(model, 1, a);
    model_init(model, 1, b);
    model_init(model, 2, c);
    cr_assert_eq(memcmp(a, b, n * sizeof *a), 0);
    size_t same = 0;
    for (size_t i = 0; i < n; i++)
        same += s_bits(a[i]) == s_bits(c[i]);
    cr_assert_leq(same, 600, "only the 580 biases are equal: %zu", same);
    free(a), free(b), free(c);
    model_destroy(&model);
}

/* Bounds as documented in net.h, and filled from end to end. */
Test(model, init_keeps_its_bounds)
{
    model_t *model = s_new("lenet", 1);
    const layout_t *layout = model_layout(model);
    const double bounds[] = {sqrt(6.0 / (21 * 25)), 0, sqrt(6.0 / (70 * 25)), 0,
                             sqrt(6.0 / 800),       0, sqrt(6.0 / 510),       0};
    float *w = test_alloc(layout->count, sizeof *w);
    model_init(model, 7, w);
    for (size_t t = 0; t < layout->tensor_count; t++) {
        double least = 0, most = 0;
        for (size_t i = 0; i < layout->tensors[t].count; i++) {
            least = fmin(least, w[layout->tensors[t].offset + i]);
            most = fmax(most, w[layout->tensors[t].offset + i]);
        }
        double bound = bounds[t] * (1 + 1e-6);
        cr_assert(-bound <= least && most <= bound, "%s: %g..%g", layout->tensors[t].name, least, most);
        cr_assert(least <= -0.95 * bounds[t] && most >= 0.95 * bounds[t], "%s", layout->tensors[t].name);
    }
    free(w);
    model_destroy(&model);
}

Test(model, steps_along_the_gradient_lower_the_loss)
{
    rng_t rng;
    rng_init(&rng, test_seed());
    for (size_t r = 0; r < sizeof REFERENCES / sizeof *REFERENCES; r++) {
        model_t *model = s_new(REFERENCES[r].name, 8);
        size_t n = model_layout(model)->count;
        float *w = test_alloc(n, sizeof *w), *g = test_alloc(n, sizeof *g),
              *x = test_random(&rng, 8 * 784, 1);
        uint32_t *labels = s_labels(&rng, 8);
        double first = 0, last = 0;
        model_init(model, 1, w);
        for (size_t step = 0; step < 30; step++) {
            model_gradient(model, w, x, labels, 8, g, &last);
            first = step ? first : last;
            for (size_t i = 0; i < n; i++)
                w[i] -= 0.02f * g[i];
        }
        cr_assert(last < 0.5 * first, "%s: %g then %g", REFERENCES[r].name, first, last);
        free(w), free(g), free(x), free(labels);
        model_destroy(&model);
    }
}

Test(model, names)
{
    cr_assert(model_row("lenet") && model_row("ledger") && !model_row("resnet") && !model_row(NULL));
    cr_assert(model_row("mlp")->form == DATA_PICTURES && model_row("ledger")->form == DATA_COUNTS);
    char names[128];
    snprintf(names, sizeof names, "%s", model_names());
    for (char *rest = names, *name; (name = strtok_r(rest, ", ", &rest));)
        cr_assert(model_row(name), "%s", name);
}

/* The topology's table has the names too. */
Test(model, a_topology_may_name_every_model_and_no_other)
{
    const field_t *job = NULL, *row = NULL;
    for (size_t i = 0; i < field_count(); i++)
        job = strcmp(field_at(i)->path, "job") ? job : field_at(i);
    row = field_find(field_find(job, "model"), "name");
    char all[256] = "";
    size_t length = 0, count;
    const char *value;
    for (count = 0; (value = field_value(row, count, &length)); count++)
        snprintf(all + strlen(all), sizeof all - strlen(all), "%s%.*s", count ? ", " : "", (int)length,
                 value);
    cr_assert_str_eq(all, model_names());
}

/* A large batch is computed piece by piece, and means the same. */
Test(model, pieces_of_a_batch_join_to_its_gradient)
{
    enum { COUNT = 7, FIRST = 3 };
    static const char *const names[] = {"softmax", "ledger"};
    for (size_t m = 0; m < 2; m++) {
        model_t *model = NULL;
        cr_assert_eq(model_new(&(model_spec_t[]){model_spec_of(names[m])}[0], COUNT, &model, NULL), ERR_OK);
        size_t N = model_layout(model)->count, size = model_sample_size(model);
        float *w = test_alloc(N, sizeof *w), *x = test_alloc(COUNT * size, sizeof *x);
        float *whole = test_alloc(N, sizeof *whole), *g = test_alloc(N, sizeof *g),
              *part = test_alloc(N, sizeof *part);
        uint32_t labels[COUNT];
        for (size_t i = 0; i < COUNT * size; i++)
            x[i] = (float)(i % 17) / 17;
        for (size_t i = 0; i < COUNT; i++)
            labels[i] = (uint32_t)(i * 3 % 10);
        model_init(model, 1, w);
        double loss, joined, part_loss;
        model_gradient(model, w, x, labels, COUNT, whole, &loss);
        model_gradient(model, w, x, labels, FIRST, g, &joined);
        model_gradient(model, w, x + FIRST * size, labels + FIRST, COUNT - FIRST, part, &part_loss);
        model_join(model, FIRST, COUNT - FIRST, part, part_loss, g, &joined);
        for (size_t i = 0; i < N; i++)
            cr_assert_float_eq(g[i], whole[i], 1e-5, "%s %zu: %g, not %g", names[m], i, (double)g[i],
                               (double)whole[i]);
        cr_assert_float_eq(joined, loss, 1e-6);
        free(w), free(x), free(whole), free(g), free(part);
        model_destroy(&model);
    }
}

/* Running statistics of a batch in pieces are the mean of theirs. */
Test(model, pieces_of_a_normalized_batch)
{
    rng_t rng;
    rng_init(&rng, test_seed());
    model_t *model = s_new("resnet8", 4);
    const layout_t *layout = model_layout(model);
    float *w = test_random(&rng, layout->count, 1), *x = test_random(&rng, 6 * 784, 1);
    float *g = test_alloc(layout->count, sizeof *g), *part = test_alloc(layout->count, sizeof *part),
          *first = test_alloc(layout->count, sizeof *first);
    uint32_t *labels = s_labels(&rng, 6);
    double loss, part_loss;
    model_gradient(model, w, x, labels, 4, g, &loss);
    model_gradient(model, w, x + 4 * 784, labels + 4, 2, part, &part_loss);
    memcpy(first, g, layout->count * sizeof *g);
    model_join(model, 4, 2, part, part_loss, g, &loss);
    size_t averages = 0;
    for (size_t t = 0; t < layout->tensor_count; t++) {
        const tensor_t *tensor = layout->tensors + t;
        averages += tensor->rule == TENSOR_AVERAGE;
        for (size_t i = tensor->offset; tensor->rule == TENSOR_AVERAGE && i < tensor->offset + tensor->count;
             i++)
            test_near(tensor->name, i, w[i] - g[i], (2.0 * (w[i] - first[i]) + (w[i] - part[i])) / 3, 1e-5);
    }
    cr_assert_eq(averages, 18);
    free(w), free(x), free(g), free(part), free(first), free(labels);
    model_destroy(&model);
}

/* Data that a model cannot read are refused before it computes: it would read beyond a batch's end. */
Test(model, accepts_data_that_fit_it)
{
    const dataset_facts_t well = {
        .kind = "idx", .total = 9, .channels = 1, .height = 28, .width = 28, .label_most = 9};
    const dataset_facts_t counter = {
        .kind = "counter", .form = DATA_COUNTS, .total = 9, .channels = 1, .height = 1, .width = 1};
    cr_assert_eq(model_accepts(&(model_spec_t){.name = "lenet"}, &well, NULL), ERR_OK);
    cr_assert_eq(model_accepts(&(model_spec_t){.name = "softmax"}, &well, NULL), ERR_OK);
    cr_assert_eq(model_accepts(&(model_spec_t){.name = "ledger"}, &counter, NULL), ERR_OK);
    cr_assert_eq(model_accepts(&(model_spec_t){.name = "resnet"}, &well, NULL), ERR_NOT_FOUND);
    static const struct {
        dataset_facts_t data;
        const char *says, *remedy;
    } rows[] = {
        {{.kind = "idx", .channels = 1, .height = 8, .width = 8, .label_most = 2}, "8 x 8", "28 x 28"},
        {{.kind = "idx", .channels = 1, .height = 32, .width = 32, .label_most = 9}, "32 x 32", "28 x 28"},
        {{.kind = "idx", .channels = 1, .height = 14, .width = 56, .label_most = 9}, "14 x 56", "28 x 28"},
        {{.kind = "idx", .channels = 1, .height = 28, .width = 28, .label_most = 46},
         "0 to 46",
         "job.model.classes"},
        {{.kind = "idx", .channels = 1, .height = 28, .width = 28, .label_least = 1, .label_most = 26},
         "1 to 26",
         "job.model.classes"},
        {{.kind = "idx", .channels = 1, .height = 28, .width = 28, .label_least = 1, .label_most = 10},
         "1 to 10",
         "number them from 0"},
        {{.kind = "idx", .channels = 3, .height = 28, .width = 28, .label_most = 9},
         "3 x 28 x 28",
         "1 x 28 x 28"},
        {{.kind = "counter", .form = DATA_COUNTS, .channels = 1, .height = 1, .width = 1},
         "counter",
         "job.data.kind"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        err_t err = {0};
        cr_assert_eq(model_accepts(&(model_spec_t){.name = "lenet"}, &rows[i].data, &err), ERR_CONFIG, "%zu",
                     i);
        cr_assert(strstr(err.text, rows[i].says) && strstr(err.text, rows[i].remedy), "%s", err.text);
    }
}

Test(model, refuses_what_it_cannot_do)
{
    model_t *model = NULL;
    layout_t *layout = test_alloc(1, sizeof *layout);
    err_t err;
    cr_assert_eq(model_new(&(model_spec_t){.name = "resnet"}, 1, &model, &err), ERR_NOT_FOUND);
    cr_assert(strstr(err.text, "resnet") && strstr(err.text, model_names()), "%s", err.text);
    cr_assert_eq(model_layout_of(&(model_spec_t){.name = "resnet"}, layout, NULL), ERR_NOT_FOUND);
    cr_assert_eq(model_new(&(model_spec_t){.name = "lenet"}, 0, &model, NULL), ERR_LIMIT);
    cr_assert_eq(model_new(&(model_spec_t){.name = "lenet"}, SIZE_MAX, &model, NULL), ERR_LIMIT);
    cr_assert_null(model);
    model_destroy(&model);
    free(layout);
}

Test(model, tells_by_what_it_computes)
{
    char text[MODEL_KERNEL_MAX];
    model_t *model = NULL;
    cr_assert_eq(model_new(&(model_spec_t){.name = "lenet"}, 2, &model, NULL), ERR_OK);
    size_t length = strlen(kernel_chosen()->name);
    cr_assert(length && !strncmp(model_kernel(text), kernel_chosen()->name, length), "%s", text);
    cr_assert(!text[length] || !strcmp(text + length, "+direct"), "%s", text);
    model_destroy(&model);
}

/* ---- tables ---- */

static model_spec_t s_deepfm(void)
{
    model_spec_t spec = {.name = "deepfm", .input = {1, 1, 3}, .rows = 9, .categorical = 2};
    return spec;
}

Test(model, a_table_must_be_as_the_model_was_made_for_it)
{
    dataset_facts_t data = {.kind = "table",
                            .form = DATA_TABLE,
                            .channels = 1,
                            .height = 1,
                            .width = 3,
                            .label_most = 1,
                            .categorical = 2,
                            .rows = 9};
    model_spec_t spec = s_deepfm(), seen = model_seen(&data);
    err_t err;
    cr_assert_eq(model_accepts(&spec, &data, &err), ERR_OK, "%s", err.text);
    cr_assert(seen.rows == 9 && seen.categorical == 2 && seen.input[2] == 3);
    data.rows = 10;
    cr_assert_eq(model_accepts(&spec, &data, &err), ERR_CONFIG);
    cr_assert(strstr(err.text, "2 of them categorical with 10 rows, and model deepfm has 3, 2 and 9"), "%s",
              err.text);
    data.rows = 9;
    data.label_most = 2;
    cr_assert_eq(model_accepts(&spec, &data, &err), ERR_CONFIG);
    cr_assert_str_eq(
        err.text,
        "labels are 0 to 2, and model deepfm tells 2 classes apart, 0 to 1; use data with no more classes");
    data.categorical = 0;
    cr_assert_eq(model_accepts(&spec, &data, &err), ERR_CONFIG);
    cr_assert_str_eq(err.text, "model deepfm needs a categorical column; write job.data.columns.categorical");
}

/* A piece's gradient is joined to that of the pieces before it, and a batch touches no more than its rows. */
Test(model, deepfm_has_scores_and_touches_its_rows)
{
    model_spec_t spec = s_deepfm();
    model_t *model = NULL;
    cr_assert_eq(model_new(&spec, 3, &model, NULL), ERR_OK);
    cr_assert(model_scores(model));
    size_t N = model_layout(model)->count;
    float *w = test_alloc(N, sizeof *w), *g = test_alloc(N, sizeof *g), *part = test_alloc(N, sizeof *part),
          *whole = test_alloc(N, sizeof *whole), scores[3];
    const float x[] = {1, 5, 0.5f, 2, 5, -1, 0, 8, 2};
    const uint32_t labels[] = {1, 0, 1};
    double loss, joined, part_loss, evaluated = 0;
    uint64_t correct = 0;
    ranges_t touched = {0};
    model_init(model, 1, w);
    model_gradient(model, w, x, labels, 3, whole, &loss);
    model_gradient(model, w, x, labels, 2, g, &joined);
    model_gradient(model, w, x + 6, labels + 2, 1, part, &part_loss);
    model_join(model, 2, 1, part, part_loss, g, &joined);
    test_near("loss", 0, joined, loss, 1e-6);
    for (size_t i = 0; i < N; i++)
        test_near("g", i, g[i], whole[i], 1e-6);
    model_evaluate(model, w, x, labels, 3, &evaluated, &correct, scores);
    test_near("evaluated", 0, evaluated / 3, loss, 1e-6);
    cr_assert_eq(model_touches(model, x, 3, &touched), ERR_OK);
    cr_assert_eq(ranges_size(&touched), N - 4 * (1 + 16), "rows 3, 4, 6 and 7 are nobody's");
    ranges_fini(&touched);
    free(w), free(g), free(part), free(whole);
    model_destroy(&model);
}
