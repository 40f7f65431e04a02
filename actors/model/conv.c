#include "actors/model/conv.h"

#include "actors/model/blas.h"
#include "actors/model/clones.h"
#include "codec/base/err.h"

#include <string.h>

#define PIXELS_PER_PRODUCT                                                                                   \
    256 /* columns of one product at least: fewer are slower, and more leave the cache */

#define INLINE static inline __attribute__((always_inline))

bool conv_is_valid(const conv_t *self)
{
    size_t side = (self->H < self->W ? self->H : self->W) + 2 * self->pad;
    return self->I * self->H * self->W * self->O * self->K * self->stride > 0 && self->K <= side;
}

size_t conv_height(const conv_t *self)
{
    return (self->H + 2 * self->pad - self->K) / self->stride + 1;
}

size_t conv_width(const conv_t *self)
{
    return (self->W + 2 * self->pad - self->K) / self->stride + 1;
}

static size_t s_pixels(const conv_t *self)
{
    return conv_height(self) * conv_width(self);
}

size_t conv_group(const conv_t *self)
{
    CHECK(conv_is_valid(self));
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

size_t conv_weight_size(const conv_t *self)
{
    return self->O * self->I * self->K * self->K;
}

/* ---- patches ---- */

/* Positions of the output, first .. end - 1 of `all`, that see the image and not the zeros around it. */
typedef struct {
    size_t first, end;
} range_t;

/* Of those whose input is at stride * position + offset - pad, in an image of `size`. */
static range_t s_inside(size_t offset, size_t size, size_t all, const conv_t *self)
{
    size_t S = self->stride, Z = self->pad;
    size_t first = offset < Z ? (Z - offset + S - 1) / S : 0;
    size_t end = offset < size + Z ? (size + Z - offset + S - 1) / S : 0;
    end = end < all ? end : all;
    return (range_t){first < end ? first : end, end};
}

/* Kernel position (j, k) over one image's channel. */
typedef struct {
    const conv_t *conv;
    size_t P, Q;
    size_t j, k;
} view_t;

INLINE void s_copy_row(size_t stride, range_t inside, size_t Q, const float *x, float *restrict to)
{
    for (size_t q = 0; q < inside.first; q++)
        to[q] = 0;
    for (size_t q = inside.first; q < inside.end; q++)
        to[q] = x[(q - inside.first) * stride];
    for (size_t q = inside.end; q < Q; q++)
        to[q] = 0;
}

INLINE void s_add_row(size_t stride, range_t inside, const float *from, float *restrict x)
{
    for (size_t q = inside.first; q < inside.end; q++)
        x[(q - inside.first) * stride] += from[q];
}

/* The loops below are inlined for the strides and widths of the models, so that a row is a few whole
 * registers; any other takes the general copy. A row without zeros at its ends has a known length. */
#define FOR_ROW(stride, inside, width, call)                                                                 \
    do {                                                                                                     \
        bool s_whole = (inside).first == 0 && (inside).end == (width);                                       \
        if ((stride) == 1 && s_whole && (width) == 24)                                                       \
            call(1, ((range_t){0, 24}), 24);                                                                 \
        else if ((stride) == 1 && s_whole && (width) == 8)                                                   \
            call(1, ((range_t){0, 8}), 8);                                                                   \
        else if ((stride) == 1 && s_whole && (width) == 32)                                                  \
            call(1, ((range_t){0, 32}), 32);                                                                 \
        else if ((stride) == 1)                                                                              \
            call(1, inside, width);                                                                          \
        else                                                                                                 \
            call(stride, inside, width);                                                                     \
    } while (0)

/* Where in the channel the row p of the output begins to see it, from column `first` on. */
INLINE size_t s_offset(const view_t *view, size_t p, size_t first)
{
    const conv_t *c = view->conv;
    return (p * c->stride + view->j - c->pad) * c->W + first * c->stride + view->k - c->pad;
}

INLINE void s_copy_view(const view_t *view, const float *x, float *restrict to)
{
    const conv_t *c = view->conv;
    range_t rows = s_inside(view->j, c->H, view->P, c), inside = s_inside(view->k, c->W, view->Q, c);
    memset(to, 0, rows.first * view->Q * sizeof *to);
    to += rows.first * view->Q;
    for (size_t p = rows.first; p < rows.end; p++, to += view->Q) {
        const float *from = x + s_offset(view, p, inside.first);
#define COPY(stride, range, width) s_copy_row(stride, range, width, from, to)
        FOR_ROW(c->stride, inside, view->Q, COPY);
#undef COPY
    }
    memset(to, 0, (view->P - rows.end) * view->Q * sizeof *to);
}

INLINE void s_add_view(const view_t *view, const float *from, float *restrict x)
{
    const conv_t *c = view->conv;
    range_t rows = s_inside(view->j, c->H, view->P, c), inside = s_inside(view->k, c->W, view->Q, c);
    from += rows.first * view->Q;
    for (size_t p = rows.first; p < rows.end; p++, from += view->Q) {
        float *to = x + s_offset(view, p, inside.first);
#define ADD(stride, range, width) s_add_row(stride, range, from, to)
        FOR_ROW(c->stride, inside, view->Q, ADD);
#undef ADD
    }
}

/* Rows of the patch matrix: for each the images side by side, seen through one kernel position. */
CLONES
static void s_gather(const conv_t *self, size_t count, const float *x, float *row)
{
    size_t plane = self->H * self->W, size = s_pixels(self);
    view_t view = {.conv = self, .P = conv_height(self), .Q = conv_width(self)};
    for (size_t i = 0; i < self->I; i++)
        for (view.j = 0; view.j < self->K; view.j++)
            for (view.k = 0; view.k < self->K; view.k++)
                for (size_t n = 0; n < count; n++, row += size)
                    s_copy_view(&view, x + (n * self->I + i) * plane, row);
}

/* The transpose of s_gather: adds every patch back to where it was taken from. */
CLONES
static void s_scatter(const conv_t *self, size_t count, const float *row, float *ret_x)
{
    size_t plane = self->H * self->W, size = s_pixels(self);
    view_t view = {.conv = self, .P = conv_height(self), .Q = conv_width(self)};
    memset(ret_x, 0, count * self->I * plane * sizeof *ret_x);
    for (size_t i = 0; i < self->I; i++)
        for (view.j = 0; view.j < self->K; view.j++)
            for (view.k = 0; view.k < self->K; view.k++)
                for (size_t n = 0; n < count; n++, row += size)
                    s_add_view(&view, row, ret_x + (n * self->I + i) * plane);
}

/* ---- products ---- */

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
