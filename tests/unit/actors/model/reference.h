/* reference - the layers once more, naively and in double precision: what the fast ones are checked against.
 *
 * Why      finite differences of a float32 function are noise; of a double they are good to seven digits.
 */
#ifndef TESTS_UNIT_ACTORS_MODEL_REFERENCE_H
#define TESTS_UNIT_ACTORS_MODEL_REFERENCE_H

#include "actors/model/conv.h"
#include "codec/base/rng.h"

#include <criterion/criterion.h>
#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static inline uint64_t test_seed(void)
{
    const char *text = getenv("CLOUDLESS_SEED");
    uint64_t seed = text ? strtoull(text, NULL, 10) : 20230609;
    fprintf(stderr, "CLOUDLESS_SEED=%llu\n", (unsigned long long)seed);
    return seed;
}

static inline void *test_alloc(size_t count, size_t size)
{
    void *data = calloc(count ? count : 1, size);
    cr_assert(data);
    return data;
}

/* n numbers, uniform in +-scale; the caller frees them. */
static inline float *test_random(rng_t *rng, size_t n, double scale)
{
    float *a = test_alloc(n, sizeof *a);
    for (size_t i = 0; i < n; i++)
        a[i] = (float)((2 * rng_unit(rng) - 1) * scale);
    return a;
}

static inline double *test_widen(const float *a, size_t n)
{
    double *wide = test_alloc(n, sizeof *wide);
    for (size_t i = 0; i < n; i++)
        wide[i] = a[i];
    return wide;
}

static inline void test_near(const char *what, size_t i, double got, double expected, double tolerance)
{
    cr_assert(fabs(got - expected) <= tolerance * (1 + fabs(expected)), "%s[%zu]: got %.9g, expected %.9g",
              what, i, got, expected);
}

static inline void test_all_near(const char *what, size_t n, const float *got, const double *expected,
                                 double tolerance)
{
    for (size_t i = 0; i < n; i++)
        test_near(what, i, got[i], expected[i], tolerance);
}

/* d f / d at[i] by central differences; f sees the changed number. */
typedef double test_function_t(void *context);

static inline double test_slope(double *at, size_t i, test_function_t *f, void *context)
{
    double kept = at[i], h = 1e-6;
    at[i] = kept + h;
    double above = f(context);
    at[i] = kept - h;
    double below = f(context);
    at[i] = kept;
    return (above - below) / (2 * h);
}

/* One output of a convolution: x (I,H,W) and w (I,K,K), of which row `top` and column `left` of the image
 * are the first, or zeros around it. */
static inline double reference_conv_at(const conv_t *c, const double *x, const double *w, long top, long left)
{
    double sum = 0;
    for (size_t i = 0; i < c->I; i++)
        for (size_t j = 0; j < c->K; j++)
            for (size_t k = 0; k < c->K; k++) {
                long h = top + (long)j, v = left + (long)k;
                if (h >= 0 && h < (long)c->H && v >= 0 && v < (long)c->W)
                    sum += w[(i * c->K + j) * c->K + k] * x[(i * c->H + (size_t)h) * c->W + (size_t)v];
            }
    return sum;
}

/* x (B,I,H,W), w (O,I,K,K) -> y (B,O,P,Q) */
static inline void reference_conv(const conv_t *c, size_t B, const double *x, const double *w, double *y)
{
    long S = (long)c->stride, Z = (long)c->pad;
    size_t P = (c->H + 2 * c->pad - c->K) / c->stride + 1, Q = (c->W + 2 * c->pad - c->K) / c->stride + 1;
    for (size_t b = 0; b < B; b++)
        for (size_t o = 0; o < c->O; o++)
            for (size_t p = 0; p < P; p++)
                for (size_t q = 0; q < Q; q++)
                    *y++ = reference_conv_at(c, x + b * c->I * c->H * c->W, w + o * c->I * c->K * c->K,
                                             S * (long)p - Z, S * (long)q - Z);
}

/* x (B,C,H,W), bias (C) -> y (B,C,H/2,W/2) */
static inline void reference_pool(size_t B, size_t C, size_t H, size_t W, const double *x, const double *bias,
                                  double *y)
{
    for (size_t b = 0; b < B; b++)
        for (size_t c = 0; c < C; c++)
            for (size_t p = 0; p < H / 2; p++)
                for (size_t q = 0; q < W / 2; q++) {
                    const double *at = x + ((b * C + c) * H + 2 * p) * W + 2 * q;
                    *y++ = fmax(fmax(at[0], at[1]), fmax(at[W], at[W + 1])) + bias[c];
                }
}

/* x (B,C,n) -> y (B,C,n): each channel to mean 0 and variance 1 + 1e-5, times weight (C), plus shift (C) */
static inline void reference_norm(size_t B, size_t C, size_t n, bool relu, const double *x,
                                  const double *weight, const double *shift, double *y)
{
    for (size_t c = 0; c < C; c++) {
        double mean = 0, variance = 0;
        for (size_t i = 0; i < B * n; i++)
            mean += x[(i / n * C + c) * n + i % n] / (double)(B * n);
        for (size_t i = 0; i < B * n; i++) {
            double off = x[(i / n * C + c) * n + i % n] - mean;
            variance += off * off / (double)(B * n);
        }
        for (size_t i = 0; i < B * n; i++) {
            size_t at = (i / n * C + c) * n + i % n;
            double z = (x[at] - mean) / sqrt(variance + 1e-5) * weight[c] + shift[c];
            y[at] = relu && z < 0 ? 0 : z;
        }
    }
}

/* x (B,I), w (O,I), bias (O) -> y (B,O) */
static inline void reference_dense(size_t B, size_t I, size_t O, bool relu, const double *x, const double *w,
                                   const double *bias, double *y)
{
    for (size_t b = 0; b < B; b++)
        for (size_t o = 0; o < O; o++) {
            double sum = bias[o];
            for (size_t i = 0; i < I; i++)
                sum += w[o * I + i] * x[b * I + i];
            y[b * O + o] = relu && sum < 0 ? 0 : sum;
        }
}

/* Mean over the batch of -log softmax(z)[label]. */
static inline double reference_loss(size_t B, size_t C, const double *z, const uint32_t *labels)
{
    double loss = 0;
    for (size_t b = 0; b < B; b++) {
        double sum = 0;
        for (size_t c = 0; c < C; c++)
            sum += exp(z[b * C + c] - z[b * C + labels[b]]);
        loss += log(sum);
    }
    return loss / (double)B;
}

#endif
