#include "codec/compress/encoding.h"

#include "codec/compress/bf16.h"
#include "codec/compress/bits.h"
#include "codec/compress/fp16.h"
#include "codec/compress/int4.h"
#include "codec/compress/int8.h"
#include "codec/compress/lanes.h"
#include "codec/compress/none.h"
#include "codec/compress/topk.h"

#include <string.h>

static const encoding_t s_encodings[] = {
    {.number = 0, .name = "none", .doc = "float32 as it is, little-endian", .blocks = &none_blocks},
    {.number = 1, .name = "fp16", .doc = "IEEE binary16: a half of the bytes", .blocks = &fp16_blocks},
    {.number = 2,
     .name = "bf16",
     .doc = "the upper half of float32: its range, 3 digits",
     .blocks = &bf16_blocks},
    {.number = 3,
     .name = "int8",
     .doc = "64 values to a scale: a quarter of the bytes",
     .blocks = &int8_blocks},
    {.number = 4,
     .name = "topk",
     .doc = "the largest values and where they were",
     .some = true,
     .size_most = topk_size_most,
     .encode = topk_encode,
     .decode = topk_decode},
    {.number = 5,
     .name = "int4",
     .doc = "64 values to a scale: an eighth of the bytes",
     .blocks = &int4_blocks},
};

const encoding_t *encoding_at(size_t index)
{
    return index < sizeof s_encodings / sizeof s_encodings[0] ? &s_encodings[index] : NULL;
}

const encoding_t *encoding_find(uint64_t number)
{
    for (size_t index = 0; encoding_at(index); index++)
        if (encoding_at(index)->number == number)
            return encoding_at(index);
    return NULL;
}

const encoding_t *encoding_named(const char *name)
{
    for (size_t index = 0; encoding_at(index); index++)
        if (strcmp(encoding_at(index)->name, name) == 0)
            return encoding_at(index);
    return NULL;
}

/* -- sums -------------------------------------------------------------------------------------------------
 */

/* Not 0 when some a + b has all bits of its exponent set. */
LANES_BODY uint32_t s_bad_sum_body(const float *a, const float *b, size_t count)
{
    uint32_t bad = 0;
    for (size_t i = 0; i < count; i++)
        bad |= (bits_of(a[i] + b[i]) & BITS_MAGNITUDE) + (BITS_SIGN - BITS_INFINITY);
    return bad & BITS_SIGN;
}
LANES_FUNCTION(uint32_t, s_bad_sum, (const float *a, const float *b, size_t count), (a, b, count))

LANES_BODY uint32_t s_bad_body(const float *a, size_t count)
{
    uint32_t bad = 0;
    for (size_t i = 0; i < count; i++)
        bad |= (bits_of(a[i]) & BITS_MAGNITUDE) + (BITS_SIGN - BITS_INFINITY);
    return bad & BITS_SIGN;
}
LANES_FUNCTION(uint32_t, s_bad, (const float *a, size_t count), (a, count))

bool encoding_finite(const float *a, const float *b, size_t count)
{
    uint32_t bad = 0;
    for (size_t first = 0; first < count && !bad; first += ENCODING_BLOCK) {
        size_t n = count - first < ENCODING_BLOCK ? count - first : ENCODING_BLOCK;
        bad = b ? s_bad_sum(a + first, b + first, n) : s_bad(a + first, n);
    }
    return !bad;
}

/* In place too: element by element. */
LANES_BODY size_t s_add_body(const float *a, const float *b, float *ret_x, size_t count)
{
    LANES_SAME_OR_APART
    for (size_t i = 0; i < count; i++)
        ret_x[i] = a[i] + b[i];
    return count;
}
LANES_FUNCTION(size_t, s_add, (const float *a, const float *b, float *ret_x, size_t count),
               (a, b, ret_x, count))

void encoding_add(const float *a, const float *b, float *ret_x, size_t count)
{
    if (b)
        s_add(a, b, ret_x, count);
    else
        memcpy(ret_x, a, count * sizeof *ret_x);
}

/* -- block by block ---------------------------------------------------------------------------------------
 */

static size_t s_encode_blocks(const encoding_blocks_t *blocks, const encoding_input_t *input, uint8_t *bytes)
{
    float x[ENCODING_BLOCK];
    size_t done = 0;
    for (size_t first = 0; first < input->count; first += ENCODING_BLOCK) {
        size_t left = input->count - first, n = left < ENCODING_BLOCK ? left : ENCODING_BLOCK;
        encoding_add(input->values + first, input->residual ? input->residual + first : NULL, x, n);
        blocks->encode(x, n, bytes + done);
        if (input->ret_residual)
            memcpy(input->ret_residual + first, x, n * sizeof *x);
        done += blocks->size(n);
    }
    return done;
}

static err_code_t s_decode_blocks(const encoding_t *self, reader_t *bytes, float *ret_values, size_t count,
                                  err_t *err)
{
    uint8_t scratch[ENCODING_BLOCK * sizeof(float)];
    for (size_t first = 0; first < count; first += ENCODING_BLOCK) {
        size_t n = count - first < ENCODING_BLOCK ? count - first : ENCODING_BLOCK;
        const uint8_t *at = reader_take(bytes, self->blocks->size(n), scratch);
        if (!at)
            return err_set(err, ERR_SHAPE, "too few bytes for %zu values in %s", count, self->name);
        err_code_t code = self->blocks->decode(at, ret_values + first, n);
        if (code)
            return err_set(err, code, "%s: not what an encoder writes, in values %zu to %zu", self->name,
                           first, first + n - 1);
    }
    return ERR_OK;
}

/* -- any row ----------------------------------------------------------------------------------------------
 */

size_t encoding_size_most(const encoding_t *self, const encoding_setting_t *setting, size_t count)
{
    if (count == 0)
        return 0;
    return self->blocks ? self->blocks->size(count) : self->size_most(setting, count);
}

bool encoding_fits(const encoding_t *self, const encoding_setting_t *setting, size_t count, uint64_t size)
{
    size_t most = encoding_size_most(self, setting, count);
    return self->blocks ? size == most : size <= most && size % 4 == 0;
}

err_code_t encoding_encode(const encoding_t *self, const encoding_setting_t *setting,
                           const encoding_input_t *input, void *ret_bytes, size_t *ret_size, err_t *err)
{
    CHECK(input->ret_residual || !self->some);
    if (!encoding_finite(input->values, input->residual, input->count))
        return err_set(err, ERR_NUMBER, "NaN or infinity among the values");
    if (input->count == 0)
        *ret_size = 0;
    else
        *ret_size = self->blocks ? s_encode_blocks(self->blocks, input, ret_bytes)
                                 : self->encode(setting, input, ret_bytes);
    return ERR_OK;
}

err_code_t encoding_decode(const encoding_t *self, const slice_t *slices, size_t slice_count,
                           float *ret_values, size_t count, err_t *err)
{
    reader_t bytes = reader_of(slices, slice_count);
    return encoding_read(self, &bytes, ret_values, count, err);
}

err_code_t encoding_read(const encoding_t *self, reader_t *bytes, float *ret_values, size_t count, err_t *err)
{
    err_code_t code = ERR_OK;
    if (count)
        code = self->blocks ? s_decode_blocks(self, bytes, ret_values, count, err)
                            : self->decode(bytes, ret_values, count, err);
    if (!code && bytes->left)
        code = err_set(err, ERR_SHAPE, "too many bytes for %zu values in %s", count, self->name);
    return code;
}
