#include "actors/model/pool.h"

#include "actors/model/clones.h"

#define INLINE static inline __attribute__((always_inline))

INLINE float s_larger(float a, float b)
{
    return b > a ? b : a;
}

/* A pair of input rows of width 2 Q gives one output row of width Q. */
INLINE void s_choose_row(size_t Q, const float *x, float b, float *restrict y, uint8_t *restrict choice)
{
    const float *below = x + 2 * Q;
    for (size_t q = 0; q < Q; q++) {
        float upper = s_larger(x[2 * q], x[2 * q + 1]), lower = s_larger(below[2 * q], below[2 * q + 1]);
        uint8_t in_upper = x[2 * q + 1] > x[2 * q] ? 1 : 0,
                in_lower = below[2 * q + 1] > below[2 * q] ? 3 : 2;
        choice[q] = lower > upper ? in_lower : in_upper;
        y[q] = s_larger(upper, lower) + b;
    }
}

INLINE void s_evaluate_row(size_t Q, const float *x, float b, float *restrict y)
{
    const float *below = x + 2 * Q;
    for (size_t q = 0; q < Q; q++)
        y[q] = b + s_larger(s_larger(x[2 * q], x[2 * q + 1]), s_larger(below[2 * q], below[2 * q + 1]));
}

INLINE void s_spread_row(size_t Q, const uint8_t *choice, const float *dy, float *restrict dx)
{
    float *below = dx + 2 * Q;
    for (size_t q = 0; q < Q; q++) {
        dx[2 * q] = choice[q] == 0 ? dy[q] : 0.0f;
        dx[2 * q + 1] = choice[q] == 1 ? dy[q] : 0.0f;
        below[2 * q] = choice[q] == 2 ? dy[q] : 0.0f;
        below[2 * q + 1] = choice[q] == 3 ? dy[q] : 0.0f;
    }
}

CLONES
void pool_forward(const pool_t *self, size_t count, const float *x, const float *b, float *ret_y,
                  uint8_t *ret_choice)
{
    size_t P = self->H / 2, Q = self->W / 2;
    for (size_t c = 0; c < self->C; c++)
        for (size_t n = 0; n < count; n++)
            for (size_t p = 0; p < P; p++, x += 4 * Q, ret_choice += Q) {
                float *y = ret_y + ((n * self->C + c) * P + p) * Q;
                if (Q == 12)
                    s_choose_row(12, x, b[c], y, ret_choice);
                else if (Q == 4)
                    s_choose_row(4, x, b[c], y, ret_choice);
                else
                    s_choose_row(Q, x, b[c], y, ret_choice);
            }
}

CLONES
void pool_evaluate(const pool_t *self, size_t count, const float *x, const float *b, float *ret_y)
{
    size_t P = self->H / 2, Q = self->W / 2;
    for (size_t c = 0; c < self->C; c++)
        for (size_t n = 0; n < count; n++)
            for (size_t p = 0; p < P; p++, x += 4 * Q) {
                float *y = ret_y + ((n * self->C + c) * P + p) * Q;
                if (Q == 12)
                    s_evaluate_row(12, x, b[c], y);
                else if (Q == 4)
                    s_evaluate_row(4, x, b[c], y);
                else
                    s_evaluate_row(Q, x, b[c], y);
            }
}

CLONES
static float s_sum(size_t n, const float *a)
{
    /* Eight partial sums, in a fixed order, so that the loop needs no reordering to be vectorized. */
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
void pool_backward(const pool_t *self, size_t count, const uint8_t *choice, const float *dy, float *add_db,
                   float *ret_dx)
{
    size_t P = self->H / 2, Q = self->W / 2;
    for (size_t c = 0; c < self->C; c++)
        for (size_t n = 0; n < count; n++) {
            const float *from = dy + (n * self->C + c) * P * Q;
            add_db[c] += s_sum(P * Q, from);
            for (size_t p = 0; p < P; p++, ret_dx += 4 * Q, choice += Q)
                if (Q == 12)
                    s_spread_row(12, choice, from + p * Q, ret_dx);
                else if (Q == 4)
                    s_spread_row(4, choice, from + p * Q, ret_dx);
                else
                    s_spread_row(Q, choice, from + p * Q, ret_dx);
        }
}
