/* lenet_step - how fast one core trains and evaluates LeNet, on random images, beside the same core's matrix
 * product.
 *
 * Usage    lenet_step [BATCH [SECONDS]]       Prints milliseconds per step, GFLOP/s and the ratio to a large
 * product.
 */
#include "actors/model/blas.h"
#include "actors/model/model.h"
#include "codec/base/rng.h"

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#define PRODUCT_SIDE 1024

/* Multiplications and additions per image. Forward: conv1 20 x 25 x 576, conv2 50 x 500 x 64, fc1 500 x 800,
 * fc2 10 x 500, two each. A step does that three times (outputs, weights, inputs), but for the inputs of
 * conv1. */
#define CONV1_FLOPS (2.0 * 20 * 25 * 576)
#define FORWARD_FLOPS (CONV1_FLOPS + 2.0 * (50 * 500 * 64 + 500 * 800 + 10 * 500))
#define STEP_FLOPS (3.0 * FORWARD_FLOPS - CONV1_FLOPS)

typedef struct {
    model_t *model;
    size_t batch;
    float *w, *g, *x;
    uint32_t *labels;
    float *product[3]; /* (PRODUCT_SIDE, PRODUCT_SIDE) */
} bench_t;

static double s_now(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + 1e-9 * (double)now.tv_nsec;
}

static float *s_random(rng_t *rng, size_t n, double scale)
{
    float *a = aligned_alloc(64, (n * sizeof *a + 63) / 64 * 64);
    if (!a)
        abort();
    for (size_t i = 0; i < n; i++)
        a[i] = (float)(rng_unit(rng) * scale);
    return a;
}

static void s_step(bench_t *self)
{
    double loss;
    model_gradient(self->model, self->w, self->x, self->labels, self->batch, self->g, &loss);
}

static void s_evaluate(bench_t *self)
{
    double loss = 0;
    uint64_t correct = 0;
    model_evaluate(self->model, self->w, self->x, self->labels, self->batch, &loss, &correct);
}

static void s_product(bench_t *self)
{
    blas_product(BLAS_PLAIN, BLAS_PLAIN, PRODUCT_SIDE, PRODUCT_SIDE, PRODUCT_SIDE, self->product[0],
                 self->product[1], 0.0f, self->product[2]);
}

/* The quickest of the calls made in `seconds`: what the code can do, not what the neighbours on the machine
 * left. */
static double s_time(bench_t *self, void (*call)(bench_t *), double seconds)
{
    double best = 1e9, end = s_now() + seconds;
    call(self);
    do {
        double start = s_now();
        call(self);
        double took = s_now() - start;
        best = took < best ? took : best;
    } while (s_now() < end);
    return best;
}

static void s_init(bench_t *self, size_t batch)
{
    err_t err;
    rng_t rng;
    rng_init(&rng, 1);
    if (model_new("lenet", batch, &self->model, &err)) {
        fprintf(stderr, "lenet_step: %s\n", err.text);
        exit(1);
    }
    size_t n = model_layout(self->model)->count;
    self->batch = batch;
    self->w = s_random(&rng, n, 0);
    self->g = s_random(&rng, n, 0);
    self->x = s_random(&rng, batch * model_sample_size(self->model), 1);
    self->labels = calloc(batch, sizeof *self->labels);
    for (size_t i = 0; self->labels && i < batch; i++)
        self->labels[i] = (uint32_t)rng_below(&rng, 10);
    for (size_t i = 0; i < 3; i++)
        self->product[i] = s_random(&rng, PRODUCT_SIDE * PRODUCT_SIDE, 1);
    model_init(self->model, 1, self->w);
}

static void s_fini(bench_t *self)
{
    model_destroy(&self->model);
    free(self->w);
    free(self->g);
    free(self->x);
    free(self->labels);
    for (size_t i = 0; i < 3; i++)
        free(self->product[i]);
}

int main(int argc, char **argv)
{
    size_t batch = argc > 1 ? strtoul(argv[1], NULL, 10) : 64;
    double seconds = argc > 2 ? strtod(argv[2], NULL) : 2;
    if (batch < 1 || batch > 65536 || !(seconds > 0)) {
        fprintf(stderr, "usage: lenet_step [BATCH (1..65536) [SECONDS]]\n");
        return 2;
    }
    bench_t bench = {0};
    s_init(&bench, batch);
    double step = s_time(&bench, s_step, seconds), evaluate = s_time(&bench, s_evaluate, seconds);
    double product = s_time(&bench, s_product, seconds / 4);
    double limit = 2e-9 * PRODUCT_SIDE * PRODUCT_SIDE * PRODUCT_SIDE / product;
    double step_rate = 1e-9 * STEP_FLOPS * (double)batch / step;
    double evaluate_rate = 1e-9 * FORWARD_FLOPS * (double)batch / evaluate;
    printf("step      batch %zu: %.3f ms, %.0f images/s, %.1f GFLOP/s, %.2f of a %d x %d product\n", batch,
           1e3 * step, (double)batch / step, step_rate, step_rate / limit, PRODUCT_SIDE, PRODUCT_SIDE);
    printf("evaluate  batch %zu: %.3f ms, %.0f images/s, %.1f GFLOP/s, %.2f of it\n", batch, 1e3 * evaluate,
           (double)batch / evaluate, evaluate_rate, evaluate_rate / limit);
    printf("product   %.1f GFLOP/s\n", limit);
    s_fini(&bench);
    return 0;
}
