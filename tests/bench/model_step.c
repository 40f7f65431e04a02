/* model_step - a step of each model (gradient and SGD) on one core, on random samples, in turns with
 * PyTorch's on as many parameters, and the most memory that either process held; and the matrix product
 * under all of them beside the best that OpenBLAS has for this machine. */
#include "actors/model/blas.h"
#include "actors/model/kernel.h"
#include "actors/model/model.h"
#include "actors/model/vector.h"
#include "codec/base/rng.h"
#include "tests/bench/kit/bench.h"
#include "tests/bench/kit/turns.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define RUNS 20
#define WARM 2
#define RATE 0.01f

/* To add a model, add a row, and one to kit/torch_step.py. */
static const struct {
    model_spec_t spec;
    size_t batch;
    double target; /* of PyTorch's time */
} MODELS[] = {{{.name = "lenet"}, 64, 0.40},
              {{.name = "resnet20", .input = {3, 32, 32}}, 64, 1},
              {{.name = "resnet18", .input = {3, 32, 32}}, 32, 1},
              {{.name = "deepfm", .input = {1, 1, 4}, .rows = 10303, .categorical = 3}, 512, 0.3}};
#define MODEL_COUNT (sizeof MODELS / sizeof *MODELS)

static float *s_random(rng_t *rng, size_t n)
{
    float *a = aligned_alloc(64, (n * sizeof *a + 63) / 64 * 64);
    CHECK(a);
    for (size_t i = 0; i < n; i++)
        a[i] = (float)rng_unit(rng);
    return a;
}

/* ---- a step ------------------------------------------------------------------------------------------ */

typedef struct {
    const model_spec_t *spec;
    size_t batch;
    model_t *model;
    float *w, *g, *x;
    uint32_t *labels;
} step_t;

static bool s_prepare_step(void *hint)
{
    step_t *self = hint;
    err_t err;
    rng_t rng;
    rng_init(&rng, 1);
    if (model_new(self->spec, self->batch, &self->model, &err)) {
        fprintf(stderr, "model_step: %s\n", err.text);
        return false;
    }
    size_t n = model_layout(self->model)->count;
    self->w = s_random(&rng, n);
    self->g = s_random(&rng, n);
    self->x = s_random(&rng, self->batch * model_sample_size(self->model));
    size_t columns = model_sample_size(self->model);
    for (size_t i = 0; i < self->batch * columns; i++)
        if (i % columns < self->spec->categorical) /* rows of an embedding */
            self->x[i] = floorf(self->x[i] * (float)self->spec->rows);
    self->labels = calloc(self->batch, sizeof *self->labels);
    CHECK(self->labels);
    for (size_t i = 0; i < self->batch; i++)
        self->labels[i] = (uint32_t)rng_below(&rng, model_class_count(self->model));
    model_init(self->model, 1, self->w);
    return true;
}

static void s_step(void *hint)
{
    step_t *self = hint;
    double loss;
    model_gradient(self->model, self->w, self->x, self->labels, self->batch, self->g, &loss);
    vector_mix(model_layout(self->model)->count, self->w, 1, self->g, -RATE);
}

static bool s_take_both(turns_t *ours, turns_t *theirs, bool *has_theirs)
{
    for (int i = 0; i < WARM; i++) {
        if (!turns_warm(ours))
            return false;
        *has_theirs = *has_theirs && turns_warm(theirs);
    }
    for (int i = 0; i < bench_runs(RUNS); i++)
        if (!turns_take(ours) || (*has_theirs && !turns_take(theirs)))
            return false;
    return true;
}

static void s_tell(size_t m, turns_t *ours, turns_t *theirs, bool beside)
{
    char name[64], memory[64];
    snprintf(name, sizeof name, "%s_step", MODELS[m].spec.name);
    snprintf(memory, sizeof memory, "%s_memory", MODELS[m].spec.name);
    bench_row_t row = {.name = name,
                       .processes = 1,
                       .value = turns_median_ms(ours),
                       .unit = "ms",
                       .peer = beside ? "PyTorch, one thread" : NULL,
                       .peer_value = beside ? turns_median_ms(theirs) : 0,
                       .target = MODELS[m].target,
                       .at_most = true,
                       .runs = ours->count,
                       .samples = MODELS[m].batch,
                       .seed = 1};
    bench_row(&row);
    row.name = memory;
    row.value = ours->most_kib / 1024;
    row.peer_value = theirs->most_kib / 1024;
    row.unit = "MiB";
    row.target = 1;
    bench_row(&row);
}

