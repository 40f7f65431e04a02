/* int4 - values as integers from -7 to 7 with one scale for 64 of them. See encoding.h for the contract.
 *
 * Layout   groups of 128 values: 4 bytes, the 2 scales, and 32 bytes for each 64 values: value i is the lower
 *          half of byte i, value i + 32 the upper one. In the last group values end where there are no more,
 *          filled up with zeros to a multiple of 4 bytes. A scale is the upper half of a float32; 0 says that
 *          all 64 values are zero.
 * Scale    largest / 7.5, rounded up to 8 bits, and then to a multiple of what all 64 are multiples of: so
 *          residuals of integers are integers, whatever the scale.
 * Why      of 4 bits a scale that is a power of two would cost half of one more: of deltas of LeNet the mean
 *          squared error is 0.011 of their square, 0.019 with a power of two; with 32 to a scale 0.0085, for
 *          6 % more bytes.
 * Limits   of a value the error is at most 1/14 of the largest of its 64, and the half of what all are
 *          multiples of. 64 values below 2^-120 come later, when their sum is larger.
 * Threads  any.
 * Source   4-bit differences between regions: Douillard et al., Streaming DiLoCo, arXiv 2501.18512.
 */
#ifndef CODEC_COMPRESS_INT4_H
#define CODEC_COMPRESS_INT4_H

#include "codec/compress/encoding.h"

extern const encoding_blocks_t int4_blocks;

#endif
