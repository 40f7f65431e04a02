/* relu - rectified linear unit: max(z, 0).
 *
 * Threads  any.       Note  a NaN passes through, so that it is seen later.
 */
#ifndef ACTORS_MODEL_RELU_H
#define ACTORS_MODEL_RELU_H

#include <stddef.h>

/* y[b,o] <- max(y[b,o] + bias[o], 0), in one pass.   y (B, O), bias (O) */
void relu_forward_bias(size_t B, size_t O, const float *bias, float *y);

/* dy[i] <- dy[i] where y[i] > 0, else 0 (the derivative at 0 is taken as 0).   y, dy (n) */
void relu_backward(size_t n, const float *y, float *dy);

#endif
