/* radix - sorts numbers of 32 bits in a time that grows with their count alone.
 *
 * Why      rows of an embedding that a batch touches, and scores of a test set, are sorted at every step or
 *          evaluation: comparing them would take longer than computing them.
 * How      least significant byte first; a byte that all numbers share takes no pass.
 * Source   Knuth, The Art of Computer Programming 3, 5.2.5.
 * Threads  any; pure functions.
 */
#ifndef ACTORS_MODEL_RADIX_H
#define ACTORS_MODEL_RADIX_H

#include <stddef.h>
#include <stdint.h>

/* Sorts upwards.   inout  items (count)       scratch  (count) */
void radix_sort(uint32_t *items, size_t count, uint32_t *scratch);

/* The same, and keeps one of equals; returns how many are left. */
size_t radix_sort_unique(uint32_t *items, size_t count, uint32_t *scratch);

#endif
