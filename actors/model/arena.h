/* arena - places buffers in one block, those that never live at the same time above each other.
 *
 * Why      of a pass through a model most buffers are needed for a few layers only.
 * How      greedy, the largest first, each at the lowest free place (Pisarchyk and Lee, arXiv 2001.03288).
 * Threads  any; pure.
 */
#ifndef ACTORS_MODEL_ARENA_H
#define ACTORS_MODEL_ARENA_H

#include <stddef.h>

#define ARENA_ALIGN 64

typedef struct {
    size_t size_bytes; /* 0: needs no place */
    size_t born, dies; /* the first and the last step at which it is needed */
    size_t offset;     /* out */
} arena_item_t;

/* Fills in offsets, multiples of ARENA_ALIGN; returns the bytes of the block. */
size_t arena_place(arena_item_t *items, size_t count);

#endif
