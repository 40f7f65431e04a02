/* topk - some of the values, and where they were. See encoding.h for the contract.
 *
 * Which    those of the largest magnitude, as many as the ratio says, at least one; of equal magnitudes those
 *          with the lower index. Or all that exceed their threshold, be it none. Never a zero.
 * Layout   16 bytes: encoding of the values, width w, 2 zeros, words of the indices (u32), how many values
 *          (u64). Then the indices: what lies between one and the next is the number d >= 0, written as d >>
 *          w zeros, a one, and the w lower bits of d; lowest bit first, filled up with zeros to words of 32
 *          bits. They cannot but increase. Then the values, as their encoding writes them.
 * Threads  any.
 * Source   sparse gradients: Aji and Heafield, arXiv 1704.05021. Indices: R. F. Rice, JPL Publication 79-22;
 *          w is the logarithm of the mean distance, within 2 % of the best for indices spread at random.
 */
#ifndef CODEC_COMPRESS_TOPK_H
#define CODEC_COMPRESS_TOPK_H

#include "codec/compress/encoding.h"

size_t topk_size_most(const encoding_setting_t *setting, size_t count);
size_t topk_encode(const encoding_setting_t *setting, const encoding_input_t *input, uint8_t *ret_bytes);
MUST_USE err_code_t topk_decode(reader_t *bytes, float *ret_values, size_t count, err_t *err);

#endif
