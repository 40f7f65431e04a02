/* loss - cross-entropy of the softmax of a model's outputs against the right classes.
 *
 *   loss(z, t) = log(sum over c of exp(z[c])) - z[t], in nats;   gradient: exp(z[c]) / sum - [c = t]
 *   computed with z minus its largest element, so that no exp is above 1 and the sum is at least 1: no
 *   overflow.
 *
 * Threads  any.
 */
#ifndef ACTORS_MODEL_LOSS_H
#define ACTORS_MODEL_LOSS_H

#include <stddef.h>
#include <stdint.h>

/* Summed loss of a batch, and the gradient of its mean.
 *   in   z (B, C), labels (B), each below C
 *   out  dz (B, C), may be z itself;   returns the sum over the batch */
double loss_gradient(size_t B, size_t C, const float *z, const uint32_t *labels, float *ret_dz);

/* Summed loss of a batch; adds the number of samples whose largest output (the first of equals) is the right
 * one. */
double loss_evaluate(size_t B, size_t C, const float *z, const uint32_t *labels, uint64_t *add_correct);

#endif
