#include "actors/worker/worker_clip.h"

#include "actors/model/vector.h"

#include <math.h>

#define NORM_EPSILON 1e-6 /* PyTorch's */

void worker_clip_init(worker_clip_t *self, double norm, double value, const layout_t *layout, size_t elements)
{
    *self = (worker_clip_t){.norm = norm, .value = value};
    spans_init(&self->spans, layout, 0, elements);
}

void worker_clip_fini(worker_clip_t *self)
{
    spans_fini(&self->spans);
}

/* The square of the norm says whether values are finite, too: squares of finite ones do not overflow in
 * double. */
static bool s_measure(const worker_clip_t *self, const float *gradient, double *ret_squares)
{
    *ret_squares = 0;
    for (size_t i = 0; i < self->spans.count; i++) {
        const span_t *span = &self->spans.items[i];
        size_t n = span->end - span->first;
        if (span->rule == TENSOR_OPTIMIZER && self->norm > 0)
            *ret_squares += vector_squares(n, gradient + span->first);
        else if (!vector_finite(n, gradient + span->first))
            return false;
    }
    return isfinite(*ret_squares);
}

static void s_clamp(const worker_clip_t *self, float *gradient)
{
    for (size_t i = 0; i < self->spans.count; i++) {
        const span_t *span = &self->spans.items[i];
        if (span->rule == TENSOR_OPTIMIZER)
            vector_clamp(span->end - span->first, gradient + span->first, (float)self->value);
    }
}

static void s_shorten(const worker_clip_t *self, float *gradient, float factor)
{
    for (size_t i = 0; i < self->spans.count; i++) {
        const span_t *span = &self->spans.items[i];
        if (span->rule == TENSOR_OPTIMIZER)
            vector_scale(span->end - span->first, gradient + span->first, factor);
    }
}

static void s_see(const worker_clip_t *self, const float *w, float *gradient)
{
    for (size_t i = 0; i < self->spans.count; i++) {
        const span_t *span = &self->spans.items[i];
        for (size_t k = span->first; span->rule == TENSOR_AVERAGE && k < span->end; k++)
            gradient[k] = w[k] - gradient[k];
    }
}

bool worker_clip(const worker_clip_t *self, const float *w, float *gradient)
{
    double squares;
    if (!s_measure(self, gradient, &squares))
        return false;
    s_see(self, w, gradient);
    if (self->value > 0) {
        s_clamp(self, gradient);
        CHECK(s_measure(self, gradient, &squares)); /* of finite values finite ones */
    }
    double factor = self->norm > 0 ? self->norm / (sqrt(squares) + NORM_EPSILON) : 1;
    if (factor < 1)
        s_shorten(self, gradient, (float)factor);
    return true;
}
