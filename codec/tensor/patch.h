/* patch - some elements of a long float32 array: which they are, and their values.
 *
 * Why      a batch touches few rows of an embedding: those alone go to a shard and come from it.
 * Form     words of 4 bytes, little-endian. For each run of neighbouring elements the number of its first one
 *          and how many they are (uint32): ascending, with a gap between two runs. Behind all of them the
 *          values (float32), in the same order.
 * Not      which rows those are: an array is cut into shards wherever that falls.
 * Threads  immutable once made; any thread may read.
 * Limits   RANGES_MAX runs, arrays of PATCH_ELEMENTS_MAX elements.
 */
#ifndef CODEC_TENSOR_PATCH_H
#define CODEC_TENSOR_PATCH_H

#include "codec/base/ranges.h"

#include <stdbool.h>

/* So that the words of the index, read as float32, are finite too, and a chunk is checked as a whole. */
#define PATCH_ELEMENTS_MAX 0x7f000000u

typedef struct {
    ranges_t runs;  /* of elements */
    uint64_t *at;   /* (runs.count) which of the values is the first of each run */
    uint64_t count; /* of values */
} patch_t;

/* Tells whether a patch of so many runs and words in all can be one of `elements`, and is not longer than
 * these. */
bool patch_fits(uint64_t elements, uint64_t runs, uint64_t words);

/* The part of `runs` that lies in [first, end), counted from `first`. Errors: ERR_MEMORY */
MUST_USE err_code_t patch_new(const ranges_t *runs, uint64_t first, uint64_t end, patch_t **ret_self);
/* From the index of somebody else's patch: (2, runs) words of any alignment, of an array of `elements`.
 *
 * Errors   ERR_MALFORMED (not ascending, without a gap, empty, beyond the elements), ERR_LIMIT, ERR_MEMORY */
MUST_USE err_code_t patch_load(const void *index, size_t runs, uint64_t elements, patch_t **ret_self,
                               err_t *err);
void patch_destroy(patch_t **self_p);

uint64_t patch_words(const patch_t *self); /* of index and values */
/* The index, to ret (2, runs) words; the values of an array, to ret (count). */
void patch_index(const patch_t *self, uint32_t *ret_words);
void patch_gather(const patch_t *self, const float *from, float *ret_values);
/* Values [first, first + count) of any alignment, to their places in an array. */
void patch_scatter(const patch_t *self, uint64_t first, uint64_t count, const void *values, float *ret_to);

/* The first run that ends behind an element; runs.count: none. */
size_t patch_find(const patch_t *self, uint64_t element);

#endif
