/* The binary files of CIFAR-10 (data_batch_1.bin ..., test_batch.bin) and CIFAR-100 (train.bin, test.bin),
 * plain or gzipped: records of the label, in CIFAR-100 the coarse one and then the fine one, which is taken,
 * and (3, 32, 32) unsigned bytes.
 *
 * Source   Krizhevsky, "Learning Multiple Layers of Features from Tiny Images", 2009; the data's page,
 *          section "Binary version". */
#include "actors/model/data/elements.h"
#include "actors/model/data/kind.h"
#include "actors/model/data/packed.h"

#include <stdlib.h>

#define FILES_MAX 5
#define PICTURE (3 * 32 * 32)
#define PAGE "https://www.cs.toronto.edu/~kriz/cifar.html"

/* How one of the two differs from the other. */
typedef struct {
    const char *train[FILES_MAX]; /* names, up to the first NULL */
    const char *test;
    size_t labels;    /* bytes before a picture; the last is the class */
    uint8_t below[2]; /* the least that each cannot be */
} variant_t;

static const variant_t s_ten = {
    {"data_batch_1.bin", "data_batch_2.bin", "data_batch_3.bin", "data_batch_4.bin", "data_batch_5.bin"},
    "test_batch.bin",
    1,
    {10}};
static const variant_t s_hundred = {{"train.bin"}, "test.bin", 2, {20, 100}};

typedef struct {
    packed_t file;
    uint64_t count;
} batch_t;

typedef struct {
    const variant_t *variant;
    batch_t parts[DATA_PARTS][FILES_MAX];
} cifar_t;

static size_t s_record(const variant_t *variant)
{
    return variant->labels + PICTURE;
}

static err_code_t s_check_labels(const variant_t *variant, const char *path, const batch_t *batch, err_t *err)
{
    for (uint64_t i = 0; i < batch->count; i++) {
        const uint8_t *record = batch->file.bytes + i * s_record(variant);
        for (size_t k = 0; k < variant->labels; k++)
            if (record[k] >= variant->below[k])
                return err_set(err, ERR_MALFORMED,
                               "%s: record %llu has label %u, and labels are below %u; is it another file?",
                               path, (unsigned long long)i, record[k], variant->below[k]);
    }
    return ERR_OK;
}

/* Labels are among the pictures, so a look needs all bytes too. */
static err_code_t s_open_batch(const variant_t *variant, const char *path, const dataset_spec_t *spec,
                               look_t look, batch_t *batch, err_t *err)
{
    packed_spec_t how = {.use = look == LOOK_NOT ? PACKED_KEEP : PACKED_MEMORY,
                         .cache_dir = spec->cache_dir,
                         .remedy = "fetch the file again from " PAGE};
    size_t record = s_record(variant);
    err_code_t code = packed_open(path, &how, &batch->file, err);
    if (!code && (batch->file.size == 0 || batch->file.size % record))
        code = err_set(err, ERR_MALFORMED,
                       "%s: truncated, or another file: %zu bytes are no whole number of records of %zu; "
                       "fetch the file again from " PAGE,
                       path, batch->file.size, record);
    batch->count = code ? 0 : batch->file.size / record;
    return code ? code : s_check_labels(variant, path, batch, err);
}

/* There may be fewer than all, but none is left out between two. */
static err_code_t s_open_numbered(cifar_t *self, const dataset_spec_t *spec, look_t look, err_t *err)
{
    const char *const *names = self->variant->train, *missing = NULL;
    for (size_t i = 0; i < FILES_MAX && names[i]; i++) {
        char path[PATH_MAX];
        err_code_t code = packed_find(spec->dir, names[i], path, err);
        if (code == ERR_NOT_FOUND && i > 0) {
            missing = missing ? missing : names[i];
            continue;
        }
        if (!code && missing)
            code = err_set(err, ERR_MALFORMED, "%s: %s is missing, and %s is there", spec->dir, missing,
                           names[i]);
        if (!code)
            code = s_open_batch(self->variant, path, spec, look, &self->parts[DATA_TRAIN][i], err);
        if (code)
            return code;
    }
    return ERR_OK;
}

static err_code_t s_open_files(cifar_t *self, const dataset_spec_t *spec, look_t look, err_t *err)
{
    char path[PATH_MAX];
    err_code_t code = s_open_numbered(self, spec, look, err);
    if (!code && !spec->no_tests)
        code = packed_find(spec->dir, self->variant->test, path, err);
    if (code == ERR_NOT_FOUND)
        code = err_prefix(err, code, "the binary version of CIFAR is at " PAGE);
    if (!code && !spec->no_tests)
        code = s_open_batch(self->variant, path, spec, look, &self->parts[DATA_TEST][0], err);
    return code;
}

static uint64_t s_count(const cifar_t *self, data_part_t part)
{
    uint64_t count = 0;
    for (size_t i = 0; i < FILES_MAX; i++)
        count += self->parts[part][i].count;
    return count;
}

static void s_close(void *state)
{
    cifar_t *self = state;
    for (size_t p = 0; p < DATA_PARTS; p++)
        for (size_t i = 0; i < FILES_MAX; i++)
            packed_close(&self->parts[p][i].file);
    free(self);
}

static err_code_t s_open(const variant_t *variant, const dataset_spec_t *spec, look_t look, void **ret_state,
                         dataset_facts_t *ret_facts, err_t *err)
{
    cifar_t *self = calloc(1, sizeof *self);
    if (!self)
        return err_set(err, ERR_MEMORY, "no memory for a data set");
    self->variant = variant;
    err_code_t code = s_open_files(self, spec, look, err);
    if (code) {
        s_close(self);
        return code;
    }
    *ret_facts = (dataset_facts_t){.total = s_count(self, DATA_TRAIN),
                                   .tests = s_count(self, DATA_TEST),
                                   .channels = 3,
                                   .height = 32,
                                   .width = 32};
    *ret_state = self;
    return ERR_OK;
}

static err_code_t s_open_ten(const dataset_spec_t *spec, look_t look, void **ret_state,
                             dataset_facts_t *ret_facts, err_t *err)
{
    return s_open(&s_ten, spec, look, ret_state, ret_facts, err);
}

static err_code_t s_open_hundred(const dataset_spec_t *spec, look_t look, void **ret_state,
                                 dataset_facts_t *ret_facts, err_t *err)
{
    return s_open(&s_hundred, spec, look, ret_state, ret_facts, err);
}

static const uint8_t *s_find(const cifar_t *self, data_part_t part, uint64_t number)
{
    const batch_t *batch = self->parts[part];
    for (; number >= batch->count; batch++)
        number -= batch->count;
    return batch->file.bytes + number * s_record(self->variant);
}

static int64_t s_label(const void *state, data_part_t part, uint64_t number)
{
    const cifar_t *self = state;
    return s_find(self, part, number)[self->variant->labels - 1];
}

static void s_gather(const void *state, data_part_t part, uint64_t number, float *ret_x)
{
    const cifar_t *self = state;
    elements_t picture = {.bytes = s_find(self, part, number) + self->variant->labels, .type = ELEMENT_U8};
    elements_read(&picture, 0, PICTURE, ret_x);
}

const data_kind_t data_cifar10 = {.open = s_open_ten, .label = s_label, .gather = s_gather, .close = s_close};
const data_kind_t data_cifar100 = {
    .open = s_open_hundred, .label = s_label, .gather = s_gather, .close = s_close};
