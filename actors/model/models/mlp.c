/* mlp: dense layers with ReLU, and a last one without. */

#include "actors/model/models/family.h"

static err_code_t s_make_mlp(const model_spec_t *spec, model_chain_t *ret_chain, err_t *err)
{
    static const char *const names[MODEL_HIDDEN_MAX + 1] = {"fc1", "fc2", "fc3", "fc4", "fc5",
                                                            "fc6", "fc7", "fc8", "fc9"};
    (void)err;
    size_t inputs = model_family_inputs(spec);
    for (size_t i = 0; i <= spec->hidden_count; i++) {
        bool last = i == spec->hidden_count;
        size_t outputs = (size_t)(last ? spec->classes : spec->hidden[i]);
        ret_chain->layers[ret_chain->count++] = (net_layer_t){
            .name = names[i],
            .kind = NET_DENSE,
            .dense = {.I = inputs, .O = outputs, .relu = !last},
        };
        inputs = outputs;
    }
    return ERR_OK;
}

model_family_t *const model_mlp = s_make_mlp;
