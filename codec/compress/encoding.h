/* encoding - how float32 values of a delta become bytes between regions: one table, one row per encoding.
 *
 * Why      a shard encodes and decodes by the number in the delta and knows none of them by name.
 * Not      which encoding to use (the topology), nor checksums and finiteness (the shard checks both).
 * Threads  constant: any.
 */
#ifndef CODEC_COMPRESS_ENCODING_H
#define CODEC_COMPRESS_ENCODING_H

#include "codec/base/err.h"

#include <stddef.h>
#include <stdint.h>

typedef struct {
    uint64_t number;  /* on the wire; append-only */
    const char *name; /* in the topology */
    const char *doc;

    /* Bytes of `count` encoded values. */
    size_t (*encoded_size)(size_t count);

    /* values (count) float32 to encoded_size(count) bytes at ret_bytes, of any alignment. */
    void (*encode)(const float *values, size_t count, void *ret_bytes);

    /* Back again: ERR_SHAPE unless size is encoded_size(count). */
    err_code_t (*decode)(const void *bytes, size_t size, float *ret_values, size_t count, err_t *err);
} encoding_t;

const encoding_t *encoding_find(uint64_t number);      /* NULL when this version does not know it */
const encoding_t *encoding_named(const char *name);    /* the same */
const encoding_t *encoding_at(size_t index);           /* 0, 1, 2 ... in the table's order; NULL behind the last */

#endif
