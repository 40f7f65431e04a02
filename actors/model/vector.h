/* vector - arithmetic on flat float32 arrays: what shards do with gradients and replicas, at the speed of memory.
 *
 * Why      these loops run over every parameter at every step, so they are written once, for the widest registers
 *          there are.
 * Threads  any; pure functions.
 * Note     products and sums are rounded one by one (no fused multiply-add), so that every machine gets the same
 *          bits.
 */
#ifndef ACTORS_MODEL_VECTOR_H
#define ACTORS_MODEL_VECTOR_H

#include <stdbool.h>
#include <stddef.h>

/* a <- a + b; the arrays must not overlap. */
void vector_add(size_t n, float *a, const float *b);
/* a <- x a + y b; the arrays must not overlap. */
void vector_mix(size_t n, float *a, float x, const float *b, float y);
/* Whether no element is NaN or Inf. */
bool vector_finite(size_t n, const float *a);

#endif
