/* conv_direct - convolutions of side 5 over rows of whole registers, as LeNet's, without patches.
 *
 * Why      of so few channels in and out, copying patches takes a quarter of the time of their product.
 * How      every loop keeps ten or twelve sums of eight neighbours in registers, over all that is added up:
 *          outputs over the kernel and the channels in; gradients of weights over images, rows and columns;
 *          those of a row of the input over the channels out and the rows that saw it.
 * Legend   as conv.h.
 * Threads  any; the scratch belongs to one pass.
 */
#ifndef ACTORS_MODEL_CONV_DIRECT_H
#define ACTORS_MODEL_CONV_DIRECT_H

#include "actors/model/conv.h"

/* Returns whether it is such a convolution: K 5, stride 1, no padding, Q a multiple of 8, P of 2. */
bool conv_direct_fits(const conv_t *self);

/* Floats of scratch of a pass backwards. */
size_t conv_direct_scratch(const conv_t *self);

/* As conv_forward. */
void conv_direct_forward(const conv_t *self, size_t count, const float *x, const float *w, float *ret_y);

/* Before a pass backwards: lays the weights out in the scratch. */
void conv_direct_begin(const conv_t *self, const float *w, float *scratch);
/* As conv_backward. */
void conv_direct_backward(const conv_t *self, size_t count, const float *x, const float *dy, float *scratch,
                          float *add_dw, float *ret_dx);

#endif
