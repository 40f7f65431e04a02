#include "actors/model/vector.h"
#include "tests/unit/actors/model/reference.h"

#include <float.h>
#include <math.h>

Test(vector, add)
{
    for (size_t n = 0; n < 70; n++) {
        float a[70], b[70];
        for (size_t i = 0; i < 70; i++) {
            a[i] = (float)i;
            b[i] = 1000;
        }
        vector_add(n, a, b);
        for (size_t i = 0; i < 70; i++)
            cr_assert_eq(a[i], i < n ? (float)i + 1000 : (float)i);
    }
}

/* Bit for bit, with each product rounded before the sum. */
Test(vector, mix)
{
    rng_t rng;
    rng_init(&rng, test_seed());
    float *a = test_random(&rng, 333, 1), *b = test_random(&rng, 333, 1),
          *kept = test_alloc(333, sizeof *kept);
    memcpy(kept, a, 333 * sizeof *a);
    vector_mix(333, a, 0.3f, b, 0.7f);
    for (size_t i = 0; i < 333; i++) {
        volatile float own = 0.3f * kept[i], other = 0.7f * b[i];
        volatile float sum = own + other;
        cr_assert_eq(a[i], sum, "%zu", i);
    }
    free(a), free(b), free(kept);
}

/* Plainly, in double; what cannot be computed in float32 is g itself. */
Test(vector, compensate)
{
    rng_t rng;
    rng_init(&rng, test_seed());
    float *g = test_random(&rng, 333, 1), *w = test_random(&rng, 333, 1), *other = test_random(&rng, 333, 1),
          *base = test_random(&rng, 333, 1), *y = test_alloc(333, sizeof *y);
    g[17] = 1e30f;
    g[200] = -FLT_MAX;
    vector_compensate(333, y, 0.3f, g, w, other, base);
    for (size_t i = 0; i < 333; i++) {
        double x = (double)g[i];
        double expected = i == 17 || i == 200 ? x
                                              : x + (double)0.3f * x * x *
                                                        ((double)w[i] - (double)other[i] - (double)base[i]);
        cr_assert(fabs((double)y[i] - expected) <= 1e-6 * (1 + fabs(expected)), "%zu", i);
    }
    free(g), free(w), free(other), free(base), free(y);
}

Test(vector, differences)
{
    for (size_t n = 0; n < 70; n++) {
        float a[70], b[70], x[70], y[70];
        for (size_t i = 0; i < 70; i++) {
            a[i] = b[i] = (float)i;
            x[i] = 3 * (float)i;
            y[i] = 1000;
        }
        vector_add_difference(n, a, x, y);
        vector_subtract(n, b, x, y);
        for (size_t i = 0; i < 70; i++) {
            cr_assert_eq(a[i], i < n ? 4 * (float)i - 1000 : (float)i);
            cr_assert_eq(b[i], i < n ? 3 * (float)i - 1000 : (float)i);
        }
    }
}

/* Every position of the first and last vectors, around the blocks and in the rest. */
Test(vector, finite_sees_each_position)
{
    const float bad[] = {NAN, -NAN, INFINITY, -INFINITY};
    const size_t sizes[] = {1, 2, 15, 16, 17, 63, 64, 4095, 4096, 4097, 12295};
    for (size_t s = 0; s < sizeof sizes / sizeof *sizes; s++) {
        size_t n = sizes[s];
        float *a = test_alloc(n + 1, sizeof *a);
        for (size_t i = 0; i < n; i++)
            a[i] = i % 3 ? FLT_MAX : -1e-40f;
        a[n] = NAN; /* behind the end: not looked at */
        cr_assert(vector_finite(n, a), "%zu", n);
        for (size_t i = 0; i < n; i = i < 70 || i + 70 > n || (i + 1) % 4096 < 3 ? i + 1 : i + 37) {
            float kept = a[i];
            a[i] = bad[i % 4];
            cr_assert_not(vector_finite(n, a), "%g at %zu of %zu", bad[i % 4], i, n);
            a[i] = kept;
        }
        free(a);
    }
}

Test(vector, finite_knows_every_kind)
{
    const uint32_t bad[] = {0x7f800000, 0xff800000, 0x7f800001, 0x7fc00000,
                            0x7fffffff, 0xff800001, 0xffffffff};
    const uint32_t good[] = {0, 0x80000000, 1, 0x80000001, 0x7f7fffff, 0xff7fffff, 0x00800000, 0x3f800000};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        float a[3] = {1, 2, 3};
        memcpy(a + 1, bad + i, sizeof *a);
        cr_assert_not(vector_finite(3, a), "0x%08x", bad[i]);
    }
    float a[sizeof good / sizeof *good];
    memcpy(a, good, sizeof good);
    cr_assert(vector_finite(sizeof good / sizeof *good, a));
    cr_assert(vector_finite(0, NULL));
}

Test(vector, scale_and_clamp)
{
    for (size_t n = 0; n < 70; n++) {
        float a[70], b[70];
        for (size_t i = 0; i < 70; i++)
            a[i] = b[i] = (float)i - 35;
        vector_scale(n, a, 0.5f);
        vector_clamp(n, b, 20);
        for (size_t i = 0; i < 70; i++) {
            float x = (float)i - 35;
            cr_assert_eq(a[i], i < n ? 0.5f * x : x);
            cr_assert_eq(b[i], i < n && x > 20 ? 20 : i < n && x < -20 ? -20 : x);
        }
    }
}

/* In double, and in sixteen lanes whatever the processor has, so that the bits are the same. */
Test(vector, squares)
{
    rng_t rng;
    rng_init(&rng, test_seed());
    float *a = test_random(&rng, 333, 1);
    for (size_t n = 0; n <= 333; n++) {
        double lanes[16] = {0}, sum = 0;
        for (size_t i = 0; i < n; i++)
            lanes[i % 16] += (double)a[i] * (double)a[i];
        for (size_t lane = 0; lane < 16; lane++)
            sum += lanes[lane];
        cr_assert_eq(vector_squares(n, a), sum, "%zu", n);
    }
    a[100] = NAN;
    cr_assert(isnan(vector_squares(333, a)));
    a[100] = INFINITY;
    cr_assert(!isfinite(vector_squares(333, a)));
    free(a);
}
