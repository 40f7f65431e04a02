/* select - which of many values are the largest, in time of the order of their number: nothing is sorted.
 *
 * How      magnitudes are counted by their upper 11 bits (exponent and 3 more); the class in which the k-th
 *          lies is counted again by the next 10 bits, and that class by the last 10.
 * Threads  any; pure functions.
 */
#ifndef CODEC_COMPRESS_SELECT_H
#define CODEC_COMPRESS_SELECT_H

#include <stddef.h>
#include <stdint.h>

#define SELECT_CLASSES 2048u
#define SELECT_TABLES 4u /* counts in turn, so that an increment need not wait for the one before it */

typedef struct {
    uint64_t counts[SELECT_TABLES][SELECT_CLASSES];
} select_t; /* begins with zeros */

/* Counts more values (count), finite. */
void select_add(select_t *self, const float *x, size_t count);

/* The k-th largest magnitude of everything that was added, which is x (count), as bits; *ret_above is how
 * many are larger. 1 <= k <= count. */
uint32_t select_threshold(const select_t *self, const float *x, size_t count, size_t k, size_t *ret_above);

/* The indices (at most count) of magnitudes whose bits are in [least, end), in ascending order; returns
 * how many. */
size_t select_find(const float *x, size_t count, uint32_t least, uint32_t end, uint32_t *ret_indices);

/* The indices (at most count) of those x that exceed factor x |scale|, in magnitude and in float32, and whose
 * bits are `least` or more; in ascending order; returns how many. scale (count). */
size_t select_find_beyond(const float *x, const float *scale, size_t count, float factor, uint32_t least,
                          uint32_t *ret_indices);

#endif
