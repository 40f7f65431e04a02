/* deepfm - a factorization machine and a perceptron over the same embeddings: two classes from a table.
 *
 *   z = sum over f of a[r_f]                                        first order
 *     + 1/2 (|sum over f of v[r_f]|^2 - sum over f of |v[r_f]|^2)   second order: sum of all pairs' products
 *     + out(relu(fc2(relu(fc1(v[r_1], ..., v[r_C], n_1, ..., n_M)))))
 *   loss = log(1 + exp(z)) - t z, in nats, as max(z, 0) - t z + log(1 + exp(-|z|)): no overflow
 *
 * Legend   r_f row of a sample's category in field f; n_m its numbers; t its label, 0 or 1; a first.weight
 *          (rows, 1); v embedding.weight (rows, k).
 * Why      a batch touches few of an embedding's rows: which ones is known from x alone (deepfm_rows), before
 *          anything is pulled or computed.
 * Not      bias of the first order: out.bias is one.
 * Source   Guo et al., "DeepFM: A Factorization-Machine based Neural Network for CTR Prediction", arXiv
 *          1703.04247, equations 1 to 4; Rendle, "Factorization Machines", 2010, lemma 3.1. Numbers go to the
 *          deep part alone.
 * Threads  one per deepfm_t.
 */
#ifndef ACTORS_MODEL_DEEPFM_H
#define ACTORS_MODEL_DEEPFM_H

#include "codec/base/err.h"
#include "codec/base/ranges.h"
#include "codec/tensor/layout.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define DEEPFM_HIDDEN_MAX 8
#define DEEPFM_ROWS_MAX (1 << 24) /* x has rows as float32, which is exact below this */

typedef struct {
    size_t rows;        /* of all fields together; row 0 is nobody's: of categories that training never saw */
    size_t categorical; /* fields: the first columns of x, each a row */
    size_t numeric;     /* the columns of x behind them */
    size_t embedding;   /* k */
    size_t hidden[DEEPFM_HIDDEN_MAX];
    size_t hidden_count;
} deepfm_spec_t;

typedef struct deepfm deepfm_t;

/* Appends the tensors: first.weight (rows, 1) and embedding.weight (rows, k), both sparse; fc1.weight,
 * fc1.bias, ..., out.weight, out.bias. */
MUST_USE err_code_t deepfm_layout(const deepfm_spec_t *spec, layout_t *ret_layout, err_t *err);

/* Initial weights: dense layers as net_init has them; embeddings uniform in +-0.05, but for row 0, and the
 * first order: 0. So an unknown category adds nothing. */
void deepfm_init(const deepfm_spec_t *spec, uint64_t seed, float *ret_w);

/* Scratch for batches of up to batch_max samples; no allocation afterwards. Errors: ERR_MEMORY. */
MUST_USE err_code_t deepfm_new(const deepfm_spec_t *spec, size_t batch_max, deepfm_t **ret_self, err_t *err);
void deepfm_destroy(deepfm_t **self_p);

/* The rows of first.weight and embedding.weight that samples touch, upwards, each once; returns how many. No
 * other row is read of w, and its gradient is 0.
 *   in   x (count, categorical + numeric)       out  rows, room for count * categorical */
size_t deepfm_rows(deepfm_t *self, const float *x, size_t count, uint32_t *ret_rows);

/* Adds the elements of the flat array that samples touch, as model_touches. */
MUST_USE err_code_t deepfm_touches(deepfm_t *self, const float *x, size_t count, ranges_t *elements);

/* Mean loss and its gradient, as model_gradient. */
void deepfm_gradient(deepfm_t *self, const float *w, const float *x, const uint32_t *labels, size_t count,
                     float *ret_g, double *ret_loss);

/* As model_evaluate. ret_scores (count) gets z, unless it is NULL. */
void deepfm_evaluate(deepfm_t *self, const float *w, const float *x, const uint32_t *labels, size_t count,
                     double *add_loss, uint64_t *add_correct, float *ret_scores);

#endif
