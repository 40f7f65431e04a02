#include "actors/model/optimizer.h"
#include "tests/unit/actors/model/reference.h"

#define N 1003 /* whole vectors and a rest */

static const optimizer_t SGD = {.kind = OPTIMIZER_SGD, .lr = 0.1f};
static const optimizer_t MOMENTUM = {.kind = OPTIMIZER_MOMENTUM, .lr = 0.1f, .momentum = 0.9f};

typedef struct {
    float *w, *v, *g, *w_next, *v_next;
} case_t;

static case_t s_new(void)
{
    rng_t rng;
    rng_init(&rng, test_seed());
    return (case_t){test_random(&rng, N, 1), test_random(&rng, N, 1), test_random(&rng, N, 1),
                    test_random(&rng, N, 1), test_random(&rng, N, 1)};
}

/* One step, v and ret_v NULL where there is nothing to remember. */
static void s_step(const optimizer_t *optimizer, float lr, size_t n, const float *w, const float *v,
                   const float *g, float *ret_w, float *ret_v)
{
    optimizer_step(optimizer, &(optimizer_step_t){.lr = lr,
                                                  .number = 1,
                                                  .n = n,
                                                  .w = w,
                                                  .g = g,
                                                  .state = {v},
                                                  .ret_w = ret_w,
                                                  .ret_state = {ret_v}});
}

static void s_free(case_t *self)
{
    free(self->w), free(self->v), free(self->g), free(self->w_next), free(self->v_next);
}

Test(optimizer, sgd_is_its_formula)
{
    case_t c = s_new();
    s_step(&SGD, 0.05f, N, c.w, NULL, c.g, c.w_next, NULL);
    for (size_t i = 0; i < N; i++)
        test_near("w", i, c.w_next[i], (double)c.w[i] - 0.05 * (double)c.g[i], 1e-6);
    s_free(&c);
}

/* Bit for bit: each product and each sum rounded once, whatever the processor could fuse. */
Test(optimizer, momentum_is_its_formula)
{
    case_t c = s_new();
    s_step(&MOMENTUM, 0.05f, N, c.w, c.v, c.g, c.w_next, c.v_next);
    for (size_t i = 0; i < N; i++) {
        volatile float kept = 0.9f * c.v[i];
        volatile float velocity = kept + c.g[i];
        volatile float step = 0.05f * velocity;
        volatile float w = c.w[i] - step;
        cr_assert_eq(c.v_next[i], velocity, "v[%zu]", i);
        cr_assert_eq(c.w_next[i], w, "w[%zu]", i);
    }
    s_free(&c);
}

Test(optimizer, in_place_equals_apart)
{
    case_t c = s_new();
    s_step(&MOMENTUM, 0.05f, N, c.w, c.v, c.g, c.w_next, c.v_next);
    float *w = test_alloc(N, sizeof *w);
    memcpy(w, c.w, N * sizeof *w);
    s_step(&MOMENTUM, 0.05f, N, w, c.v, c.g, w, c.v);
    cr_assert_eq(memcmp(w, c.w_next, N * sizeof *w), 0);
    cr_assert_eq(memcmp(c.v, c.v_next, N * sizeof *w), 0);

    s_step(&SGD, 0.05f, N, c.w, NULL, c.g, c.w_next, NULL);
    s_step(&SGD, 0.05f, N, c.w, NULL, c.g, c.w, NULL);
    cr_assert_eq(memcmp(c.w, c.w_next, N * sizeof *w), 0);
    free(w);
    s_free(&c);
}

/* A shard steps its range of the flat array alone: cutting must not change a bit. */
Test(optimizer, parts_equal_the_whole)
{
    case_t c = s_new();
    float *w = test_alloc(N, sizeof *w), *v = test_alloc(N, sizeof *v);
    s_step(&MOMENTUM, 0.05f, N, c.w, c.v, c.g, c.w_next, c.v_next);
    for (size_t first = 0, end = 7; first < N; first = end, end = end * 2 < N ? end * 2 : N)
        s_step(&MOMENTUM, 0.05f, end - first, c.w + first, c.v + first, c.g + first, w + first, v + first);
    cr_assert_eq(memcmp(w, c.w_next, N * sizeof *w), 0);
    cr_assert_eq(memcmp(v, c.v_next, N * sizeof *v), 0);
    free(w), free(v);
    s_free(&c);
}

/* A step of adam in place. */
static void s_adam_step(uint64_t number, size_t n, float *w, float *m, float *v, const float *g)
{
    static const optimizer_t adam = {.kind = OPTIMIZER_ADAM, .momentum = 0.9f};
    optimizer_step(&adam, &(optimizer_step_t){.lr = 0.01f,
                                              .number = number,
                                              .n = n,
                                              .w = w,
                                              .g = g,
                                              .state = {m, v},
                                              .ret_w = w,
                                              .ret_state = {m, v}});
}

