/* lenet_step - how fast one core trains and evaluates LeNet, on random images, beside the same core's matrix
 * product; and a whole step beside PyTorch's on the same 431,080 parameters, where python3-torch is
 * installed. */
#include "actors/model/blas.h"
#include "actors/model/model.h"
#include "actors/model/optimizer.h"
#include "codec/base/rng.h"
#include "tests/bench/kit/bench.h"

#include <stdio.h>
#include <stdlib.h>

#define BATCH 64
#define CALLS 30 /* of each per run */
#define RUNS_MAX 64
#define PRODUCT_SIDE 1024
#define PRODUCT_FLOPS (2.0 * PRODUCT_SIDE * PRODUCT_SIDE * PRODUCT_SIDE)

/* Multiplications and additions per image. Forward: conv1 20 x 25 x 576, conv2 50 x 500 x 64, fc1 500 x 800,
 * fc2 10 x 500, two each. A step does that three times (outputs, weights, inputs), but for conv1's inputs. */
#define CONV1_FLOPS (2.0 * 20 * 25 * 576)
#define FORWARD_FLOPS (CONV1_FLOPS + 2.0 * (50 * 500 * 64 + 500 * 800 + 10 * 500))
#define STEP_FLOPS (3.0 * FORWARD_FLOPS - CONV1_FLOPS)

typedef struct {
    model_t *model;
    float *w, *g, *x;
    uint32_t labels[BATCH];
    float *product[3]; /* (PRODUCT_SIDE, PRODUCT_SIDE) */
} scene_t;

static float *s_random(rng_t *rng, size_t n)
{
    float *a = aligned_alloc(64, (n * sizeof *a + 63) / 64 * 64);
    CHECK(a);
    for (size_t i = 0; i < n; i++)
        a[i] = (float)rng_unit(rng);
    return a;
}

static void s_init(scene_t *self)
{
    err_t err;
    rng_t rng;
    rng_init(&rng, 1);
    if (model_new(&(model_spec_t){.name = "lenet"}, BATCH, &self->model, &err)) {
        fprintf(stderr, "lenet_step: %s\n", err.text);
        exit(1);
    }
    size_t n = model_layout(self->model)->count;
    self->w = s_random(&rng, n);
    self->g = s_random(&rng, n);
    self->x = s_random(&rng, BATCH * model_sample_size(self->model));
    for (size_t i = 0; i < BATCH; i++)
        self->labels[i] = (uint32_t)rng_below(&rng, model_class_count(self->model));
    for (size_t i = 0; i < 3; i++)
        self->product[i] = s_random(&rng, PRODUCT_SIDE * PRODUCT_SIDE);
    model_init(self->model, 1, self->w);
}

static void s_fini(scene_t *self)
{
    model_destroy(&self->model);
    free(self->w);
    free(self->g);
    free(self->x);
    for (size_t i = 0; i < 3; i++)
        free(self->product[i]);
}

static void s_step(scene_t *self)
{
    double loss;
    model_gradient(self->model, self->w, self->x, self->labels, BATCH, self->g, &loss);
}

static void s_evaluate(scene_t *self)
{
    double loss = 0;
    uint64_t correct = 0;
    model_evaluate(self->model, self->w, self->x, self->labels, BATCH, &loss, &correct);
}

static void s_product(scene_t *self)
{
    blas_product(BLAS_PLAIN, BLAS_PLAIN, PRODUCT_SIDE, PRODUCT_SIDE, PRODUCT_SIDE, self->product[0],
                 self->product[1], 0.0f, self->product[2]);
}

/* Median seconds of a call: what neighbours on the machine take away from some calls does not count. */
static double s_time(scene_t *self, void (*call)(scene_t *))
{
    double took[CALLS];
    call(self);
    for (size_t i = 0; i < CALLS; i++) {
        double start = bench_now_s();
        call(self);
        took[i] = bench_now_s() - start;
    }
    return bench_median(took, CALLS);
}

