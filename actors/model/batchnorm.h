/* batchnorm - batch normalization: every channel brought to mean 0 and variance 1, then scaled and shifted.
 *
 *   y = scale (x - mean) + shift, then max(y, 0) with relu;   scale = weight / sqrt(variance + 1e-5)
 *
 * Why      the pieces of the formula apart: y is cheaper to make again than to keep, and the sums over a
 *          batch stand between the passes over it.
 * How      mean and variance are those of the batch, over its images and pixels, for a gradient; the running
 *          ones for evaluation. The variance is the biased one; the running one is made of unbiased ones, as
 *          PyTorch's.
 * Source   Ioffe and Szegedy, arXiv 1502.03167; moments joined as by Chan, Golub and LeVeque, 1979.
 * Legend   C channels, plane: pixels of one channel of one image; x, y (count, C, plane).
 * Threads  any.
 */
#ifndef ACTORS_MODEL_BATCHNORM_H
#define ACTORS_MODEL_BATCHNORM_H

#include <stdbool.h>
#include <stddef.h>

#define BATCHNORM_EPSILON 1e-5

/* Of one channel in a batch. */
typedef struct {
    double mean, squares; /* squares: sum of (x - mean)^2 */
} moments_t;

/* The gradient of the loss in y, summed over a channel: alone, and times (x - mean). */
typedef struct {
    double dy, dyx;
} batchnorm_sums_t;

typedef struct {
    size_t C, plane;
    bool relu;
    const float *shift;         /* (C) the layer's bias */
    float *mean, *root, *scale; /* (C) root: 1 / sqrt(variance + epsilon) */
} batchnorm_t;

/* Replaces moments (C) by those of x. */
void batchnorm_see(const batchnorm_t *self, size_t count, const float *x, moments_t *ret_moments);

/* Fills mean, root and scale: from a batch's moments, or from running statistics (C). A running variance
 * below 0, which late averages of many workers may make, counts as 0. */
void batchnorm_of_batch(const batchnorm_t *self, size_t count, const moments_t *moments, const float *weight);
void batchnorm_of_running(const batchnorm_t *self, const float *mean, const float *variance,
                          const float *weight);

/* y of x. */
void batchnorm_apply(const batchnorm_t *self, size_t count, const float *x, float *ret_y);

/* With relu makes dy, the gradient in y, 0 where y is 0. Replaces sums (C). */
void batchnorm_sum(const batchnorm_t *self, size_t count, const float *x, float *dy,
                   batchnorm_sums_t *ret_sums);

/* The gradient in x, which it replaces.
 *   dx = scale (dy - mean(dy) - (x - mean) root^2 mean(dy (x - mean))),  means over the batch */
void batchnorm_backward(const batchnorm_t *self, size_t count, const float *dy, const batchnorm_sums_t *sums,
                        float *x);

/* The gradients (C) of weight and bias. */
void batchnorm_gradient(const batchnorm_t *self, const batchnorm_sums_t *sums, float *ret_dweight,
                        float *ret_dbias);

/* The running statistics (C) minus those of the batch, so that w - 0.1 g is their next value. */
void batchnorm_average(const batchnorm_t *self, size_t count, const moments_t *moments,
                       const float *running_mean, const float *running_variance, float *ret_mean,
                       float *ret_variance);

#endif
