#include "actors/worker/probe.h"

#include "actors/kit/clock.h"
#include "actors/model/model.h"
#include "codec/base/rng.h"

#include <stdlib.h>

#define PROBE_SEED 1
#define PROBE_BATCHES_MIN 3u
#define PROBE_BATCHES_MAX 1024u

typedef struct {
    model_t *model;
    size_t batch;
    float *w, *g, *x;
    uint32_t *labels;
    int64_t took_us[PROBE_BATCHES_MAX];
    size_t count;
} probe_t;

static int s_by_value(const void *a, const void *b)
{
    int64_t left = *(const int64_t *)a, right = *(const int64_t *)b;
    return (left > right) - (left < right);
}

static void s_fill(probe_t *self)
{
    rng_t rng;
    rng_init(&rng, PROBE_SEED);
    model_init(self->model, PROBE_SEED, self->w);
    for (size_t i = 0; i < self->batch * model_sample_size(self->model); i++)
        self->x[i] = (float)rng_unit(&rng);
    for (size_t i = 0; i < self->batch; i++)
        self->labels[i] = (uint32_t)rng_below(&rng, model_class_count(self->model));
}

/* The first batch warms the caches up and is not counted. */
static double s_run(probe_t *self, int64_t least_us)
{
    int64_t began_us = clock_now_us();
    double loss;
    model_gradient(self->model, self->w, self->x, self->labels, self->batch, self->g, &loss);
    while (self->count < PROBE_BATCHES_MAX &&
           (self->count < PROBE_BATCHES_MIN || clock_now_us() - began_us < least_us)) {
        int64_t from_us = clock_thread_us();
        model_gradient(self->model, self->w, self->x, self->labels, self->batch, self->g, &loss);
        self->took_us[self->count++] = clock_thread_us() - from_us;
    }
    qsort(self->took_us, self->count, sizeof *self->took_us, s_by_value);
    int64_t median_us = self->took_us[self->count / 2];
    return 1e6 * (double)self->batch / (double)(median_us > 0 ? median_us : 1);
}

err_code_t probe_measure(const char *model, size_t batch, int64_t least_us, double *ret_samples_per_s,
                         err_t *err)
{
    probe_t *self = calloc(1, sizeof *self);
    if (!self)
        return err_set(err, ERR_MEMORY, "no memory for a probe");
    self->batch = batch;
    err_code_t rc = model_new(model, batch, &self->model, err);
    if (!rc) {
        size_t count = model_layout(self->model)->count;
        self->w = malloc(count * sizeof *self->w);
        self->g = malloc(count * sizeof *self->g);
        self->x = malloc(batch * model_sample_size(self->model) * sizeof *self->x);
        self->labels = malloc(batch * sizeof *self->labels);
        if (!self->w || !self->g || !self->x || !self->labels)
            rc = err_set(err, ERR_MEMORY, "no memory for a probe of model %s with batches of %zu", model,
                         batch);
    }
    if (!rc) {
        s_fill(self);
        *ret_samples_per_s = s_run(self, least_us);
    }
    model_destroy(&self->model);
    free(self->w);
    free(self->g);
    free(self->x);
    free(self->labels);
    free(self);
    return rc;
}
