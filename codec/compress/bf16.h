/* bf16 - values as the upper half of float32, rounded to the nearest, ties to even. See encoding.h for the
 * contract.
 *
 * Layout   2 bytes per value, little-endian; an odd last one is followed by 2 bytes of zero.
 * Limits   the range of float32 with 8 significant bits: integers up to 256 are exact.
 * Threads  any.
 */
#ifndef CODEC_COMPRESS_BF16_H
#define CODEC_COMPRESS_BF16_H

#include "codec/compress/encoding.h"

extern const encoding_blocks_t bf16_blocks;

#endif
