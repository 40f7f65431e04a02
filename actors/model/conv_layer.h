/* conv_layer - one convolution of whole batches, images outermost before and behind it.
 *
 * Why      a layer of a deep network asks for no more than this, whatever computes it and in whatever order
 *          that wants its numbers.
 * How      a few images at a time, in the way that is fastest for it here (conv_plan).
 * Legend   as conv.h.
 * Threads  one per conv_layer_t.
 */
#ifndef ACTORS_MODEL_CONV_LAYER_H
#define ACTORS_MODEL_CONV_LAYER_H

#include "actors/model/conv.h"
#include "codec/base/err.h"

typedef struct conv_layer conv_layer_t;

/* For batches of up to batch_max images; of the `first` layer nobody asks for the gradient of its input.
 *
 * Errors   ERR_CONFIG (conv_is_valid is false), ERR_MEMORY */
MUST_USE err_code_t conv_layer_new(const conv_t *conv, bool first, size_t batch_max, conv_layer_t **ret_self,
                                   err_t *err);
void conv_layer_destroy(conv_layer_t **self_p);

/* Bytes of scratch that a call wants, aligned to 64: layers that take turns may share it. */
size_t conv_layer_scratch(const conv_layer_t *self);

/*   in   x (count, I, H, W), w (O, I, K, K); count <= batch_max      out  y (count, O, P, Q) */
void conv_layer_forward(conv_layer_t *self, size_t count, const float *x, const float *w, void *scratch,
                        float *ret_y);

/* Replaces dw (O, I, K, K), and dx (count, I, H, W) unless it is NULL (first layer).
 *   in   x, w as conv_layer_forward had them; dy (count, O, P, Q) */
void conv_layer_backward(conv_layer_t *self, size_t count, const float *x, const float *w, const float *dy,
                         void *scratch, float *ret_dw, float *ret_dx);

#endif
