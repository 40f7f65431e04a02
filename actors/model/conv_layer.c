#include "actors/model/conv_layer.h"

#include "actors/model/blas.h"

#include <stdlib.h>
#include <string.h>

#define PIXELS_PER_PRODUCT 256
#define LINE 64 /* bytes that scratch is aligned to */

struct conv_layer {
    conv_t conv;
    size_t batch_max;
    size_t P, Q;
    size_t group; /* images of a block: 1 when a block is a part of an image */
    size_t rows;  /* of the output in a block */
    bool direct;  /* 1 x 1 of every pixel: an image is its own patches */
};

err_code_t conv_layer_new(const conv_t *conv, size_t batch_max, conv_layer_t **ret_self, err_t *err)
{
    if (!conv_is_valid(conv))
        return err_set(err, ERR_CONFIG, "no convolution of side %zu, stride %zu, padding %zu on %zu x %zu",
                       conv->K, conv->stride, conv->pad, conv->H, conv->W);
    conv_layer_t *self = calloc(1, sizeof *self);
    if (!self)
        return err_set(err, ERR_MEMORY, "no memory for a convolution");
    self->conv = *conv;
    self->batch_max = batch_max;
    self->P = conv_height(conv);
    self->Q = conv_width(conv);
    self->group = conv_group(conv);
    self->rows = (PIXELS_PER_PRODUCT + self->Q - 1) / self->Q;
    self->rows = self->rows < self->P ? self->rows : self->P;
    self->direct = conv->K == 1 && conv->stride == 1 && conv->pad == 0 && self->group == 1;
    *ret_self = self;
    return ERR_OK;
}

void conv_layer_destroy(conv_layer_t **self_p)
{
    free(*self_p);
    *self_p = NULL;
}

static size_t s_rounded(size_t floats)
{
    return (floats * sizeof(float) + LINE - 1) / LINE * LINE;
}

/* Bytes of the patches of one block. */
static size_t s_patches(const conv_layer_t *self)
{
    return s_rounded(self->conv.I * self->conv.K * self->conv.K * self->group * self->rows * self->Q);
}

size_t conv_layer_scratch(const conv_layer_t *self)
{
    return self->direct ? 0 : s_patches(self) + s_rounded(self->conv.O * self->group * self->rows * self->Q);
}

/* Copies a block (O, count, rows Q) of (count, O, P Q), or back. */
static void s_copy_block(const conv_layer_t *self, const conv_block_t *block, const float *from, float *to,
                         bool outward)
{
    size_t size = block->rows * self->Q, plane = self->P * self->Q, O = self->conv.O;
    for (size_t o = 0; o < O; o++)
        for (size_t n = 0; n < block->count; n++) {
            size_t at = (o * block->count + n) * size, apart = (n * O + o) * plane + block->row * self->Q;
            memcpy(to + (outward ? apart : at), from + (outward ? at : apart), size * sizeof *to);
        }
}

/* The block after `block` in a batch of `count` images, of which *first is that block's first; false: none.
 */
static bool s_next(const conv_layer_t *self, size_t count, size_t *first, conv_block_t *block)
{
    size_t row = block->row + block->rows;
    if (row >= self->P) {
        *first += block->count;
        row = 0;
    }
    size_t left = count - *first, rows_left = self->P - row;
    block->count = left < self->group ? left : self->group;
    block->row = row;
    block->rows = rows_left < self->rows ? rows_left : self->rows;
    return left > 0;
}

/* Before the first block. */
static conv_block_t s_before(const conv_layer_t *self)
{
    return (conv_block_t){.rows = self->P};
}

static void s_forward_direct(const conv_layer_t *self, size_t count, const float *x, const float *w,
                             float *ret_y)
{
    size_t PQ = self->P * self->Q, I = self->conv.I, O = self->conv.O;
    for (size_t n = 0; n < count; n++)
        blas_product(BLAS_PLAIN, BLAS_PLAIN, O, PQ, I, w, x + n * I * PQ, 0.0f, ret_y + n * O * PQ);
}

void conv_layer_forward(conv_layer_t *self, size_t count, const float *x, const float *w, void *scratch,
                        float *ret_y)
{
    CHECK(count <= self->batch_max);
    if (self->direct) {
        s_forward_direct(self, count, x, w, ret_y);
        return;
    }
    const conv_t *c = &self->conv;
    float *patches = scratch, *y = (float *)((char *)scratch + s_patches(self));
    conv_block_t block = s_before(self);
    for (size_t first = 0; s_next(self, count, &first, &block);) {
        conv_forward_block(c, &block, x + first * c->I * c->H * c->W, w, patches, y);
        s_copy_block(self, &block, y, ret_y + first * c->O * self->P * self->Q, true);
    }
}

static void s_backward_direct(const conv_layer_t *self, size_t count, const float *x, const float *w,
                              const float *dy, float *add_dw, float *ret_dx)
{
    size_t PQ = self->P * self->Q, I = self->conv.I, O = self->conv.O;
    for (size_t n = 0; n < count; n++, x += I * PQ, dy += O * PQ) {
        blas_product(BLAS_PLAIN, BLAS_TRANSPOSED, O, I, PQ, dy, x, 1.0f, add_dw);
        if (ret_dx)
            blas_product(BLAS_TRANSPOSED, BLAS_PLAIN, I, PQ, O, w, dy, 0.0f, ret_dx + n * I * PQ);
    }
}

void conv_layer_backward(conv_layer_t *self, size_t count, const float *x, const float *w, const float *dy,
                         void *scratch, float *ret_dw, float *ret_dx)
{
    CHECK(count <= self->batch_max);
    const conv_t *c = &self->conv;
    size_t image = c->I * c->H * c->W;
    memset(ret_dw, 0, conv_weight_size(c) * sizeof *ret_dw);
    if (self->direct) {
        s_backward_direct(self, count, x, w, dy, ret_dw, ret_dx);
        return;
    }
    if (ret_dx)
        memset(ret_dx, 0, count * image * sizeof *ret_dx);
    float *patches = scratch, *dy_block = (float *)((char *)scratch + s_patches(self));
    conv_block_t block = s_before(self);
    for (size_t first = 0; s_next(self, count, &first, &block);) {
        s_copy_block(self, &block, dy + first * c->O * self->P * self->Q, dy_block, false);
        conv_backward_block(c, &block, x + first * image, w, dy_block, patches, ret_dw,
                            ret_dx ? ret_dx + first * image : NULL);
    }
}
