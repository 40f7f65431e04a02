/* worker_clip - the last look at a gradient before it is pushed: refused where it is not finite, shortened
 * where it is too long.
 *
 *   value   g <- max(-value, min(value, g)), element by element                (PyTorch's clip_grad_value_)
 *   norm    g <- g min(1, norm / (|g| + 1e-6)), |g| over all tensors together   (PyTorch's clip_grad_norm_)
 *
 *   averages   "gradient" w - seen, of the w that was pulled, becomes seen: however many steps its shard has
 *              made since, an average then goes towards what was seen, and never beyond
 *
 * Why      one wild batch, or a late one, must not throw the parameters far away.
 * Not      for tensors that are averages, or fixed: their "gradient" is no direction.
 * Owns     the spans that it looks at.
 * Called   by the worker alone.
 * Threads  those of the worker.
 */
#ifndef ACTORS_WORKER_WORKER_CLIP_H
#define ACTORS_WORKER_WORKER_CLIP_H

#include "codec/tensor/spans.h"

typedef struct {
    double norm, value; /* 0: not clipped */
    spans_t spans;      /* of the whole model */
} worker_clip_t;

/* No layout: all of the `elements` are the optimizer's. */
void worker_clip_init(worker_clip_t *self, double norm, double value, const layout_t *layout,
                      size_t elements);
void worker_clip_fini(worker_clip_t *self);

/* Makes a gradient (elements) what is pushed, in place, by value first, to the same bits on every machine;
 * w (elements): what was pulled for it. False: it is not finite. */
bool worker_clip(const worker_clip_t *self, const float *w, float *gradient);

#endif
