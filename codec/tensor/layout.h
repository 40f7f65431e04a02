/* layout - a model's named tensors laid end to end in one flat float32 array, and that array cut into shards.
 *
 * Why      a shard holds a contiguous range of the flat array, whatever tensors it crosses; export finds them
 *          again.
 * Threads  immutable once built; any thread may read.     Limits  LAYOUT_TENSORS_MAX tensors of rank 1..4.
 */
#ifndef CODEC_TENSOR_LAYOUT_H
#define CODEC_TENSOR_LAYOUT_H

#include "codec/base/err.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define LAYOUT_TENSORS_MAX 256
#define TENSOR_RANK_MAX 4
#define TENSOR_NAME_MAX 64

/* How a gradient that arrives changes a tensor's values. */
typedef enum {
    TENSOR_OPTIMIZER, /* a step of the job's optimizer */
    TENSOR_AVERAGE,   /* w <- w - rate (w - seen): running statistics, whose "gradient" is w - seen */
    TENSOR_FIXED      /* nothing: it never changes, and is not exchanged */
} tensor_rule_t;

typedef struct {
    char name[TENSOR_NAME_MAX]; /* PyTorch's: "conv1.weight" */
    size_t rank;
    size_t dims[TENSOR_RANK_MAX]; /* row-major, outermost first */
    size_t offset;                /* of its first element in the flat array */
    size_t count;                 /* product of dims */
    tensor_rule_t rule;
    float rate;  /* of TENSOR_AVERAGE, else 0 */
    bool decays; /* weight decay is for it: of rank 2 and more, as biases and norms have none */
    bool sparse; /* rank 2, and a batch touches few of its rows: an embedding */
} tensor_t;

typedef struct {
    tensor_t tensors[LAYOUT_TENSORS_MAX];
    size_t tensor_count;
    size_t count; /* elements of the flat array */
} layout_t;

/* Appends a tensor behind the last one. Errors: ERR_LIMIT, ERR_SHAPE (rank or a zero dimension), ERR_EXISTS
 * (name), ERR_MALFORMED (a name of more than letters, digits and "._-/"). On failure nothing is changed. */
MUST_USE err_code_t layout_add(layout_t *self, const char *name, size_t rank, const size_t *dims, err_t *err);

/* The tensor added last, to give it another rule than TENSOR_OPTIMIZER, or to call it sparse. */
tensor_t *layout_last(layout_t *self);

/* Returns whether some tensor is sparse. */
bool layout_is_sparse(const layout_t *self);

/* The flat range [*ret_first, *ret_end) of shard `index` of `shard_count`: cut evenly, sizes differ by at
 * most one. */
void layout_shard(const layout_t *self, size_t shard_count, size_t index, size_t *ret_first, size_t *ret_end);

/* XXH3 over names, shapes, and rules that are not the optimizer's: two processes with equal digests mean the
 * same tensors. */
uint64_t layout_digest(const layout_t *self);

#endif
