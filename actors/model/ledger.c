#include "actors/model/ledger.h"

#include <string.h>

void ledger_gradient(const uint32_t *labels, size_t count, float *ret_g)
{
    memset(ret_g, 0, LEDGER_COUNTERS * sizeof *ret_g);
    for (size_t i = 0; i < count; i++)
        ret_g[labels[i] % LEDGER_COUNTERS] -= 1.0f;
}
