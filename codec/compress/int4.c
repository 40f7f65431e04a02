/* A scale and its inverse have few bits, and so has what is left of a value before it is multiplied: all
 * products are exact, and a fused multiply-add, where a compiler makes one, changes no bit. The quotient is
 * never rounded up before it is rounded to an integer. So an integer that is not 0 is at most twice the value
 * / scale, the difference is no larger than the value, and it has a float32 of its own. */
#include "codec/compress/int4.h"

#include "codec/compress/bits.h"
#include "codec/compress/lanes.h"

#define SCALED 64u /* values to a scale */
#define HALF (SCALED / 2)
#define GROUP 128u
#define SCALES (GROUP / SCALED)
#define SCALE_BYTES (SCALES * 2)
#define GROUP_BYTES (SCALE_BYTES + GROUP / 2)
#define MOST 7
#define SCALE_LEAST 0x0400u         /* 2^-119: its last bit, and the inverse of that, are numbers */
#define SCALE_LARGEST 0x7e09u       /* of the largest float32; 7 times that is finite */
#define LEAST_BITS 0x03801000u      /* above 2^-120 by as much as CUT leaves: what is not rounded to zero */
#define CUT 0xfffff000u             /* 12 bits of a float32 */
#define SCALE_ROUND 0xffffu         /* what a scale does not keep */
#define MANTISSA 7u                 /* bits of a scale behind the first */
#define EXPONENT_ONE (1u << 23)     /* a step of the exponent */
#define EXPONENT_TWICE (254u << 23) /* of a number and of its inverse, together */
#define ROUNDER 0x1.8p23f /* its last bit is worth 1: a small number added to it is rounded, ties to even */
#define ROUNDER_BITS 0x4b400000
#define SOME 16u /* of 64 values, to see that they are multiples of nothing */

_Static_assert(ENCODING_BLOCK % GROUP == 0, "a block is whole groups");

/* -- the scale --------------------------------------------------------------------------------------------
 */

LANES_BODY uint32_t s_largest(const float *x)
{
    uint32_t largest = 0;
    for (size_t i = 0; i < SCALED; i++) {
        uint32_t magnitude = bits_of(x[i]) & BITS_MAGNITUDE;
        largest = magnitude > largest ? magnitude : largest;
    }
    return largest;
}

/* All x / unit together, as integers joined by or; odd when one of them is no integer. They are below
 * 2^12. */
LANES_BODY uint32_t s_joined(const float *x, size_t count, float inverse_unit)
{
    uint32_t joined = 0;
    for (size_t i = 0; i < count; i++) {
        float units = x[i] * inverse_unit, rounded = units + ROUNDER;
        joined |= (bits_of(rounded) - ROUNDER_BITS) | (rounded - ROUNDER != units);
    }
    return joined;
}

/* The scale's bits, as a multiple of what all x (64) are multiples of. */
LANES_BODY uint32_t s_common(const float *x, uint32_t bits)
{
    uint32_t unit = (bits & BITS_INFINITY) - MANTISSA * EXPONENT_ONE;
    float inverse_unit = bits_float(EXPONENT_TWICE - unit);
    uint32_t joined = s_joined(x, SOME, inverse_unit);
    if (joined & 1)
        return bits;
    joined |= s_joined(x + SOME, SCALED - SOME, inverse_unit);
    uint32_t step = joined & (0u - joined), units = (1u << MANTISSA) | (bits >> 16 & ((1u << MANTISSA) - 1));
    uint32_t common = bits_of((float)((units + step - 1) & (0u - step)) * bits_float(unit));
    return common >> 16 > SCALE_LARGEST ? bits : common;
}

/* 0 where nothing is carried. */
LANES_BODY uint16_t s_scale(const float *x)
{
    uint32_t largest = s_largest(x);
    if (largest < LEAST_BITS)
        return 0;
    uint32_t bits = (bits_of(bits_float(largest) / 7.5f) + SCALE_ROUND) & ~SCALE_ROUND;
    return (uint16_t)(s_common(x, bits < SCALE_LEAST << 16 ? SCALE_LEAST << 16 : bits) >> 16);
}

/* -- out --------------------------------------------------------------------------------------------------
 */

/* 64 values; x becomes what is not carried. */
LANES_BODY uint16_t s_encode_64(float *restrict x, uint8_t *restrict ret_values)
{
    uint16_t head = s_scale(x);
    int32_t wide[SCALED];
    if (head == 0) {
        memset(ret_values, 0, HALF);
        return 0;
    }
    float scale = bits_float((uint32_t)head << 16), inverse = bits_float(bits_of(1 / scale) & CUT);
    for (size_t i = 0; i < SCALED; i++) {
        float cut = bits_float(bits_of(x[i]) & CUT);
        int32_t value = (int32_t)bits_of(cut * inverse + ROUNDER) - ROUNDER_BITS;
        value = value > MOST ? MOST : value < -MOST ? -MOST : value;
        x[i] -= (float)value * scale;
        wide[i] = value;
    }
    for (size_t i = 0; i < HALF; i++)
        ret_values[i] = (uint8_t)((wide[i] & 15) | (wide[i + HALF] & 15) << 4);
    return head;
}

