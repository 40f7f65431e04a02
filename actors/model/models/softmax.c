/* softmax: one dense layer. */

#include "actors/model/models/family.h"

static err_code_t s_make_softmax(const model_spec_t *spec, model_chain_t *ret_chain, err_t *err)
{
    (void)err;
    ret_chain->layers[ret_chain->count++] = (net_layer_t){
        .name = "fc",
        .kind = NET_DENSE,
        .dense = {.I = model_family_inputs(spec), .O = (size_t)spec->classes},
    };
    return ERR_OK;
}

model_family_t *const model_softmax = s_make_softmax;
