#include "actors/model/batchnorm.h"
#include "tests/unit/actors/model/reference.h"

typedef struct {
    size_t count, C, plane;
    bool relu;
    double *x, *weight, *shift, *y, *dy;
} case_t;

static double s_weighted(void *context)
{
    case_t *self = context;
    reference_norm(self->count, self->C, self->plane, self->relu, self->x, self->weight, self->shift,
                   self->y);
    double sum = 0;
    for (size_t i = 0; i < self->count * self->C * self->plane; i++)
        sum += self->dy[i] * self->y[i];
    return sum;
}

typedef struct {
    float *mean, *root, *scale, *shift, *weight;
    moments_t *moments;
    batchnorm_sums_t *sums;
    batchnorm_t norm;
} layer_state_t;

static layer_state_t s_state(rng_t *rng, size_t C, size_t plane, bool relu)
{
    layer_state_t self = {.mean = test_alloc(C, sizeof(float)),
                          .root = test_alloc(C, sizeof(float)),
                          .scale = test_alloc(C, sizeof(float)),
                          .shift = test_random(rng, C, 1),
                          .weight = test_random(rng, C, 2),
                          .moments = test_alloc(C, sizeof(moments_t)),
                          .sums = test_alloc(C, sizeof(batchnorm_sums_t))};
    self.norm = (batchnorm_t){C, plane, relu, self.shift, self.mean, self.root, self.scale};
    return self;
}

static void s_free(layer_state_t *self)
{
    free(self->mean), free(self->root), free(self->scale), free(self->shift), free(self->weight);
    free(self->moments), free(self->sums);
}

static void s_check_backward(case_t *self, layer_state_t *state, float *x, float *dy)
{
    size_t n = self->count * self->C * self->plane;
    float *dweight = test_alloc(self->C, sizeof(float)), *dshift = test_alloc(self->C, sizeof(float));
    batchnorm_sum(&state->norm, self->count, x, dy, state->sums);
    batchnorm_gradient(&state->norm, state->sums, dweight, dshift);
    batchnorm_backward(&state->norm, self->count, dy, state->sums, x);
    for (size_t i = 0; i < n; i++)
        test_near("dx", i, x[i], test_slope(self->x, i, s_weighted, self), 5e-5);
    for (size_t c = 0; c < self->C; c++) {
        test_near("dweight", c, dweight[c], test_slope(self->weight, c, s_weighted, self), 2e-5);
        test_near("dshift", c, dshift[c], test_slope(self->shift, c, s_weighted, self), 2e-5);
    }
    free(dweight), free(dshift);
}

static void s_check(size_t count, size_t C, size_t plane, bool relu, double far)
{
    rng_t rng;
    rng_init(&rng, test_seed());
    size_t n = count * C * plane;
    float *x = test_random(&rng, n, 1), *dy = test_random(&rng, n, 1), *y = test_random(&rng, n, 1);
    for (size_t i = 0; i < n; i++)
        x[i] += (float)(far * (double)(1 + i / plane % C));
    layer_state_t state = s_state(&rng, C, plane, relu);
    case_t self = {count,
                   C,
                   plane,
                   relu,
                   test_widen(x, n),
                   test_widen(state.weight, C),
                   test_widen(state.shift, C),
                   test_alloc(n, sizeof(double)),
                   test_widen(dy, n)};
    batchnorm_see(&state.norm, count, x, state.moments);
    batchnorm_of_batch(&state.norm, count, state.moments, state.weight);
    batchnorm_apply(&state.norm, count, x, y);
    s_weighted(&self);
    test_all_near("y", n, y, self.y, 2e-6 * (1 + far));
    if (!(far > 0))
        s_check_backward(&self, &state, x, dy);
    s_free(&state);
    free(x), free(dy), free(y), free(self.x), free(self.weight), free(self.shift), free(self.y),
        free(self.dy);
}

Test(batchnorm, pixels_and_images)
{
    s_check(3, 2, 16, false, 0);
    s_check(3, 2, 16, true, 0);
}

Test(batchnorm, planes_that_fill_no_register)
{
    s_check(4, 3, 1, true, 0);
    s_check(2, 3, 17, true, 0);
    s_check(1, 2, 49, false, 0);
}

/* Sums of squares would have no digits left. */
Test(batchnorm, values_far_from_zero)
{
    s_check(4, 3, 49, false, 300);
}

Test(batchnorm, averages_are_those_of_pytorch)
{
    /* mean 2.5 and unbiased variance 5 / 3; constant; one channel's running variance below 0 */
    const float x[] = {1, 2, 3, 4, 7, 7, 7, 7}, running_mean[] = {1, 7}, running_variance[] = {1, 2};
    float dmean[2], dvariance[2], y[8];
    rng_t rng;
    rng_init(&rng, 1);
    layer_state_t state = s_state(&rng, 2, 4, false);
    batchnorm_see(&state.norm, 1, x, state.moments);
    batchnorm_average(&state.norm, 1, state.moments, running_mean, running_variance, dmean, dvariance);
    test_near("mean", 0, 1 - 0.1 * dmean[0], 0.9 * 1 + 0.1 * 2.5, 1e-7);
    test_near("variance", 0, 1 - 0.1 * dvariance[0], 0.9 * 1 + 0.1 * 5 / 3, 1e-7);
    test_near("mean", 1, dmean[1], 0, 1e-7);
    test_near("variance", 1, dvariance[1], 2, 1e-7);
    batchnorm_of_running(&state.norm, running_mean, (float[]){4, -0.5f}, (float[]){3, 1});
    batchnorm_apply(&state.norm, 1, x, y);
    test_near("y", 3, y[3], (4 - 1) / sqrt(4 + 1e-5) * 3 + (double)state.shift[0], 1e-6);
    cr_assert(isfinite(y[4]) && isfinite(state.scale[1]));
    s_free(&state);
}

/* One value has no unbiased variance: its own, 0, and no division by 0. */
Test(batchnorm, a_batch_of_one_value)
{
    const float x[] = {3};
    float dmean[1], dvariance[1], y[1];
    rng_t rng;
    rng_init(&rng, 1);
    layer_state_t state = s_state(&rng, 1, 1, false);
    batchnorm_see(&state.norm, 1, x, state.moments);
    batchnorm_of_batch(&state.norm, 1, state.moments, state.weight);
    batchnorm_average(&state.norm, 1, state.moments, (float[]){1}, (float[]){1}, dmean, dvariance);
    batchnorm_apply(&state.norm, 1, x, y);
    cr_assert_eq(y[0], state.shift[0]);
    cr_assert_eq(dmean[0], -2);
    cr_assert_eq(dvariance[0], 1);
    s_free(&state);
}

Test(batchnorm, nan_is_not_hidden)
{
    float x[] = {NAN, 1, 2, 3}, y[4];
    rng_t rng;
    rng_init(&rng, 1);
    layer_state_t state = s_state(&rng, 1, 4, true);
    batchnorm_of_running(&state.norm, (float[]){0}, (float[]){1}, (float[]){1});
    batchnorm_apply(&state.norm, 1, x, y);
    cr_assert(isnan(y[0]) && !isnan(y[1]));
    s_free(&state);
}