static void s_measure_model(size_t m)
{
    char batch[32];
    snprintf(batch, sizeof batch, "%zu", MODELS[m].batch);
    char *const arguments[] = {"/usr/bin/python3", "tests/bench/kit/torch_step.py",
                               (char *)MODELS[m].spec.name, batch, NULL};
    step_t step = {.spec = &MODELS[m].spec, .batch = MODELS[m].batch};
    turns_t ours, theirs;
    bool good = turns_fork(&ours, s_prepare_step, s_step, &step), beside = turns_run(&theirs, arguments);
    if (good && s_take_both(&ours, &theirs, &beside))
        s_tell(m, &ours, &theirs, beside);
    else
        printf("SKIPPED: %s_step: a process ended before it was measured\n", MODELS[m].spec.name);
    if (!beside)
        printf("SKIPPED: %s_step beside PyTorch's: python3-torch is not installed\n", MODELS[m].spec.name);
    turns_end(&ours);
    turns_end(&theirs);
}

/* ---- the product ------------------------------------------------------------------------------------- */

#define SIDE 1024
#define FLOPS (2.0 * SIDE * SIDE * SIDE)

/* Kernels that OpenBLAS could be told to take; one that the processor cannot run ends its process. */
static const char *const CORES[] = {"SapphireRapids", "Cooperlake", "SkylakeX",    "Zen",
                                    "Haswell",        "Excavator",  "Sandybridge", "Nehalem"};
#define CORE_COUNT (sizeof CORES / sizeof *CORES)

typedef struct {
    const char *core; /* NULL: as the product chooses */
    float *a, *b, *c;
} product_t;

/* A crash of such a process is its answer. */
static bool s_open_core(const char *core)
{
    setenv(BLAS_KERNEL_VARIABLE, core, 1);
    FILE *quiet = freopen("/dev/null", "w", stderr);
    return quiet && !blas_open(NULL) && !strcasecmp(blas_kernel(), core) && blas_is_right();
}

static bool s_prepare_product(void *hint)
{
    product_t *self = hint;
    rng_t rng;
    rng_init(&rng, 1);
    if (self->core ? !s_open_core(self->core) : kernel_prepare(NULL) != ERR_OK)
        return false;
    self->a = s_random(&rng, SIDE * SIDE);
    self->b = s_random(&rng, SIDE * SIDE);
    self->c = s_random(&rng, SIDE * SIDE);
    return true;
}

static void s_product(void *hint)
{
    product_t *self = hint;
    blas_product(BLAS_PLAIN, BLAS_PLAIN, SIDE, SIDE, SIDE, self->a, self->b, 0.0f, self->c);
}

static double s_rate(turns_t *turns)
{
    return turns->count ? 1e-6 * FLOPS / turns_median_ms(turns) : 0;
}

static void s_tell_product(turns_t *ours, turns_t *cores)
{
    size_t best = 0;
    for (size_t i = 1; i < CORE_COUNT; i++)
        best = s_rate(cores + i) > s_rate(cores + best) ? i : best;
    char peer[64];
    snprintf(peer, sizeof peer, "told to take %s", CORES[best]);
    bench_row_t row = {.name = "product_1024",
                       .processes = 1,
                       .value = s_rate(ours),
                       .unit = "GFLOP/s",
                       .peer = peer,
                       .peer_value = s_rate(cores + best),
                       .target = 0.9,
                       .runs = ours->count,
                       .samples = 0,
                       .seed = 1};
    bench_row(&row);
}

static void s_measure_product(void)
{
    product_t own = {0}, told[CORE_COUNT];
    turns_t ours, cores[CORE_COUNT];
    bool runs[CORE_COUNT], good = turns_fork(&ours, s_prepare_product, s_product, &own) && turns_warm(&ours);
    for (size_t i = 0; i < CORE_COUNT; i++) {
        told[i] = (product_t){.core = CORES[i]};
        runs[i] = turns_fork(cores + i, s_prepare_product, s_product, told + i) && turns_warm(cores + i);
    }
    for (int turn = 0; good && turn < bench_runs(RUNS); turn++) {
        good = turns_take(&ours);
        for (size_t i = 0; i < CORE_COUNT; i++)
            runs[i] = runs[i] && turns_take(cores + i);
    }
    if (good)
        s_tell_product(&ours, cores);
    turns_end(&ours);
    for (size_t i = 0; i < CORE_COUNT; i++)
        turns_end(cores + i);
}

int main(int argc, char **argv)
{
    bench_open(argc, argv);
    for (size_t m = 0; m < MODEL_COUNT; m++)
        if (bench_wants(MODELS[m].spec.name))
            s_measure_model(m);
    if (bench_wants("product"))
        s_measure_product();
    return bench_close();
}
