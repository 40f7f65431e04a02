/* softmax: one dense layer. */

#include "actors/model/models/family.h"

static err_code_t s_make_softmax(const model_spec_t *spec, graph_t *graph, err_t *err)
{
    (void)err;
    graph_dense(graph, GRAPH_SAMPLES, "fc", (size_t)spec->classes, false);
    return ERR_OK;
}

model_family_t *const model_softmax = s_make_softmax;
