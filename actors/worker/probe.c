#include "actors/worker/probe.h"

#include "actors/kit/clock.h"
#include "actors/model/model.h"
#include "codec/base/rng.h"

#include <pthread.h>
#include <stdlib.h>
#include <unistd.h>

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

    pthread_barrier_t *begin;
    int64_t least_us;
    double samples_per_s;
} probe_t;

static int s_by_value(const void *a, const void *b)
{
    int64_t left = *(const int64_t *)a, right = *(const int64_t *)b;
    return (left > right) - (left < right);
}

static void s_fill_inputs(probe_t *self)
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
static double s_run_probe(probe_t *self, int64_t least_us)
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

static void s_free(probe_t *self)
{
    model_destroy(&self->model);
    free(self->w);
    free(self->g);
    free(self->x);
    free(self->labels);
}

static err_code_t s_make(probe_t *self, const model_spec_t *model, size_t batch, err_t *err)
{
    batch = batch < MODEL_PIECE ? batch : MODEL_PIECE;
    self->batch = batch;
    err_code_t rc = model_new(model, batch, &self->model, err);
    if (rc)
        return rc;
    size_t count = model_layout(self->model)->count;
    self->w = malloc(count * sizeof *self->w);
    self->g = malloc(count * sizeof *self->g);
    self->x = malloc(batch * model_sample_size(self->model) * sizeof *self->x);
    self->labels = malloc(batch * sizeof *self->labels);
    if (!self->w || !self->g || !self->x || !self->labels)
        return err_set(err, ERR_MEMORY, "no memory for a probe of model %s with batches of %zu", model->name,
                       batch);
    s_fill_inputs(self);
    return ERR_OK;
}

/* They begin together, so that each is measured beside the others. */
static void *s_compute(void *hint)
{
    probe_t *self = hint;
    pthread_barrier_wait(self->begin);
    self->samples_per_s = s_run_probe(self, self->least_us);
    return NULL;
}

static double s_measure(probe_t *probes, size_t count, int64_t least_us)
{
    pthread_t threads[PROBE_CORES_MAX];
    pthread_barrier_t begin;
    double sum = 0;
    CHECK(!pthread_barrier_init(&begin, NULL, (unsigned)count));
    for (size_t i = 0; i < count; i++) {
        probes[i].begin = &begin;
        probes[i].least_us = least_us;
    }
    for (size_t i = 1; i < count; i++)
        CHECK(!pthread_create(&threads[i], NULL, s_compute, &probes[i]));
    s_compute(&probes[0]);
    for (size_t i = 1; i < count; i++)
        pthread_join(threads[i], NULL);
    for (size_t i = 0; i < count; i++)
        sum += probes[i].samples_per_s;
    pthread_barrier_destroy(&begin);
    return sum / (double)count;
}

static size_t s_count_cores(uint64_t cores)
{
    long here = sysconf(_SC_NPROCESSORS_ONLN);
    uint64_t most = here > 0 && here < PROBE_CORES_MAX ? (uint64_t)here : here > 0 ? PROBE_CORES_MAX : 1;
    return cores < 1 ? 1 : (size_t)(cores < most ? cores : most);
}

err_code_t probe_measure(const model_spec_t *model, size_t batch, uint64_t cores, int64_t least_us,
                         double *ret_samples_per_s, err_t *err)
{
    size_t count = s_count_cores(cores);
    probe_t *probes = calloc(count, sizeof *probes);
    err_code_t rc = probes ? ERR_OK : err_set(err, ERR_MEMORY, "no memory for a probe");
    for (size_t i = 0; i < count && !rc; i++)
        rc = s_make(&probes[i], model, batch, err);
    if (!rc)
        *ret_samples_per_s = s_measure(probes, count, least_us);
    for (size_t i = 0; probes && i < count; i++)
        s_free(&probes[i]);
    free(probes);
    return rc;
}
