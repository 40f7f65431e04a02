#include "actors/kit/timers.h"

void timers_run(const timer_row_t *rows, size_t count, void *core, int64_t now_us)
{
    for (size_t i = 0; i < count; i++)
        if (now_us >= rows[i].due(core))
            rows[i].act(core, now_us);
}

int64_t timers_due(const timer_row_t *rows, size_t count, const void *core)
{
    int64_t due_us = ROLE_NEVER;
    for (size_t i = 0; i < count; i++)
        due_us = timer_first(due_us, rows[i].due(core));
    return due_us;
}
