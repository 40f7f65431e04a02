#include "codec/compress/bf16.h"

#include "codec/compress/bits.h"
#include "codec/compress/lanes.h"

#define LARGEST_BITS                                                                                         \
    0x7f7f7fffu /* what is rounded down to the largest value; above it infinity would be nearer */

LANES_BODY size_t s_halve_body(float *restrict x, size_t count, uint16_t *restrict halves)
{
    for (size_t i = 0; i < count; i++) {
        uint32_t bits = bits_of(x[i]), magnitude = bits & BITS_MAGNITUDE;
        magnitude = magnitude < LARGEST_BITS ? magnitude : LARGEST_BITS;
        uint32_t half = ((bits & BITS_SIGN) | (magnitude + 0x7fffu + (magnitude >> 16 & 1u))) >> 16;
        x[i] -= bits_float(half << 16);
        halves[i] = (uint16_t)half;
    }
    return count;
}
LANES_FUNCTION(size_t, s_halve, (float *x, size_t count, uint16_t *halves), (x, count, halves))

/* Not 0 when one of them is no number. */
LANES_BODY uint32_t s_double_body(const uint16_t *restrict halves, float *restrict ret_x, size_t count)
{
    uint32_t bad = 0;
    for (size_t i = 0; i < count; i++) {
        uint32_t bits = (uint32_t)halves[i] << 16;
        bad |= (bits & BITS_MAGNITUDE) + (BITS_SIGN - BITS_INFINITY);
        ret_x[i] = bits_float(bits);
    }
    return bad & BITS_SIGN;
}
LANES_FUNCTION(uint32_t, s_double, (const uint16_t *halves, float *ret_x, size_t count),
               (halves, ret_x, count))

static size_t s_size_bf16(size_t count)
{
    return (count + count % 2) * 2;
}

static void s_encode_bf16(float *x, size_t count, uint8_t *ret_bytes)
{
    uint16_t halves[ENCODING_BLOCK + 1];
    s_halve(x, count, halves);
    halves[count] = 0;
    memcpy(ret_bytes, halves, s_size_bf16(count));
}

static err_code_t s_decode_bf16(const uint8_t *bytes, float *ret_x, size_t count)
{
    uint16_t halves[ENCODING_BLOCK + 1];
    memcpy(halves, bytes, s_size_bf16(count));
    if (count % 2 && halves[count])
        return ERR_MALFORMED;
    return s_double(halves, ret_x, count) ? ERR_NUMBER : ERR_OK;
}

const encoding_blocks_t bf16_blocks = {
    .size = s_size_bf16, .least = 1, .encode = s_encode_bf16, .decode = s_decode_bf16};
