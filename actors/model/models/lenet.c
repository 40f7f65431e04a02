/* lenet: Caffe's, which has no ReLU behind its convolutions.
 *
 *   conv1 20 of 5 x 5, maximum of 2 x 2, conv2 50 of 5 x 5, maximum of 2 x 2, fc1 500 with ReLU, fc2
 */

#include "actors/model/models/family.h"
#include "actors/model/pool.h"

#define KERNEL 5
#define LEAST 16 /* of height and width: one value is left behind both */
#define MOST ((POOL_WIDTH_MAX + KERNEL - 1) / 4 * 4)

/* Height or width behind a convolution and its maximum. */
static size_t s_behind(size_t size)
{
    return (size - KERNEL + 1) / 2;
}

static bool s_is_even_throughout(uint64_t size)
{
    return size >= LEAST && size <= MOST && size % 4 == 0;
}

static err_code_t s_make_lenet(const model_spec_t *spec, model_chain_t *ret_chain, err_t *err)
{
    size_t C = (size_t)spec->input[0], H = (size_t)spec->input[1], W = (size_t)spec->input[2];
    if (!s_is_even_throughout(H) || !s_is_even_throughout(W))
        return err_set(err, ERR_CONFIG,
                       "pictures of %zu x %zu do not go into model lenet, which halves them twice: it takes "
                       "heights and widths of %d, 20, 24 and so on up to %d; use such pictures, or model mlp",
                       H, W, LEAST, MOST);
    size_t H2 = s_behind(H), W2 = s_behind(W);
    const net_layer_t layers[] = {
        {.name = "conv1",
         .kind = NET_CONV,
         .conv = {.I = C, .H = H, .W = W, .O = 20, .K = KERNEL, .stride = 1}},
        {.name = "conv2",
         .kind = NET_CONV,
         .conv = {.I = 20, .H = H2, .W = W2, .O = 50, .K = KERNEL, .stride = 1}},
        {.name = "fc1",
         .kind = NET_DENSE,
         .dense = {.I = 50 * s_behind(H2) * s_behind(W2), .O = 500, .relu = true}},
        {.name = "fc2", .kind = NET_DENSE, .dense = {.I = 500, .O = (size_t)spec->classes}},
    };
    for (size_t i = 0; i < sizeof layers / sizeof *layers; i++)
        ret_chain->layers[ret_chain->count++] = layers[i];
    return ERR_OK;
}

model_family_t *const model_lenet = s_make_lenet;
