#include "brokers/optimizers.h"

#include <criterion/criterion.h>
#include <string.h>

#define OPTIMIZER(ID, ...) OPTIMIZER_##ID,
static const optimizer_name_t s_ids[] = {
#include "brokers/optimizers.def"
};
#undef OPTIMIZER
#define IDS (sizeof s_ids / sizeof *s_ids)

/* Snapshots have these names beside those of the optimizers. */
static const char *const s_others[] = {"state", "parameters", "open",     "residual",
                                       "start", "base",       "gathered", "outer"};

Test(optimizers, a_name_is_one_optimizers_alone)
{
    for (size_t i = 0; i < IDS; i++)
        for (size_t j = 0; j < i; j++)
            cr_assert_str_neq(optimizer_find(s_ids[i])->name, optimizer_find(s_ids[j])->name);
}

/* So that a snapshot of one is never taken for one of another. */
Test(optimizers, a_tensor_is_one_optimizers_alone)
{
    for (size_t i = 0; i < IDS; i++) {
        const optimizer_row_t *row = optimizer_find(s_ids[i]);
        for (size_t t = 0; t < optimizer_state(row, OPTIMIZER_LANES_MAX); t++) {
            const char *name = optimizer_state_name(row, t);
            for (size_t o = 0; o < sizeof s_others / sizeof *s_others; o++)
                cr_assert_str_neq(name, s_others[o]);
            cr_assert_null(strchr(name, '/'), "those are lists");
            for (size_t j = 0; j < IDS; j++)
                cr_assert_eq(optimizer_foreign(optimizer_find(s_ids[j]), name), i != j);
        }
    }
}

Test(optimizers, what_no_optimizer_remembers_is_foreign_to_none)
{
    for (size_t i = 0; i < IDS; i++)
        for (size_t o = 0; o < sizeof s_others / sizeof *s_others; o++)
            cr_assert(!optimizer_foreign(optimizer_find(s_ids[i]), s_others[o]));
}
