#include "actors/model/conv_layer.h"
#include "actors/model/kernel.h"
#include "tests/unit/actors/model/reference.h"

/* Everything of one convolution, in double precision as the reference has it. */
typedef struct {
    conv_t conv;
    size_t count, x_size, w_size, y_size;
    double *x, *w, *y, *dy;
} case_t;

static case_t s_case(const conv_t *c, size_t count, const float *x, const float *w, const float *dy)
{
    case_t self = {.conv = *c, .count = count, .x_size = count * c->I * c->H * c->W};
    self.w_size = conv_weight_size(c);
    self.y_size = conv_output_size(c, count);
    self.x = test_widen(x, self.x_size);
    self.w = test_widen(w, self.w_size);
    self.dy = test_widen(dy, self.y_size);
    self.y = test_alloc(self.y_size, sizeof(double));
    return self;
}

static double s_weighted(void *context)
{
    case_t *self = context;
    reference_conv(&self->conv, self->count, self->x, self->w, self->y);
    double sum = 0;
    for (size_t i = 0; i < self->y_size; i++)
        sum += self->dy[i] * self->y[i];
    return sum;
}

/* Slopes of every parameter are slow: of some hundred, spread over all. */
static void s_check_slopes(case_t *self, const char *what, const float *got, double *at, size_t n)
{
    size_t step = n / 100 + 1;
    for (size_t i = 0; i < n; i += step)
        test_near(what, i, got[i], test_slope(at, i, s_weighted, self), 1e-4);
    test_near(what, n - 1, got[n - 1], test_slope(at, n - 1, s_weighted, self), 1e-4);
}

static void s_check_count(conv_layer_t *layer, const conv_t *c, size_t count, void *scratch, rng_t *rng)
{
    size_t x_size = count * c->I * c->H * c->W, w_size = conv_weight_size(c);
    size_t y_size = conv_output_size(c, count);
    float *x = test_random(rng, x_size, 1), *w = test_random(rng, w_size, 1),
          *dy = test_random(rng, y_size, 1);
    float *y = test_random(rng, y_size, 9), *dw = test_random(rng, w_size, 9),
          *dx = test_random(rng, x_size, 9);
    case_t self = s_case(c, count, x, w, dy);
    conv_layer_forward(layer, count, x, w, scratch, y);
    s_weighted(&self);
    test_all_near("y", y_size, y, self.y, 1e-4);
    conv_layer_backward(layer, count, x, w, dy, scratch, dw, dx);
    s_check_slopes(&self, "dw", dw, self.w, w_size);
    s_check_slopes(&self, "dx", dx, self.x, x_size);
    float *dw_again = test_random(rng, w_size, 9);
    conv_layer_backward(layer, count, x, w, dy, scratch, dw_again, NULL);
    for (size_t i = 0; i < w_size; i++)
        test_near("dw without dx", i, dw_again[i], dw[i], 1e-5);
    free(x), free(w), free(dy), free(y), free(dw), free(dx), free(dw_again);
    free(self.x), free(self.w), free(self.y), free(self.dy);
}

/* A full batch, then a smaller one, then a full one again. */
static void s_check(conv_t conv, size_t batch)
{
    rng_t rng;
    rng_init(&rng, test_seed());
    conv_layer_t *layer = NULL;
    cr_assert_eq(kernel_prepare(NULL), ERR_OK);
    cr_assert_eq(conv_layer_new(&conv, false, batch, &layer, NULL), ERR_OK);
    void *scratch = aligned_alloc(64, conv_layer_scratch(layer) + 64);
    cr_assert(scratch);
    for (size_t round = 0; round < 3; round++)
        s_check_count(layer, &conv, round == 1 ? (batch + 1) / 2 : batch, scratch, &rng);
    conv_layer_destroy(&layer);
    cr_assert_null(layer);
    free(scratch);
}

Test(conv_layer, three_by_three_over_small_images_that_are_grouped)
{
    s_check((conv_t){.I = 4, .H = 5, .W = 4, .O = 6, .K = 3, .stride = 1, .pad = 1}, 15);
}

Test(conv_layer, rows_of_large_images_that_are_no_multiple_of_a_block)
{
    s_check((conv_t){.I = 2, .H = 23, .W = 25, .O = 3, .K = 3, .stride = 1, .pad = 1}, 2);
}

Test(conv_layer, strides)
{
    s_check((conv_t){.I = 3, .H = 9, .W = 7, .O = 4, .K = 3, .stride = 2, .pad = 1}, 3);
    s_check((conv_t){.I = 3, .H = 8, .W = 8, .O = 4, .K = 1, .stride = 2}, 3);
}

Test(conv_layer, one_by_one_large_and_small)
{
    s_check((conv_t){.I = 3, .H = 17, .W = 16, .O = 4, .K = 1, .stride = 1}, 2);
    s_check((conv_t){.I = 3, .H = 3, .W = 2, .O = 4, .K = 1, .stride = 1}, 5);
}

Test(conv_layer, five_by_five_of_one_image_without_zeros)
{
    s_check((conv_t){.I = 1, .H = 28, .W = 28, .O = 2, .K = 5, .stride = 1}, 1);
}

Test(conv_layer, channels_in_whole_registers)
{
    s_check((conv_t){.I = 16, .H = 4, .W = 4, .O = 32, .K = 3, .stride = 2, .pad = 1}, 4);
}

Test(conv_layer, a_kernel_that_does_not_fit_is_refused)
{
    conv_layer_t *layer = NULL;
    err_t err;
    conv_t conv = {.I = 1, .H = 3, .W = 3, .O = 1, .K = 5, .stride = 1};
    cr_assert_eq(conv_layer_new(&conv, false, 1, &layer, &err), ERR_CONFIG);
    cr_assert(strstr(err.text, "3 x 3"), "%s", err.text);
}
