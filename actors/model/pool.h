/* pool - maximum over squares of 2 x 2, plus the bias of the convolution before it.
 *
 * Why      the bias is the same for all four, so adding it after the maximum gives the same value for a
 *          quarter of the work, and its gradient is summed over a quarter of the numbers.
 * Legend   C channels; H, W height and width in, both even.
 * Threads  any.
 */
#ifndef ACTORS_MODEL_POOL_H
#define ACTORS_MODEL_POOL_H

#include <stddef.h>
#include <stdint.h>

#define POOL_WIDTH_MAX 512

typedef struct {
    size_t C, H, W;
} pool_t;

/* y[n,c,p,q] = b[c] + the largest of x[c,n,2p..2p+1,2q..2q+1]
 *   in   x (C, count, H, W): channels outermost, as conv_forward leaves them; b (C)
 *   out  y (count, C, H/2, W/2); choice (C, count, H/2, W/2): which of the four, row by row; the first of
 * equals */
void pool_forward(const pool_t *self, size_t count, const float *x, const float *b, float *ret_y,
                  int32_t *ret_choice);

/* Adds to db (C); replaces dx (C, count, H, W).
 *   in   choice as above, dy (count, C, H/2, W/2) */
void pool_backward(const pool_t *self, size_t count, const int32_t *choice, const float *dy, float *add_db,
                   float *ret_dx);

#endif
