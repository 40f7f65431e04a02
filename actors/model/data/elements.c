#include "actors/model/data/elements.h"

#include "actors/model/clones.h"
#include "codec/base/err.h"
#include "codec/compress/fp16.h"

#include <math.h>
#include <string.h>

static const struct {
    size_t size;
    bool whole;
} s_types[] = {
    [ELEMENT_U8] = {1, true},    [ELEMENT_I8] = {1, true},   [ELEMENT_I16] = {2, true},
    [ELEMENT_I32] = {4, true},   [ELEMENT_I64] = {8, true},  [ELEMENT_F16] = {2, false},
    [ELEMENT_BF16] = {2, false}, [ELEMENT_F32] = {4, false}, [ELEMENT_F64] = {8, false},
};

size_t element_size(element_type_t type)
{
    return s_types[type].size;
}

bool element_is_whole(element_type_t type)
{
    return s_types[type].whole;
}

CLONES
static void s_scale(size_t n, const uint8_t *restrict bytes, float *restrict ret_values)
{
    for (size_t i = 0; i < n; i++)
        ret_values[i] = (float)bytes[i] / 255.0f;
}

/* The bits of an element, in this machine's order. */
static uint64_t s_bits(const elements_t *self, size_t index)
{
    size_t size = element_size(self->type);
    const uint8_t *bytes = self->bytes + index * size;
    uint64_t bits = 0;
    for (size_t i = 0; i < size; i++)
        bits |= (uint64_t)bytes[i] << 8 * (self->big_endian ? size - 1 - i : i);
    return bits;
}

int64_t elements_whole(const elements_t *self, size_t index)
{
    uint64_t bits = s_bits(self, index);
    switch (self->type) {
    case ELEMENT_U8:
        return (int64_t)bits;
    case ELEMENT_I8:
        return (int8_t)bits;
    case ELEMENT_I16:
        return (int16_t)bits;
    case ELEMENT_I32:
        return (int32_t)bits;
    case ELEMENT_I64:
        return (int64_t)bits;
    default:
        CHECK(false);
        return 0;
    }
}

static float s_float(uint32_t bits)
{
    float value;
    memcpy(&value, &bits, sizeof value);
    return value;
}

/* Encodings carry no number that is not finite; files may. */
static float s_half(uint16_t bits)
{
    return (bits & 0x7c00) == 0x7c00 ? NAN : fp16_float(bits);
}

static float s_value(const elements_t *self, size_t index)
{
    if (element_is_whole(self->type))
        return (float)elements_whole(self, index);
    uint64_t bits = s_bits(self, index);
    double wide;
    memcpy(&wide, &bits, sizeof wide);
    return self->type == ELEMENT_F64    ? (float)wide
           : self->type == ELEMENT_F16  ? s_half((uint16_t)bits)
           : self->type == ELEMENT_BF16 ? s_float((uint32_t)bits << 16)
                                        : s_float((uint32_t)bits);
}

size_t elements_not_finite(const elements_t *self, size_t count)
{
    for (size_t i = 0; !element_is_whole(self->type) && i < count; i++)
        if (!isfinite(s_value(self, i)))
            return i;
    return SIZE_MAX;
}

void elements_read(const elements_t *self, size_t first, size_t count, float *ret_values)
{
    if (self->type == ELEMENT_U8)
        s_scale(count, self->bytes + first, ret_values);
    else if (self->type == ELEMENT_F32 && !self->big_endian)
        memcpy(ret_values, self->bytes + first * sizeof *ret_values, count * sizeof *ret_values);
    else
        for (size_t i = 0; i < count; i++)
            ret_values[i] = s_value(self, first + i);
}
