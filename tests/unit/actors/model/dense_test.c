#include "actors/model/dense.h"
#include "actors/model/kernel.h"
#include "tests/unit/actors/model/reference.h"

typedef struct {
    dense_t dense;
    size_t B;
    double *x, *w, *bias, *dy, *y;
} case_t;

static double s_weighted(void *context)
{
    case_t *self = context;
    const dense_t *d = &self->dense;
    reference_dense(self->B, d->I, d->O, d->relu, self->x, self->w, self->bias, self->y);
    double sum = 0;
    for (size_t i = 0; i < self->B * d->O; i++)
        sum += self->dy[i] * self->y[i];
    return sum;
}

static void s_check_backward(case_t *self, const float *x, const float *w, const float *y, float *dy)
{
    size_t I = self->dense.I, O = self->dense.O, B = self->B;
    float *dw = test_alloc(O * I, sizeof(float)), *db = test_alloc(O, sizeof(float));
    float *dx = test_alloc(B * I, sizeof(float));
    dw[0] = db[0] = dx[0] = 77; /* replaced, not added to */
    dense_backward(&self->dense, B, x, w, y, dy, dw, db, dx);
    for (size_t i = 0; i < O * I; i++)
        test_near("dw", i, dw[i], test_slope(self->w, i, s_weighted, self), 2e-5);
    for (size_t i = 0; i < O; i++)
        test_near("db", i, db[i], test_slope(self->bias, i, s_weighted, self), 2e-5);
    for (size_t i = 0; i < B * I; i++)
        test_near("dx", i, dx[i], test_slope(self->x, i, s_weighted, self), 2e-5);
    free(dw), free(db), free(dx);
}

static void s_check(dense_t dense, size_t B)
{
    rng_t rng;
    rng_init(&rng, test_seed());
    size_t I = dense.I, O = dense.O;
    float *x = test_random(&rng, B * I, 1), *w = test_random(&rng, O * I, 1), *bias = test_random(&rng, O, 1);
    float *y = test_random(&rng, B * O, 1), *dy = test_random(&rng, B * O, 1);
    case_t self = {dense,
                   B,
                   test_widen(x, B * I),
                   test_widen(w, O * I),
                   test_widen(bias, O),
                   test_widen(dy, B * O),
                   test_widen(y, B * O)};
    cr_assert_eq(kernel_prepare(NULL), ERR_OK);
    dense_forward(&dense, B, x, w, bias, y);
    s_weighted(&self);
    test_all_near("y", B * O, y, self.y, 1e-5);
    s_check_backward(&self, x, w, y, dy);
    free(x), free(w), free(bias), free(y), free(dy);
    free(self.x), free(self.w), free(self.bias), free(self.dy), free(self.y);
}

Test(dense, linear)
{
    s_check((dense_t){.I = 7, .O = 5}, 4);
    s_check((dense_t){.I = 1, .O = 1}, 1);
}

Test(dense, with_relu)
{
    s_check((dense_t){.I = 9, .O = 17, .relu = true}, 6);
}

Test(dense, first_layer_without_dx)
{
    dense_t dense = {.I = 2, .O = 1};
    float x[] = {3, 4}, w[] = {1, 1}, bias[] = {0}, y[1], dy[] = {2}, dw[2], db[1];
    cr_assert_eq(kernel_prepare(NULL), ERR_OK);
    dense_forward(&dense, 1, x, w, bias, y);
    dense_backward(&dense, 1, x, w, y, dy, dw, db, NULL);
    cr_assert(y[0] == 7 && dw[0] == 6 && dw[1] == 8 && db[0] == 2);
}
