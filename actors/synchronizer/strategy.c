#include "actors/synchronizer/strategy.h"

#include <math.h>

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

/* How far a step takes a value. */
static double s_way(const topology_t *topology)
{
    double lr = topology->job.optimizer.lr;
    if (optimizer_find(topology->job.optimizer.name)->evens)
        return lr;
    return 0.0016 * lr / (1 - topology->job.optimizer.momentum);
}

static double s_significant(const topology_t *topology)
{
    uint64_t every = topology->job.sync.every ? topology->job.sync.every : topology->job.sync.every_most;
    double odds = (double)every * pow(s_way(topology) / topology->job.sync.threshold, 0.75);
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
