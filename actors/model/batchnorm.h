/* batchnorm - batch normalization: every channel brought to mean 0 and variance 1, then scaled and shifted.
 *
 *   y = scale (x - mean) + shift, then max(y, 0) with relu;   scale = weight / sqrt(variance + 1e-5)
 *
 * Why      the pieces of the formula apart, so that a caller works through a batch a few images at a time while
 *          they are in the cache, and need not keep y, which is cheaper to make again than to read again.
 * How      mean and variance are those of the batch, over its images and pixels, for a gradient; the running ones
 *          for evaluation. The variance is the biased one; the running one is made of unbiased ones, as PyTorch's.
 * Source   Ioffe and Szegedy, arXiv 1502.03167; moments joined as by Chan, Golub and LeVeque, 1979.
 * Legend   C channels, `plane` pixels of one image, `step` floats from a channel of an image to its next.
 * Threads  any.
 */
#ifndef ACTORS_MODEL_BATCHNORM_H
#define ACTORS_MODEL_BATCHNORM_H

#include <stdbool.h>
#include <stddef.h>

#define BATCHNORM_EPSILON 1e-5

/* Of what one channel has had so far. */
typedef struct {
    double mean, squares; /* squares: sum of (x - mean)^2 */
} moments_t;

typedef struct {
    size_t C, plane;
    bool relu;
    const float *shift;        /* (C) the layer's bias */
    float *mean, *root, *scale; /* (C) root: 1 / sqrt(variance + epsilon) */
} batchnorm_t;

/* The gradient of the loss in y, summed over a channel: alone, and times (x - mean). */
typedef struct {
    double dy, dyx;
} batchnorm_sums_t;

/* Adds n more values of each channel, x (C, n), to moments (C) that have had `seen` values each (0: none). */
void batchnorm_see(size_t C, size_t n, const float *x, size_t seen, moments_t *moments);

/* Fills mean, root and scale: from a batch's moments of `seen` values, or from running statistics (C). A running
 * variance below 0, which late averages of many workers may make, counts as 0. */
void batchnorm_of_batch(const batchnorm_t *self, const moments_t *moments, size_t seen, const float *weight);
void batchnorm_of_running(const batchnorm_t *self, const float *mean, const float *variance, const float *weight);

/* One image: y (C, plane) of x (C of plane, step apart). */
void batchnorm_apply(const batchnorm_t *self, const float *x, size_t step, float *ret_y);

/* One image: with relu makes dy (C, plane), the gradient in y, 0 where y is 0; then adds it to sums (C). */
void batchnorm_sum(const batchnorm_t *self, const float *x, size_t step, float *dy, batchnorm_sums_t *add_sums);

/* One image, when all are summed: the gradient in x, `step` apart as x.
 *   dx = scale (dy - mean(dy) - (x - mean) root^2 mean(dy (x - mean))),  means over the batch's `seen` values */
void batchnorm_backward(const batchnorm_t *self, const float *x, size_t step, const float *dy,
                        const batchnorm_sums_t *sums, size_t seen, float *ret_dx);

/* The gradients (C) of weight and bias. */
void batchnorm_gradient(const batchnorm_t *self, const batchnorm_sums_t *sums, float *ret_dweight, float *ret_dbias);

/* What running statistics (C) are above those of the batch, so that w - 0.1 g is their next value. */
void batchnorm_average(size_t C, const moments_t *moments, size_t seen, const float *running_mean,
                       const float *running_variance, float *ret_mean, float *ret_variance);

#endif
