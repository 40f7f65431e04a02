#include "actors/model/dataset.h"

#include "actors/model/data/kind.h"
#include "actors/model/data/split.h"

#include <limits.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

struct dataset {
    const data_kind_row_t *row;
    const data_kind_t *kind; /* NULL: not open */
    void *state;             /* the kind's */
    dataset_facts_t facts;
    size_t sample_size;
    /* (own_count): the global numbers of this region's samples, or NULL: all; nothing else is ever read */
    uint32_t *own;
    uint64_t own_count;
};

/* -- files ---- */

static const data_kind_t *s_reader(const data_kind_row_t *row)
{
#define DATA_KIND(ID, NAME, ...) [DATA_KIND_##ID] = &data_##NAME,
    static const data_kind_t *const kinds[] = {
#include "brokers/data_kinds.def"
    };
#undef DATA_KIND
    return kinds[row->id];
}

/* Widens the range of labels by those of a part. */
static err_code_t s_note_labels(dataset_t *self, const char *dir, data_part_t part, uint64_t count,
                                err_t *err)
{
    dataset_facts_t *facts = &self->facts;
    for (uint64_t i = 0; i < count; i++) {
        int64_t label = self->kind->label(self->state, part, i);
        if (label < 0 || label >= DATASET_LABELS)
            return err_set(err, ERR_MALFORMED,
                           "%s: %s sample %llu has label %lld; number classes from 0 to %d at most", dir,
                           part == DATA_TRAIN ? "training" : "test", (unsigned long long)i, (long long)label,
                           DATASET_LABELS - 1);
        unsigned seen = (unsigned)label;
        facts->label_least = seen < facts->label_least ? seen : facts->label_least;
        facts->label_most = seen > facts->label_most ? seen : facts->label_most;
    }
    return ERR_OK;
}

static err_code_t s_find_absent(dataset_t *self, uint64_t count, err_t *err)
{
    dataset_facts_t *facts = &self->facts;
    bool *seen = calloc((size_t)facts->label_most + 2, sizeof *seen);
    if (!seen)
        return err_set(err, ERR_MEMORY, "no memory to look for classes");
    for (uint64_t i = 0; i < count; i++)
        seen[self->kind->label(self->state, DATA_TRAIN, i)] = true;
    while (seen[facts->absent])
        facts->absent++;
    free(seen);
    return ERR_OK;
}

static err_code_t s_check_samples(dataset_t *self, const dataset_spec_t *spec, err_t *err)
{
    uint64_t found = self->facts.total;
    if (spec->region_samples && spec->region_samples != found)
        return err_set(
            err, ERR_CONFIG,
            "%s has %llu training samples, and regions[%zu].data.samples says %llu; write what is there, "
            "or use the right files",
            spec->dir, (unsigned long long)found, spec->region_index,
            (unsigned long long)spec->region_samples);
    if (spec->samples > found)
        return err_set(err, ERR_CONFIG,
                       "data.samples is %llu and %s has %llu; write at most that, or 0 for all",
                       (unsigned long long)spec->samples, spec->dir, (unsigned long long)found);
    self->facts.total = spec->samples ? spec->samples : found;
    if (self->facts.total > UINT32_MAX)
        return err_set(err, ERR_LIMIT, "%llu samples; at most %u", (unsigned long long)self->facts.total,
                       UINT32_MAX);
    if (!self->row->files)
        return ERR_OK;
    self->facts.label_least = UINT_MAX;
    err_code_t code = s_note_labels(self, spec->dir, DATA_TRAIN, found, err);
    if (!code)
        code = s_note_labels(self, spec->dir, DATA_TEST, self->facts.tests, err);
    return code ? code : s_find_absent(self, found, err);
}

