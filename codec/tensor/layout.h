/* layout - a model's named tensors laid end to end in one flat float32 array, and that array cut into shards.
 *
 * Why      a shard holds a contiguous range of the flat array, whatever tensors it crosses; export finds them
 *          again.
 * Threads  immutable once built; any thread may read.     Limits  LAYOUT_TENSORS_MAX tensors of rank 1..4.
 */
#ifndef CODEC_TENSOR_LAYOUT_H
#define CODEC_TENSOR_LAYOUT_H

#include "codec/base/err.h"

#include <stddef.h>
#include <stdint.h>

#define LAYOUT_TENSORS_MAX 256
#define TENSOR_RANK_MAX 4
#define TENSOR_NAME_MAX 64

typedef struct {
    char name[TENSOR_NAME_MAX]; /* PyTorch's: "conv1.weight" */
    size_t rank;
    size_t dims[TENSOR_RANK_MAX]; /* row-major, outermost first */
    size_t offset;                /* of its first element in the flat array */
    size_t count;                 /* product of dims */
} tensor_t;

typedef struct {
    tensor_t tensors[LAYOUT_TENSORS_MAX];
    size_t tensor_count;
    size_t count; /* elements of the flat array */
} layout_t;

/* Appends a tensor behind the last one. Errors: ERR_LIMIT, ERR_SHAPE (rank or a zero dimension), ERR_EXISTS
 * (name), ERR_MALFORMED (a name of more than letters, digits and "._-/"). On failure nothing is changed. */
MUST_USE err_code_t layout_add(layout_t *self, const char *name, size_t rank, const size_t *dims, err_t *err);

/* The flat range [*ret_first, *ret_end) of shard `index` of `shard_count`: cut evenly, sizes differ by at
 * most one. */
void layout_shard(const layout_t *self, size_t shard_count, size_t index, size_t *ret_first, size_t *ret_end);

/* XXH3 over names and shapes: two processes with equal digests mean the same tensors. */
uint64_t layout_digest(const layout_t *self);

#endif
