/* x / scale is exact, and so is quotient * scale: a fused multiply-add, where a compiler makes one, changes no bit. */
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
LANES_BODY uint8_t s_encode_64_body(float *restrict x, uint8_t *restrict ret_values)
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
LANES_FUNCTION(uint8_t, s_encode_64, (float *x, uint8_t *ret_values), (x, ret_values))

/* 64 values; not 0 when one of them is -128. */
LANES_BODY uint8_t s_decode_64_body(uint8_t exponent, const uint8_t *restrict values, float *restrict ret_x)
{
    float scale = bits_float((uint32_t)exponent << 23);
    uint8_t bad = 0;
    for (size_t i = 0; i < SCALED; i++) {
        bad |= values[i] == 0x80;
        ret_x[i] = (float)(int8_t)values[i] * scale;
    }
    return bad;
}
LANES_FUNCTION(uint8_t, s_decode_64, (uint8_t exponent, const uint8_t *values, float *ret_x),
               (exponent, values, ret_x))

/* Bytes of the values of a group that is not whole. */
static size_t s_rest_size(size_t rest)
{
    return (rest + 3) / 4 * 4;
}

static size_t s_size(size_t count)
{
    size_t rest = count % GROUP;
    return count / GROUP * (EXPONENTS + GROUP) + (rest ? EXPONENTS + s_rest_size(rest) : 0);
}

/* A group that is not whole, as a whole one. */
static void s_encode_rest(float *x, size_t count, uint8_t *ret_bytes)
{
    float padded[GROUP] = {0};
    uint8_t values[GROUP];
    memcpy(padded, x, count * sizeof *x);
    for (size_t i = 0; i < EXPONENTS; i++)
        ret_bytes[i] = s_encode_64(padded + i * SCALED, values + i * SCALED);
    memcpy(ret_bytes + EXPONENTS, values, s_rest_size(count));
    memcpy(x, padded, count * sizeof *x);
}

static void s_encode(float *x, size_t count, uint8_t *ret_bytes)
{
    for (; count >= GROUP; count -= GROUP, x += GROUP, ret_bytes += EXPONENTS + GROUP)
        for (size_t i = 0; i < EXPONENTS; i++)
            ret_bytes[i] = s_encode_64(x + i * SCALED, ret_bytes + EXPONENTS + i * SCALED);
    if (count)
        s_encode_rest(x, count, ret_bytes);
}

static bool s_zero(const uint8_t *bytes, size_t count)
{
    uint8_t any = 0;
    for (size_t i = 0; i < count; i++)
        any |= bytes[i];
    return !any;
}

static err_code_t s_decode_group(const uint8_t *exponents, const uint8_t *values, float *ret_x)
{
    for (size_t i = 0; i < EXPONENTS; i++, values += SCALED, ret_x += SCALED) {
        if (exponents[i] > EXPONENT_LARGEST)
            return ERR_NUMBER;
        if (s_decode_64(exponents[i], values, ret_x) || (exponents[i] == 0 && !s_zero(values, SCALED)))
            return ERR_MALFORMED;
    }
    return ERR_OK;
}

static err_code_t s_decode_rest(const uint8_t *bytes, float *ret_x, size_t count)
{
    float padded[GROUP];
    uint8_t values[GROUP] = {0};
    size_t size = s_rest_size(count), used = (count + SCALED - 1) / SCALED;
    memcpy(values, bytes + EXPONENTS, size);
    if (!s_zero(bytes + used, EXPONENTS - used) || !s_zero(values + count, size - count))
        return ERR_MALFORMED;
    err_code_t code = s_decode_group(bytes, values, padded);
    memcpy(ret_x, padded, count * sizeof *ret_x);
    return code;
}

static err_code_t s_decode(const uint8_t *bytes, float *ret_x, size_t count)
{
    for (; count >= GROUP; count -= GROUP, ret_x += GROUP, bytes += EXPONENTS + GROUP) {
        err_code_t code = s_decode_group(bytes, bytes + EXPONENTS, ret_x);
        if (code)
            return code;
    }
    return count ? s_decode_rest(bytes, ret_x, count) : ERR_OK;
}

const encoding_blocks_t int8_blocks = {.size = s_size, .least = 1, .encode = s_encode, .decode = s_decode};
