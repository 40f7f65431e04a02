#include "actors/model/dataset.h"

#include "actors/model/clones.h"
#include "actors/model/idx.h"
#include "brokers/job.h"
#include "codec/base/rng.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

typedef struct {
    idx_t images; /* (count, height, width) */
    idx_t labels; /* (count) */
} part_t;

struct dataset {
    part_t train, test; /* all zero for counter */
    bool is_counter;
    dataset_facts_t facts;
    size_t sample_size;
    uint32_t *own; /* (own_count): the global numbers of this region's samples; nothing else is ever read */
    uint64_t own_count;
};

uint64_t dataset_region_samples(const double *shares, size_t region_count, size_t index, uint64_t total)
{
    return job_region_samples(shares, region_count, index, total);
}

/* -- files ---- */

typedef enum { LOOK_NOT, LOOK_AT, LOOK_THROUGH } look_t;

/* Opens a file, or only looks at it: then the cache directory is not needed, and there are no data
 * afterwards. */
static err_code_t s_file(const dataset_spec_t *spec, const char *name, size_t rank, look_t look,
                         idx_t *ret_idx, err_t *err)
{
    return look == LOOK_NOT ? idx_open(spec->dir, name, spec->cache_dir, rank, ret_idx, err)
                            : idx_look(spec->dir, name, rank, look == LOOK_THROUGH, ret_idx, err);
}

static err_code_t s_open_part(const dataset_spec_t *spec, const char *images, const char *labels, look_t look,
                              part_t *part, err_t *err)
{
    err_code_t code = s_file(spec, images, 3, look, &part->images, err);
    if (!code)
        code = s_file(spec, labels, 1, look, &part->labels, err);
    if (code)
        return code;
    if (part->images.dims[0] != part->labels.dims[0])
        return err_set(err, ERR_MALFORMED,
                       "%s: %s has %zu images (%zu bytes) and %s has %zu labels (%zu bytes); "
                       "both must come from one data set",
                       spec->dir, images, part->images.dims[0], part->images.map_size, labels,
                       part->labels.dims[0], part->labels.map_size);
    return ERR_OK;
}

static unsigned s_least(unsigned a, unsigned b)
{
    return a < b ? a : b;
}

static unsigned s_most(unsigned a, unsigned b)
{
    return a > b ? a : b;
}

static err_code_t s_open_idx(dataset_t *self, const dataset_spec_t *spec, look_t look, err_t *err)
{
    if (!spec->dir)
        return err_set(err, ERR_CONFIG, "data.dir is missing; write the directory of the files");
    err_code_t code =
        s_open_part(spec, "train-images-idx3-ubyte", "train-labels-idx1-ubyte", look, &self->train, err);
    if (!code)
        code = s_open_part(spec, "t10k-images-idx3-ubyte", "t10k-labels-idx1-ubyte", look, &self->test, err);
    if (code)
        return code;
    const size_t *train = self->train.images.dims, *test = self->test.images.dims;
    if (train[1] != test[1] || train[2] != test[2])
        return err_set(
            err, ERR_MALFORMED,
            "%s: training images are %zu x %zu and test images %zu x %zu; both must come from one data set",
            spec->dir, train[1], train[2], test[1], test[2]);
    if (spec->samples > train[0])
        return err_set(err, ERR_CONFIG,
                       "data.samples is %llu and %s has %zu; write at most that, or 0 for all",
                       (unsigned long long)spec->samples, spec->dir, train[0]);
    self->sample_size = train[1] * train[2];
    self->facts = (dataset_facts_t){.kind = "idx",
                                    .total = spec->samples ? spec->samples : train[0],
                                    .tests = test[0],
                                    .channels = 1,
                                    .height = train[1],
                                    .width = train[2],
                                    .label_least = s_least(self->train.labels.least, self->test.labels.least),
                                    .label_most = s_most(self->train.labels.most, self->test.labels.most)};
    return ERR_OK;
}

static err_code_t s_open_counter(dataset_t *self, const dataset_spec_t *spec, err_t *err)
{
    if (spec->samples == 0)
        return err_set(err, ERR_CONFIG, "data.samples is 0; write how many samples to count");
    self->is_counter = true;
    self->sample_size = 1;
    self->facts = (dataset_facts_t){
        .kind = "counter", .total = spec->samples, .channels = 1, .height = 1, .width = 1};
    return ERR_OK;
}

static err_code_t s_open_kind(dataset_t *self, const dataset_spec_t *spec, look_t look, err_t *err)
{
    err_code_t code = ERR_OK;
    if (spec->kind && strcmp(spec->kind, "idx") == 0)
        code = s_open_idx(self, spec, look, err);
    else if (spec->kind && strcmp(spec->kind, "counter") == 0)
        code = s_open_counter(self, spec, err);
    else
        code = err_set(err, ERR_CONFIG, "no data kind is called '%s'; write idx or counter",
                       spec->kind ? spec->kind : "");
    if (!code && self->facts.total > UINT32_MAX)
        code = err_set(err, ERR_LIMIT, "%llu samples; at most %u", (unsigned long long)self->facts.total,
                       UINT32_MAX);
    return code;
}

/* -- the region's part ---- */

/* Fills `order` with all sample numbers, label by label; samples of one label keep their order. */
static void s_order_by_label(const dataset_t *self, uint32_t *order)
{
    size_t next[DATASET_LABELS + 1] = {0};
    for (uint64_t i = 0; i < self->facts.total; i++)
        next[self->train.labels.data[i] + 1]++;
    for (size_t c = 1; c <= DATASET_LABELS; c++)
        next[c] += next[c - 1];
    for (uint64_t i = 0; i < self->facts.total; i++)
        order[next[self->train.labels.data[i]]++] = (uint32_t)i;
}

