/* patched - an encoding of few values: where they are not 0, and these values encoded.
 *
 * Why      of the rows of an embedding a delta changes few; the others are neither sent nor stored.
 * Form     uint32, how many runs; the index of a patch (codec/tensor/patch.h); the bytes of another encoding
 *          for the values of all runs, one behind the other. Sizes are multiples of 4.
 * Number   that of the other encoding, with PATCHED. Only of those that treat values block by block: topk
 *          has an index of its own.
 * Threads  any: pure functions.
 * Limits   RANGES_MAX runs; what would not be shorter is not made.
 */
#ifndef CODEC_COMPRESS_PATCHED_H
#define CODEC_COMPRESS_PATCHED_H

#include "codec/compress/encoding.h"
#include "codec/tensor/patch.h"

#define PATCHED 0x100u

/* Encodes values + residual, as encoding_encode does, to bytes of their own length; the caller owns them.
 * NULL: that would not be shorter, and nothing has changed.
 *
 * Errors   ERR_NUMBER, ERR_MEMORY: nothing has changed either */
MUST_USE err_code_t patched_encode(const encoding_t *values, const encoding_setting_t *setting,
                                   const encoding_input_t *input, buf_t **ret_bytes);

/* Returns whether `count` values can be `size` bytes. */
bool patched_fits(const encoding_t *values, const encoding_setting_t *setting, size_t count, uint64_t size);

/* Decodes, as encoding_decode does. ret_patch, which may be NULL: where the values may not be 0; the caller
 * owns it.
 *
 * Errors   those of encoding_decode and patch_load */
MUST_USE err_code_t patched_decode(const encoding_t *values, const slice_t *slices, size_t slice_count,
                                   float *ret_values, size_t count, patch_t **ret_patch);

#endif
