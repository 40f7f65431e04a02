#include "actors/model/pool.h"

#include "actors/model/clones.h"
#include "codec/base/err.h"

#define INLINE static inline __attribute__((always_inline))

/* Eight and four lanes, from anywhere in memory. Compilers turn the plain loops into branches, which random
 * images mispredict: said in vectors, they are comparisons and masks on every machine. */
typedef float float8_t __attribute__((vector_size(32), aligned(4), may_alias));
typedef int32_t int8x32_t __attribute__((vector_size(32), aligned(4), may_alias));
typedef float float4_t __attribute__((vector_size(16), aligned(4), may_alias));
typedef int32_t int4x32_t __attribute__((vector_size(16), aligned(4), may_alias));
#define LANES 8

#define EVEN(a, b) __builtin_shufflevector(a, b, 0, 2, 4, 6, 8, 10, 12, 14)
#define ODD(a, b) __builtin_shufflevector(a, b, 1, 3, 5, 7, 9, 11, 13, 15)
#define TWICE(a) __builtin_shufflevector(a, a, 0, 0, 1, 1, 2, 2, 3, 3)
/* a where mask is set, else b, as integers */
#define SELECT(mask, a, b) (((a) & (mask)) | ((b) & ~(mask)))

INLINE float s_larger(float a, float b)
{
    return b > a ? b : a;
}

/* The larger of two rows below each other, and 2 where it is the lower one. */
INLINE void s_choose_rows(size_t W, const float *x, float *restrict larger, int32_t *restrict lower)
{
    size_t i = 0;
    for (; i + LANES <= W; i += LANES) {
        float8_t upper = *(const float8_t *)(x + i), below = *(const float8_t *)(x + W + i);
        int8x32_t mask = below > upper;
        *(int8x32_t *)(lower + i) = mask & 2;
        *(int8x32_t *)(larger + i) = SELECT(mask, (int8x32_t)below, (int8x32_t)upper);
    }
    for (; i < W; i++) {
        lower[i] = x[W + i] > x[i] ? 2 : 0;
        larger[i] = s_larger(x[i], x[W + i]);
    }
}

/* The larger of neighbours, and which of the four it is. Whole planes at a time: rows alone are too short. */
INLINE void s_choose_pairs(size_t n, const float *larger, const int32_t *lower, float b, float *restrict y,
                           int32_t *restrict choice)
{
    size_t i = 0;
    for (; i + LANES <= n; i += LANES) {
        float8_t first = *(const float8_t *)(larger + 2 * i),
                 second = *(const float8_t *)(larger + 2 * i + LANES);
        float8_t left = EVEN(first, second), right = ODD(first, second);
        int8x32_t first_lower = *(const int8x32_t *)(lower + 2 * i);
        int8x32_t second_lower = *(const int8x32_t *)(lower + 2 * i + LANES);
        int8x32_t mask = right > left, left_choice = EVEN(first_lower, second_lower);
        int8x32_t right_choice = ODD(first_lower, second_lower) + 1;
        *(int8x32_t *)(choice + i) = SELECT(mask, right_choice, left_choice);
        *(float8_t *)(y + i) = (float8_t)SELECT(mask, (int8x32_t)right, (int8x32_t)left) + b;
    }
    for (; i < n; i++) {
        choice[i] = larger[2 * i + 1] > larger[2 * i] ? lower[2 * i + 1] + 1 : lower[2 * i];
        y[i] = s_larger(larger[2 * i], larger[2 * i + 1]) + b;
    }
}

INLINE void s_forward_plane(size_t P, size_t W, const float *x, float b, float *restrict y,
                            int32_t *restrict choice)
{
    float larger[POOL_WIDTH_MAX];
    int32_t lower[POOL_WIDTH_MAX];
    size_t at_once = POOL_WIDTH_MAX / W;
    for (size_t p = 0, rows; p < P; p += rows) {
        rows = P - p < at_once ? P - p : at_once;
        for (size_t r = 0; r < rows; r++)
            s_choose_rows(W, x + 2 * (p + r) * W, larger + r * W, lower + r * W);
        s_choose_pairs(rows * W / 2, larger, lower, b, y + p * W / 2, choice + p * W / 2);
    }
}

