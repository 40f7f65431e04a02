/* grow - an array that becomes longer by one at a time.
 *
 * Why      its room doubles, so that adding n items copies O(n) of them; in one place, and not at each array.
 * Not      arrays for which no memory is an answer: they ask realloc themselves.
 * Threads  pure.
 */
#ifndef CODEC_BASE_GROW_H
#define CODEC_BASE_GROW_H

#include <stddef.h>

/* Room for one more than `count`: returns the array, which may have moved. Aborts when there is no memory.
 *
 *   in     items     (*capacity) of item_bytes each; NULL with capacity 0
 *   inout  capacity  at least count + 1 afterwards
 */
void *grow(void *items, size_t count, size_t *capacity, size_t item_bytes);

#endif
