/* No fused multiply-add in this file: see vector.h. */
#include "actors/model/exact.h"

#include "actors/model/vector.h"

#include "actors/model/clones.h"

#include <stdint.h>
#include <string.h>

#define ABSOLUTE_BITS 0x7fffffffU
#define INFINITY_BITS 0x7f800000U
#define LANES 16
#define BLOCK                                                                                                \
    4096 /* elements between two looks at the result: 16 KiB, which stays in the first-level cache */

CLONES
void vector_add(size_t n, float *restrict a, const float *restrict b)
{
    for (size_t i = 0; i < n; i++)
        a[i] += b[i];
}

CLONES
void vector_mix(size_t n, float *restrict a, float x, const float *restrict b, float y)
{
    for (size_t i = 0; i < n; i++)
        a[i] = x * a[i] + y * b[i];
}

CLONES
void vector_compensate(size_t n, float *restrict y, float factor, const float *restrict g,
                       const float *restrict w, const float *restrict other, const float *restrict base)
{
    for (size_t i = 0; i < n; i++) {
        float late = g[i] + factor * g[i] * g[i] * ((w[i] - other[i]) - base[i]);
        y[i] = late - late == 0.0f ? late : g[i]; /* Inf - Inf and NaN - NaN are NaN */
    }
}

CLONES
void vector_add_difference(size_t n, float *restrict a, const float *restrict x, const float *restrict y)
{
    for (size_t i = 0; i < n; i++)
        a[i] += x[i] - y[i];
}

CLONES
void vector_subtract(size_t n, float *restrict a, const float *restrict x, const float *restrict y)
{
    for (size_t i = 0; i < n; i++)
        a[i] = x[i] - y[i];
}

CLONES
void vector_scale(size_t n, float *a, float x)
{
    for (size_t i = 0; i < n; i++)
        a[i] *= x;
}

CLONES
void vector_clamp(size_t n, float *a, float most)
{
    for (size_t i = 0; i < n; i++) {
        float x = a[i] > most ? most : a[i];
        a[i] = x < -most ? -most : x;
    }
}

/* Sums in lanes of their own, so that registers of every width add in the same order. */
CLONES
static void s_add_squares(size_t n, const float *a, double *restrict sums)
{
    for (size_t i = 0; i < n; i += LANES)
        for (size_t lane = 0; lane < LANES; lane++)
            sums[lane] += (double)a[i + lane] * (double)a[i + lane];
}

double vector_squares(size_t n, const float *a)
{
    double sums[LANES] = {0}, sum = 0;
    size_t whole = n - n % LANES;
    s_add_squares(whole, a, sums);
    for (size_t i = whole; i < n; i++)
        sums[i - whole] += (double)a[i] * (double)a[i];
    for (size_t lane = 0; lane < LANES; lane++)
        sum += sums[lane];
    return sum;
}

/* The largest magnitude as bits: for floats without their sign the order of the bits is that of the values,
 * and infinity and the NaNs are above all numbers. */
CLONES
static uint32_t s_largest(size_t n, const float *a)
{
    uint32_t largest = 0;
    for (size_t i = 0; i < n; i++) {
        uint32_t bits;
        memcpy(&bits, a + i, sizeof bits);
        bits &= ABSOLUTE_BITS;
        largest = bits > largest ? bits : largest;
    }
    return largest;
}

bool vector_finite(size_t n, const float *a)
{
    for (size_t first = 0; first < n; first += BLOCK) {
        size_t count = n - first < BLOCK ? n - first : BLOCK;
        if (s_largest(count, a + first) >= INFINITY_BITS)
            return false;
    }
    return true;
}
