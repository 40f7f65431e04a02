/* Four files of the MNIST family: train-images-idx3-ubyte, train-labels-idx1-ubyte and t10k-..., plain or
 * gzipped. Pictures are (count, height, width), or (count, channels, height, width). */
#include "actors/model/data/idx_file.h"
#include "actors/model/data/kind.h"

#include <stdlib.h>

typedef struct {
    idx_file_t images, labels;
} part_t;

typedef struct {
    part_t parts[DATA_PARTS];
    size_t sample_size;
} idx_t;

static const struct {
    const char *images, *labels;
} s_stems[DATA_PARTS] = {
    [DATA_TRAIN] = {"train-images", "train-labels"}, [DATA_TEST] = {"t10k-images", "t10k-labels"}};

static err_code_t s_check_part(const dataset_spec_t *spec, data_part_t which, const part_t *part, err_t *err)
{
    if (!element_is_whole(part->labels.elements.type))
        return err_set(err, ERR_MALFORMED, "%s: %s are fractions; write labels as whole numbers from 0",
                       spec->dir, s_stems[which].labels);
    if (part->images.dims[0] == part->labels.dims[0])
        return ERR_OK;
    return err_set(err, ERR_MALFORMED,
                   "%s: %s has %zu images and %s has %zu labels; both must come from one data set", spec->dir,
                   s_stems[which].images, part->images.dims[0], s_stems[which].labels, part->labels.dims[0]);
}

static err_code_t s_open_part(const dataset_spec_t *spec, data_part_t which, look_t look, part_t *part,
                              err_t *err)
{
    static const size_t pictures[] = {3, 4}, numbers[] = {1, 1};
    static const packed_use_t uses[] = {
        [LOOK_NOT] = PACKED_KEEP, [LOOK_AT] = PACKED_BEGIN, [LOOK_THROUGH] = PACKED_THROUGH};
    err_code_t code = idx_file_open(spec->dir, s_stems[which].images, pictures, uses[look], spec->cache_dir,
                                    &part->images, err);
    if (!code)
        code = idx_file_open(spec->dir, s_stems[which].labels, numbers,
                             look == LOOK_NOT ? PACKED_KEEP : PACKED_MEMORY, spec->cache_dir, &part->labels,
                             err);
    return code ? code : s_check_part(spec, which, part, err);
}

static void s_close(void *state)
{
    idx_t *self = state;
    for (size_t i = 0; i < DATA_PARTS; i++) {
        idx_file_close(&self->parts[i].images);
        idx_file_close(&self->parts[i].labels);
    }
    free(self);
}

typedef struct {
    size_t channels, height, width;
} shape_t;

static shape_t s_shape(const idx_file_t *images)
{
    return (shape_t){images->rank == 4 ? images->dims[1] : 1, images->dims[images->rank - 2],
                     images->dims[images->rank - 1]};
}

static void s_facts(const idx_t *self, dataset_facts_t *ret_facts)
{
    shape_t shape = s_shape(&self->parts[DATA_TRAIN].images);
    *ret_facts = (dataset_facts_t){.total = self->parts[DATA_TRAIN].images.dims[0],
                                   .tests = self->parts[DATA_TEST].images.dims[0],
                                   .channels = shape.channels,
                                   .height = shape.height,
                                   .width = shape.width};
}

static err_code_t s_check_shapes(const idx_t *self, const dataset_spec_t *spec, err_t *err)
{
    const idx_file_t *train = &self->parts[DATA_TRAIN].images, *test = &self->parts[DATA_TEST].images;
    if (!test->rank)
        return ERR_OK;
    shape_t a = s_shape(train), b = s_shape(test);
    if (a.channels == b.channels && a.height == b.height && a.width == b.width)
        return ERR_OK;
    return err_set(err, ERR_MALFORMED,
                   "%s: training images are %zu x %zu x %zu and test images %zu x %zu x %zu; both must come "
                   "from one data set",
                   spec->dir, a.channels, a.height, a.width, b.channels, b.height, b.width);
}

static err_code_t s_open(const dataset_spec_t *spec, look_t look, void **ret_state,
                         dataset_facts_t *ret_facts, err_t *err)
{
    idx_t *self = calloc(1, sizeof *self);
    if (!self)
        return err_set(err, ERR_MEMORY, "no memory for a data set");
    err_code_t code = ERR_OK;
    for (size_t i = 0; !code && i < (spec->no_tests ? DATA_TEST : DATA_PARTS); i++)
        code = s_open_part(spec, (data_part_t)i, look, &self->parts[i], err);
    if (!code)
        code = s_check_shapes(self, spec, err);
    if (code) {
        s_close(self);
        return code;
    }
    s_facts(self, ret_facts);
    self->sample_size = ret_facts->channels * ret_facts->height * ret_facts->width;
    *ret_state = self;
    return ERR_OK;
}

static int64_t s_label(const void *state, data_part_t part, uint64_t number)
{
    const idx_t *self = state;
    return elements_whole(&self->parts[part].labels.elements, number);
}

static void s_gather(const void *state, data_part_t part, uint64_t number, float *ret_x)
{
    const idx_t *self = state;
    elements_read(&self->parts[part].images.elements, number * self->sample_size, self->sample_size, ret_x);
}

const data_kind_t data_idx = {.open = s_open, .label = s_label, .gather = s_gather, .close = s_close};
