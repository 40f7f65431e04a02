#include "actors/model/conv_direct.h"

#include "actors/model/clones.h"

#include <string.h>

#define SIDE 5
#define LANES 8
#define INLINE static inline __attribute__((always_inline))

/* Eight neighbours in a row, from anywhere in memory. */
typedef float float8_t __attribute__((vector_size(32), aligned(4), may_alias));

#define LOAD(at) (*(const float8_t *)(at))

bool conv_direct_fits(const conv_t *self)
{
    return self->K == SIDE && self->stride == 1 && self->pad == 0 && conv_width(self) % LANES == 0 &&
           conv_height(self) % 2 == 0;
}

/* ---- forward ---- */

#define ROWS 4
#define CHANNELS 3

/* Outputs of `rows` rows and `channels` channels, eight columns of each.
 *   in   x at the first row and column, w of the first channel      out  y there, channels y_step apart */
INLINE void s_outputs(const conv_t *self, size_t rows, size_t channels, const float *x, const float *w,
                      size_t y_step, float *ret_y)
{
    size_t W = self->W, Q = W - SIDE + 1, IKK = self->I * SIDE * SIDE;
    float8_t sum[ROWS][CHANNELS] = {{{0}}};
    for (size_t i = 0; i < self->I; i++, x += self->H * W)
        for (size_t j = 0; j < SIDE; j++)
            for (size_t k = 0; k < SIDE; k++, w++)
                for (size_t r = 0; r < rows; r++) {
                    float8_t from = LOAD(x + (r + j) * W + k);
                    for (size_t c = 0; c < channels; c++)
                        sum[r][c] += from * w[c * IKK];
                }
    for (size_t r = 0; r < rows; r++)
        for (size_t c = 0; c < channels; c++)
            *(float8_t *)(ret_y + c * y_step + r * Q) = sum[r][c];
}

/* All rows and columns of one image, for some channels. */
INLINE void s_output_planes(const conv_t *self, size_t channels, const float *x, const float *w,
                            size_t y_step, float *ret_y)
{
    size_t W = self->W, Q = W - SIDE + 1, P = self->H - SIDE + 1, p = 0;
    for (; p + ROWS <= P; p += ROWS)
        for (size_t q = 0; q < Q; q += LANES)
            s_outputs(self, ROWS, channels, x + p * W + q, w, y_step, ret_y + p * Q + q);
    for (; p < P; p += 2)
        for (size_t q = 0; q < Q; q += LANES)
            s_outputs(self, 2, channels, x + p * W + q, w, y_step, ret_y + p * Q + q);
}

CLONES_FUSED
void conv_direct_forward(const conv_t *self, size_t count, const float *x, const float *w, float *ret_y)
{
    size_t plane = conv_height(self) * conv_width(self), IKK = self->I * SIDE * SIDE, step = count * plane;
    for (size_t n = 0; n < count; n++, x += self->I * self->H * self->W) {
        float *y = ret_y + n * plane;
        size_t o = 0;
        for (; o + CHANNELS <= self->O; o += CHANNELS)
            s_output_planes(self, CHANNELS, x, w + o * IKK, step, y + o * step);
        for (; o < self->O; o++)
            s_output_planes(self, 1, x, w + o * IKK, step, y + o * step);
    }
}

/* ---- the gradient of the weights ---- */

#define TOGETHER 4 /* channels out */
#define COLUMNS 3  /* of the kernel, and then the other two */

INLINE float s_total(const float8_t *sum)
{
    float8_t a = *sum;
    return ((a[0] + a[4]) + (a[1] + a[5])) + ((a[2] + a[6]) + (a[3] + a[7]));
}

/* Some columns of one row of the kernel, for some channels out: x where the first column sees it, dy of the
 * first of the channels, which are dy_step apart. */
INLINE void s_weight_columns(const conv_t *self, size_t channels, size_t columns, size_t count,
                             const float *x, const float *dy, size_t dy_step, float *add_dw)
{
    size_t W = self->W, Q = W - SIDE + 1, P = self->H - SIDE + 1, image = self->I * self->H * W;
    float8_t sum[TOGETHER][COLUMNS] = {{{0}}};
    for (size_t n = 0; n < count; n++)
        for (size_t p = 0; p < P; p++)
            for (size_t q = 0; q < Q; q += LANES, dy += LANES) {
                const float *seen = x + n * image + p * W + q;
                for (size_t c = 0; c < channels; c++)
                    for (size_t k = 0; k < columns; k++)
                        sum[c][k] += LOAD(seen + k) * LOAD(dy + c * dy_step);
            }
    for (size_t c = 0; c < channels; c++)
        for (size_t k = 0; k < columns; k++)
            add_dw[c * self->I * SIDE * SIDE + k] += s_total(&sum[c][k]);
}

