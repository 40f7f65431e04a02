/* ranges - a set of 64-bit numbers kept as sorted, disjoint, non-touching intervals [first, end).
 *
 * Why      the batches a shard has applied are such a set: it is the data cursor, and it stays tiny however
 *          long the run is, because batches are handed out in ranges.
 * Threads  none: one owner.       Limits  RANGES_MAX intervals; more is ERR_LIMIT and changes nothing.
 */
#ifndef CODEC_BASE_RANGES_H
#define CODEC_BASE_RANGES_H

#include "codec/base/err.h"

#include <stddef.h>
#include <stdint.h>

#define RANGES_MAX 65536

typedef struct {
    uint64_t first;
    uint64_t end; /* one past the last; first < end */
} range_t;

typedef struct {
    range_t *items; /* sorted, disjoint, not touching */
    size_t count;
    size_t capacity;
} ranges_t;

void ranges_init(ranges_t *self); /* the empty set; all-zero bytes are one too */
void ranges_fini(ranges_t *self);

MUST_USE err_code_t ranges_add(ranges_t *self, uint64_t first, uint64_t end); /* first >= end adds nothing */
MUST_USE err_code_t ranges_remove(ranges_t *self, uint64_t first, uint64_t end); /* the same */
MUST_USE err_code_t ranges_copy(ranges_t *self, const ranges_t *from);           /* replaces the contents */
MUST_USE err_code_t ranges_union(ranges_t *self, const ranges_t *other);
MUST_USE err_code_t ranges_intersect(ranges_t *self, const ranges_t *other);

bool ranges_has(const ranges_t *self, uint64_t number);
bool ranges_has_all(const ranges_t *self, uint64_t first, uint64_t end);
bool ranges_equal(const ranges_t *self, const ranges_t *other);

/* How many numbers are in the set, and how many of them below `end`. */
uint64_t ranges_size(const ranges_t *self);
uint64_t ranges_size_below(const ranges_t *self, uint64_t end);

/* The first run [*ret_first, *ret_end) of numbers in [from, limit) that are NOT in the set; false if none. */
bool ranges_gap(const ranges_t *self, uint64_t from, uint64_t limit, uint64_t *ret_first, uint64_t *ret_end);

/* The rule for intervals from elsewhere: ERR_MALFORMED unless each is non-empty and they are sorted, disjoint
 * and not touching; ERR_LIMIT beyond RANGES_MAX. */
MUST_USE err_code_t ranges_check(const range_t *items, size_t count, err_t *err);

/* Replaces the contents by what came over the wire; ERR_MALFORMED unless sorted, disjoint and not
 * touching. */
MUST_USE err_code_t ranges_load(ranges_t *self, const range_t *items, size_t count, err_t *err);

#endif
