#include "actors/model/deepfm.h"

#include "actors/model/kernel.h"
#include "tests/unit/actors/model/reference.h"

static const deepfm_spec_t SPEC = {
    .rows = 11, .categorical = 3, .numeric = 2, .embedding = 4, .hidden = {6, 5}, .hidden_count = 2};
enum { BATCH = 9, WIDTH = 5, INPUTS = 14 };

typedef struct {
    layout_t *layout;
    deepfm_t *model;
    float *w, *x;
    uint32_t labels[BATCH];
    double *wide; /* w in double, for slopes */
} case_t;

/* In -0.5 .. 0.5, exact in float32, as tests/golden/deepfm.py has it. */
static float s_unit(size_t i)
{
    return (float)((uint32_t)(i * 2654435761u) >> 8) / (1 << 24) - 0.5f;
}

static case_t s_new(void)
{
    case_t self = {.layout = test_alloc(1, sizeof *self.layout)};
    cr_assert_eq(kernel_prepare(NULL), ERR_OK);
    cr_assert_eq(deepfm_layout(&SPEC, self.layout, NULL), ERR_OK);
    cr_assert_eq(deepfm_new(&SPEC, 16, &self.model, NULL), ERR_OK);
    self.w = test_alloc(self.layout->count, sizeof *self.w);
    self.x = test_alloc(BATCH * WIDTH, sizeof *self.x);
    for (size_t i = 0; i < self.layout->count; i++)
        self.w[i] = s_unit(i);
    for (size_t b = 0; b < BATCH; b++) {
        for (size_t f = 0; f < 3; f++)
            self.x[b * WIDTH + f] = (float)((3 * b + 5 * f) % 11);
        for (size_t m = 0; m < 2; m++)
            self.x[b * WIDTH + 3 + m] = s_unit(1000 + 2 * b + m);
        self.labels[b] = b % 3 == 0;
    }
    self.wide = test_widen(self.w, self.layout->count);
    return self;
}

static void s_free(case_t *self)
{
    deepfm_destroy(&self->model);
    free(self->layout), free(self->w), free(self->x), free(self->wide);
}

/* ---- the formula once more, in double ---- */

static double s_z(const double *w, const float *x)
{
    const double *embedding = w + 11, *fc1 = embedding + 44, *fc2 = fc1 + 6 * INPUTS + 6, *out = fc2 + 35;
    double input[INPUTS], a[6], b[5], deep, z = 0;
    for (size_t f = 0; f < 3; f++) {
        z += w[(size_t)x[f]];
        memcpy(input + 4 * f, embedding + 4 * (size_t)x[f], 4 * sizeof *input);
    }
    for (size_t f = 0; f < 3; f++)
        for (size_t h = f + 1; h < 3; h++)
            for (size_t i = 0; i < 4; i++)
                z += input[4 * f + i] * input[4 * h + i]; /* pair by pair, as the paper has it */
    input[12] = x[3];
    input[13] = x[4];
    reference_dense(1, INPUTS, 6, true, input, fc1, fc1 + 6 * INPUTS, a);
    reference_dense(1, 6, 5, true, a, fc2, fc2 + 30, b);
    reference_dense(1, 5, 1, false, b, out, out + 5, &deep);
    return z + deep;
}

static double s_loss(void *context)
{
    case_t *self = context;
    double loss = 0;
    for (size_t b = 0; b < BATCH; b++) {
        double z = s_z(self->wide, self->x + b * WIDTH);
        loss += log1p(exp(z)) - self->labels[b] * z;
    }
    return loss / BATCH;
}

Test(deepfm, gradient_is_the_slope_of_the_loss)
{
    case_t self = s_new();
    float *g = test_random(&(rng_t){{1, 2, 3, 4}}, self.layout->count, 1);
    double loss;
    deepfm_gradient(self.model, self.w, self.x, self.labels, BATCH, g, &loss);
    test_near("loss", 0, loss, s_loss(&self), 1e-6);
    for (size_t i = 0; i < self.layout->count; i++)
        test_near("g", i, g[i], test_slope(self.wide, i, s_loss, &self), 1e-5);
    free(g);
    s_free(&self);
}

Test(deepfm, computes_what_pytorch_does)
{
    case_t self = s_new();
    float *g = test_alloc(self.layout->count, sizeof *g), scores[BATCH];
    double loss, evaluated = 0, recorded;
    uint64_t correct = 0, expected_correct = 0;
    FILE *file = fopen(SOURCE_DIR "/tests/golden/deepfm.golden", "r");
    cr_assert(file);
    deepfm_evaluate(self.model, self.w, self.x, self.labels, BATCH, &evaluated, &correct, scores);
    deepfm_gradient(self.model, self.w, self.x, self.labels, BATCH, g, &loss);
    cr_assert_eq(fscanf(file, "%lf", &recorded), 1);
    test_near("loss", 0, loss, recorded, 1e-6);
    test_near("evaluated", 0, evaluated / BATCH, recorded, 1e-6);
    for (size_t b = 0; b < BATCH; b++) {
        cr_assert_eq(fscanf(file, "%lf", &recorded), 1);
        test_near("z", b, scores[b], recorded, 1e-6);
        expected_correct += (recorded > 0) == (self.labels[b] == 1);
    }
    for (size_t i = 0; i < self.layout->count; i++) {
        cr_assert_eq(fscanf(file, "%lf", &recorded), 1);
        test_near("g", i, g[i], recorded, 1e-6);
    }
    cr_assert_eq(correct, expected_correct);
    fclose(file);
    free(g);
    s_free(&self);
}

