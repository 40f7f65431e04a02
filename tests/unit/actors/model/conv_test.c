#include "actors/model/conv.h"
#include "actors/model/kernel.h"
#include "tests/unit/actors/model/reference.h"

typedef struct {
    conv_t conv;
    size_t count;
    double *x, *w, *dy; /* dy in the order of the reference: (count, O, P, Q) */
    double *y;
} case_t;

static size_t s_out(const conv_t *conv)
{
    return conv_height(conv) * conv_width(conv);
}

/* (O, count, PQ) <-> (count, O, PQ) */
static size_t s_place(const case_t *self, size_t i)
{
    size_t pq = s_out(&self->conv), o = i / (self->count * pq), n = i / pq % self->count;
    return (n * self->conv.O + o) * pq + i % pq;
}

static double s_weighted(void *context)
{
    case_t *self = context;
    const conv_t *c = &self->conv;
    reference_conv(c, self->count, self->x, self->w, self->y);
    double sum = 0;
    for (size_t i = 0; i < conv_output_size(c, self->count); i++)
        sum += self->dy[i] * self->y[i];
    return sum;
}

static void s_check_backward(case_t *self, const float *x, const float *w, float *patches, rng_t *rng)
{
    const conv_t *c = &self->conv;
    size_t x_size = self->count * c->I * c->H * c->W, w_size = c->O * c->I * c->K * c->K;
    size_t y_size = conv_output_size(c, self->count);
    float *dy = test_random(rng, y_size, 1), *dw = test_random(rng, w_size, 1),
          *dx = test_random(rng, x_size, 9);
    double *dw_before = test_widen(dw, w_size);
    for (size_t i = 0; i < y_size; i++)
        self->dy[s_place(self, i)] = dy[i];
    conv_backward(c, self->count, x, w, dy, patches, dw, dx);
    for (size_t i = 0; i < w_size; i++)
        test_near("dw", i, dw[i] - dw_before[i], test_slope(self->w, i, s_weighted, self), 2e-5);
    for (size_t i = 0; i < x_size; i++)
        test_near("dx", i, dx[i], test_slope(self->x, i, s_weighted, self), 2e-5);
    float *dw_again = test_alloc(w_size, sizeof(float));
    conv_backward(c, self->count, x, w, dy, patches, dw_again, NULL);
    for (size_t i = 0; i < w_size; i++)
        test_near("dw without dx", i, dw_again[i], dw[i] - dw_before[i], 1e-5);
    free(dy), free(dw), free(dx), free(dw_before), free(dw_again);
}

static void s_check(conv_t conv, size_t count)
{
    rng_t rng;
    rng_init(&rng, test_seed());
    size_t x_size = count * conv.I * conv.H * conv.W, w_size = conv.O * conv.I * conv.K * conv.K;
    size_t y_size = conv_output_size(&conv, count);
    float *x = test_random(&rng, x_size, 1), *w = test_random(&rng, w_size, 1);
    float *patches = test_random(&rng, conv_patch_size(&conv, count), 1), *y = test_random(&rng, y_size, 1);
    case_t self = {conv,
                   count,
                   test_widen(x, x_size),
                   test_widen(w, w_size),
                   test_widen(y, y_size),
                   test_widen(y, y_size)};
    cr_assert_eq(kernel_prepare(NULL), ERR_OK);
    conv_forward(&conv, count, x, w, patches, y);
    s_weighted(&self);
    for (size_t i = 0; i < y_size; i++)
        test_near("y", i, y[i], self.y[s_place(&self, i)], 1e-5);
    s_check_backward(&self, x, w, patches, &rng);
    free(x), free(w), free(patches), free(y);
    free(self.x), free(self.w), free(self.dy), free(self.y);
}

Test(conv, one_image_one_channel)
{
    s_check((conv_t){.I = 1, .H = 6, .W = 7, .O = 3, .K = 3, .stride = 1}, 1);
}

Test(conv, several_images_and_channels)
{
    s_check((conv_t){.I = 3, .H = 5, .W = 8, .O = 4, .K = 2, .stride = 1}, 3);
}

Test(conv, kernel_as_large_as_the_image)
{
    s_check((conv_t){.I = 2, .H = 3, .W = 3, .O = 2, .K = 3, .stride = 1}, 2);
}

Test(conv, strides_and_zeros_around)
{
    static const conv_t cases[] = {
        {.I = 2, .H = 5, .W = 7, .O = 3, .K = 3, .stride = 1, .pad = 1},
        {.I = 2, .H = 6, .W = 5, .O = 3, .K = 3, .stride = 2, .pad = 1},
        {.I = 3, .H = 7, .W = 4, .O = 2, .K = 1, .stride = 2},
        {.I = 3, .H = 3, .W = 5, .O = 2, .K = 1, .stride = 1},
        {.I = 1, .H = 4, .W = 9, .O = 2, .K = 5, .stride = 1, .pad = 2},
        {.I = 1, .H = 1, .W = 1, .O = 2, .K = 3, .stride = 1, .pad = 1}, /* most of it is zeros */
        {.I = 1, .H = 2, .W = 3, .O = 1, .K = 1, .stride = 3, .pad = 2}, /* some see zeros alone */
        {.I = 1, .H = 3, .W = 32, .O = 2, .K = 3, .stride = 1, .pad = 1},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        for (size_t count = 1; count <= 3; count += 2)
            s_check(cases[i], count);
}

Test(conv, what_gives_no_output_is_no_convolution)
{
    conv_t good = {.I = 1, .H = 2, .W = 3, .O = 1, .K = 3, .stride = 1, .pad = 1};
    cr_assert(conv_is_valid(&good));
    conv_t bad[] = {good, good, good, good};
    bad[0].stride = 0, bad[1].pad = 0, bad[2].I = 0, bad[3].K = 5;
    for (size_t i = 0; i < 4; i++)
        cr_assert_not(conv_is_valid(bad + i));
}

/* The widths for which the loops are written out: 8 and 24. */
Test(conv, widths_of_lenet)
{
    s_check((conv_t){.I = 2, .H = 6, .W = 12, .O = 2, .K = 5, .stride = 1}, 2);
    s_check((conv_t){.I = 1, .H = 6, .W = 28, .O = 2, .K = 5, .stride = 1}, 2);
}

Test(conv, group_fills_a_product_and_is_never_empty)
{
    conv_t first = {.I = 1, .H = 28, .W = 28, .O = 20, .K = 5, .stride = 1},
           second = {.I = 20, .H = 12, .W = 12, .O = 50, .K = 5, .stride = 1};
    cr_assert_eq(conv_group(&first), 1);
    cr_assert_eq(conv_group(&second), 4);
}
