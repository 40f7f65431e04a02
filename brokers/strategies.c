#include "brokers/strategies.h"

#include "codec/base/err.h"

#include <stddef.h>

#define STRATEGY(ID, NAME, TEXT, ...) {.id = STRATEGY_##ID, .name = TEXT, __VA_ARGS__},
static const strategy_t s_strategies[] = {
#include "brokers/strategies.def"
};
#undef STRATEGY

const strategy_t *strategy_find(strategy_name_t id)
{
    CHECK((size_t)id < sizeof s_strategies / sizeof *s_strategies);
    return &s_strategies[id];
}
