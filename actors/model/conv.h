/* conv - two-dimensional convolution of a few images, without bias (pooling or normalization behind it adds
 * that).
 *
 * Why      as one matrix product: weights (O, IKK) times the patches of the images side by side.
 * Legend   I, O channels in and out; H, W height and width in; K kernel side; S stride; Z zeros around the
 *          image; P, Q = (H+2Z-K)/S+1, (W+2Z-K)/S+1 height and width out.
 * Threads  any; the scratch belongs to one call.
 */
#ifndef ACTORS_MODEL_CONV_H
#define ACTORS_MODEL_CONV_H

#include <stdbool.h>
#include <stddef.h>

typedef struct {
    size_t I, H, W;
    size_t O, K;
    size_t stride; /* 1: every position */
    size_t pad;    /* zeros on each side */
} conv_t;

/* Returns whether there is an output at all: no dimension and no stride is 0, and the kernel fits. */
bool conv_is_valid(const conv_t *self);
/* P and Q. */
size_t conv_height(const conv_t *self);
size_t conv_width(const conv_t *self);

/* How many images to give to one call: enough for a full-speed product, few enough for the second-level
 * cache. */
size_t conv_group(const conv_t *self);
/* Floats that the patches of `count` images take. */
size_t conv_patch_size(const conv_t *self, size_t count);
/* Floats of the output for `count` images. */
size_t conv_output_size(const conv_t *self, size_t count);
/* Floats of the weights. */
size_t conv_weight_size(const conv_t *self);

/* y[o,n,p,q] = sum over i,j,k of w[o,i,j,k] x[n,i,Sp+j-Z,Sq+k-Z], where x is zero outside the image
 *   in   x (count, I, H, W), w (O, I, K, K)
 *   out  patches (I K K, count P Q) scratch, y (O, count, P, Q): channels outermost, as the product leaves
 * them */
void conv_forward(const conv_t *self, size_t count, const float *x, const float *w, float *patches,
                  float *ret_y);

/* Adds to dw (O, I, K, K); replaces dx (count, I, H, W) unless it is NULL (first layer).
 *   in   x (count, I, H, W), w (O, I, K, K), dy (O, count, P, Q); patches is scratch as above */
void conv_backward(const conv_t *self, size_t count, const float *x, const float *w, const float *dy,
                   float *patches, float *add_dw, float *ret_dx);

#endif
