/* none - the encoding that leaves float32 values as they are. See encoding.h for the contract.
 *
 * Threads  any.
 */
#ifndef CODEC_COMPRESS_NONE_H
#define CODEC_COMPRESS_NONE_H

#include "codec/base/err.h"

#include <stddef.h>

size_t none_encoded_size(size_t count);
void none_encode(const float *values, size_t count, void *ret_bytes);
MUST_USE err_code_t none_decode(const void *bytes, size_t size, float *ret_values, size_t count, err_t *err);

#endif
