/* Two files that anybody writes, train.safetensors and test.safetensors, plain or gzipped, each with
 *
 *   x  (N), (N, columns), (N, height, width) or (N, channels, height, width), of any type; unsigned bytes are
 *      scaled to 0..1, all else is taken as it is
 *   y  (N) or (N, 1) whole numbers: the classes, from 0
 *
 * In Python: from safetensors.numpy import save_file; save_file({"x": x, "y": y}, "train.safetensors") */
#include "actors/model/data/elements.h"
#include "actors/model/data/kind.h"
#include "actors/model/data/packed.h"
#include "codec/tensor/tensor_view.h"

#include <stdlib.h>
#include <string.h>

typedef struct {
    packed_t file;
    elements_t x, y;
    uint64_t count;
    size_t shape[3]; /* channels, height, width */
} part_t;

typedef struct {
    part_t parts[DATA_PARTS];
} tensors_t;

static const char *const s_names[DATA_PARTS] = {
    [DATA_TRAIN] = "train.safetensors", [DATA_TEST] = "test.safetensors"};

static const struct {
    const char *name;
    element_type_t type;
} s_types[] = {{"U8", ELEMENT_U8},   {"I8", ELEMENT_I8},     {"I16", ELEMENT_I16},
               {"I32", ELEMENT_I32}, {"I64", ELEMENT_I64},   {"F16", ELEMENT_F16},
               {"F32", ELEMENT_F32}, {"BF16", ELEMENT_BF16}, {"F64", ELEMENT_F64}};

/* The elements of a tensor, of which there are as many bytes as its shape and type need. */
static err_code_t s_elements(const char *path, const char *name, const tensor_view_t *view,
                             elements_t *ret_elements, err_t *err)
{
    size_t i = 0;
    while (i < sizeof s_types / sizeof *s_types && strcmp(s_types[i].name, view->type))
        i++;
    if (i == sizeof s_types / sizeof *s_types)
        return err_set(
            err, ERR_MALFORMED,
            "%s: tensor %s is of type %s; write uint8, int8, int16, int32, int64, float16, bfloat16, "
            "float32 or float64",
            path, name, view->type);
    uint64_t size;
    if (__builtin_mul_overflow(view->count, element_size(s_types[i].type), &size) || size != view->size_bytes)
        return err_set(err, ERR_MALFORMED, "%s: tensor %s: its shape and type do not fit its %llu bytes",
                       path, name, (unsigned long long)view->size_bytes);
    *ret_elements = (elements_t){.bytes = view->bytes, .type = s_types[i].type};
    return ERR_OK;
}

static err_code_t s_find(const char *path, const packed_t *file, const char *name, tensor_view_t *ret_view,
                         elements_t *ret_elements, err_t *err)
{
    err_code_t code = tensor_view_find(path, file->bytes, file->size, name, ret_view, err);
    if (code == ERR_NOT_FOUND)
        return err_set(err, ERR_MALFORMED,
                       "%s: no tensor is called %s; write the samples as x and their classes as y", path,
                       name);
    return code ? code : s_elements(path, name, ret_view, ret_elements, err);
}

static err_code_t s_take_shapes(const char *path, const tensor_view_t *x, const tensor_view_t *y,
                                part_t *part, err_t *err)
{
    part->count = x->rank ? x->dims[0] : 0;
    if (part->count == 0 || x->count == 0 || x->rank > 4)
        return err_set(
            err, ERR_MALFORMED,
            "%s: x has no shape of samples; write (N, columns), (N, height, width) or (N, channels, "
            "height, width)",
            path);
    if (!y->rank || y->dims[0] != part->count || y->count != part->count)
        return err_set(err, ERR_MALFORMED,
                       "%s: x has %llu samples and y %llu values; write one class for each", path,
                       (unsigned long long)part->count, (unsigned long long)y->count);
    if (!element_is_whole(part->y.type))
        return err_set(err, ERR_MALFORMED, "%s: y has fractions; write classes as whole numbers from 0",
                       path);
    for (size_t d = 0; d < 3; d++)
        part->shape[d] = d + x->rank < 4 ? 1 : (size_t)x->dims[d + x->rank - 3];
    return ERR_OK;
}

