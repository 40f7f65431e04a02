/* deepfm: a factorization machine and a perceptron over the same embeddings; its layers are no graph
 * (actors/model/deepfm.h). */

#include "actors/model/models/family.h"

static err_code_t s_make_deepfm(const model_spec_t *spec, graph_t *graph, err_t *err)
{
    size_t columns = graph->C * graph->H * graph->W;
    if (spec->categorical <= columns)
        return ERR_OK;
    return err_set(err, ERR_CONFIG, "job.model.input: %zu columns are fewer than the %zu categorical ones",
                   columns, (size_t)spec->categorical);
}

model_family_t *const model_deepfm = s_make_deepfm;