/* Whole groups; x becomes what is not carried. */
LANES_BODY size_t s_encode_groups_body(float *x, size_t groups, uint8_t *ret_bytes)
{
    for (size_t g = 0; g < groups; g++, x += GROUP, ret_bytes += GROUP_BYTES)
        for (size_t i = 0; i < SCALES; i++) {
            uint16_t head = s_encode_64(x + i * SCALED, ret_bytes + SCALE_BYTES + i * HALF);
            memcpy(ret_bytes + 2 * i, &head, sizeof head);
        }
    return groups;
}
LANES_FUNCTION(size_t, s_encode_groups, (float *x, size_t groups, uint8_t *ret_bytes), (x, groups, ret_bytes))

/* -- in ---------------------------------------------------------------------------------------------------
 */

/* Faults are gathered and judged at the end. */
typedef struct {
    bool too_large, too_small; /* scales */
    bool unscaled, unvalued;   /* values without a scale, a scale without values */
    uint8_t lowest;            /* -8 */
} faults_t;

LANES_BODY void s_decode_64(uint16_t head, const uint8_t *restrict values, float *restrict ret_x,
                            faults_t *faults)
{
    float scale = bits_float((uint32_t)head << 16);
    uint8_t lowest = 0, any = 0;
    for (size_t i = 0; i < HALF; i++) {
        uint8_t low = values[i] & 15, high = values[i] >> 4;
        lowest |= (low == 8) | (high == 8);
        any |= values[i];
        ret_x[i] = (float)((low ^ 8) - 8) * scale;
        ret_x[i + HALF] = (float)((high ^ 8) - 8) * scale;
    }
    faults->lowest |= lowest;
    faults->unscaled |= head == 0 && any;
    faults->unvalued |= head && !any;
    faults->too_large |= head > SCALE_LARGEST;
    faults->too_small |= head && head < SCALE_LEAST;
}

LANES_BODY err_code_t s_decode_groups_body(const uint8_t *bytes, float *ret_x, size_t groups)
{
    faults_t faults = {0};
    for (size_t g = 0; g < groups; g++, ret_x += GROUP, bytes += GROUP_BYTES)
        for (size_t i = 0; i < SCALES; i++) {
            uint16_t head;
            memcpy(&head, bytes + 2 * i, sizeof head);
            s_decode_64(head, bytes + SCALE_BYTES + i * HALF, ret_x + i * SCALED, &faults);
        }
    if (faults.too_large)
        return ERR_NUMBER;
    return faults.too_small || faults.unscaled || faults.unvalued || faults.lowest ? ERR_MALFORMED : ERR_OK;
}
LANES_FUNCTION(err_code_t, s_decode_groups, (const uint8_t *bytes, float *ret_x, size_t groups),
               (bytes, ret_x, groups))

/* -- any number of values ---------------------------------------------------------------------------------
 */

/* Bytes of a group that is not whole, its scales included. */
static size_t s_rest_size(size_t rest)
{
    size_t whole = rest / SCALED * HALF, part = rest % SCALED;
    return SCALE_BYTES + whole + (part < HALF ? (part + 3) / 4 * 4 : HALF);
}

static size_t s_size_int4(size_t count)
{
    size_t rest = count % GROUP;
    return count / GROUP * GROUP_BYTES + (rest ? s_rest_size(rest) : 0);
}

/* A group that is not whole, as a whole one. */
static void s_encode_rest(float *x, size_t count, uint8_t *ret_bytes)
{
    float padded[GROUP] = {0};
    uint8_t group[GROUP_BYTES];
    memcpy(padded, x, count * sizeof *x);
    s_encode_groups(padded, 1, group);
    memcpy(ret_bytes, group, s_rest_size(count));
    memcpy(x, padded, count * sizeof *x);
}

static void s_encode_int4(float *x, size_t count, uint8_t *ret_bytes)
{
    size_t groups = count / GROUP;
    s_encode_groups(x, groups, ret_bytes);
    if (count % GROUP)
        s_encode_rest(x + groups * GROUP, count % GROUP, ret_bytes + groups * GROUP_BYTES);
}

/* Values behind the last one must be zero; with them, by the rules of a whole group, a scale that has no
 * other. */
static err_code_t s_decode_rest(const uint8_t *bytes, float *ret_x, size_t count)
{
    float padded[GROUP];
    uint8_t group[GROUP_BYTES] = {0};
    memcpy(group, bytes, s_rest_size(count));
    err_code_t code = s_decode_groups(group, padded, 1);
    for (size_t i = count; i < GROUP && !code; i++)
        code = padded[i] == 0 ? ERR_OK : ERR_MALFORMED;
    memcpy(ret_x, padded, count * sizeof *ret_x);
    return code;
}

static err_code_t s_decode_int4(const uint8_t *bytes, float *ret_x, size_t count)
{
    size_t groups = count / GROUP;
    err_code_t code = s_decode_groups(bytes, ret_x, groups);
    if (code || count % GROUP == 0)
        return code;
    return s_decode_rest(bytes + groups * GROUP_BYTES, ret_x + groups * GROUP, count % GROUP);
}

const encoding_blocks_t int4_blocks = {
    .size = s_size_int4, .least = LEAST_BITS, .encode = s_encode_int4, .decode = s_decode_int4};
