#include "actors/model/loss.h"

#include "codec/base/err.h"

#include <math.h>

static size_t s_largest(size_t C, const float *z)
{
    size_t best = 0;
    for (size_t c = 1; c < C; c++)
        if (z[c] > z[best])
            best = c;
    return best;
}

static double s_sum_exp(size_t C, const float *z, float largest)
{
    double sum = 0;
    for (size_t c = 0; c < C; c++)
        sum += expf(z[c] - largest);
    return sum;
}

double loss_gradient(size_t B, size_t C, const float *z, const uint32_t *labels, float *ret_dz)
{
    double loss = 0;
    for (size_t b = 0; b < B; b++, z += C, ret_dz += C) {
        CHECK(labels[b] < C);
        float largest = z[s_largest(C, z)];
        double sum = s_sum_exp(C, z, largest);
        loss += log(sum) - (double)(z[labels[b]] - largest);
        float scale = (float)(1.0 / (sum * (double)B));
        for (size_t c = 0; c < C; c++)
            ret_dz[c] = expf(z[c] - largest) * scale;
        ret_dz[labels[b]] -= 1.0f / (float)B;
    }
    return loss;
}

double loss_evaluate(size_t B, size_t C, const float *z, const uint32_t *labels, uint64_t *add_correct)
{
    double loss = 0;
    for (size_t b = 0; b < B; b++, z += C) {
        CHECK(labels[b] < C);
        size_t best = s_largest(C, z);
        loss += log(s_sum_exp(C, z, z[best])) - (double)(z[labels[b]] - z[best]);
        *add_correct += best == labels[b];
    }
    return loss;
}
