/* fp16 - values as IEEE binary16, rounded to the nearest, ties to even. See encoding.h for the contract.
 *
 * Layout   2 bytes per value, little-endian; an odd last one is followed by 2 bytes of zero.
 * Limits   beyond 65504 the largest value is sent, below 2^-25 zero; the residual keeps the rest.
 * Threads  any.
 */
#ifndef CODEC_COMPRESS_FP16_H
#define CODEC_COMPRESS_FP16_H

#include "codec/compress/encoding.h"

extern const encoding_blocks_t fp16_blocks;

/* The same conversions, value by value; the magnitude of x is at most 65504. */
uint16_t fp16_of(float x);
float fp16_float(uint16_t half);

#endif
