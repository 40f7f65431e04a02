/* lenet: Caffe's, which has no ReLU behind its convolutions.
 *
 *   conv1 20 of 5 x 5, maximum of 2 x 2, conv2 50 of 5 x 5, maximum of 2 x 2, fc1 500 with ReLU, fc2
 */

#include "actors/model/models/family.h"
#include "actors/model/pool.h"

#define KERNEL 5
#define LEAST 16 /* of height and width: one value is left behind both */
#define MOST ((POOL_WIDTH_MAX + KERNEL - 1) / 4 * 4)

static bool s_is_even_throughout(uint64_t size)
{
    return size >= LEAST && size <= MOST && size % 4 == 0;
}

static err_code_t s_make_lenet(const model_spec_t *spec, graph_t *graph, err_t *err)
{
    size_t H = graph->H, W = graph->W;
    if (!s_is_even_throughout(H) || !s_is_even_throughout(W))
        return err_set(err, ERR_CONFIG,
                       "pictures of %zu x %zu do not go into model lenet, which halves them twice: it takes "
                       "heights and widths of %d, 20, 24 and so on up to %d; use such pictures, or model mlp",
                       H, W, LEAST, MOST);
    size_t x = graph_conv_pool(graph, GRAPH_SAMPLES, "conv1", 20, KERNEL);
    x = graph_conv_pool(graph, x, "conv2", 50, KERNEL);
    x = graph_dense(graph, x, "fc1", 500, true);
    graph_dense(graph, x, "fc2", (size_t)spec->classes, false);
    return ERR_OK;
}

model_family_t *const model_lenet = s_make_lenet;
