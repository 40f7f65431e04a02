/* conv_plan - one convolution of a net, and in which way it is computed here.
 *
 * Why      patches and a product are best for some convolutions, sums in registers for those of LeNet, oneDNN
 *          for many channels, and how much so depends on the processor: so it is measured, once per process
 *          and shape.
 * How      all ways that a convolution's shape gives hope for compute random images. One that is clearly
 *          faster than the product is taken, when its results are the product's but for rounding.
 * Order    a pass is begin, forward or backward of one group of images after the other, end.
 * Legend   as conv.h.
 * Threads  one per conv_plan_t; several may be made at once.
 */
#ifndef ACTORS_MODEL_CONV_PLAN_H
#define ACTORS_MODEL_CONV_PLAN_H

#include "actors/model/conv.h"
#include "codec/base/err.h"

typedef struct conv_plan conv_plan_t;

typedef enum { CONV_BY_PRODUCT, CONV_DIRECT, CONV_BY_ONEDNN, CONV_WAYS } conv_way_t;

typedef struct {
    conv_t conv;
    bool first;            /* nobody asks for the gradient of its input */
    bool images_outermost; /* of y: (count, O, P, Q), else (O, count, P, Q) */
} conv_plan_spec_t;

/*   in   batch_max   images of a whole pass, mostly       Errors   ERR_MEMORY */
MUST_USE err_code_t conv_plan_new(const conv_plan_spec_t *spec, size_t batch_max, conv_plan_t **ret_self,
                                  err_t *err);
/* The same in a way that is chosen already. Errors: ERR_NOT_FOUND (this way cannot). */
MUST_USE err_code_t conv_plan_new_way(const conv_plan_spec_t *spec, size_t batch_max, conv_way_t way,
                                      conv_plan_t **ret_self, err_t *err);
void conv_plan_destroy(conv_plan_t **self_p);

conv_way_t conv_plan_way(const conv_plan_t *self);

/* Returns whether this way was found to be the fastest for some shape, in this process. */
bool conv_plan_has_chosen(conv_way_t way);

/* Images of one call, at most. */
size_t conv_plan_group(const conv_plan_t *self);
/* Bytes of scratch, aligned to 64, that a pass needs; plans whose passes take turns may share it. */
size_t conv_plan_scratch(const conv_plan_t *self);

/* A pass begins, backwards unless dw is NULL.
 *   in   w (O, I, K, K), borrowed until the end       out   dw as many, complete at the end */
void conv_plan_begin(conv_plan_t *self, const float *w, float *ret_dw, void *scratch);
/* x (count, I, H, W) -> y, in the order of the spec */
void conv_plan_forward(conv_plan_t *self, size_t count, const float *x, float *ret_y);
/* dy, in that order -> dx (count, I, H, W), unless it is NULL */
void conv_plan_backward(conv_plan_t *self, size_t count, const float *x, const float *dy, float *ret_dx);
void conv_plan_end(conv_plan_t *self);

#endif