Test(deepfm, has_the_names_and_shapes_of_pytorch_and_two_sparse_tensors)
{
    static const struct {
        const char *name;
        size_t rank, dims[2];
        bool sparse;
    } expected[] = {{"first.weight", 2, {11, 1}, true}, {"embedding.weight", 2, {11, 4}, true},
                    {"fc1.weight", 2, {6, 14}, false},  {"fc1.bias", 1, {6}, false},
                    {"fc2.weight", 2, {5, 6}, false},   {"fc2.bias", 1, {5}, false},
                    {"out.weight", 2, {1, 5}, false},   {"out.bias", 1, {1}, false}};
    case_t self = s_new();
    cr_assert_eq(self.layout->tensor_count, sizeof expected / sizeof *expected);
    for (size_t t = 0; t < self.layout->tensor_count; t++) {
        const tensor_t *tensor = self.layout->tensors + t;
        cr_assert_str_eq(tensor->name, expected[t].name);
        cr_assert_eq(tensor->rank, expected[t].rank, "%s", tensor->name);
        cr_assert_eq(memcmp(tensor->dims, expected[t].dims, tensor->rank * sizeof *tensor->dims), 0, "%s",
                     tensor->name);
        cr_assert_eq(tensor->sparse, expected[t].sparse, "%s", tensor->name);
    }
    s_free(&self);
}

/* ---- rows ---- */

Test(deepfm, rows_are_those_of_the_samples_each_once)
{
    case_t self = s_new();
    uint32_t rows[2 * 3];
    self.x[0] = 7, self.x[1] = 2, self.x[2] = 10;
    self.x[WIDTH] = 2, self.x[WIDTH + 1] = 0, self.x[WIDTH + 2] = 7;
    cr_assert_eq(deepfm_rows(self.model, self.x, 2, rows), 4);
    cr_assert(rows[0] == 0 && rows[1] == 2 && rows[2] == 7 && rows[3] == 10);
    s_free(&self);
}

/* Knowing the batch's rows is enough, and the gradient of all others is 0. */
Test(deepfm, what_a_batch_does_not_touch_is_not_read)
{
    enum { COUNT = 2 };
    case_t self = s_new();
    size_t n = self.layout->count;
    float *whole = test_alloc(n, sizeof *whole), *part = test_alloc(n, sizeof *part);
    double loss, again;
    ranges_t touched = {0};
    deepfm_gradient(self.model, self.w, self.x, self.labels, COUNT, whole, &loss);
    cr_assert_eq(deepfm_touches(self.model, self.x, COUNT, &touched), ERR_OK);
    for (size_t i = 0; i < n; i++)
        self.w[i] = ranges_has(&touched, i) ? self.w[i] : NAN;
    deepfm_gradient(self.model, self.w, self.x, self.labels, COUNT, part, &again);
    cr_assert_eq(loss, again);
    size_t zeros = 0;
    for (size_t i = 0; i < n; i++) {
        cr_assert_eq(part[i], whole[i], "%zu: %g and %g", i, part[i], whole[i]);
        zeros += !ranges_has(&touched, i);
        cr_assert(ranges_has(&touched, i) || whole[i] == 0, "%zu", i);
    }
    cr_assert_eq(zeros, (11 - 6) * 5);
    ranges_fini(&touched);
    free(whole), free(part);
    s_free(&self);
}

Test(deepfm, an_unknown_category_adds_nothing_at_first)
{
    case_t self = s_new();
    deepfm_init(&SPEC, test_seed(), self.w);
    for (size_t i = 0; i < 4; i++)
        cr_assert_eq(self.w[11 + i], 0);
    size_t small = 0;
    for (size_t i = 4; i < 44; i++)
        small += self.w[11 + i] != 0 && fabs(self.w[11 + i]) <= 0.05;
    cr_assert_eq(small, 40);
    s_free(&self);
}

Test(deepfm, large_scores_are_no_overflow)
{
    case_t self = s_new();
    float *g = test_alloc(self.layout->count, sizeof *g), scores[BATCH];
    double loss, evaluated = 0;
    uint64_t correct = 0;
    for (size_t sign = 0; sign < 2; sign++) {
        self.w[self.layout->count - 1] = sign ? 1e4f : -1e4f;
        deepfm_gradient(self.model, self.w, self.x, self.labels, BATCH, g, &loss);
        deepfm_evaluate(self.model, self.w, self.x, self.labels, BATCH, &evaluated, &correct, scores);
        cr_assert(isfinite(loss) && isfinite(evaluated));
        for (size_t i = 0; i < self.layout->count; i++)
            cr_assert(isfinite(g[i]), "%zu", i);
    }
    free(g);
    s_free(&self);
}