/* Gradients that agree, that do not, of the size of epsilon, 0 at first, and large. */
#define ADAM_ELEMENTS 5
#define ADAM_STEPS 4
static const float s_gradients[ADAM_STEPS][ADAM_ELEMENTS] = {{1, -2, 1e-7f, 0, 100},
                                                             {0.5f, 2, -1e-7f, 0, -50},
                                                             {-1, 0.25f, 3e-8f, 1e-3f, 25},
                                                             {0.125f, -0.5f, 0, 0, 75}};

/* The parameters after each step, from tests/unit/actors/model/adam.pl. */
static const double s_adam[ADAM_STEPS][ADAM_ELEMENTS] = {
    {0.49, -0.24, 0.115909091, 1, -0.01},
    {0.480678204, -0.240526316, 0.11638756, 1, -0.0126633704},
    {0.479570373, -0.24149444, 0.115558324, 0.993611975, -0.0160676619},
    {0.478182966, -0.241266401, 0.114890146, 0.988379307, -0.0215858078}};

Test(optimizer, adam_is_what_double_precision_makes_of_pytorchs_formula)
{
    float w[ADAM_ELEMENTS] = {0.5f, -0.25f, 0.125f, 1, 0}, m[ADAM_ELEMENTS] = {0}, v[ADAM_ELEMENTS] = {0};
    for (size_t step = 0; step < ADAM_STEPS; step++) {
        s_adam_step(step + 1, ADAM_ELEMENTS, w, m, v, s_gradients[step]);
        test_all_near("w", ADAM_ELEMENTS, w, s_adam[step], 1e-6);
    }
}

/* A shard steps its range alone, and processors have registers of several sizes: no bit depends on them. */
Test(optimizer, adam_in_parts_equals_the_whole)
{
    case_t whole = s_new(), parts = s_new();
    for (size_t i = 0; i < N; i++)
        whole.v[i] = parts.v[i] = fabsf(whole.v[i]);
    for (uint64_t number = 1; number < 4; number++) {
        s_adam_step(number, N, whole.w, whole.w_next, whole.v, whole.g);
        for (size_t first = 0, end = 7; first < N; first = end, end = end * 2 < N ? end * 2 : N)
            s_adam_step(number, end - first, parts.w + first, parts.w_next + first, parts.v + first,
                        parts.g + first);
    }
    cr_assert_eq(memcmp(whole.w, parts.w, N * sizeof(float)), 0);
    cr_assert_eq(memcmp(whole.w_next, parts.w_next, N * sizeof(float)), 0);
    cr_assert_eq(memcmp(whole.v, parts.v, N * sizeof(float)), 0);
    s_free(&whole), s_free(&parts);
}

Test(optimizer, nothing_to_do)
{
    s_step(&SGD, 1, 0, NULL, NULL, NULL, NULL, NULL);
    s_step(&MOMENTUM, 1, 0, NULL, NULL, NULL, NULL, NULL);
}

Test(optimizer, rates)
{
    optimizer_t linear = {.kind = OPTIMIZER_SGD, .lr = 0.5f, .schedule = SCHEDULE_LINEAR};
    cr_assert_eq(optimizer_rate(&SGD, 70, 100), 0.1f);
    cr_assert_eq(optimizer_rate(&linear, 0, 100), 0.5f);
    cr_assert_eq(optimizer_rate(&linear, 50, 100), 0.25f);
    cr_assert_eq(optimizer_rate(&linear, 75, 100), 0.125f);
    cr_assert_eq(optimizer_rate(&linear, 100, 100), 0);
    cr_assert_eq(optimizer_rate(&linear, 101, 100), 0);
    cr_assert_eq(optimizer_rate(&linear, UINT64_MAX, 100), 0);
    cr_assert_eq(optimizer_rate(&linear, 0, 0), 0.5f);
    optimizer_t warm = {.kind = OPTIMIZER_SGD, .lr = 0.5f, .schedule = SCHEDULE_LINEAR, .warmup = 0.5};
    cr_assert_eq(optimizer_rate(&warm, 0, 100), 0);
    cr_assert_eq(optimizer_rate(&warm, 25, 100), 0.1875f); /* half of the rise of 0.75 of the rate */
    cr_assert_eq(optimizer_rate(&warm, 50, 100), 0.25f);
    cr_assert_eq(optimizer_rate(&warm, 75, 100), 0.125f);
}
