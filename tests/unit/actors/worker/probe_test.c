#include "actors/worker/probe.h"

#include <criterion/criterion.h>

static void s_expect(uint64_t cores)
{
    double samples_per_s = 0;
    err_t err = {0};
    cr_assert_eq(probe_measure(&(model_spec_t){.name = "softmax"}, 20, cores, 1, &samples_per_s, &err),
                 ERR_OK, "%s", err.text);
    cr_assert_gt(samples_per_s, 0);
}

Test(probe, measures_any_number_of_cores)
{
    s_expect(0);
    s_expect(1);
    s_expect(2);
    s_expect(UINT64_MAX); /* as many as there are */
}

Test(probe, says_which_models_there_are)
{
    double samples_per_s = 0;
    err_t err = {0};
    cr_assert_neq(probe_measure(&(model_spec_t){.name = "nothing"}, 20, 2, 1, &samples_per_s, &err), ERR_OK);
    cr_assert(err.text[0]);
}
