/* deepfm: a factorization machine and a perceptron over the same embeddings (actors/model/deepfm.h). */

#include "actors/model/models/family.h"

static err_code_t s_make_deepfm(const model_spec_t *spec, model_chain_t *ret_chain, err_t *err)
{
    size_t columns = model_family_inputs(spec);
    if (spec->categorical > columns)
        return err_set(err, ERR_CONFIG,
                       "job.model.input: %zu columns are fewer than the %zu categorical ones", columns,
                       (size_t)spec->categorical);
    ret_chain->deepfm = (deepfm_spec_t){.rows = (size_t)spec->rows,
                                        .categorical = (size_t)spec->categorical,
                                        .numeric = columns - (size_t)spec->categorical,
                                        .embedding = (size_t)spec->embedding,
                                        .hidden_count = spec->hidden_count};
    for (size_t i = 0; i < spec->hidden_count; i++)
        ret_chain->deepfm.hidden[i] = (size_t)spec->hidden[i];
    return ERR_OK;
}

model_family_t *const model_deepfm = s_make_deepfm;
