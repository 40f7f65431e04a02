#include "actors/model/dense.h"

#include "actors/model/blas.h"
#include "actors/model/clones.h"
#include "actors/model/relu.h"

#include <string.h>

CLONES
static void s_add_bias(size_t B, size_t O, const float *restrict bias, float *restrict y)
{
    for (size_t b = 0; b < B; b++)
        for (size_t o = 0; o < O; o++)
            y[b * O + o] += bias[o];
}

CLONES
static void s_sum_rows(size_t B, size_t O, const float *restrict dy, float *restrict ret_sum)
{
    memset(ret_sum, 0, O * sizeof *ret_sum);
    for (size_t b = 0; b < B; b++)
        for (size_t o = 0; o < O; o++)
            ret_sum[o] += dy[b * O + o];
}

void dense_forward(const dense_t *self, size_t B, const float *x, const float *w, const float *bias,
                   float *ret_y)
{
    blas_product(BLAS_PLAIN, BLAS_TRANSPOSED, B, self->O, self->I, x, w, 0.0f, ret_y);
    if (self->relu)
        relu_forward_bias(B, self->O, bias, ret_y);
    else
        s_add_bias(B, self->O, bias, ret_y);
}

void dense_backward(const dense_t *self, size_t B, const float *x, const float *w, const float *y, float *dy,
                    float *ret_dw, float *ret_dbias, float *ret_dx)
{
    if (self->relu)
        relu_backward(B * self->O, y, dy);
    s_sum_rows(B, self->O, dy, ret_dbias);
    blas_product(BLAS_TRANSPOSED, BLAS_PLAIN, self->O, self->I, B, dy, x, 0.0f, ret_dw);
    if (ret_dx)
        blas_product(BLAS_PLAIN, BLAS_PLAIN, B, self->I, self->O, dy, w, 0.0f, ret_dx);
}
