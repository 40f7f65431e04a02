/* The plans so far as far as the next global scheduler must know them. */
#include "actors/scheduler/global/global_plan_state.h"

#include <stdlib.h>
#include <string.h>

/* Offers of all regions. */
static size_t s_offers(const global_plan_t *self)
{
    size_t count = 0;
    for (size_t r = 0; r < self->topology->region_count; r++)
        count += self->topology->regions[r].offer_count;
    return count;
}

/* Units are a list of their own, beside the rows: it is as wide as there are offers. */
static void s_put_units(const global_plan_t *self, message_t *state)
{
    uint64_t *units = calloc(self->entry_count * s_offers(self) + 1, sizeof *units);
    CHECK(units);
    size_t count = 0;
    for (size_t e = 0; e < self->entry_count; e++)
        for (size_t r = 0; r < self->topology->region_count; r++)
            for (size_t i = 0; i < self->topology->regions[r].offer_count; i++)
                units[count++] = self->entries[e].units[r][i];
    message_set_u64s(&state->global_state.plans_units, units, count);
    free(units);
}

/* More than a message can have are not put: a successor plans anew. */
void global_plan_put(const global_plan_t *self, int64_t now_us, message_t *state)
{
    state->global_state.planned_us = now_us - self->began_us;
    if (self->entry_count * s_offers(self) > WIRE_LIST_MAX)
        return;
    global_state_plans_t *rows = message_set_rows(&state->global_state.plans, self->entry_count);
    for (size_t e = 0; e < self->entry_count; e++) {
        const global_plan_entry_t *entry = &self->entries[e];
        rows[e] = (global_state_plans_t){.at_us = entry->at_us,
                                         .because = entry->because,
                                         .region = entry->region,
                                         .value = entry->value,
                                         .predicted_s = entry->predicted_s,
                                         .predicted_cost = entry->predicted_cost};
    }
    s_put_units(self, state);
    state->global_state.plan = self->number;
}

static void s_take_entry(global_plan_t *self, const global_state_plans_t *row, const uint64_t *units)
{
    global_plan_entry_t *entry = &self->entries[self->entry_count++];
    *entry = (global_plan_entry_t){.at_us = row->at_us,
                                   .because =
                                       row->because <= BECAUSE_REST ? (because_t)row->because : BECAUSE_REST,
                                   .region = row->region < self->topology->region_count ? row->region : 0,
                                   .value = row->value,
                                   .predicted_s = row->predicted_s,
                                   .predicted_cost = row->predicted_cost};
    for (size_t r = 0; r < self->topology->region_count; r++)
        for (size_t i = 0; i < self->topology->regions[r].offer_count; i++)
            entry->units[r][i] = *units++;
}

void global_plan_take(global_plan_t *self, const message_t *state, int64_t now_us)
{
    size_t count = state->global_state.plans.count, offers = s_offers(self);
    if (!count || count > GLOBAL_PLAN_ENTRIES_MAX || state->global_state.plans_units.count != count * offers)
        return;
    self->entry_count = 0;
    for (size_t e = 0; e < count; e++)
        s_take_entry(self, &state->global_state.plans.items[e],
                     state->global_state.plans_units.items + e * offers);
    self->number = state->global_state.plan;
    self->began_us = now_us - state->global_state.planned_us;
    for (size_t r = 0; r < self->topology->region_count; r++)
        memcpy(self->current.regions[r].units, global_plan_newest(self)->units[r],
               sizeof self->current.regions[r].units);
}
