#include "actors/model/conv.h"

#include "actors/model/blas.h"
#include "actors/model/clones.h"

#include <string.h>

#define PIXELS_PER_PRODUCT                                                                                   \
    256 /* columns of one product at least: fewer are slower, and more leave the cache */

static size_t s_pixels(const conv_t *self)
{
    return (self->H - self->K + 1) * (self->W - self->K + 1);
}

size_t conv_group(const conv_t *self)
{
    return (PIXELS_PER_PRODUCT + s_pixels(self) - 1) / s_pixels(self);
}

size_t conv_patch_size(const conv_t *self, size_t count)
{
    return self->I * self->K * self->K * count * s_pixels(self);
}

size_t conv_output_size(const conv_t *self, size_t count)
{
    return self->O * count * s_pixels(self);
}

/* The two loops over rows below are inlined for the widths of the models in the table, so that a row is a few
 * whole registers; any other width takes the general copy. */
#define FOR_WIDTH(width, call)                                                                               \
    do {                                                                                                     \
        if ((width) == 24)                                                                                   \
            call(24);                                                                                        \
        else if ((width) == 8)                                                                               \
            call(8);                                                                                         \
        else                                                                                                 \
            call(width);                                                                                     \
    } while (0)

/* One row of the patch matrix, for one image: the input seen through kernel position (j, k). */
static inline __attribute__((always_inline)) void s_copy_rows(size_t P, size_t Q, size_t W, const float *x,
                                                              float *restrict row)
{
    for (size_t p = 0; p < P; p++)
        for (size_t q = 0; q < Q; q++)
            row[p * Q + q] = x[p * W + q];
}

static inline __attribute__((always_inline)) void s_add_rows(size_t P, size_t Q, size_t W, const float *row,
                                                             float *restrict x)
{
    for (size_t p = 0; p < P; p++)
        for (size_t q = 0; q < Q; q++)
            x[p * W + q] += row[p * Q + q];
}

CLONES
static void s_gather(const conv_t *self, size_t count, const float *x, float *patches)
{
    size_t H = self->H, W = self->W, K = self->K, P = H - K + 1, Q = W - K + 1;
    float *row = patches;
    for (size_t i = 0; i < self->I; i++)
        for (size_t j = 0; j < K; j++)
            for (size_t k = 0; k < K; k++)
                for (size_t n = 0; n < count; n++, row += P * Q) {
                    const float *from = x + (n * self->I + i) * H * W + j * W + k;
#define COPY(width) s_copy_rows(P, (width), W, from, row)
                    FOR_WIDTH(Q, COPY);
#undef COPY
                }
}

/* The transpose of s_gather: adds every patch back to where it was taken from. */
CLONES
static void s_scatter(const conv_t *self, size_t count, const float *patches, float *ret_x)
{
    size_t H = self->H, W = self->W, K = self->K, P = H - K + 1, Q = W - K + 1;
    const float *row = patches;
    memset(ret_x, 0, count * self->I * H * W * sizeof *ret_x);
    for (size_t i = 0; i < self->I; i++)
        for (size_t j = 0; j < K; j++)
            for (size_t k = 0; k < K; k++)
                for (size_t n = 0; n < count; n++, row += P * Q) {
                    float *to = ret_x + (n * self->I + i) * H * W + j * W + k;
#define ADD(width) s_add_rows(P, (width), W, row, to)
                    FOR_WIDTH(Q, ADD);
#undef ADD
                }
}

void conv_forward(const conv_t *self, size_t count, const float *x, const float *w, float *patches,
                  float *ret_y)
{
    size_t IKK = self->I * self->K * self->K, pixels = count * s_pixels(self);
    s_gather(self, count, x, patches);
    blas_product(BLAS_PLAIN, BLAS_PLAIN, self->O, pixels, IKK, w, patches, 0.0f, ret_y);
}

void conv_backward(const conv_t *self, size_t count, const float *x, const float *w, const float *dy,
                   float *patches, float *add_dw, float *ret_dx)
{
    size_t IKK = self->I * self->K * self->K, pixels = count * s_pixels(self);
    s_gather(self, count, x, patches);
    blas_product(BLAS_PLAIN, BLAS_TRANSPOSED, self->O, IKK, pixels, dy, patches, 1.0f, add_dw);
    if (!ret_dx)
        return;
    /* The patches are not needed any more: their gradient takes their place. */
    blas_product(BLAS_TRANSPOSED, BLAS_PLAIN, IKK, pixels, self->O, w, dy, 0.0f, patches);
    s_scatter(self, count, patches, ret_dx);
}
