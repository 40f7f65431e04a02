#include "actors/synchronizer/strategy.h"

#include <criterion/criterion.h>

Test(strategy, every_name_has_a_row_of_its_own)
{
    for (int id = STRATEGY_ASGD; id <= STRATEGY_ASP; id++) {
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
    cr_assert(strategy_find(STRATEGY_SSGD)->waits && strategy_find(STRATEGY_SSGD)->every_step);
    cr_assert_not(strategy_find(STRATEGY_SSGD)->local_step);
    for (int id = STRATEGY_DILOCO; id <= STRATEGY_DILOCO_ASYNC; id++) {
        const strategy_t *strategy = strategy_find((strategy_name_t)id);
        cr_assert(strategy->outer && strategy->local_step && strategy->sees_own);
        cr_assert_eq(strategy->cuts, DELTA_DIFFERENCE);
        cr_assert_eq(strategy->waits, id == STRATEGY_DILOCO);
        cr_assert_eq(strategy->overlaps, id == STRATEGY_DILOCO);
        cr_assert_not(strategy->selects);
    }
    const strategy_t *asp = strategy_find(STRATEGY_ASP);
    cr_assert(asp->local_step && asp->selects && asp->merges && !asp->waits && !asp->sees_own && !asp->outer);
    cr_assert_eq(asp->cuts, DELTA_DIFFERENCE);
}

static topology_t s_topology = {
    .job = {
        .optimizer = {.lr = 0.015, .momentum = 0.9},
        .sync = {
            .every = 8, .encoding = "int8", .topk_ratio = 0.01, .topk_values = "fp16", .threshold = 0.01}}};

Test(strategy, encodings_are_those_of_the_job_and_asp_writes_some_values_in_its_own)
{
    encoding_setting_t setting;
    s_topology.job.sync.strategy = STRATEGY_ASGD_GA;
    cr_assert_str_eq(strategy_encoding(&s_topology, &setting)->name, "int8");
    cr_assert(setting.ratio == 0.01 && setting.values == encoding_named("fp16")->number);
    s_topology.job.sync.strategy = STRATEGY_ASP;
    cr_assert_str_eq(strategy_encoding(&s_topology, &setting)->name, "topk");
    cr_assert(setting.ratio == 1 && setting.values == encoding_named("int8")->number);
}

Test(strategy, the_threshold_falls_with_the_root_of_the_epochs)
{
    s_topology.job.sync.threshold = 0.02;
    cr_assert(strategy_threshold(&s_topology, 0) == 0.02f);
    cr_assert(strategy_threshold(&s_topology, 3) == 0.01f);
}

static uint64_t s_bytes(double threshold, uint64_t every)
{
    s_topology.job.sync.threshold = threshold;
    s_topology.job.sync.every = every;
    return strategy_delta_bytes(&s_topology, 100000);
}

Test(strategy, bytes_of_a_delta_are_what_its_encoding_makes_of_the_values_it_carries)
{
    s_topology.job.sync.strategy = STRATEGY_AMA;
    cr_assert_eq(s_bytes(0.01, 8), encoding_size_most(encoding_named("int8"), NULL, 100000));
    s_topology.job.sync.strategy = STRATEGY_ASP;
    uint64_t bytes = s_bytes(0.01, 8);
    cr_assert(bytes > 30000 && bytes < 60000, "%d", (int)bytes);
    cr_assert_lt(s_bytes(0.1, 8), bytes / 2);
    cr_assert_gt(s_bytes(0.01, 32), bytes);
    s_topology.job.sync.every_most = 32;
    cr_assert_eq(s_bytes(0.01, 0), s_bytes(0.01, 32), "auto: as for every_most");
    cr_assert_leq(s_bytes(1e-9, 1000), s_bytes(1e-12, 1000000));
    cr_assert_lt(s_bytes(1e-12, 1000000), 130000, "all of them");
    s_topology.job.optimizer.name = OPTIMIZER_ADAM;
    cr_assert_gt(s_bytes(0.01, 8), bytes, "a step is as long as the rate");
}
