#include "actors/model/loss.h"
#include "tests/unit/actors/model/reference.h"

#define B 6
#define C 10

typedef struct {
    double *z;
    uint32_t labels[B];
} case_t;

static double s_loss(void *context)
{
    case_t *self = context;
    return reference_loss(B, C, self->z, self->labels);
}

Test(loss, value_and_gradient)
{
    rng_t rng;
    rng_init(&rng, test_seed());
    float *z = test_random(&rng, B * C, 4), dz[B * C];
    case_t self = {.z = test_widen(z, B * C)};
    for (size_t b = 0; b < B; b++)
        self.labels[b] = (uint32_t)rng_below(&rng, C);
    double sum = loss_gradient(B, C, z, self.labels, dz);
    test_near("loss", 0, sum / B, s_loss(&self), 1e-6);
    for (size_t i = 0; i < B * C; i++)
        test_near("dz", i, dz[i], test_slope(self.z, i, s_loss, &self), 1e-6);
    uint64_t correct = 0;
    test_near("evaluated", 0, loss_evaluate(B, C, z, self.labels, &correct), sum, 1e-6);
    free(z), free(self.z);
}

Test(loss, gradient_in_place)
{
    float z[] = {1, 2, 3}, dz[3];
    uint32_t label = 1;
    loss_gradient(1, 3, z, &label, dz);
    loss_gradient(1, 3, z, &label, z);
    for (size_t i = 0; i < 3; i++)
        cr_assert_eq(z[i], dz[i]);
}

Test(loss, large_outputs_do_not_overflow)
{
    float z[] = {1e30f, -1e30f, 0, 500, 400, -600}, dz[6];
    uint32_t labels[] = {0, 0};
    double loss = loss_gradient(2, 3, z, labels, dz);
    cr_assert(fabs(loss) < 1e-9, "%g", loss);
    for (size_t i = 0; i < 6; i++)
        cr_assert(fabsf(dz[i]) < 1e-9f, "%zu: %g", i, dz[i]);
}

Test(loss, counts_right_answers_and_adds_to_what_is_there)
{
    float z[] = {0, 1, 0, 3, 2, 1, 1, 1, 0};
    uint32_t labels[] = {1, 1, 0};
    uint64_t correct = 40;
    loss_evaluate(3, 3, z, labels, &correct);
    cr_assert_eq(correct, 42, "second is wrong, third is the first of equals: %llu",
                 (unsigned long long)correct);
}
