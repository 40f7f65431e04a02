/* No files: sample i is the number i, for model `ledger`. */
#include "actors/model/data/kind.h"

static err_code_t s_open(const dataset_spec_t *spec, look_t look, void **ret_state,
                         dataset_facts_t *ret_facts, err_t *err)
{
    (void)look;
    if (spec->samples == 0)
        return err_set(err, ERR_CONFIG, "data.samples is 0; write how many samples to count");
    *ret_state = NULL;
    *ret_facts = (dataset_facts_t){.total = spec->samples, .channels = 1, .height = 1, .width = 1};
    return ERR_OK;
}

static int64_t s_label(const void *state, data_part_t part, uint64_t number)
{
    (void)state;
    (void)part;
    return (int64_t)number;
}

static void s_gather(const void *state, data_part_t part, uint64_t number, float *ret_x)
{
    (void)state;
    (void)part;
    *ret_x = (float)number;
}

static void s_close(void *state)
{
    (void)state;
}

const data_kind_t data_counter = {.open = s_open, .label = s_label, .gather = s_gather, .close = s_close};
