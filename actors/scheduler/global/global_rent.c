#include "actors/scheduler/global/global_rent.h"

#include <stdlib.h>

void global_rent_init(global_rent_t *self, global_base_t *base, global_regions_t *regions, int64_t now_us)
{
    *self = (global_rent_t){.base = base,
                            .regions = regions,
                            .topology = malloc(sizeof *self->topology),
                            .paid = calloc(TOPOLOGY_REGIONS_MAX, sizeof *self->paid),
                            .ended_us = -1};
    CHECK(self->topology && self->paid);
    *self->topology = *base->spec.topology;
    err_t err = {0};
    if (base->spec.plan && global_plan_new(self->topology, base->spec.plan, now_us, &self->plan, &err)) {
        base->failure = err.code;
        snprintf(base->reason, sizeof base->reason, "%s", err.text);
    }
    base->spec.plan = NULL;
}

void global_rent_fini(global_rent_t *self)
{
    global_plan_destroy(&self->plan);
    free(self->topology);
    free(self->paid);
}

/* ---- plans ---- */

static double s_spent(const global_rent_t *self)
{
    double sum = 0;
    for (size_t index = 0; index < self->topology->region_count; index++)
        sum += global_rent_cost(self, index).total;
    return sum;
}

void global_rent_report(global_rent_t *self, size_t region, int64_t now_us)
{
    if (self->plan)
        global_plan_report(self->plan, region, self->regions->list[region].report, now_us);
}

void global_rent_tick(global_rent_t *self, int64_t now_us)
{
    if (!self->plan)
        return;
    global_plan_spent(self->plan, s_spent(self));
    if (global_plan_tick(self->plan, now_us))
        global_decide(self->base);
}

int64_t global_rent_due(const global_rent_t *self)
{
    return self->plan ? global_plan_due(self->plan) : INT64_MAX;
}

uint64_t global_rent_number(const global_rent_t *self)
{
    return self->plan ? global_plan_number(self->plan) : 1;
}

static void s_fill_plan(const global_rent_t *self, size_t region, message_t *plan)
{
    const global_plan_entry_t *entry = global_plan_newest(self->plan);
    message_set_u64s(&plan->plan.units, entry->units[region], self->topology->regions[region].offer_count);
    plan->plan.stay = global_plan_stays(self->plan);
}

void global_rent_send_plan(global_rent_t *self, size_t index)
{
    const topology_region_t *region = &self->base->spec.topology->regions[index];
    message_t *plan = core_message(&self->base->core, KIND_plan, self->regions->list[index].scheduler);
    plan->number = plan->plan.plan = global_rent_number(self);
    plan->plan.workers = region->workers;
    plan->plan.shards = region->shards;
    plan->plan.run = self->base->spec.run;
    plan->plan.adopts = self->base->spec.run_adopts;
    if (self->plan)
        s_fill_plan(self, index, plan);
    core_send(&self->base->core, &plan);
}

/* ---- prices ---- */

void global_rent_reread(global_rent_t *self, const topology_t *changed, int64_t now_us)
{
    for (size_t index = 0; index < self->topology->region_count; index++)
        global_cost_settle(self->topology, index, &self->paid[index], self->regions->list[index].report);
    *self->topology = *changed;
    global_decide(self->base);
    if (self->plan)
        global_plan_reread(self->plan);
    global_rent_tick(self, now_us);
}

global_cost_t global_rent_cost(const global_rent_t *self, size_t index)
{
    return global_cost(self->topology, index, &self->paid[index], self->regions->list[index].report);
}

int64_t global_rent_planned_us(const global_rent_t *self, int64_t now_us)
{
    int64_t end_us = self->ended_us >= 0 ? self->ended_us : now_us;
    return self->plan ? global_plan_age_us(self->plan, end_us) : 0;
}

/* ---- for a successor ---- */

void global_rent_put(const global_rent_t *self, int64_t now_us, message_t *state)
{
    global_cost_put(self->paid, state);
    if (self->plan)
        global_plan_put(self->plan, now_us, state);
}

void global_rent_take(global_rent_t *self, const message_t *state, int64_t now_us)
{
    global_cost_take(self->paid, self->topology->region_count, state);
    if (self->plan)
        global_plan_take(self->plan, state, now_us);
}
