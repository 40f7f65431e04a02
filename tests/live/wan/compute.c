/* compute - what a job's samples take when nothing is exchanged and nothing is kept: compute MODEL
 * SAMPLES WORKERS BATCH.
 *
 * How      so many processes at once, each with its part of the samples: gradient and update of its own
 *          parameters, on pictures made of a seed. Prints the seconds until the last one is done: the least
 *          that training them here can take.
 */
#include "actors/model/kernel.h"
#include "actors/model/model.h"
#include "actors/model/optimizer.h"
#include "codec/base/rng.h"
#include "actors/kit/clock.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

typedef struct {
    model_t *model;
    size_t count, batch;
    float *w, *v, *g, *x;
    uint32_t *labels;
} learner_t;

static float *s_floats(size_t count)
{
    float *values = calloc(count, sizeof *values);
    CHECK(values);
    return values;
}

static void s_init(learner_t *self, const char *name, size_t batch)
{
    err_t err = {0};
    rng_t rng;
    if (kernel_prepare(&err) ||
        model_new(&(model_spec_t[]){model_spec_of(name)}[0], batch, &self->model, &err)) {
        fprintf(stderr, "compute: %s\n", err.text);
        exit(1);
    }
    self->batch = batch;
    self->count = model_layout(self->model)->count;
    self->w = s_floats(self->count);
    self->v = s_floats(self->count);
    self->g = s_floats(self->count);
    self->x = s_floats(batch * model_sample_size(self->model));
    self->labels = calloc(batch, sizeof *self->labels);
    CHECK(self->labels);
    model_init(self->model, 1, self->w);
    rng_init(&rng, 1);
    for (size_t i = 0; i < batch * model_sample_size(self->model); i++)
        self->x[i] = (float)rng_unit(&rng);
    for (size_t i = 0; i < batch; i++)
        self->labels[i] = (uint32_t)rng_below(&rng, model_class_count(self->model));
}

static void s_learn(learner_t *self, uint64_t samples)
{
    static const optimizer_t momentum = {.kind = OPTIMIZER_MOMENTUM, .lr = 0.001f, .momentum = 0.9f};
    for (uint64_t done = 0; done < samples; done += self->batch) {
        double loss;
        size_t count = samples - done < self->batch ? (size_t)(samples - done) : self->batch;
        model_gradient(self->model, self->w, self->x, self->labels, count, self->g, &loss);
        optimizer_step(&momentum, &(optimizer_step_t){.lr = momentum.lr,
                                                      .n = self->count,
                                                      .w = self->w,
                                                      .g = self->g,
                                                      .state = {self->v},
                                                      .ret_w = self->w,
                                                      .ret_state = {self->v}});
    }
}

/* All are ready before the first begins: a part of a process' start is no computing. */
static void s_worker(const char *model, uint64_t samples, size_t batch, int ready, int go)
{
    learner_t self = {0};
    char byte = 0;
    s_init(&self, model, batch);
    s_learn(&self, batch);
    CHECK(write(ready, &byte, 1) == 1 && read(go, &byte, 1) == 0);
    s_learn(&self, samples);
    _exit(0);
}

static double s_run(const char *model, uint64_t samples, uint64_t workers, size_t batch)
{
    int ready[2], go[2], status, failed = 0;
    char byte;
    CHECK(!pipe(ready) && !pipe(go));
    for (uint64_t w = 0; w < workers; w++) {
        pid_t pid = fork();
        CHECK(pid >= 0);
        if (pid)
            continue;
        close(go[1]);
        s_worker(model, samples / workers, batch, ready[1], go[0]);
    }
    close(ready[1]);
    for (uint64_t w = 0; w < workers; w++)
        if (read(ready[0], &byte, 1) != 1)
            exit(1); /* a worker has said why */
    int64_t began_us = clock_now_us();
    close(go[1]);
    while (wait(&status) > 0)
        failed |= status;
    CHECK(!failed);
    return (double)(clock_now_us() - began_us) / 1e6;
}

int main(int argc, char **argv)
{
    uint64_t samples = argc == 5 ? strtoull(argv[2], NULL, 10) : 0;
    uint64_t workers = argc == 5 ? strtoull(argv[3], NULL, 10) : 0;
    uint64_t batch = argc == 5 ? strtoull(argv[4], NULL, 10) : 0;
    if (!samples || !workers || workers > 256 || !batch || batch > MODEL_BATCH_MAX) {
        fprintf(stderr, "usage: bench.compute MODEL SAMPLES WORKERS BATCH\n");
        return 2;
    }
    printf("%.3f\n", s_run(argv[1], samples, workers, batch));
    return 0;
}
