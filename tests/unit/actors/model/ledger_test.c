#include "actors/model/ledger.h"
#include "actors/model/model.h"
#include "tests/unit/actors/model/reference.h"

Test(ledger, gradient_is_minus_the_counts)
{
    const uint32_t labels[] = {0, 5, 1005, 999, 4294967295U, 5};
    float g[LEDGER_COUNTERS];
    memset(g, 0xff, sizeof g);
    ledger_gradient(labels, 6, g);
    for (size_t i = 0; i < LEDGER_COUNTERS; i++) {
        float expected = i == 5 ? -3 : i == 0 || i == 999 || i == 295 ? -1 : 0;
        cr_assert_eq(g[i], expected, "counter %zu: %g", i, g[i]);
    }
}

/* At learning rate 1 every sample adds exactly 1 to its counter, however the batches are cut. */
Test(ledger, model_counts_samples)
{
    model_t *model = NULL;
    err_t err;
    cr_assert_eq(model_new(&(model_spec_t){.name = "ledger"}, 64, &model, &err), ERR_OK, "%s", err.text);
    cr_assert_eq(model_layout(model)->count, LEDGER_COUNTERS);
    cr_assert_str_eq(model_layout(model)->tensors[0].name, "counters");
    float w[LEDGER_COUNTERS], g[LEDGER_COUNTERS], x[64] = {0};
    uint32_t labels[64];
    memset(w, 0xff, sizeof w);
    model_init(model, 3, w);
    for (uint32_t first = 0; first < 2500;) {
        uint32_t count = 2500 - first < 61 ? 2500 - first : 61;
        for (uint32_t i = 0; i < count; i++)
            labels[i] = first + i;
        double loss = 5;
        model_gradient(model, w, x, labels, count, g, &loss);
        cr_assert_eq(loss, 0);
        for (size_t i = 0; i < LEDGER_COUNTERS; i++)
            w[i] -= g[i];
        first += count;
    }
    for (size_t i = 0; i < LEDGER_COUNTERS; i++)
        cr_assert_eq(w[i], i < 500 ? 3 : 2, "counter %zu: %g", i, w[i]);
    model_destroy(&model);
}