static err_code_t s_open_kind(dataset_t *self, const dataset_spec_t *spec, look_t look, err_t *err)
{
    self->row = data_kind_find(spec->kind);
    if (!self->row)
        return err_set(err, ERR_CONFIG, "no data kind is called '%s'; write one of %s",
                       spec->kind ? spec->kind : "", data_kind_names());
    if (self->row->files && !spec->dir)
        return err_set(err, ERR_CONFIG, "data.dir is missing; write the directory of the files");
    self->kind = s_reader(self->row);
    err_code_t code = self->kind->open(spec, look, &self->state, &self->facts, err);
    if (code) {
        self->kind = NULL; /* nothing is open */
        return code;
    }
    self->facts.kind = self->row->name;
    self->facts.form = self->row->form;
    self->sample_size = dataset_facts_size(&self->facts);
    return s_check_samples(self, spec, err);
}

/* -- the region's part ---- */

static uint32_t s_training_label(const void *hint, uint64_t number)
{
    const dataset_t *self = hint;
    return (uint32_t)self->kind->label(self->state, DATA_TRAIN, number);
}

static err_code_t s_split(dataset_t *self, const dataset_spec_t *spec, err_t *err)
{
    split_t split = {.how = spec->split,
                     .alpha = spec->alpha,
                     .seed = spec->seed,
                     .shares = spec->region_shares,
                     .region_count = spec->region_count,
                     .region_index = spec->region_index,
                     .total = self->facts.total,
                     .classes = (size_t)self->facts.label_most + 1,
                     .label = self->row->files ? s_training_label : NULL,
                     .hint = self};
    return split_take(&split, &self->own, &self->own_count, err);
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
    if (self->kind)
        self->kind->close(self->state);
    free(self->own);
    free(self);
    *self_p = NULL;
}

err_code_t dataset_look(const dataset_spec_t *spec, bool thorough, dataset_facts_t *ret_facts, err_t *err)
{
    dataset_t self = {0};
    err_code_t code = s_open_kind(&self, spec, thorough ? LOOK_THROUGH : LOOK_AT, err);
    if (self.kind)
        self.kind->close(self.state);
    if (!code)
        *ret_facts = self.facts;
    return code;
}

static err_code_t s_count(const dataset_t *self, uint64_t **ret_counts, err_t *err)
{
    uint64_t *counts = self->row->files ? calloc((size_t)self->facts.label_most + 1, sizeof *counts) : NULL;
    if (self->row->files && !counts)
        return err_set(err, ERR_MEMORY, "no memory to count classes");
    for (uint64_t i = 0; counts && i < self->own_count; i++)
        counts[s_training_label(self, self->own ? self->own[i] : i)]++;
    *ret_counts = counts;
    return ERR_OK;
}

err_code_t dataset_count(const dataset_spec_t *spec, dataset_facts_t *ret_facts, uint64_t **ret_counts,
                         err_t *err)
{
    dataset_t self = {0};
    err_code_t code = s_check_shares(spec, err);
    if (!code)
        code = s_open_kind(&self, spec, LOOK_THROUGH, err);
    if (!code)
        code = s_split(&self, spec, err);
    if (!code)
        code = s_count(&self, ret_counts, err);
    if (!code)
        *ret_facts = self.facts;
    if (self.kind)
        self.kind->close(self.state);
    free(self.own);
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

uint64_t dataset_test_samples(const dataset_t *self)
{
    return self->facts.tests;
}

size_t dataset_sample_size(const dataset_t *self)
{
    return self->sample_size;
}

void dataset_gather(const dataset_t *self, const uint32_t *indices, size_t count, float *ret_x,
                    uint32_t *ret_labels)
{
    for (size_t i = 0; i < count; i++) {
        CHECK(indices[i] < self->own_count);
        uint32_t number = self->own ? self->own[indices[i]] : indices[i];
        self->kind->gather(self->state, DATA_TRAIN, number, ret_x + i * self->sample_size);
        ret_labels[i] = (uint32_t)self->kind->label(self->state, DATA_TRAIN, number);
    }
}

void dataset_gather_test(const dataset_t *self, uint64_t first, size_t count, float *ret_x,
                         uint32_t *ret_labels)
{
    CHECK(first <= dataset_test_samples(self) && count <= dataset_test_samples(self) - first);
    for (size_t i = 0; i < count; i++) {
        self->kind->gather(self->state, DATA_TEST, first + i, ret_x + i * self->sample_size);
        ret_labels[i] = (uint32_t)self->kind->label(self->state, DATA_TEST, first + i);
    }
}
