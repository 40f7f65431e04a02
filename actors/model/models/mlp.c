/* mlp: dense layers with ReLU, and a last one without. */

#include "actors/model/models/family.h"

#include <stdio.h>

static err_code_t s_make_mlp(const model_spec_t *spec, graph_t *graph, err_t *err)
{
    (void)err;
    size_t x = GRAPH_SAMPLES;
    for (size_t i = 0; i <= spec->hidden_count; i++) {
        bool last = i == spec->hidden_count;
        char name[TENSOR_NAME_MAX];
        snprintf(name, sizeof name, "fc%zu", i + 1);
        x = graph_dense(graph, x, name, (size_t)(last ? spec->classes : spec->hidden[i]), !last);
    }
    return ERR_OK;
}

model_family_t *const model_mlp = s_make_mlp;
