/* What the global scheduler has to do with renting: plans for the regions, prices as they are now, what it has cost. */
#include "actors/scheduler/global/global_state.h"

#include <stdlib.h>

void global_rent_init(global_core_t *self, int64_t now_us)
{
    self->topology = malloc(sizeof *self->topology);
    self->paid = calloc(TOPOLOGY_REGIONS_MAX, sizeof *self->paid);
    CHECK(self->topology && self->paid);
    *self->topology = *self->spec.topology;
    self->ended_us = -1;
    err_t err = {0};
    if (self->spec.plan && global_plan_new(self->topology, self->spec.plan, now_us, &self->plan, &err)) {
        self->failure = err.code;
        snprintf(self->reason, sizeof self->reason, "%s", err.text);
    }
    self->spec.plan = NULL;
}

void global_rent_fini(global_core_t *self)
{
    global_plan_destroy(&self->plan);
    free(self->topology);
    free(self->paid);
}

/* ---- plans ---- */

static double s_spent(const global_core_t *self)
{
    double sum = 0;
    for (size_t index = 0; index < self->topology->region_count; index++)
        sum += global_core_cost(self, index).total;
    return sum;
}

void global_rent_report(global_core_t *self, size_t region, int64_t now_us)
{
    if (self->plan)
        global_plan_report(self->plan, region, self->regions[region].report, now_us);
}

void global_rent_tick(global_core_t *self, int64_t now_us)
{
    if (!self->plan)
        return;
    global_plan_spent(self->plan, s_spent(self));
    if (global_plan_tick(self->plan, now_us))
        self->decisions++;
}

int64_t global_rent_due(const global_core_t *self)
{
    return self->plan ? global_plan_due(self->plan) : INT64_MAX;
}

uint64_t global_rent_number(const global_core_t *self)
{
    return self->plan ? global_plan_number(self->plan) : 1;
}

void global_rent_fill(const global_core_t *self, size_t region, message_t *plan)
{
    if (!self->plan)
        return;
    const global_plan_entry_t *entry = global_plan_newest(self->plan);
    message_set_u64s(&plan->plan.units, entry->units[region], self->topology->regions[region].offer_count);
    plan->plan.keep = global_plan_keeps(self->plan);
}

/* ---- prices ---- */

void global_core_reread(global_core_t *self, const topology_t *changed, int64_t now_us)
{
    for (size_t index = 0; index < self->topology->region_count; index++)
        global_cost_settle(self->topology, index, &self->paid[index], self->regions[index].report);
    *self->topology = *changed;
    self->decisions++;
    if (self->plan)
        global_plan_reread(self->plan);
    global_rent_tick(self, now_us);
}

const topology_t *global_core_topology(const global_core_t *self)
{
    return self->topology;
}

global_cost_t global_core_cost(const global_core_t *self, size_t index)
{
    return global_cost(self->topology, index, &self->paid[index], self->regions[index].report);
}

const global_plan_t *global_core_plan(const global_core_t *self)
{
    return self->plan;
}

int64_t global_core_planned_us(const global_core_t *self, int64_t now_us)
{
    int64_t end_us = self->ended_us >= 0 ? self->ended_us : now_us;
    return self->plan ? global_plan_age_us(self->plan, end_us) : 0;
}

/* ---- for a successor ---- */

void global_rent_put(const global_core_t *self, int64_t now_us, message_t *state)
{
    size_t count = self->topology->region_count;
    uint64_t *words = calloc(count, GLOBAL_PAID_WORDS * sizeof *words);
    CHECK(words);
    for (size_t index = 0; index < count; index++)
        global_cost_put(&self->paid[index], words + GLOBAL_PAID_WORDS * index);
    message_set_u64s(&state->global_state.paid, words, GLOBAL_PAID_WORDS * count);
    free(words);
    if (self->plan)
        global_plan_put(self->plan, now_us, state);
}

void global_rent_take(global_core_t *self, const message_t *state, int64_t now_us)
{
    const wire_u64s_t *paid = &state->global_state.paid;
    if (paid->count == GLOBAL_PAID_WORDS * self->topology->region_count)
        for (size_t index = 0; index < self->topology->region_count; index++)
            global_cost_take(&self->paid[index], paid->items + GLOBAL_PAID_WORDS * index);
    if (self->plan)
        global_plan_take(self->plan, state, now_us);
}
