/* encoding - how float32 values of a delta become bytes between regions: one table, one row per encoding.
 *
 * Why      a shard encodes and decodes by the number in the delta and knows none of them by name.
 * How      what the bytes do not carry is handed back, and joins the values of the next delta: nothing is
 *          lost, it only comes later. As decoding gives exactly what encoding took for sent,
 *
 *              sum of all that was decoded + the newest residual = sum of all values,
 *
 *          up to the float32 rounding of value + residual; while all of them are integers below 2^24,
 *          exactly.
 * Not      which encoding to use (the topology), nor checksums.
 * Threads  constant: any.
 * Limits   the same values give the same bytes on every processor. Sizes are multiples of 4.
 * Source   error feedback: Seide et al., 1-Bit Stochastic Gradient Descent, Interspeech 2014; Karimireddy et
 *          al., arXiv 1901.09847.
 */
#ifndef CODEC_COMPRESS_ENCODING_H
#define CODEC_COMPRESS_ENCODING_H

#include "codec/base/buf.h"
#include "codec/base/err.h"
#include "codec/compress/reader.h"

#define ENCODING_BLOCK 1024u /* values that encodings work on at a time; stays in the first-level cache */

/* Settings that a job chooses beside the row; the same on both sides. */
typedef struct {
    double ratio;    /* topk: share of the values that is carried, at most; above 0, at most 1 */
    uint64_t values; /* topk: number of the encoding of those values */
} encoding_setting_t;

typedef struct {
    size_t count;
    const float *values;   /* (count) */
    const float *residual; /* (count) what earlier bytes did not carry; NULL: nothing */
    float *ret_residual;   /* (count) what these do not; may be `residual`, else apart; NULL: not wanted */
    const float *scale;    /* (count) topk with a ratio of 1: carried is what exceeds, in magnitude, ... */
    float threshold;       /* ... threshold x |scale|; NULL: by the ratio */
} encoding_input_t;

/* Encodings that treat values block by block have these; the rest is made of them. */
typedef struct {
    size_t (*size)(size_t count); /* of whole blocks the sum of their sizes */

    uint32_t least; /* bits of the smallest magnitude that is worth carrying */

    /* x (count, at most ENCODING_BLOCK), finite, to size(count) bytes; x becomes what they do not carry. */
    void (*encode)(float *x, size_t count, uint8_t *ret_bytes);

    /* Back again. Errors: ERR_NUMBER, ERR_MALFORMED; ret_x is undefined then. */
    err_code_t (*decode)(const uint8_t *bytes, float *ret_x, size_t count);
} encoding_blocks_t;

typedef struct {
    uint64_t number;  /* on the wire; append-only */
    const char *name; /* in the topology */
    const char *doc;
    bool some; /* carries some of the values only: of use for sums, not for models */

    const encoding_blocks_t *blocks; /* NULL: has the functions below instead */
    size_t (*size_most)(const encoding_setting_t *setting, size_t count);
    size_t (*encode)(const encoding_setting_t *setting, const encoding_input_t *input, uint8_t *ret_bytes);
    err_code_t (*decode)(reader_t *bytes, float *ret_values, size_t count, err_t *err);
} encoding_t;

const encoding_t *encoding_find(uint64_t number);   /* NULL when this version does not know it */
const encoding_t *encoding_named(const char *name); /* the same */
const encoding_t *encoding_at(size_t index); /* 0, 1, 2 ... in the table's order; NULL behind the last */

/* The most bytes that `count` values come to; 0 for none. */
size_t encoding_size_most(const encoding_t *self, const encoding_setting_t *setting, size_t count);

/* Returns whether `count` values can be `size` bytes: to be asked before anything is kept of what somebody
 * else declares. */
bool encoding_fits(const encoding_t *self, const encoding_setting_t *setting, size_t count, uint64_t size);

/* Encodes values + residual.
 *
 *   in   input        with a residual to go to, where `some`
 *   out  ret_bytes    (encoding_size_most) of any alignment
 *   out  ret_size     how many of them are used; 0: there are no values, or none of them exceeds its
 *        threshold
 *
 * Errors   ERR_NUMBER (NaN or Inf in values + residual): ret_residual is untouched */
MUST_USE err_code_t encoding_encode(const encoding_t *self, const encoding_setting_t *setting,
                                    const encoding_input_t *input, void *ret_bytes, size_t *ret_size,
                                    err_t *err);

/* Decodes bytes that lie in `slice_count` pieces of any sizes; believes nothing of them.
 *
 *   out  ret_values   (count); undefined after an error
 *
 * Errors   ERR_SHAPE (too few or too many bytes), ERR_NUMBER (a value or scale that is not finite),
 *          ERR_MALFORMED (what no encoder writes: indices out of range, counts that do not fit, padding ...)
 * Time     of the order of count + bytes; allocates nothing. */
MUST_USE err_code_t encoding_decode(const encoding_t *self, const slice_t *slices, size_t slice_count,
                                    float *ret_values, size_t count, err_t *err);

/* The same from a reader, to the end of what is left in it. */
MUST_USE err_code_t encoding_read(const encoding_t *self, reader_t *bytes, float *ret_values, size_t count,
                                  err_t *err);

/* Returns whether a + b is finite throughout; b may be NULL. */
bool encoding_finite(const float *a, const float *b, size_t count);

/* x <- a + b; b may be NULL. */
void encoding_add(const float *a, const float *b, float *ret_x, size_t count);

#endif
