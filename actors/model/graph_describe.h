/* graph_describe - a model's layers as a document that others rebuild it from, in the terms of PyTorch.
 *
 * Why      an exported model is of use only to whoever computes the same with it.
 * Threads  any; pure.
 *
 * An operation is an object; it reads the outputs named by `from`: 0 is the samples, n the n-th operation's.
 *
 *   conv2d        weight, bias (left out: none), stride, padding: cross-correlation, zeros around the image
 *   max_pool2d    size, stride
 *   batch_norm2d  weight, bias, running_mean, running_var, epsilon: as in evaluation
 *   relu          max(x, 0)
 *   add           sum of two
 *   mean          over height and width: (C)
 *   linear        weight (outputs, inputs), bias; reads (C, H, W) as C H W values
 *
 * Weights and biases are names of tensors of the file. The last operation gives a value for each class.
 */
#ifndef ACTORS_MODEL_GRAPH_DESCRIBE_H
#define ACTORS_MODEL_GRAPH_DESCRIBE_H

#include "actors/model/graph.h"
#include "codec/base/json.h"

/* The list of operations; the caller owns it. */
json_value_t *graph_describe(const graph_t *graph);

#endif
