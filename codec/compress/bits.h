/* bits - float32 as the number that its bits are, and what follows from that.
 *
 * Why      without their sign floats are ordered as their bits are, with infinity and the NaNs above all
 *          numbers.
 * Threads  any; pure functions.
 * Source   IEEE 754-2019, binary16 and binary32.
 */
#ifndef CODEC_COMPRESS_BITS_H
#define CODEC_COMPRESS_BITS_H

#include <stdint.h>
#include <string.h>

#if __BYTE_ORDER__ != __ORDER_LITTLE_ENDIAN__
#error "values travel little-endian, in the machine's own order"
#endif

#define BITS_SIGN 0x80000000u
#define BITS_MAGNITUDE 0x7fffffffu
#define BITS_INFINITY 0x7f800000u

static inline uint32_t bits_of(float x)
{
    uint32_t bits;
    memcpy(&bits, &x, sizeof bits);
    return bits;
}

static inline float bits_float(uint32_t bits)
{
    float x;
    memcpy(&x, &bits, sizeof x);
    return x;
}

#endif
