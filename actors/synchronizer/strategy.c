#include "actors/synchronizer/strategy.h"

#include <math.h>

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
    {.id = STRATEGY_ASP,
     .name = "asp",
     .cuts = DELTA_DIFFERENCE,
     .merges = true,
     .local_step = true,
     .outer = true,
     .adds = true,
     .selects = true,
     .differs = "Gaia's significance filter without its selective barrier and mirror clock: nobody is "
                "stopped for what "
                "is late, job.sync.staleness bounds it; the threshold falls with the root of the epochs, "
                "Gaia's with that of "
                "the iterations"},
};

const strategy_t *strategy_find(strategy_name_t id)
{
    for (size_t i = 0; i < sizeof s_strategies / sizeof *s_strategies; i++)
        if (s_strategies[i].id == id)
            return &s_strategies[i];
    err_abort(__FILE__, __LINE__, "a known strategy");
}

const encoding_t *strategy_encoding(const topology_t *topology, encoding_setting_t *ret_setting)
{
    bool selects = strategy_find(topology->job.sync.strategy)->selects;
    const encoding_t *row = encoding_named(topology->job.sync.encoding);
    const encoding_t *values = selects ? row : encoding_named(topology->job.sync.topk_values);
    *ret_setting = (encoding_setting_t){.ratio = selects ? 1 : topology->job.sync.topk_ratio,
                                        .values = values && values->blocks ? values->number : 0};
    return selects ? encoding_named("topk") : row ? row : encoding_find(0);
}

float strategy_threshold(const topology_t *topology, uint64_t epoch)
{
    return (float)(topology->job.sync.threshold / sqrt((double)epoch + 1));
}

static double s_significant(const topology_t *topology)
{
    uint64_t every = topology->job.sync.every ? topology->job.sync.every : topology->job.sync.every_most;
    double way = topology->job.optimizer.lr / (1 - topology->job.optimizer.momentum);
    double odds = (double)every * pow(0.0016 * way / topology->job.sync.threshold, 0.75);
    return odds / (1 + odds);
}

uint64_t strategy_delta_bytes(const topology_t *topology, size_t elements)
{
    encoding_setting_t setting;
    const encoding_t *row = strategy_encoding(topology, &setting);
    if (strategy_find(topology->job.sync.strategy)->selects)
        setting.ratio = s_significant(topology);
    return encoding_size_most(row, &setting, elements);
}
