#include "actors/synchronizer/strategy.h"

static const strategy_t s_strategies[] = {
    {.id = STRATEGY_ASGD, .name = "asgd", .cuts = DELTA_GRADIENT, .local_step = true},
    {.id = STRATEGY_ASGD_GA, .name = "asgd-ga", .cuts = DELTA_GRADIENT, .merges = true, .local_step = true},
    {.id = STRATEGY_AMA, .name = "ama", .cuts = DELTA_MODEL, .merges = true, .local_step = true},
    {.id = STRATEGY_SMA, .name = "sma", .cuts = DELTA_MODEL, .waits = true, .local_step = true},
    {.id = STRATEGY_SSGD, .name = "ssgd", .cuts = DELTA_GRADIENT, .waits = true, .mean_gradient = true},
    {.id = STRATEGY_DILOCO,
     .name = "diloco",
     .cuts = DELTA_DIFFERENCE,
     .waits = true,
     .local_step = true,
     .outer = true},
    {.id = STRATEGY_DILOCO_ASYNC,
     .name = "diloco-async",
     .cuts = DELTA_DIFFERENCE,
     .merges = true,
     .local_step = true,
     .outer = true},
};

const strategy_t *strategy_find(strategy_name_t id)
{
    for (size_t i = 0; i < sizeof s_strategies / sizeof *s_strategies; i++)
        if (s_strategies[i].id == id)
            return &s_strategies[i];
    err_abort(__FILE__, __LINE__, "a known strategy");
}
