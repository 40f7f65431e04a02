/* No fused multiply-add in this file: see vector.h. */
#if defined(__GNUC__) && !defined(__clang__)
#pragma GCC optimize("fp-contract=off")
#else
#pragma STDC FP_CONTRACT OFF
#endif

#include "actors/model/optimizer.h"

#include "actors/model/clones.h"

float optimizer_rate(const optimizer_t *self, uint64_t samples_applied, uint64_t samples_total)
{
    double done = samples_total == 0                 ? 0
                  : samples_applied >= samples_total ? 1
                                                     : (double)samples_applied / (double)samples_total;
    double rate = (double)self->lr * (self->schedule == SCHEDULE_LINEAR ? 1.0 - done : 1.0);
    return (float)(done < self->warmup ? rate * done / self->warmup : rate);
}

CLONES
static void s_sgd(float lr, size_t n, const float *w, const float *g, float *ret_w)
{
    SAME_OR_APART
    for (size_t i = 0; i < n; i++)
        ret_w[i] = w[i] - lr * g[i];
}

CLONES
static void s_momentum(float lr, float momentum, size_t n, const float *w, const float *v, const float *g,
                       float *ret_w, float *ret_v)
{
    SAME_OR_APART
    for (size_t i = 0; i < n; i++) {
        float velocity = momentum * v[i] + g[i];
        ret_v[i] = velocity;
        ret_w[i] = w[i] - lr * velocity;
    }
}

void optimizer_step(const optimizer_t *self, float lr, size_t n, const float *w, const float *v,
                    const float *g, float *ret_w, float *ret_v)
{
    if (self->kind == OPTIMIZER_SGD) {
        s_sgd(lr, n, w, g, ret_w);
        return;
    }
    CHECK(n == 0 || (v && ret_v));
    s_momentum(lr, self->momentum, n, w, v, g, ret_w, ret_v);
}