static void s_order(const dataset_t *self, const dataset_spec_t *spec, uint32_t *order)
{
    if (spec->split == DATASET_SPLIT_LABEL && !self->is_counter) {
        s_order_by_label(self, order);
        return;
    }
    /* A counter's sample is its own label, so that by label means in order. */
    for (uint64_t i = 0; i < self->facts.total; i++)
        order[i] = (uint32_t)i;
    if (spec->split == DATASET_SPLIT_LABEL)
        return;
    rng_t rng;
    rng_init_for(&rng, spec->seed, "split", 0, 0);
    rng_shuffle_u32(&rng, order, (size_t)self->facts.total);
}

/* Keeps the part of the order that belongs to this region; the same in every region, since all know the spec.
 */
static err_code_t s_split(dataset_t *self, const dataset_spec_t *spec, err_t *err)
{
    uint64_t first = 0;
    for (size_t i = 0; i < spec->region_index; i++)
        first += dataset_region_samples(spec->region_shares, spec->region_count, i, self->facts.total);
    self->own_count = dataset_region_samples(spec->region_shares, spec->region_count, spec->region_index,
                                             self->facts.total);
    uint32_t *order = malloc((size_t)self->facts.total * sizeof *order);
    self->own = malloc((size_t)(self->own_count ? self->own_count : 1) * sizeof *self->own);
    if (!order || !self->own) {
        free(order);
        return err_set(err, ERR_MEMORY, "no memory to split %llu samples",
                       (unsigned long long)self->facts.total);
    }
    s_order(self, spec, order);
    memcpy(self->own, order + first, (size_t)self->own_count * sizeof *order);
    free(order);
    return ERR_OK;
}

static err_code_t s_check_shares(const dataset_spec_t *spec, err_t *err)
{
    if (spec->region_index >= spec->region_count)
        return err_set(err, ERR_CONFIG, "region %zu of %zu", spec->region_index, spec->region_count);
    for (size_t i = 0; i < spec->region_count; i++)
        if (!isfinite(spec->region_shares[i]) || !(spec->region_shares[i] > 0))
            return err_set(err, ERR_CONFIG, "data share %g of region %zu; write a number above 0",
                           spec->region_shares[i], i);
    return ERR_OK;
}

err_code_t dataset_open(const dataset_spec_t *spec, dataset_t **ret_self, err_t *err)
{
    dataset_t *self = calloc(1, sizeof *self);
    if (!self)
        return err_set(err, ERR_MEMORY, "no memory for a data set");
    err_code_t code = s_check_shares(spec, err);
    if (!code)
        code = s_open_kind(self, spec, LOOK_NOT, err);
    if (!code)
        code = s_split(self, spec, err);
    if (code) {
        dataset_destroy(&self);
        return code;
    }
    *ret_self = self;
    return ERR_OK;
}

void dataset_destroy(dataset_t **self_p)
{
    dataset_t *self = *self_p;
    if (!self)
        return;
    idx_close(&self->train.images);
    idx_close(&self->train.labels);
    idx_close(&self->test.images);
    idx_close(&self->test.labels);
    free(self->own);
    free(self);
    *self_p = NULL;
}

err_code_t dataset_look(const dataset_spec_t *spec, bool thorough, dataset_facts_t *ret_facts, err_t *err)
{
    dataset_t self = {0};
    err_code_t code = s_open_kind(&self, spec, thorough ? LOOK_THROUGH : LOOK_AT, err);
    if (!code)
        *ret_facts = self.facts;
    return code;
}

const dataset_facts_t *dataset_facts(const dataset_t *self)
{
    return &self->facts;
}

uint64_t dataset_samples(const dataset_t *self)
{
    return self->own_count;
}

uint64_t dataset_total_samples(const dataset_t *self)
{
    return self->facts.total;
}

uint64_t dataset_test_samples(const dataset_t *self)
{
    return self->facts.tests;
}

size_t dataset_sample_size(const dataset_t *self)
{
    return self->sample_size;
}

CLONES
static void s_scale(size_t n, const uint8_t *restrict pixels, float *restrict ret_x)
{
    for (size_t i = 0; i < n; i++)
        ret_x[i] = (float)pixels[i] / 255.0f;
}

static void s_gather_one(const dataset_t *self, const part_t *part, size_t number, float *ret_x,
                         uint32_t *ret_label)
{
    s_scale(self->sample_size, part->images.data + number * self->sample_size, ret_x);
    *ret_label = part->labels.data[number];
}

void dataset_gather(const dataset_t *self, const uint32_t *indices, size_t count, float *ret_x,
                    uint32_t *ret_labels)
{
    for (size_t i = 0; i < count; i++) {
        CHECK(indices[i] < self->own_count);
        uint32_t number = self->own[indices[i]];
        if (self->is_counter) {
            ret_x[i] = (float)number;
            ret_labels[i] = number;
        } else {
            s_gather_one(self, &self->train, number, ret_x + i * self->sample_size, ret_labels + i);
        }
    }
}

void dataset_gather_test(const dataset_t *self, uint64_t first, size_t count, float *ret_x,
                         uint32_t *ret_labels)
{
    CHECK(first <= dataset_test_samples(self) && count <= dataset_test_samples(self) - first);
    for (size_t i = 0; i < count; i++)
        s_gather_one(self, &self->test, (size_t)first + i, ret_x + i * self->sample_size, ret_labels + i);
}
