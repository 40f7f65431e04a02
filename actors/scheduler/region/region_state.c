/* State that a regional scheduler leaves to its successor, and what that takes of it. */
#include "actors/scheduler/region/region_rooms.h"

#include <string.h>

/* ---- leaving ---- */

static void s_put_run(const region_core_t *self, message_t *state)
{
    message_set_name(state->region_state.digest, self->base.digest);
    state->region_state.term = self->base.spec.term;
    state->region_state.plan = self->placing.plan;
    state->region_state.workers = self->actors.list ? self->actors.worker_count : 0;
    state->region_state.elastic = self->actors.list && self->actors.elastic;
    state->region_state.restarts = self->actors.restarts;
}

static message_t *s_state(const void *core, int64_t now_us)
{
    const region_core_t *self = core;
    message_t *state = core_message(&self->base.core, KIND_region_state, self->base.core.name);
    state->region_state.lived_us = self->reports.lived_before_us + now_us - self->base.started_us;
    state->region_state.rented_us = nodes_rented_us(&self->nodes, now_us);
    s_put_run(self, state);
    region_run_put(&self->run, state);
    region_links_put(&self->links, state);
    shards_put(&self->shards, state);
    training_put(&self->training, state, now_us);
    still_put(&self->still, state);
    keeping_put(&self->keeping, state);
    moving_put(&self->moving, state);
    adopting_put(&self->adopting, self->ending.done, state);
    renting_put(&self->renting, state, now_us);
    ending_put(&self->ending, state);
    return state;
}

static size_t s_row_count(const void *core, size_t region)
{
    const region_core_t *self = core;
    return region == self->base.spec.region_index ? self->training.curve.row_count : 0;
}

static message_t *s_row(const void *core, size_t region, size_t index)
{
    const region_core_t *self = core;
    (void)region;
    return training_row(&self->training, index, self->base.core.name);
}

static uint64_t s_decisions(const void *core)
{
    return ((const region_core_t *)core)->base.decisions;
}

static void s_stored(void *core, uint64_t decisions)
{
    ((region_core_t *)core)->base.decisions_stored = decisions;
}

const journal_source_t region_source = {
    .state = s_state, .row_count = s_row_count, .row = s_row, .decisions = s_decisions, .stored = s_stored};

/* ---- taking ---- */

/* Something to go on from was stored; else the run begins anew, and so do its figures. */
static bool s_has_snapshots(const message_t *saved)
{
    for (size_t index = 0; index < saved->region_state.newest.count; index++)
        if (saved->region_state.newest.items[index].incarnation)
            return true;
    return false;
}

static void s_load_figures(region_core_t *self, const message_t *saved)
{
    const region_spec_t *spec = &self->base.spec;
    self->reports.lived_before_us = saved->region_state.lived_us;
    self->nodes.rented_before_us = saved->region_state.rented_us;
    self->actors.restarts = saved->region_state.restarts;
    self->moving.moves = saved->region_state.moves;
    region_links_load(&self->links, saved);
    shards_load(&self->shards, saved);
    training_load(&self->training, saved, &spec->legacy->regions[spec->region_index]);
    still_load(&self->still, saved);
    renting_load_figures(&self->renting, saved);
}

/* The plan that runs goes on, if there was one and the job is known. */
static void s_load_plan(region_core_t *self, const message_t *saved, int64_t now_us)
{
    bool had = saved->region_state.workers || saved->region_state.elastic;
    uint64_t samples = saved->region_state.samples_announced;
    if (!samples || region_run_derive(&self->run, samples, NULL))
        return;
    if (!had || saved->region_state.workers > WORKERS_MAX)
        return;
    renting_load_plan(&self->renting, saved, now_us);
    placing_load(&self->placing, saved);
}

/* So does a stop, unless it was a drain and everything was started anew since. */
static void s_load_stop(region_core_t *self, const message_t *saved, int64_t now_us)
{
    if (!saved->region_state.stopping)
        return;
    self->adopting.drain_known = true;
    self->adopting.drained_known = saved->region_state.stopped;
    if (saved->region_state.stop_done)
        ending_begin(&self->ending, true, now_us);
}

void region_restore(region_core_t *self, int64_t now_us)
{
    const message_t *saved = self->base.saved;
    if (!saved)
        return;
    adopting_load_running(&self->adopting, saved);
    if (s_has_snapshots(saved))
        s_load_figures(self, saved);
    if (strcmp(saved->region_state.digest, self->base.digest))
        return; /* the job has got more epochs since, or another rate */
    if (incarnation_is_possible(saved->region_state.global))
        self->run.global_incarnation = saved->region_state.global;
    renting_load_units(&self->renting, saved, now_us);
    adopting_load(&self->adopting, saved);
    s_load_plan(self, saved, now_us);
    s_load_stop(self, saved, now_us);
}
