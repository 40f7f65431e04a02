/* tensor_view - where one tensor lies in the bytes of a safetensors file, of any type and shape.
 *
 * Why      data of other programs are read in place, and a file from outside is checked before that.
 * Not      parameters, whose names and shapes a layout says: safetensors.
 * Threads  any.       Limits  headers of SAFETENSORS_HEADER_MAX bytes, TENSOR_VIEW_RANK_MAX dimensions.
 * Source   as safetensors.h.
 */
#ifndef CODEC_TENSOR_TENSOR_VIEW_H
#define CODEC_TENSOR_TENSOR_VIEW_H

#include "codec/base/err.h"

#include <stddef.h>
#include <stdint.h>

#define TENSOR_VIEW_RANK_MAX 8
#define TENSOR_VIEW_TYPE_MAX 8

typedef struct {
    char type[TENSOR_VIEW_TYPE_MAX]; /* "F32", "U8", "I64" ... as the file has it */
    size_t rank;
    uint64_t dims[TENSOR_VIEW_RANK_MAX];
    uint64_t count;       /* of elements: the product of dims */
    const uint8_t *bytes; /* borrowed from the file's; at any alignment */
    uint64_t size_bytes;  /* what the file has for it; whether that fits the type is the caller's to check */
} tensor_view_t;

/* Finds the tensor `name` in the (size) bytes of the file `path`, which is named in errors.
 *
 * Errors   ERR_MALFORMED (lengths, JSON, shape or offsets that cannot be), ERR_NOT_FOUND (no tensor of that
 *          name), ERR_LIMIT (rank) */
MUST_USE err_code_t tensor_view_find(const char *path, const uint8_t *bytes, uint64_t size, const char *name,
                                     tensor_view_t *ret_view, err_t *err);

#endif
