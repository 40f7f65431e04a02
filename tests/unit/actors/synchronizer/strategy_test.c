#include "actors/synchronizer/strategy.h"

#include <criterion/criterion.h>

Test(strategy, every_name_has_a_row_of_its_own)
{
    for (int id = STRATEGY_ASGD; id <= STRATEGY_DILOCO_ASYNC; id++) {
        const strategy_t *strategy = strategy_find((strategy_name_t)id);
        cr_assert_eq((int)strategy->id, id);
        cr_assert_not_null(strategy->name);
        cr_assert_not(strategy->waits && strategy->merges, "a round cannot be merged into another");
    }
}

Test(strategy, rows_say_what_the_formulas_need)
{
    cr_assert_eq(strategy_find(STRATEGY_ASGD)->cuts, DELTA_GRADIENT);
    cr_assert_not(strategy_find(STRATEGY_ASGD)->merges);
    cr_assert(strategy_find(STRATEGY_ASGD_GA)->merges);
    cr_assert_eq(strategy_find(STRATEGY_AMA)->cuts, DELTA_MODEL);
    cr_assert(strategy_find(STRATEGY_SMA)->waits && strategy_find(STRATEGY_SMA)->local_step);
    cr_assert(strategy_find(STRATEGY_SSGD)->waits && strategy_find(STRATEGY_SSGD)->mean_gradient);
    cr_assert_not(strategy_find(STRATEGY_SSGD)->local_step);
    for (int id = STRATEGY_DILOCO; id <= STRATEGY_DILOCO_ASYNC; id++) {
        const strategy_t *strategy = strategy_find((strategy_name_t)id);
        cr_assert(strategy->outer && strategy->local_step && !strategy->mean_gradient);
        cr_assert_eq(strategy->cuts, DELTA_DIFFERENCE);
        cr_assert_eq(strategy->waits, id == STRATEGY_DILOCO);
    }
}
