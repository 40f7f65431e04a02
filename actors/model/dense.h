/* dense - every output is a weighted sum of all inputs plus a bias.
 *
 * Legend   B samples of the batch; I, O values in and out.
 * Threads  any.
 */
#ifndef ACTORS_MODEL_DENSE_H
#define ACTORS_MODEL_DENSE_H

#include <stdbool.h>
#include <stddef.h>

typedef struct {
    size_t I, O;
    bool relu; /* negative outputs become 0 */
} dense_t;

/* y[b,o] = f(bias[o] + sum over i of w[o,i] x[b,i]), f(z) = max(z, 0) with relu, else z
 *   in   x (B, I), w (O, I), bias (O)       out  y (B, O) */
void dense_forward(const dense_t *self, size_t B, const float *x, const float *w, const float *bias,
                   float *ret_y);

/* Replaces dw (O, I), dbias (O), and dx (B, I) unless it is NULL (first layer). With relu, dy is changed: it
 * becomes the gradient before f. in   x (B, I), w (O, I), y (B, O) as dense_forward left it, dy (B, O) */
void dense_backward(const dense_t *self, size_t B, const float *x, const float *w, const float *y, float *dy,
                    float *ret_dw, float *ret_dbias, float *ret_dx);

#endif
