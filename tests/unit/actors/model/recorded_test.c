/* Models beside PyTorch's: what tests/golden/models.py recorded of the same formula. */
#include "actors/model/model.h"
#include "tests/unit/actors/model/reference.h"

#define RECORDED SOURCE_DIR "/tests/golden/models.golden"
#define BATCH_MAX 4
#define CLASSES 10
#define LINE_MAX_CHARS 256

typedef struct {
    const char *name;
    uint64_t input[3];
    size_t batch;
} row_t;

typedef struct {
    const row_t *row;
    model_t *model;
    float *w, *x, *g;
    uint32_t labels[BATCH_MAX];
    double loss, evaluated;
    uint64_t correct;
    size_t compared; /* lines of the file */
} case_t;

static model_t *s_new(const row_t *row)
{
    err_t err;
    model_t *model = NULL;
    model_spec_t spec = model_spec_of(row->name);
    memcpy(spec.input, row->input, sizeof spec.input);
    cr_assert_eq(model_new(&spec, row->batch, &model, &err), ERR_OK, "%s", err.text);
    return model;
}

/* As in models.py. */
static double s_unit(size_t i)
{
    uint32_t h = (uint32_t)i * 2654435761U;
    h = (h ^ h >> 15) * 0x2c1b3c6dU;
    h = (h ^ h >> 12) * 0x297a2d39U;
    h ^= h >> 15;
    return (double)(h >> 8) / (1 << 24) - 0.5;
}

static bool s_ends(const char *name, const char *end)
{
    return strlen(name) >= strlen(end) && strcmp(name + strlen(name) - strlen(end), end) == 0;
}

static void s_fill(const tensor_t *tensor, float *w)
{
    bool scale = s_ends(tensor->name, ".weight") || s_ends(tensor->name, ".running_var");
    double inputs = (double)tensor->count / (double)tensor->dims[0];
    double factor = tensor->rank > 1 ? exp2(floor(log2(2 * sqrt(6 / inputs)))) : 0.5;
    for (size_t i = tensor->offset; i < tensor->offset + tensor->count; i++)
        w[i] = (float)((tensor->rank == 1 && scale ? 1 : 0) + factor * s_unit(i));
}

static void s_compute(case_t *self)
{
    const layout_t *layout = model_layout(self->model);
    size_t size = model_sample_size(self->model), batch = self->row->batch;
    self->w = test_alloc(layout->count, sizeof *self->w);
    self->g = test_alloc(layout->count, sizeof *self->g);
    self->x = test_alloc(batch * size, sizeof *self->x);
    for (size_t t = 0; t < layout->tensor_count; t++)
        s_fill(layout->tensors + t, self->w);
    for (size_t i = 0; i < batch * size; i++)
        self->x[i] = (float)(s_unit(layout->count + i) + 0.5);
    for (size_t b = 0; b < batch; b++)
        self->labels[b] = (uint32_t)((7 * b + 3) % CLASSES);
    model_gradient(self->model, self->w, self->x, self->labels, batch, self->g, &self->loss);
    model_evaluate(self->model, self->w, self->x, self->labels, batch, &self->evaluated, &self->correct,
                   NULL);
    self->evaluated /= (double)batch;
}

/* A tensor's gradient is recorded, or the running statistics after it. */
static double s_value(const case_t *self, const tensor_t *tensor, size_t i)
{
    double g = (double)self->g[tensor->offset + i];
    return tensor->rule == TENSOR_AVERAGE ? (double)self->w[tensor->offset + i] - (double)tensor->rate * g
                                          : g;
}

static void s_compare_tensor(const case_t *self, const tensor_t *tensor, double norm, const double *values)
{
    const size_t places[] = {tensor->count / 7, tensor->count / 2, tensor->count - 1};
    double squares = 0;
    for (size_t i = 0; i < tensor->count; i++)
        squares += s_value(self, tensor, i) * s_value(self, tensor, i);
    cr_assert(fabs(sqrt(squares) - norm) <= 1e-4 * norm, "%s %s: norm %.7g, PyTorch's %.7g", self->row->name,
              tensor->name, sqrt(squares), norm);
    for (size_t k = 0; k < 3; k++)
        cr_assert(fabs(s_value(self, tensor, places[k]) - values[k]) <= 1e-4 * norm,
                  "%s %s[%zu]: %.7g, PyTorch's %.7g", self->row->name, tensor->name, places[k],
                  s_value(self, tensor, places[k]), values[k]);
}

static const tensor_t *s_tensor(const layout_t *layout, const char *name)
{
    for (size_t t = 0; t < layout->tensor_count; t++)
        if (strcmp(layout->tensors[t].name, name) == 0)
            return layout->tensors + t;
    cr_assert_fail("only PyTorch's has a tensor %s", name);
    return NULL;
}

static void s_compare_line(case_t *self, const char *line)
{
    char model[32], what[64];
    double v[4] = {0};
    int count = sscanf(line, "%31s %63s %lf %lf %lf %lf", model, what, &v[0], &v[1], &v[2], &v[3]) - 2;
    if (strcmp(model, self->row->name))
        return;
    self->compared++;
    if (count == 1)
        test_near("loss", 0, self->loss, v[0], 1e-5);
    else if (count == 2) {
        test_near("evaluated", 0, self->evaluated, v[0], 1e-5);
        cr_assert_eq((double)self->correct, v[1]);
    } else
        s_compare_tensor(self, s_tensor(model_layout(self->model), what), v[0], v + 1);
}

static void s_check(const char *name, uint64_t C, uint64_t side, size_t batch)
{
    row_t row = {name, {C, side, side}, batch};
    case_t self = {.row = &row, .model = s_new(&row)};
    char line[LINE_MAX_CHARS];
    s_compute(&self);
    FILE *file = fopen(RECORDED, "r");
    cr_assert(file);
    while (fgets(line, sizeof line, file))
        s_compare_line(&self, line);
    fclose(file);
    cr_assert_eq(self.compared, model_layout(self.model)->tensor_count + 2, "%s: %zu", name, self.compared);
    free(self.w), free(self.x), free(self.g);
    model_destroy(&self.model);
}

Test(recorded, lenet)
{
    s_check("lenet", 1, 28, 3);
}

Test(recorded, mlp)
{
    s_check("mlp", 1, 28, 3);
}

Test(recorded, resnet8)
{
    s_check("resnet8", 3, 32, 4);
}

Test(recorded, resnet20)
{
    s_check("resnet20", 1, 28, 3);
}

Test(recorded, resnet18)
{
    s_check("resnet18", 1, 28, 2);
}
