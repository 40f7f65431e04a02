/* model - what is trained: a flat parameter array in, a gradient and a loss out. The only place that calls
 * BLAS.
 *
 * Why      workers, exporters and benchmarks see one interface, whatever the layers are.
 * Not      optimizers (optimizer.h), data (dataset.h), or anything of messages.
 * Threads  a model_t is scratch memory of one thread; several may exist. OpenBLAS runs on one thread.
 * Models   a row each in brokers/models.def: softmax, mlp, mlp-large (784-2048-512-10: 2,661,898 parameters,
 *          many for what a step costs: the model for measuring links), lenet (Caffe's: 431,080 parameters for
 *          28 x 28), ledger (counters (1000): gradient = minus the counts, a sum).
 * Specs    what a model_spec_t does not say is what its row says `otherwise`.
 */
#ifndef ACTORS_MODEL_MODEL_H
#define ACTORS_MODEL_MODEL_H

#include "actors/model/dataset.h"
#include "brokers/model_spec.h"
#include "codec/base/err.h"
#include "codec/base/json.h"
#include "codec/base/ranges.h"
#include "codec/tensor/layout.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct model model_t;

/* By what models compute in this process, in a word for people: OpenBLAS' kernel, and with "+direct" or
 * "+oneDNN-2.6.3" what was found to be faster than it for convolutions. Returns text. */
#define MODEL_KERNEL_MAX 64
const char *model_kernel(char text[MODEL_KERNEL_MAX]);

/* The names of all models, comma-separated, for messages; borrowed. */
const char *model_names(void);

/* The options that data decide where a topology does not. */
model_spec_t model_seen(const dataset_facts_t *data);

/* Checks whether a model can be trained on such data: kind, size of a sample, number of classes.
 *
 * Errors   those of model_layout_of; ERR_CONFIG: says what the data are, and what the model takes */
MUST_USE err_code_t model_accepts(const model_spec_t *spec, const dataset_facts_t *data, err_t *err);

#define MODEL_BATCH_MAX 65536

/* A batch with more samples than this is computed piece by piece: its memory does not grow with it, and
 * whoever computes can look at something else in between. Batch normalization is by the statistics of each
 * piece then, and running statistics take their mean. */
#define MODEL_PIECE 512

/* Scratch for gradients of up to batch_max samples. No allocation afterwards. Errors: those of
 * model_layout_of, ERR_LIMIT (batch_max 0 or above MODEL_BATCH_MAX), ERR_MEMORY. */
MUST_USE err_code_t model_new(const model_spec_t *spec, size_t batch_max, model_t **ret_self, err_t *err);
void model_destroy(model_t **self_p);

const layout_t *model_layout(const model_t *self); /* borrowed for the life of the model */
/* Replaces *ret_layout. Errors: ERR_NOT_FOUND (name); ERR_CONFIG: options that do not go together, and what
 * to write. */
MUST_USE err_code_t model_layout_of(const model_spec_t *spec, layout_t *ret_layout, err_t *err);

/* Describes a model to a reader of its parameters, who is to compute the same: {"spec": ..., "layers":
 * operations}, as graph_describe.h has them; the ledger has none. The caller owns it. Errors: those of
 * model_layout_of. */
MUST_USE err_code_t model_describe(const model_spec_t *spec, json_value_t **ret_document, err_t *err);

/* Float32 values per sample (28 x 28: 784, ledger: 1), which the data must have, and the number of classes:
 * labels are below it (ledger: any label, counted modulo its 1000 counters). */
size_t model_sample_size(const model_t *self);
size_t model_class_count(const model_t *self);

/* Initial parameters: w (N), the same for one seed everywhere (bounds per layer: graph_first_values in
 * graph.h; ledger: zeros). */
void model_init(const model_t *self, uint64_t seed, float *ret_w);

/* Mean loss over the batch and its gradient; of a tensor with TENSOR_AVERAGE, w minus what the batch has.
 *   in   w (N), x (count, sample_size), labels (count); 1 <= count <= batch_max
 *   out  ret_g (N), ret_loss: mean cross-entropy in nats
 * ledger: ret_g is minus how often each counter was chosen (label mod 1000), a sum; ret_loss is 0. */
void model_gradient(model_t *self, const float *w, const float *x, const uint32_t *labels, size_t count,
                    float *ret_g, double *ret_loss);

/* Adds the elements of the flat array that samples x (count, sample_size) touch: of sparse tensors the rows
 * that they have, of the others everything. Elsewhere their gradient is 0, and it reads no parameters.
 *
 * Errors   ERR_LIMIT (too many runs of elements), ERR_MEMORY */
MUST_USE err_code_t model_touches(const model_t *self, const float *x, size_t count, ranges_t *elements);

/* Makes g, the gradient of `done` samples, and its loss those of `done` + `count`, where part and part_loss
 * are of these count. Both as model_gradient has them. */
void model_join(const model_t *self, size_t done, size_t count, const float *part, double part_loss, float *g,
                double *loss);

/* Returns whether the model gives each sample a score: the larger, the more likely it is of class 1, of two.
 */
bool model_scores(const model_t *self);

/* Forward only, of any number of samples: adds their summed loss and number of right answers. Normalizations
 * are by running statistics, so that a sample's answer does not depend on the others. ret_scores (count)
 * gets the scores of a model that has some; NULL: nobody asks. */
void model_evaluate(model_t *self, const float *w, const float *x, const uint32_t *labels, size_t count,
                    double *add_loss, uint64_t *add_correct, float *ret_scores);

#endif
