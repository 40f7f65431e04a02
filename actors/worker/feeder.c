#include "actors/worker/feeder.h"

#include "actors/kit/clock.h"
#include "actors/worker/aside.h"
#include "codec/base/rng.h"

#include <stdlib.h>

typedef struct {
    feeder_piece_t piece;
    bool filled; /* with it, or about to be */
    float *x;    /* (piece_max, sample_size) */
    uint32_t *labels;
    size_t count;
    bool last;
} buffer_t;

struct feeder {
    feeder_spec_t spec;
    size_t sample_size;
    aside_t *aside;
    bool away; /* the other thread fills the buffer that is not in use: all below is its own meanwhile */
    buffer_t buffers[2];
    size_t in_use;
    uint32_t *order; /* (samples of the region): the permutation of `epoch` */
    uint64_t epoch;  /* UINT64_MAX: none yet */
    float *plain;    /* (sample_size): a sample before it is changed */
    feeder_tally_t tally;
};

/* ---- gathering, in whichever thread ---- */

static void s_shuffle(feeder_t *self, uint64_t epoch)
{
    if (self->epoch == epoch)
        return;
    uint64_t samples = self->spec.region->samples;
    for (uint64_t i = 0; i < samples; i++)
        self->order[i] = (uint32_t)i;
    rng_t rng;
    rng_init_for(&rng, self->spec.seed, "permutation", self->spec.region_index, epoch);
    rng_shuffle_u32(&rng, self->order, samples);
    self->epoch = epoch;
}

static void s_gather_changed(feeder_t *self, const uint32_t *indices, buffer_t *buffer)
{
    uint64_t region = (uint64_t)self->spec.region_index << 32;
    for (size_t i = 0; i < buffer->count; i++) {
        dataset_gather(self->spec.dataset, indices + i, 1, self->plain, buffer->labels + i);
        augment_sample(&self->spec.augment, self->epoch, region | indices[i], self->plain,
                       buffer->x + i * self->sample_size);
    }
}

static void s_gather_training(feeder_t *self, buffer_t *buffer)
{
    const feeder_piece_t *piece = &buffer->piece;
    uint64_t first, end;
    job_batch_samples(self->spec.region, piece->batch, &first, &end);
    uint64_t left = end - first - piece->from;
    s_shuffle(self, piece->batch / self->spec.region->batches_per_epoch);
    buffer->count = (size_t)(left < self->spec.piece_max ? left : self->spec.piece_max);
    buffer->last = buffer->count == left;
    const uint32_t *indices = self->order + first + piece->from;
    if (augment_does(&self->spec.augment))
        s_gather_changed(self, indices, buffer);
    else
        dataset_gather(self->spec.dataset, indices, buffer->count, buffer->x, buffer->labels);
}

static void s_gather_test(feeder_t *self, buffer_t *buffer)
{
    uint64_t left = dataset_test_samples(self->spec.dataset) - buffer->piece.from;
    buffer->count = (size_t)(left < self->spec.test_max ? left : self->spec.test_max);
    buffer->last = buffer->count == left;
    dataset_gather_test(self->spec.dataset, buffer->piece.from, buffer->count, buffer->x, buffer->labels);
}

static void s_gather(void *arg)
{
    feeder_t *self = arg;
    buffer_t *buffer = &self->buffers[1 - self->in_use];
    if (buffer->piece.test)
        s_gather_test(self, buffer);
    else
        s_gather_training(self, buffer);
}

/* ---- asking and taking ---- */

static bool s_is(const feeder_piece_t *a, const feeder_piece_t *b)
{
    return a->test == b->test && a->batch == b->batch && a->from == b->from;
}

static void s_wait(feeder_t *self)
{
    if (self->away)
        aside_wait(self->aside);
    self->away = false;
}

