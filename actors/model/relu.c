#include "actors/model/relu.h"

#include "actors/model/clones.h"

CLONES
void relu_forward_bias(size_t B, size_t O, const float *restrict bias, float *restrict y)
{
    for (size_t b = 0; b < B; b++)
        for (size_t o = 0; o < O; o++) {
            float z = y[b * O + o] + bias[o];
            y[b * O + o] = z < 0.0f ? 0.0f : z;
        }
}

CLONES
void relu_backward(size_t n, const float *restrict y, float *restrict dy)
{
    for (size_t i = 0; i < n; i++)
        dy[i] = y[i] > 0.0f ? dy[i] : 0.0f;
}