/* All rows of the kernel, for one channel in. */
INLINE void s_weight_rows(const conv_t *self, size_t channels, size_t count, const float *x, const float *dy,
                          size_t dy_step, float *add_dw)
{
    for (size_t j = 0; j < SIDE; j++, x += self->W, add_dw += SIDE) {
        s_weight_columns(self, channels, COLUMNS, count, x, dy, dy_step, add_dw);
        s_weight_columns(self, channels, SIDE - COLUMNS, count, x + COLUMNS, dy, dy_step, add_dw + COLUMNS);
    }
}

CLONES_FUSED
static void s_weights(const conv_t *self, size_t count, const float *x, const float *dy, float *add_dw)
{
    size_t step = count * conv_height(self) * conv_width(self), plane = self->H * self->W;
    size_t o = 0, area = SIDE * SIDE, IKK = self->I * area;
    for (; o + TOGETHER <= self->O; o += TOGETHER)
        for (size_t i = 0; i < self->I; i++)
            s_weight_rows(self, TOGETHER, count, x + i * plane, dy + o * step, step,
                          add_dw + o * IKK + i * area);
    for (; o < self->O; o++)
        for (size_t i = 0; i < self->I; i++)
            s_weight_rows(self, 1, count, x + i * plane, dy + o * step, step, add_dw + o * IKK + i * area);
}

/* ---- the gradient of the input ---- */

/* One image's dy with a row of zeros above and below: (O, P + 2, Q). */
static size_t s_framed(const conv_t *self)
{
    return (conv_height(self) + 2) * conv_width(self);
}

size_t conv_direct_scratch(const conv_t *self)
{
    return self->O * (self->I * SIDE * SIDE + s_framed(self));
}

/* Weights (I, SIDE, O, SIDE): what a row of the input asks for lies together. */
void conv_direct_begin(const conv_t *self, const float *w, float *scratch)
{
    for (size_t i = 0; i < self->I; i++)
        for (size_t j = 0; j < SIDE; j++)
            for (size_t o = 0; o < self->O; o++, scratch += SIDE)
                memcpy(scratch, w + ((o * self->I + i) * SIDE + j) * SIDE, SIDE * sizeof *w);
}

static void s_frame(const conv_t *self, const float *dy, size_t dy_step, float *ret_framed)
{
    size_t Q = conv_width(self), plane = conv_height(self) * Q;
    for (size_t o = 0; o < self->O; o++, ret_framed += plane + 2 * Q) {
        memset(ret_framed, 0, Q * sizeof *dy);
        memcpy(ret_framed + Q, dy + o * dy_step, plane * sizeof *dy);
        memset(ret_framed + Q + plane, 0, Q * sizeof *dy);
    }
}

/* Rows h and h + 1 of a channel in, of what eight columns q of the output have seen there: sums over channels
 * out and kernel rows `from` .. `to`, then each to where its column of the kernel looked. */
INLINE void s_input_rows(const conv_t *self, size_t h, size_t from, size_t to, const float *weights,
                         const float *framed, float *add_dx)
{
    size_t W = self->W, Q = W - SIDE + 1, step = s_framed(self);
    float8_t sum[2][SIDE] = {{{0}}};
    for (size_t j = from; j <= to; j++) {
        const float *w = weights + j * self->O * SIDE, *dy = framed + (h + 1 - j) * Q;
        for (size_t o = 0; o < self->O; o++, w += SIDE, dy += step) {
            float8_t upper = LOAD(dy), lower = LOAD(dy + Q);
            for (size_t k = 0; k < SIDE; k++) {
                sum[0][k] += upper * w[k];
                sum[1][k] += lower * w[k];
            }
        }
    }
    for (size_t r = 0; r < 2; r++)
        for (size_t k = 0; k < SIDE; k++)
            *(float8_t *)(add_dx + r * W + k) += sum[r][k];
}

CLONES_FUSED
static void s_inputs(const conv_t *self, const float *weights, const float *framed, float *ret_dx)
{
    size_t H = self->H, W = self->W, Q = W - SIDE + 1, P = H - SIDE + 1;
    memset(ret_dx, 0, self->I * H * W * sizeof *ret_dx);
    for (size_t i = 0; i < self->I; i++, ret_dx += H * W, weights += SIDE * self->O * SIDE)
        for (size_t h = 0; h < H; h += 2) {
            size_t from = h < P ? 0 : h - P + 1, to = h + 1 < SIDE ? h + 1 : SIDE - 1;
            for (size_t q = 0; q < Q; q += LANES)
                s_input_rows(self, h, from, to, weights, framed + q, ret_dx + h * W + q);
        }
}

void conv_direct_backward(const conv_t *self, size_t count, const float *x, const float *dy, float *scratch,
                          float *add_dw, float *ret_dx)
{
    size_t plane = conv_height(self) * conv_width(self);
    float *framed = scratch + self->O * self->I * SIDE * SIDE;
    s_weights(self, count, x, dy, add_dw);
    for (size_t n = 0; ret_dx && n < count; n++) {
        s_frame(self, dy + n * plane, count * plane, framed);
        s_inputs(self, scratch, framed, ret_dx + n * self->I * self->H * self->W);
    }
}
