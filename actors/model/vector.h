/* vector - arithmetic on flat float32 arrays: what shards do with gradients and replicas, at the speed of
 * memory.
 *
 * Why      these loops run over every parameter at every step, so they are written once, for the widest
 *          registers there are.
 * Threads  any; pure functions.
 * Note     products and sums are rounded one by one (no fused multiply-add), so that every machine gets the
 *          same bits.
 */
#ifndef ACTORS_MODEL_VECTOR_H
#define ACTORS_MODEL_VECTOR_H

#include <stdbool.h>
#include <stddef.h>

/* a <- a + b; the arrays must not overlap. */
void vector_add(size_t n, float *a, const float *b);
/* a <- x a + y b; the arrays must not overlap. */
void vector_mix(size_t n, float *a, float x, const float *b, float y);
/* y <- g + factor g g (w - other - base), element by element; g itself where that is not finite. y overlaps
 * nothing.
 *
 * Source   Zheng et al., arXiv 1609.08326, equation 10 */
void vector_compensate(size_t n, float *y, float factor, const float *g, const float *w, const float *other,
                       const float *base);
/* a <- a + (x - y); the arrays must not overlap. */
void vector_add_difference(size_t n, float *a, const float *x, const float *y);
/* a <- x - y; the arrays must not overlap. */
void vector_subtract(size_t n, float *a, const float *x, const float *y);
/* a <- x a */
void vector_scale(size_t n, float *a, float x);
/* a <- max(-most, min(most, a)); NaN stays NaN. */
void vector_clamp(size_t n, float *a, float most);
/* Returns the sum of the squares, in double: finite for finite values, else NaN or Inf. */
double vector_squares(size_t n, const float *a);
/* Returns whether no element is NaN or Inf. */
bool vector_finite(size_t n, const float *a);

#endif
