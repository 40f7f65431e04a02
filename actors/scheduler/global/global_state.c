/* State that the global scheduler leaves to its successor, and what that takes of it. */
#include "actors/scheduler/global/global_former.h"
#include "actors/scheduler/global/global_rooms.h"

#include <string.h>

/* ---- leaving ---- */

static message_t *s_state(const void *core, int64_t now_us)
{
    const global_core_t *self = core;
    message_t *state = message_new(KIND_global_state, ACTOR_GLOBAL, ACTOR_GLOBAL);
    size_t count = global_region_count(&self->base);
    global_state_regions_t *rows = message_set_rows(&state->global_state.regions, count);
    for (size_t index = 0; index < count; index++)
        rows[index].final = self->regions.list[index].stopped;
    message_set_name(state->global_state.digest, self->base.digest);
    global_life_put(&self->life, state);
    global_rent_put(&self->rent, now_us, state);
    return state;
}

static const message_t *s_report(const void *core, size_t region)
{
    return ((const global_core_t *)core)->regions.list[region].report;
}

static size_t s_row_count(const void *core, size_t region)
{
    return ((const global_core_t *)core)->regions.list[region].row_count;
}

static message_t *s_row(const void *core, size_t region, size_t index)
{
    const region_entry_t *entry = &((const global_core_t *)core)->regions.list[region];
    const curve_row_t *row = &entry->rows[index];
    message_t *curve = message_new(KIND_curve, ACTOR_GLOBAL, entry->scheduler);
    curve->curve.index = row->index;
    curve->curve.train_us = row->train_us;
    curve->curve.epoch = row->epoch;
    curve->curve.loss = row->loss;
    curve->curve.test_accuracy = row->test_accuracy;
    curve->curve.test_loss = row->test_loss;
    curve->curve.test_auc = row->test_auc;
    return curve;
}

static uint64_t s_decisions(const void *core)
{
    return ((const global_core_t *)core)->base.decisions;
}

const journal_source_t global_source = {
    .state = s_state, .report = s_report, .row_count = s_row_count, .row = s_row, .decisions = s_decisions};

/* ---- taking ---- */

/* A report may be of an earlier topology of the same directory: names are checked once more. */
static void s_take_region(global_core_t *self, size_t index, const message_t *state, int64_t now_us)
{
    const legacy_t *all = self->base.spec.legacy;
    const legacy_region_t *legacy = &all->regions[index];
    region_entry_t *region = &self->regions.list[index];
    if (!legacy->report || strcmp(legacy->report->from, region->scheduler))
        return;
    region->report = message_dup(legacy->report);
    region->seen_us = now_us;
    region->placed = legacy->report->region_report.placed;
    for (size_t row = 0; row < legacy->row_count; row++)
        global_regions_add_row(&self->regions, index, legacy->rows[row]);
    bool final = index < state->global_state.regions.count && state->global_state.regions.items[index].final;
    region->stopped = final && region->report->region_report.curve_rows <= region->row_count;
}

void global_restore(global_core_t *self, int64_t now_us)
{
    const message_t *legacy = self->base.spec.legacy ? self->base.spec.legacy->state : NULL;
    if (!legacy || strcmp(legacy->global_state.digest, self->base.digest))
        return;
    message_t *state = message_dup(legacy);
    global_former(self->base.spec.topology, state);
    global_rent_take(&self->rent, state, now_us);
    for (size_t index = 0; index < global_region_count(&self->base); index++)
        s_take_region(self, index, state, now_us);
    global_life_load(&self->life, state, now_us);
    message_destroy(&state);
}
