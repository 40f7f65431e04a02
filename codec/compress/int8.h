/* int8 - values as small integers with one scale for 64 of them. See encoding.h for the contract.
 *
 * Layout   groups of 256 values: 4 bytes, the exponents of its 4 scales, and a byte from -127 to 127 per
 *          value, filled up with zeros to a multiple of 4 in the last group. Exponent e, 1 to 248, is the
 *          scale 2^(e - 127); 0 says that all 64 values are zero.
 * Why      a power of two as scale costs half a bit on average, and products and residuals become exact:
 *          integers up to 127 survive, nothing depends on how a processor multiplies, and a scale cannot be
 *          zero, negative or NaN.
 * Limits   of a value the error is at most 1/127 of the largest of its 64.
 * Threads  any.
 * Source   the shared scales of OCP Microscaling Formats (MX) 1.0, section 5, with larger blocks.
 */
#ifndef CODEC_COMPRESS_INT8_H
#define CODEC_COMPRESS_INT8_H

#include "codec/compress/encoding.h"

extern const encoding_blocks_t int8_blocks;

#endif
