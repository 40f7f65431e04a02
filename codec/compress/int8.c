/* x / scale is exact, and so is quotient * scale: a fused multiply-add, where a compiler makes one,
 * changes no bit. */
#include "codec/compress/int8.h"

#include "codec/compress/bits.h"
#include "codec/compress/lanes.h"

#define SCALED 64u /* values to a scale */
#define GROUP 256u
#define EXPONENTS (GROUP / SCALED)
#define EXPONENT_LARGEST 248u /* 127 * 2^121 is finite */
#define ROUNDER 0x1.8p23f /* its last bit is worth 1: a small number added to it is rounded, ties to even */
#define ROUNDER_BITS 0x4b400000

_Static_assert(ENCODING_BLOCK % GROUP == 0, "a block is whole groups");

LANES_BODY uint8_t s_exponent(const float *x)
{
    uint32_t largest = 0;
    for (size_t i = 0; i < SCALED; i++) {
        uint32_t magnitude = bits_of(x[i]) & BITS_MAGNITUDE;
        largest = magnitude > largest ? magnitude : largest;
    }
    uint32_t exponent = largest >> 23;
    return (uint8_t)(largest == 0 ? 0 : exponent > 7 ? exponent - 6 : 1);
}

/* 64 values; x becomes what is not carried. */
LANES_BODY uint8_t s_encode_64(float *restrict x, uint8_t *restrict ret_values)
{
    uint8_t exponent = s_exponent(x);
    int32_t wide[SCALED];
    float scale = bits_float((uint32_t)exponent << 23), inverse = bits_float((254u - exponent) << 23);
    if (exponent == 0) {
        memset(ret_values, 0, SCALED);
        return 0;
    }
    for (size_t i = 0; i < SCALED; i++) {
        int32_t value = (int32_t)bits_of(x[i] * inverse + ROUNDER) - ROUNDER_BITS;
        value = value > 127 ? 127 : value < -127 ? -127 : value;
        x[i] -= (float)value * scale;
        wide[i] = value;
    }
    for (size_t i = 0; i < SCALED; i++)
        ret_values[i] = (uint8_t)wide[i];
    return exponent;
}

/* Whole groups; x becomes what is not carried. */
LANES_BODY size_t s_encode_groups_body(float *x, size_t groups, uint8_t *ret_bytes)
{
    for (size_t g = 0; g < groups; g++, x += GROUP, ret_bytes += EXPONENTS + GROUP)
        for (size_t i = 0; i < EXPONENTS; i++)
            ret_bytes[i] = s_encode_64(x + i * SCALED, ret_bytes + EXPONENTS + i * SCALED);
    return groups;
}
LANES_FUNCTION(size_t, s_encode_groups, (float *x, size_t groups, uint8_t *ret_bytes), (x, groups, ret_bytes))

/* 64 values. What is wrong is gathered and judged at the end: a scale too large, -128, a value without a
 * scale. */
typedef struct {
    uint8_t largest_exponent, lowest, unscaled;
} faults_t;

LANES_BODY void s_decode_64(uint8_t exponent, const uint8_t *restrict values, float *restrict ret_x,
                            faults_t *faults)
{
    float scale = bits_float((uint32_t)exponent << 23);
    uint8_t lowest = 0, any = 0;
    for (size_t i = 0; i < SCALED; i++) {
        lowest |= values[i] == 0x80;
        any |= values[i];
        ret_x[i] = (float)(int8_t)values[i] * scale;
    }
    faults->lowest |= lowest;
    faults->unscaled |= exponent == 0 && any;
    faults->largest_exponent = exponent > faults->largest_exponent ? exponent : faults->largest_exponent;
}

LANES_BODY err_code_t s_decode_groups_body(const uint8_t *bytes, float *ret_x, size_t groups)
{
    faults_t faults = {0};
    for (size_t g = 0; g < groups; g++, ret_x += GROUP, bytes += EXPONENTS + GROUP)
        for (size_t i = 0; i < EXPONENTS; i++)
            s_decode_64(bytes[i], bytes + EXPONENTS + i * SCALED, ret_x + i * SCALED, &faults);
    if (faults.largest_exponent > EXPONENT_LARGEST)
        return ERR_NUMBER;
    return faults.lowest || faults.unscaled ? ERR_MALFORMED : ERR_OK;
}
LANES_FUNCTION(err_code_t, s_decode_groups, (const uint8_t *bytes, float *ret_x, size_t groups),
               (bytes, ret_x, groups))

/* Bytes of the values of a group that is not whole. */
static size_t s_rest_size(size_t rest)
{
    return (rest + 3) / 4 * 4;
}

static size_t s_size_int8(size_t count)
{
    size_t rest = count % GROUP;
    return count / GROUP * (EXPONENTS + GROUP) + (rest ? EXPONENTS + s_rest_size(rest) : 0);
}

/* A group that is not whole, as a whole one. */
static void s_encode_rest(float *x, size_t count, uint8_t *ret_bytes)
{
    float padded[GROUP] = {0};
    uint8_t group[EXPONENTS + GROUP];
    memcpy(padded, x, count * sizeof *x);
    s_encode_groups(padded, 1, group);
    memcpy(ret_bytes, group, EXPONENTS + s_rest_size(count));
    memcpy(x, padded, count * sizeof *x);
}

static void s_encode_int8(float *x, size_t count, uint8_t *ret_bytes)
{
    size_t groups = count / GROUP;
    s_encode_groups(x, groups, ret_bytes);
    if (count % GROUP)
        s_encode_rest(x + groups * GROUP, count % GROUP, ret_bytes + groups * (EXPONENTS + GROUP));
}

static bool s_zero(const uint8_t *bytes, size_t count)
{
    uint8_t any = 0;
    for (size_t i = 0; i < count; i++)
        any |= bytes[i];
    return !any;
}

static err_code_t s_decode_rest(const uint8_t *bytes, float *ret_x, size_t count)
{
    float padded[GROUP];
    uint8_t group[EXPONENTS + GROUP] = {0};
    size_t size = s_rest_size(count), used = (count + SCALED - 1) / SCALED;
    memcpy(group, bytes, EXPONENTS + size);
    if (!s_zero(group + used, EXPONENTS - used) || !s_zero(group + EXPONENTS + count, size - count))
        return ERR_MALFORMED;
    err_code_t code = s_decode_groups(group, padded, 1);
    memcpy(ret_x, padded, count * sizeof *ret_x);
    return code;
}

static err_code_t s_decode_int8(const uint8_t *bytes, float *ret_x, size_t count)
{
    size_t groups = count / GROUP;
    err_code_t code = s_decode_groups(bytes, ret_x, groups);
    if (code || count % GROUP == 0)
        return code;
    return s_decode_rest(bytes + groups * (EXPONENTS + GROUP), ret_x + groups * GROUP, count % GROUP);
}

const encoding_blocks_t int8_blocks = {
    .size = s_size_int8, .least = 1, .encode = s_encode_int8, .decode = s_decode_int8};
