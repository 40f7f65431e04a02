#include "actors/model/batchnorm.h"

#include "actors/model/clones.h"

#include <math.h>
#include <string.h>

#define LANES 16

/* Partial sums in a fixed order, so that loops over them are vectorized without changing the result. */
static double s_total(const float *part)
{
    double sum = 0;
    for (size_t k = 0; k < LANES; k++)
        sum += (double)part[k];
    return sum;
}

CLONES
static double s_sum(size_t n, const float *x)
{
    float part[LANES] = {0};
    size_t i = 0;
    for (; i + LANES <= n; i += LANES)
        for (size_t k = 0; k < LANES; k++)
            part[k] += x[i + k];
    for (size_t k = 0; i < n; i++, k++)
        part[k] += x[i];
    return s_total(part);
}

CLONES
static double s_sum_squares(size_t n, const float *x, float mean)
{
    float part[LANES] = {0};
    size_t i = 0;
    for (; i + LANES <= n; i += LANES)
        for (size_t k = 0; k < LANES; k++)
            part[k] += (x[i + k] - mean) * (x[i + k] - mean);
    for (size_t k = 0; i < n; i++, k++)
        part[k] += (x[i] - mean) * (x[i] - mean);
    return s_total(part);
}

static moments_t s_moments(size_t n, const float *x)
{
    double mean = s_sum(n, x) / (double)n;
    return (moments_t){mean, s_sum_squares(n, x, (float)mean)};
}

/* The moments of `seen` values and those of n more become one. */
static void s_join(moments_t *self, size_t seen, const moments_t *more, size_t n)
{
    double share = (double)n / (double)(seen + n), apart = more->mean - self->mean;
    self->squares += more->squares + apart * apart * (double)seen * share;
    self->mean += apart * share;
}

void batchnorm_see(const batchnorm_t *self, size_t count, const float *x, moments_t *ret_moments)
{
    size_t n = self->plane;
    memset(ret_moments, 0, self->C * sizeof *ret_moments);
    for (size_t b = 0; b < count; b++)
        for (size_t c = 0; c < self->C; c++, x += n) {
            moments_t more = s_moments(n, x);
            s_join(ret_moments + c, b * n, &more, n);
        }
}

static void s_fill(const batchnorm_t *self, size_t c, double mean, double variance, float weight)
{
    double root = 1.0 / sqrt(variance + BATCHNORM_EPSILON);
    self->mean[c] = (float)mean;
    self->root[c] = (float)root;
    self->scale[c] = (float)((double)weight * root);
}

void batchnorm_of_batch(const batchnorm_t *self, size_t count, const moments_t *moments, const float *weight)
{
    double seen = (double)(count * self->plane);
    for (size_t c = 0; c < self->C; c++)
        s_fill(self, c, moments[c].mean, moments[c].squares / seen, weight[c]);
}

void batchnorm_of_running(const batchnorm_t *self, const float *mean, const float *variance,
                          const float *weight)
{
    for (size_t c = 0; c < self->C; c++)
        s_fill(self, c, (double)mean[c], variance[c] < 0.0f ? 0.0 : (double)variance[c], weight[c]);
}

static inline __attribute__((always_inline)) void s_apply(size_t n, const float *x, float mean, float scale,
                                                          float shift, bool relu, float *restrict y)
{
    for (size_t i = 0; i < n; i++) {
        float z = (x[i] - mean) * scale + shift;
        y[i] = relu && z < 0.0f ? 0.0f : z;
    }
}

CLONES
void batchnorm_apply(const batchnorm_t *self, size_t count, const float *x, float *ret_y)
{
    size_t n = self->plane;
    for (size_t b = 0; b < count; b++)
        for (size_t c = 0; c < self->C; c++, x += n, ret_y += n)
            if (self->relu)
                s_apply(n, x, self->mean[c], self->scale[c], self->shift[c], true, ret_y);
            else
                s_apply(n, x, self->mean[c], self->scale[c], self->shift[c], false, ret_y);
}

/* The derivative of the maximum, taken as 0 at 0. */
CLONES
static void s_stop(size_t n, const float *x, float mean, float scale, float shift, float *restrict dy)
{
    for (size_t i = 0; i < n; i++)
        dy[i] = (x[i] - mean) * scale + shift > 0.0f ? dy[i] : 0.0f;
}

CLONES
static double s_sum_products(size_t n, const float *x, float mean, const float *dy)
{
    float part[LANES] = {0};
    size_t i = 0;
    for (; i + LANES <= n; i += LANES)
        for (size_t k = 0; k < LANES; k++)
            part[k] += (x[i + k] - mean) * dy[i + k];
    for (size_t k = 0; i < n; i++, k++)
        part[k] += (x[i] - mean) * dy[i];
    return s_total(part);
}

void batchnorm_sum(const batchnorm_t *self, size_t count, const float *x, float *dy,
                   batchnorm_sums_t *ret_sums)
{
    size_t n = self->plane;
    memset(ret_sums, 0, self->C * sizeof *ret_sums);
    for (size_t b = 0; b < count; b++)
        for (size_t c = 0; c < self->C; c++, x += n, dy += n) {
            if (self->relu)
                s_stop(n, x, self->mean[c], self->scale[c], self->shift[c], dy);
            ret_sums[c].dy += s_sum(n, dy);
            ret_sums[c].dyx += s_sum_products(n, x, self->mean[c], dy);
        }
}

CLONES
static void s_backward(size_t n, float mean, float scale, float slope, float shift, const float *dy,
                       float *restrict x)
{
    for (size_t i = 0; i < n; i++)
        x[i] = scale * (dy[i] - shift - (x[i] - mean) * slope);
}

void batchnorm_backward(const batchnorm_t *self, size_t count, const float *dy, const batchnorm_sums_t *sums,
                        float *x)
{
    size_t n = self->plane;
    double seen = (double)(count * n);
    for (size_t b = 0; b < count; b++)
        for (size_t c = 0; c < self->C; c++, dy += n, x += n) {
            double root = (double)self->root[c];
            float slope = (float)(sums[c].dyx / seen * root * root), shift = (float)(sums[c].dy / seen);
            s_backward(n, self->mean[c], self->scale[c], slope, shift, dy, x);
        }
}

void batchnorm_gradient(const batchnorm_t *self, const batchnorm_sums_t *sums, float *ret_dweight,
                        float *ret_dbias)
{
    for (size_t c = 0; c < self->C; c++) {
        ret_dweight[c] = (float)(sums[c].dyx * (double)self->root[c]);
        ret_dbias[c] = (float)sums[c].dy;
    }
}

void batchnorm_average(const batchnorm_t *self, size_t count, const moments_t *moments,
                       const float *running_mean, const float *running_variance, float *ret_mean,
                       float *ret_variance)
{
    size_t seen = count * self->plane;
    double others = seen > 1 ? (double)(seen - 1) : 1;
    for (size_t c = 0; c < self->C; c++) {
        ret_mean[c] = (float)((double)running_mean[c] - moments[c].mean);
        ret_variance[c] = (float)((double)running_variance[c] - moments[c].squares / others);
    }
}