static err_code_t s_check_finite(const char *path, const part_t *part, const tensor_view_t *x, err_t *err)
{
    size_t at = elements_not_finite(&part->x, (size_t)x->count);
    return at == SIZE_MAX ? ERR_OK
                          : err_set(err, ERR_MALFORMED, "%s: x has a value that is not finite, in sample %zu",
                                    path, at / (size_t)(x->count / part->count));
}

static err_code_t s_open_part(const dataset_spec_t *spec, data_part_t which, look_t look, part_t *part,
                              err_t *err)
{
    char path[PATH_MAX];
    tensor_view_t x, y;
    packed_spec_t how = {.use = look == LOOK_NOT ? PACKED_KEEP : PACKED_MEMORY,
                         .cache_dir = spec->cache_dir,
                         .remedy = "write the file again"};
    err_code_t code = packed_find(spec->dir, s_names[which], path, err);
    if (code == ERR_NOT_FOUND)
        return err_prefix(err, code,
                          "kind tensors reads train.safetensors and test.safetensors, with x and y each");
    if (!code)
        code = packed_open(path, &how, &part->file, err);
    if (!code)
        code = s_find(path, &part->file, "x", &x, &part->x, err);
    if (!code)
        code = s_find(path, &part->file, "y", &y, &part->y, err);
    if (!code)
        code = s_take_shapes(path, &x, &y, part, err);
    return code || look != LOOK_THROUGH ? code : s_check_finite(path, part, &x, err);
}

static void s_close(void *state)
{
    tensors_t *self = state;
    for (size_t i = 0; i < DATA_PARTS; i++)
        packed_close(&self->parts[i].file);
    free(self);
}

static err_code_t s_check_parts(const tensors_t *self, const dataset_spec_t *spec, err_t *err)
{
    const size_t *train = self->parts[DATA_TRAIN].shape, *test = self->parts[DATA_TEST].shape;
    if (spec->no_tests || !memcmp(train, test, sizeof self->parts[0].shape))
        return ERR_OK;
    return err_set(err, ERR_MALFORMED,
                   "%s: samples to train with are %zu x %zu x %zu and those to test with %zu x %zu x %zu; "
                   "both must come from one data set",
                   spec->dir, train[0], train[1], train[2], test[0], test[1], test[2]);
}

static err_code_t s_open(const dataset_spec_t *spec, look_t look, void **ret_state,
                         dataset_facts_t *ret_facts, err_t *err)
{
    tensors_t *self = calloc(1, sizeof *self);
    if (!self)
        return err_set(err, ERR_MEMORY, "no memory for a data set");
    err_code_t code = ERR_OK;
    for (size_t i = 0; !code && i < (spec->no_tests ? DATA_TEST : DATA_PARTS); i++)
        code = s_open_part(spec, (data_part_t)i, look, &self->parts[i], err);
    if (!code)
        code = s_check_parts(self, spec, err);
    if (code) {
        s_close(self);
        return code;
    }
    const part_t *train = &self->parts[DATA_TRAIN];
    *ret_facts = (dataset_facts_t){.total = train->count,
                                   .tests = self->parts[DATA_TEST].count,
                                   .channels = train->shape[0],
                                   .height = train->shape[1],
                                   .width = train->shape[2]};
    *ret_state = self;
    return ERR_OK;
}

static int64_t s_label(const void *state, data_part_t part, uint64_t number)
{
    const tensors_t *self = state;
    return elements_whole(&self->parts[part].y, number);
}

static void s_gather(const void *state, data_part_t part, uint64_t number, float *ret_x)
{
    const tensors_t *self = state;
    const part_t *from = &self->parts[part];
    size_t size = from->shape[0] * from->shape[1] * from->shape[2];
    elements_read(&from->x, number * size, size, ret_x);
}

const data_kind_t data_tensors = {.open = s_open, .label = s_label, .gather = s_gather, .close = s_close};
