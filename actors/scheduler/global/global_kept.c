/* What the global scheduler leaves to its successor, and what that takes. */
#include "actors/scheduler/global/global_state.h"

#include <string.h>

/* ---- leaving ---- */

static message_t *s_state(const void *core, int64_t now_us)
{
    const global_core_t *self = core;
    message_t *state = message_new(KIND_global_state, "scheduler/global", "scheduler/global");
    uint64_t finals[TOPOLOGY_REGIONS_MAX];
    size_t count = self->spec.topology->region_count;
    for (size_t index = 0; index < count; index++)
        finals[index] = self->regions[index].stopped;
    message_set_name(state->global_state.digest, self->digest);
    state->global_state.stopping = self->state >= RUN_STOPPING || self->drain_known;
    state->global_state.stop_done = self->done;
    message_set_text(&state->global_state.stopper, self->stopper);
    state->global_state.code = self->failure;
    message_set_text(&state->global_state.reason, self->reason);
    message_set_u64s(&state->global_state.finals, finals, count);
    global_rent_put(self, now_us, state);
    return state;
}

static const message_t *s_report(const void *core, size_t region)
{
    return ((const global_core_t *)core)->regions[region].report;
}

static size_t s_row_count(const void *core, size_t region)
{
    return ((const global_core_t *)core)->regions[region].row_count;
}

static message_t *s_row(const void *core, size_t region, size_t index)
{
    const region_entry_t *entry = &((const global_core_t *)core)->regions[region];
    const curve_row_t *row = &entry->rows[index];
    message_t *curve = message_new(KIND_curve, "scheduler/global", entry->scheduler);
    curve->curve.index = row->index;
    curve->curve.train_us = row->train_us;
    curve->curve.epoch = row->epoch;
    curve->curve.loss = row->loss;
    curve->curve.test_accuracy = row->test_accuracy;
    curve->curve.test_loss = row->test_loss;
    return curve;
}

static uint64_t s_decisions(const void *core)
{
    return ((const global_core_t *)core)->decisions;
}

const keep_source_t global_source = {
    .state = s_state, .report = s_report, .row_count = s_row_count, .row = s_row, .decisions = s_decisions};

/* ---- taking ---- */

/* A report may be of an earlier topology of the same directory: names are checked once more. */
static void s_take_region(global_core_t *self, size_t index, int64_t now_us)
{
    const kept_region_t *kept = &self->spec.kept->regions[index];
    region_entry_t *region = &self->regions[index];
    if (!kept->report || strcmp(kept->report->from, region->scheduler))
        return;
    region->report = message_dup(kept->report);
    region->seen_us = now_us;
    region->placed = kept->report->region_report.placed;
    for (size_t row = 0; row < kept->row_count; row++)
        global_add_row(self, index, kept->rows[row]);
    const wire_u64s_t *finals = &self->spec.kept->state->global_state.finals;
    region->stopped = index < finals->count && finals->items[index] != 0 &&
                      region->report->region_report.curve_rows <= region->row_count;
}

/* An end goes on where it stood. A drain does when some region has stopped for it, or is still the one that was told to;
 * where all were started anew it is over. */
void global_restore(global_core_t *self, int64_t now_us)
{
    const message_t *state = self->spec.kept ? self->spec.kept->state : NULL;
    if (!state || strcmp(state->global_state.digest, self->digest))
        return;
    bool stopped = false;
    global_rent_take(self, state, now_us);
    for (size_t index = 0; index < self->spec.topology->region_count; index++) {
        s_take_region(self, index, now_us);
        stopped |= self->regions[index].stopped;
    }
    if (!state->global_state.stopping)
        return;
    self->failure = (err_code_t)state->global_state.code;
    snprintf(self->reason, sizeof self->reason, "%s",
             state->global_state.reason ? state->global_state.reason : "");
    self->drain_known = true;
    snprintf(self->stopper, sizeof self->stopper, "%s",
             state->global_state.stopper ? state->global_state.stopper : "");
    if (state->global_state.stop_done || self->failure || stopped)
        global_begin_stop(self, state->global_state.stop_done, self->stopper, now_us);
}
