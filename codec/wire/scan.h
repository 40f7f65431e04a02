/* scan - walks a map frame before anything is made of it.
 *
 * Why      a frame is refused as a whole, for one clear reason, before a byte is allocated for it.
 * Limits   time grows with the bytes alone; memory is one small block on the stack.
 * Threads  any.
 */
#ifndef CODEC_WIRE_SCAN_H
#define CODEC_WIRE_SCAN_H

#include "codec/base/err.h"
#include "codec/wire/token.h"

#define SCAN_DEPTH_MAX 8 /* nesting: the map itself is 1 */
#define SCAN_KEY_MAX 255 /* field numbers */

typedef struct {
    size_t depth;    /* at most SCAN_DEPTH_MAX */
    size_t elements; /* values of all levels, keys included */
} scan_limits_t;

typedef struct {
    size_t field_count; /* pairs of the map, the data among them */
    bool has_data;      /* it ends with key 0 and a bin 32 header */
    size_t data_bytes;  /* as announced there */
} scan_t;

/* Walks one map with unique keys 0 .. SCAN_KEY_MAX that fills `size` bytes exactly; the binary of key 0 lies
 * outside.
 * Errors  ERR_MALFORMED, ERR_LIMIT, with "byte 17: what". */
MUST_USE err_code_t scan_msgpack(const void *bytes, size_t size, const scan_limits_t *limits,
                                 scan_t *ret_scan, err_t *err);

/* Steps over one value and everything in it; counts into *elements. */
MUST_USE err_code_t scan_value(reader_t *reader, const scan_limits_t *limits, size_t *elements, err_t *err);

#endif