static void s_row(scene_t *self, const char *name, void (*call)(scene_t *), double flops, double target)
{
    int runs = bench_runs(5);
    double rates[RUNS_MAX], limits[RUNS_MAX], seconds[RUNS_MAX];
    runs = runs < RUNS_MAX ? runs : RUNS_MAX;
    for (int i = 0; i < runs; i++) {
        seconds[i] = s_time(self, call);
        rates[i] = 1e-9 * flops * BATCH / seconds[i];
        limits[i] = 1e-9 * PRODUCT_FLOPS / s_time(self, s_product);
    }
    bench_row_t row = {.name = name,
                       .processes = 1,
                       .value = bench_median(rates, (size_t)runs),
                       .unit = "GFLOP/s",
                       .peer = "1024 x 1024 product",
                       .peer_value = bench_median(limits, (size_t)runs),
                       .target = target,
                       .runs = runs,
                       .samples = BATCH * CALLS,
                       .seed = 1};
    bench_row(&row);
    double median = bench_median(seconds, (size_t)runs);
    printf("  batch %d: %.2f ms, %.0f images/s\n", BATCH, 1e3 * median, BATCH / median);
}

/* ---- beside PyTorch ---------------------------------------------------------------------------------- */

/* The same network, batch and optimizer on one thread; prints the median milliseconds of a step. */
static const char s_torch[] =
    "import time, torch\n"
    "from torch import nn\n"
    "torch.manual_seed(1); torch.set_num_threads(1)\n"
    "net = nn.Sequential(nn.Conv2d(1, 20, 5), nn.MaxPool2d(2), nn.Conv2d(20, 50, 5), nn.MaxPool2d(2),\n"
    "    nn.Flatten(), nn.Linear(800, 500), nn.ReLU(), nn.Linear(500, 10))\n"
    "assert sum(p.numel() for p in net.parameters()) == 431080\n"
    "sgd = torch.optim.SGD(net.parameters(), lr=0.01)\n"
    "x, y = torch.rand(64, 1, 28, 28), torch.randint(0, 10, (64,))\n"
    "def step():\n"
    "    sgd.zero_grad(); nn.functional.cross_entropy(net(x), y).backward(); sgd.step()\n"
    "took = []\n"
    "for i in range(36):\n"
    "    t = time.perf_counter(); step(); took.append(time.perf_counter() - t)\n"
    "print(1e3 * sorted(took[5:])[15])\n";

static void s_whole_step(scene_t *self)
{
    optimizer_t sgd = {.kind = OPTIMIZER_SGD, .lr = 0.01f};
    s_step(self);
    optimizer_step(&sgd, &(optimizer_step_t){.lr = sgd.lr,
                                             .n = model_layout(self->model)->count,
                                             .w = self->w,
                                             .g = self->g,
                                             .ret_w = self->w});
}

/* A run of ours, then one of PyTorch's. */
static void s_beside_torch(scene_t *self)
{
    int runs = bench_runs(5);
    double ours[RUNS_MAX], torch[RUNS_MAX];
    char command[sizeof s_torch + 128];
    runs = runs < RUNS_MAX ? runs : RUNS_MAX;
    for (int i = 0; i < runs; i++) {
        ours[i] = 1e3 * s_time(self, s_whole_step);
        snprintf(command, sizeof command, "exec /usr/bin/python3 -c '%s' 2>/dev/null", s_torch);
        FILE *python = popen(command, "r");
        bool good = python && fscanf(python, "%lf", &torch[i]) == 1;
        if (python)
            pclose(python);
        if (!good) {
            printf(
                "SKIPPED: lenet_step: a step of PyTorch's beside this one: python3-torch is not installed\n");
            return;
        }
    }
    bench_row_t row = {.name = "lenet_step_whole",
                       .processes = 1,
                       .value = bench_median(ours, (size_t)runs),
                       .unit = "ms",
                       .peer = "PyTorch, one thread",
                       .peer_value = bench_median(torch, (size_t)runs),
                       .target = 1,
                       .at_most = true,
                       .runs = runs,
                       .samples = BATCH * CALLS,
                       .seed = 1};
    bench_row(&row);
}

int main(int argc, char **argv)
{
    scene_t scene = {0};
    bench_open(argc, argv);
    s_init(&scene);
    s_row(&scene, "lenet_step", s_step, STEP_FLOPS, 0.5);
    s_row(&scene, "lenet_evaluate", s_evaluate, FORWARD_FLOPS, 0.5);
    s_beside_torch(&scene);
    s_fini(&scene);
    return bench_close();
}