/* One row of choices gives two rows of gradients, zero where nothing was chosen. */
INLINE void s_backward_row(size_t Q, const int32_t *choice, const float *dy, float *restrict dx)
{
    const int8x32_t upper = {0, 1, 0, 1, 0, 1, 0, 1}, lower = upper + 2;
    size_t q = 0;
    for (; q + LANES / 2 <= Q; q += LANES / 2) {
        float4_t d = *(const float4_t *)(dy + q);
        int4x32_t chosen = *(const int4x32_t *)(choice + q);
        int8x32_t d_twice = (int8x32_t)TWICE(d), chosen_twice = TWICE(chosen);
        *(int8x32_t *)(dx + 2 * q) = d_twice & (chosen_twice == upper);
        *(int8x32_t *)(dx + 2 * Q + 2 * q) = d_twice & (chosen_twice == lower);
    }
    for (; q < Q; q++)
        for (int32_t k = 0; k < 4; k++)
            dx[2 * q + (size_t)(k & 1) + (k & 2 ? 2 * Q : 0)] = choice[q] == k ? dy[q] : 0.0f;
}

INLINE void s_backward_plane(size_t P, size_t W, const int32_t *choice, const float *dy, float *restrict dx)
{
    for (size_t p = 0; p < P; p++)
        s_backward_row(W / 2, choice + p * W / 2, dy + p * W / 2, dx + 2 * p * W);
}

/* Inlined for the shapes of the models in the table, so that the loops have known lengths. */
#define FOR_SHAPE(P, W, call)                                                                                \
    do {                                                                                                     \
        if ((P) == 12 && (W) == 24)                                                                          \
            call(12, 24);                                                                                    \
        else if ((P) == 4 && (W) == 8)                                                                       \
            call(4, 8);                                                                                      \
        else                                                                                                 \
            call(P, W);                                                                                      \
    } while (0)

CLONES
void pool_forward(const pool_t *self, size_t count, const float *x, const float *b, float *ret_y,
                  int32_t *ret_choice)
{
    size_t P = self->H / 2, W = self->W, size = P * W / 2;
    CHECK(W <= POOL_WIDTH_MAX);
    for (size_t c = 0; c < self->C; c++)
        for (size_t n = 0; n < count; n++, x += 4 * size, ret_choice += size) {
            float *y = ret_y + (n * self->C + c) * size;
#define FORWARD(rows, width) s_forward_plane(rows, width, x, b[c], y, ret_choice)
            FOR_SHAPE(P, W, FORWARD);
#undef FORWARD
        }
}

/* Eight partial sums in a fixed order, so that the loop is vectorized without changing the result. */
CLONES
static float s_sum(size_t n, const float *a)
{
    float part[8] = {0};
    size_t i = 0;
    for (; i + 8 <= n; i += 8)
        for (size_t k = 0; k < 8; k++)
            part[k] += a[i + k];
    for (; i < n; i++)
        part[i % 8] += a[i];
    return ((part[0] + part[4]) + (part[1] + part[5])) + ((part[2] + part[6]) + (part[3] + part[7]));
}

CLONES
void pool_backward(const pool_t *self, size_t count, const int32_t *choice, const float *dy, float *add_db,
                   float *ret_dx)
{
    size_t P = self->H / 2, W = self->W, size = P * W / 2;
    for (size_t c = 0; c < self->C; c++)
        for (size_t n = 0; n < count; n++, ret_dx += 4 * size, choice += size) {
            const float *from = dy + (n * self->C + c) * size;
            add_db[c] += s_sum(size, from);
#define BACKWARD(rows, width) s_backward_plane(rows, width, choice, from, ret_dx)
            FOR_SHAPE(P, W, BACKWARD);
#undef BACKWARD
        }
}
