#include "actors/model/blas.h"

#include "codec/base/rng.h"

#include <cblas.h>
#include <dlfcn.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define LIBRARY "libopenblas.so.0"

typedef void product_fn(enum CBLAS_ORDER, enum CBLAS_TRANSPOSE, enum CBLAS_TRANSPOSE, blasint, blasint,
                        blasint, float, const float *, blasint, const float *, blasint, float, float *,
                        blasint);

/* The library's, for a process has it once. */
static product_fn *s_product;
static const char *s_kernel, *s_config;

err_code_t blas_open(err_t *err)
{
    if (s_product)
        return ERR_OK;
    void *library = dlopen(LIBRARY, RTLD_NOW | RTLD_LOCAL);
    if (!library)
        return err_set(err, ERR_NOT_FOUND, "%s; install OpenBLAS (Debian: libopenblas0)", dlerror());
    product_fn *product;
    char *(*corename)(void), *(*config)(void);
    void (*set_threads)(int);
    *(void **)&product = dlsym(library, "cblas_sgemm"); /* as POSIX says: ISO C has no cast for it */
    *(void **)&corename = dlsym(library, "openblas_get_corename");
    *(void **)&config = dlsym(library, "openblas_get_config");
    *(void **)&set_threads = dlsym(library, "openblas_set_num_threads");
    if (!product || !corename || !config || !set_threads)
        return err_set(err, ERR_NOT_FOUND, LIBRARY " is not OpenBLAS; install it (Debian: libopenblas0)");
    set_threads(1);
    s_kernel = corename();
    s_config = config();
    s_product = product;
    return ERR_OK;
}

const char *blas_kernel(void)
{
    CHECK(s_product);
    return s_kernel;
}

const char *blas_version(char *text, size_t size)
{
    err_t err;
    if (blas_open(&err))
        snprintf(text, size, "%s", err.text);
    else
        snprintf(text, size, "%s", s_config + (strncmp(s_config, "OpenBLAS ", 9) ? 0 : 9));
    return text;
}

void blas_product(blas_form_t a_form, blas_form_t b_form, size_t M, size_t N, size_t K, const float *a,
                  const float *b, float beta, float *c)
{
    CHECK(s_product);
    int m = (int)M, n = (int)N, k = (int)K;
    s_product(CblasRowMajor, a_form == BLAS_PLAIN ? CblasNoTrans : CblasTrans,
              b_form == BLAS_PLAIN ? CblasNoTrans : CblasTrans, m, n, k, 1.0f, a,
              a_form == BLAS_PLAIN ? k : m, b, b_form == BLAS_PLAIN ? n : k, beta, c, n);
}

/* ---- is it right? ---- */

typedef struct {
    blas_form_t a_form, b_form;
    size_t M, N, K;
    float *a, *b, *c;
} product_t;

static float *s_random(rng_t *rng, size_t count)
{
    float *items = malloc(count * sizeof *items);
    CHECK(items);
    for (size_t i = 0; i < count; i++)
        items[i] = (float)(2 * rng_unit(rng) - 1);
    return items;
}

static double s_a(const product_t *p, size_t i, size_t k)
{
    return p->a_form == BLAS_PLAIN ? p->a[i * p->K + k] : p->a[k * p->M + i];
}

static double s_b(const product_t *p, size_t k, size_t j)
{
    return p->b_form == BLAS_PLAIN ? p->b[k * p->N + j] : p->b[j * p->K + k];
}

/* Rounding of K sums of numbers below 1, with a wide margin; a wrong kernel is off by whole numbers. */
static bool s_near(double is, double should, size_t terms)
{
    return fabs(is - should) <= 1e-6 * (double)terms + 1e-5; /* false for NaN */
}

static bool s_equals_loops(const product_t *p, float beta)
{
    for (size_t i = 0; i < p->M; i++)
        for (size_t j = 0; j < p->N; j++) {
            double sum = beta;
            for (size_t k = 0; k < p->K; k++)
                sum += s_a(p, i, k) * s_b(p, k, j);
            if (!s_near(p->c[i * p->N + j], sum, p->K))
                return false;
        }
    return true;
}

/* C r against A (B r), r of -1 and 1. */
static bool s_passes_freivalds(const product_t *p, rng_t *rng)
{
    double *r = malloc(p->N * sizeof *r), *br = calloc(p->K, sizeof *br);
    CHECK(r && br);
    for (size_t j = 0; j < p->N; j++)
        r[j] = rng_below(rng, 2) ? 1 : -1;
    for (size_t k = 0; k < p->K; k++)
        for (size_t j = 0; j < p->N; j++)
            br[k] += s_b(p, k, j) * r[j];
    bool right = true;
    for (size_t i = 0; right && i < p->M; i++) {
        double is = 0, should = 0;
        for (size_t j = 0; j < p->N; j++)
            is += p->c[i * p->N + j] * r[j];
        for (size_t k = 0; k < p->K; k++)
            should += s_a(p, i, k) * br[k];
        right = s_near(is, should, p->K + p->N);
    }
    free(r), free(br);
    return right;
}

/* The former content of C must not matter when beta is 0, and count once when it is 1. */
static bool s_is_right(product_t p, float beta, bool whole, rng_t *rng)
{
    p.a = s_random(rng, p.M * p.K);
    p.b = s_random(rng, p.K * p.N);
    p.c = malloc(p.M * p.N * sizeof *p.c);
    CHECK(p.c);
    for (size_t i = 0; i < p.M * p.N; i++)
        p.c[i] = beta != 0 ? 1 : NAN;
    blas_product(p.a_form, p.b_form, p.M, p.N, p.K, p.a, p.b, beta, p.c);
    bool right = whole ? s_equals_loops(&p, beta) : s_passes_freivalds(&p, rng);
    free(p.a), free(p.b), free(p.c);
    return right;
}

bool blas_is_right(void)
{
    static const size_t awkward[][3] = {{1, 1, 1},    {1, 17, 5},   {3, 2, 70},   {7, 33, 9},   {16, 16, 16},
                                        {17, 31, 65}, {64, 10, 33}, {65, 1, 129}, {5, 129, 63}, {97, 49, 3}};
    static const size_t large[3] = {521, 769, 641};
    rng_t rng;
    rng_init(&rng, 1);
    for (size_t form = 0; form < 4; form++) {
        blas_form_t a_form = form & 1 ? BLAS_TRANSPOSED : BLAS_PLAIN,
                    b_form = form & 2 ? BLAS_TRANSPOSED : BLAS_PLAIN;
        for (size_t i = 0; i < sizeof awkward / sizeof *awkward; i++) {
            const size_t *n = awkward[i];
            product_t p = {.a_form = a_form, .b_form = b_form, .M = n[0], .N = n[1], .K = n[2]};
            if (!s_is_right(p, (float)(i & 1), true, &rng))
                return false;
        }
        product_t p = {.a_form = a_form, .b_form = b_form, .M = large[0], .N = large[1], .K = large[2]};
        if (!s_is_right(p, 0, false, &rng))
            return false;
    }
    return true;
}
