/* none - the encoding that leaves float32 values as they are. See encoding.h for the contract.
 *
 * Threads  any.
 */
#ifndef CODEC_COMPRESS_NONE_H
#define CODEC_COMPRESS_NONE_H

#include "codec/compress/encoding.h"

extern const encoding_blocks_t none_blocks;

#endif