void feeder_ask(feeder_t *self, const feeder_piece_t *piece)
{
    buffer_t *buffer = &self->buffers[1 - self->in_use];
    if (self->away && !aside_is_over(self->aside))
        return;
    self->away = false;
    if (buffer->filled && s_is(&buffer->piece, piece))
        return;
    buffer->piece = *piece;
    buffer->filled = self->away = true;
    aside_begin(self->aside, s_gather, self);
}

/* Fills the buffer that is not in use, unless it is filled with that; returns whether it was. */
static bool s_fill(feeder_t *self, const feeder_piece_t *piece)
{
    int64_t began_us = clock_now_us();
    buffer_t *buffer = &self->buffers[1 - self->in_use];
    s_wait(self);
    bool was = buffer->filled && s_is(&buffer->piece, piece);
    if (!was) {
        buffer->piece = *piece;
        buffer->filled = true;
        s_gather(self);
    }
    self->tally.waited_us += clock_now_us() - began_us;
    return was;
}

static feeder_samples_t s_samples(const buffer_t *buffer)
{
    return (feeder_samples_t){buffer->count, buffer->last, buffer->x, buffer->labels};
}

feeder_samples_t feeder_take(feeder_t *self, const feeder_piece_t *piece)
{
    self->tally.taken++;
    self->tally.ahead += s_fill(self, piece);
    self->in_use = 1 - self->in_use;
    self->buffers[self->in_use].filled = false;
    return s_samples(&self->buffers[self->in_use]);
}

feeder_samples_t feeder_peek(feeder_t *self, const feeder_piece_t *piece)
{
    s_fill(self, piece);
    return s_samples(&self->buffers[1 - self->in_use]);
}

const feeder_tally_t *feeder_tally(const feeder_t *self)
{
    return &self->tally;
}

/* ---- life ---- */

static err_code_t s_allocate(feeder_t *self, err_t *err)
{
    size_t most = self->spec.piece_max > self->spec.test_max ? self->spec.piece_max : self->spec.test_max;
    bool got = true;
    self->order = malloc((self->spec.region->samples + 1) * sizeof *self->order);
    self->plain = malloc(self->sample_size * sizeof *self->plain);
    for (size_t i = 0; i < 2; i++) {
        self->buffers[i].x = malloc(most * self->sample_size * sizeof(float));
        self->buffers[i].labels = malloc(most * sizeof(uint32_t));
        got = got && self->buffers[i].x && self->buffers[i].labels;
    }
    return got && self->order && self->plain
               ? ERR_OK
               : err_set(err, ERR_MEMORY, "no memory for samples of batches; choose a smaller job.batch");
}

err_code_t feeder_new(const feeder_spec_t *spec, feeder_t **ret_self, err_t *err)
{
    feeder_t *self = calloc(1, sizeof *self);
    if (!self)
        return err_set(err, ERR_MEMORY, "no memory for samples");
    const dataset_facts_t *facts = dataset_facts(spec->dataset);
    self->spec = *spec;
    self->spec.augment =
        (augment_t){.channels = facts->channels, .height = facts->height, .width = facts->width};
    if (facts->form == DATA_PICTURES) { /* columns of a table have no neighbours */
        self->spec.augment.shift = spec->augment.shift;
        self->spec.augment.flip = spec->augment.flip;
        self->spec.augment.seed = spec->seed;
    }
    self->sample_size = dataset_sample_size(spec->dataset);
    self->epoch = UINT64_MAX;
    err_code_t code = s_allocate(self, err);
    if (!code)
        code = aside_new(&self->aside, err);
    if (code)
        feeder_destroy(&self);
    else
        *ret_self = self;
    return code;
}

void feeder_destroy(feeder_t **self_p)
{
    feeder_t *self = *self_p;
    *self_p = NULL;
    if (!self)
        return;
    aside_destroy(&self->aside);
    for (size_t i = 0; i < 2; i++) {
        free(self->buffers[i].x);
        free(self->buffers[i].labels);
    }
    free(self->order);
    free(self->plain);
    free(self);
}
