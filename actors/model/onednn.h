/* onednn - convolutions of groups of images by oneDNN: the one place that calls it.
 *
 * Why      its kernels keep eight or sixteen channels side by side and copy no patches: on layers of many
 *          channels they are faster than patches and a product (conv).
 * How      numbers come and go in the order of conv.h; they are brought into the library's order and back a
 *          group at a time, in the cache. The library is opened when the first such convolution is made, on
 *          one thread per caller; whoever makes none starts without it.
 * Threads  onednn_open from any; one per onednn_conv_t.
 * Source   oneDNN 2.6 developer guide, "Convolution" and "Reorder".
 */
#ifndef ACTORS_MODEL_ONEDNN_H
#define ACTORS_MODEL_ONEDNN_H

#include "actors/model/conv.h"
#include "codec/base/err.h"

/* Opens the library, once per process. Errors: ERR_NOT_FOUND (it is not installed, or is another major
 * version). */
MUST_USE err_code_t onednn_open(err_t *err);

/* "2.6.3", of the open library, or why there is none; into text. */
const char *onednn_version(char *text, size_t size);

typedef struct onednn_conv onednn_conv_t;

/*   in   count              images of every call
 *        first              nobody asks for the gradient of its input
 *        images_outermost   y is (count, O, P, Q) instead
 *
 * Errors   ERR_NOT_FOUND (no library, or no code of its own for such a convolution on this processor),
 *          ERR_MEMORY */
MUST_USE err_code_t onednn_conv_new(const conv_t *conv, size_t count, bool first, bool images_outermost,
                                    onednn_conv_t **ret_self, err_t *err);
void onednn_conv_destroy(onednn_conv_t **self_p);

/* Bytes of scratch, aligned to 64, that a pass needs from its begin to its end. */
size_t onednn_conv_scratch(const onednn_conv_t *self);

/* A pass begins: takes the weights w (O, I, K, K) in. */
void onednn_conv_begin(onednn_conv_t *self, const float *w, bool backward, void *scratch);
/* x (count, I, H, W) -> y (O, count, P, Q) */
void onednn_conv_forward(onednn_conv_t *self, const float *x, float *ret_y);
/* dx as conv_backward, and may be where x is; the gradient of the weights is kept, summed over the calls of
 * the pass. */
void onednn_conv_backward(onednn_conv_t *self, const float *x, const float *dy, float *ret_dx);
/* A pass backwards ends: adds what was kept to dw (O, I, K, K). */
void onednn_conv_end(onednn_conv_t *self, float *add_dw);

#endif
