#include "actors/scheduler/region/training/shards.h"

#include "codec/base/failpoint.h"

#include <stdlib.h>
#include <string.h>

void shards_init(shards_t *self, region_base_t *base, region_run_t *run, nodes_t *nodes, actors_t *actors)
{
    *self = (shards_t){.base = base, .run = run, .nodes = nodes, .actors = actors};
}

void shards_fini(shards_t *self)
{
    for (size_t index = 0; self->list && index < self->actors->shard_count; index++)
        message_destroy(&self->list[index].progress);
    lease_table_destroy(&self->leases);
    free(self->list);
}

/* ---- progress ---- */

static uint64_t s_samples(const shards_t *self, const ranges_t *batches)
{
    uint64_t sum = 0;
    for (size_t index = 0; index < batches->count; index++)
        sum += job_samples_below(self->run->share, batches->items[index].end) -
               job_samples_below(self->run->share, batches->items[index].first);
    return sum;
}

/* Figures of one incarnation and history only grow; what arrives late is told by that. */
static bool s_is_behind(const message_t *newest, const message_t *message)
{
    return message->progress.steps < newest->progress.steps ||
           message->progress.rounds < newest->progress.rounds ||
           message->progress.lasts < newest->progress.lasts ||
           message->progress.samples_applied < newest->progress.samples_applied;
}

static bool s_is_late(const message_t *newest, const message_t *message)
{
    if (!newest || newest->incarnation != message->incarnation ||
        newest->progress.history != message->progress.history)
        return false;
    if (message->progress.transfers != newest->progress.transfers) /* another region's figures may be lower */
        return message->progress.transfers < newest->progress.transfers;
    return s_is_behind(newest, message) || (newest->progress.closed && !message->progress.closed);
}

static void s_reach(shards_t *self)
{
    if (!shards_known(self))
        return; /* what a shard has that has not told yet is not lost */
    uint64_t samples = s_samples(self, lease_table_applied(self->leases));
    if (samples < self->samples_reached)
        self->samples_repeated += self->samples_reached - samples;
    self->samples_reached = samples;
    self->samples_most = samples > self->samples_most ? samples : self->samples_most;
}

/* A later incarnation that has stored nothing yet goes on from what an earlier one has stored. */
static void s_note_newest(shards_t *self, region_shard_t *shard, const message_t *message)
{
    uint64_t number = message->progress.number;
    if (!number || incarnation_compare(message->incarnation, number, shard->newest_incarnation,
                                       shard->newest_number) <= 0)
        return;
    if (message->incarnation != shard->newest_incarnation)
        region_decide(self->base); /* a successor must not take what an earlier one has for the newest */
    shard->newest_incarnation = message->incarnation;
    shard->newest_number = number;
}

static err_code_t s_take_batches(shards_t *self, const message_t *message, size_t shard, err_t *err)
{
    ranges_t applied = {0}, durable = {0};
    err_code_t code =
        ranges_load(&applied, message->progress.applied.items, message->progress.applied.count, err);
    if (!code)
        code = ranges_load(&durable, message->progress.durable.items, message->progress.durable.count, err);
    if (!code)
        code = lease_table_progress(self->leases, shard, message->incarnation, message->progress.history,
                                    &applied, &durable);
    ranges_fini(&applied);
    ranges_fini(&durable);
    return code;
}

void shards_take_progress(shards_t *self, const message_t *message, size_t shard)
{
    FAILPOINT(scheduler_progress);
    err_t err = {0};
    err_code_t code = s_take_batches(self, message, shard, &err);
    if (code) {
        core_refuse(&self->base->core, message, code,
                    err.text[0] ? err.text : "batches that this run does not have");
        return;
    }
    s_reach(self);
    region_shard_t *entry = &self->list[shard];
    s_note_newest(self, entry, message);
    if (s_is_late(entry->progress, message))
        return;
    message_destroy(&entry->progress);
    entry->progress = message_dup(message);
}

void shards_ran(shards_t *self, const region_actor_t *actor)
{
    if (actor->role != ROLE_SHARD)
        return;
    region_shard_t *shard = &self->list[actor->index];
    const region_node_t *node = &self->nodes->list[actor->node];
    uint64_t name = nodes_hash(node->name), process = nodes_process(node->announce);
    if (shard->ran_on == name && shard->ran_process == process)
        return;
    shard->ran_on = name;
    shard->ran_process = process;
    region_decide(self->base);
}

/* ---- questions ---- */

bool shards_known(const shards_t *self)
{
    return self->leases && lease_table_known(self->leases);
}

bool shards_all_applied(const shards_t *self)
{
    return shards_known(self) && lease_table_all_applied(self->leases);
}

/* A former incarnation's progress may be lost. */
const message_t *shards_progress(const shards_t *self, size_t shard)
{
    const message_t *progress = self->list[shard].progress;
    return progress && progress->incarnation >= self->actors->list[shard].incarnation ? progress : NULL;
}

const region_actor_t *shards_unclosed(const shards_t *self)
{
    for (size_t index = 0; index < self->actors->shard_count; index++) {
        const message_t *progress = shards_progress(self, index);
        if (!progress || !progress->progress.closed)
            return &self->actors->list[index];
    }
    return NULL;
}

bool shards_closed(const shards_t *self)
{
    return shards_known(self) && !shards_unclosed(self);
}

/* The others' having this region's last delta needs no check here: they are not complete without it, and
 * the global scheduler ends the run when all are. */
static bool s_have_all_lasts(const shards_t *self)
{
    for (size_t index = 0; index < self->actors->shard_count; index++) {
        const message_t *progress = shards_progress(self, index);
        if (!progress || progress->progress.lasts + 1 < self->base->spec.topology->region_count)
            return false;
    }
    return true;
}

/* A shard that lost its disk after the end has to get there again. */
bool shards_have_all(const shards_t *self)
{
    return shards_closed(self) && s_have_all_lasts(self);
}

bool shards_newest_is_on(const shards_t *self, size_t shard, size_t node)
{
    uint64_t incarnation, number;
    const region_shard_t *newest = &self->list[shard];
    return nodes_holds(self->nodes, node, shard, &incarnation, &number) &&
           incarnation_compare(newest->newest_incarnation, newest->newest_number, incarnation, number) <= 0;
}

void shards_close(shards_t *self, int64_t now_us)
{
    if (!lease_table_all_durable(self->leases))
        return;
    for (size_t index = 0; index < self->actors->shard_count; index++) {
        region_shard_t *shard = &self->list[index];
        if ((shard->progress && shard->progress->progress.closed) || now_us < shard->close_us)
            continue;
        message_t *close = core_message(&self->base->core, KIND_close, self->actors->list[index].name);
        core_send(&self->base->core, &close);
        shard->close_us = now_us + REPEAT_EVERY_US;
    }
}

const region_actor_t *shards_untold(const shards_t *self)
{
    for (size_t index = 0; index < self->actors->shard_count; index++)
        if (!self->list[index].progress)
            return &self->actors->list[index];
    return NULL;
}

/* ---- figures ---- */

static void s_add_progress(message_t *report, const message_t *progress, bool first)
{
    if (first || progress->progress.steps < report->region_report.steps)
        report->region_report.steps = progress->progress.steps;
    if (progress->progress.rounds > report->region_report.rounds)
        report->region_report.rounds = progress->progress.rounds;
#define COUNTER(name, stored, add, word, state, told, sum, json, unit, help)                                 \
    COUNTER_##add(report->sum, progress->told);
#include "codec/wire/counters.def"
}

void shards_report(const shards_t *self, message_t *report)
{
    bool first = true;
    for (size_t index = 0; self->list && index < self->actors->shard_count; index++) {
        const message_t *progress = self->list[index].progress;
        if (!progress)
            continue;
        s_add_progress(report, progress, first);
        if (progress->progress.keep_lag_us > report->region_report.keep_lag_us)
            report->region_report.keep_lag_us = progress->progress.keep_lag_us;
        first = false;
    }
    report->region_report.samples = self->samples_reached;
    report->region_report.samples_repeated = self->samples_repeated;
    report->region_report.closed = shards_closed(self);
}

/* ---- for a successor ---- */

/* Positions tell which progress it is; counters are all that are in the list. */
static void s_put_figures(const message_t *progress, region_state_figures_t *row)
{
    *row = (region_state_figures_t){.incarnation = progress->incarnation,
                                    .history = progress->progress.history,
                                    .steps = progress->progress.steps,
                                    .rounds = progress->progress.rounds,
                                    .samples_applied = progress->progress.samples_applied,
                                    .closed = progress->progress.closed,
                                    .lasts = progress->progress.lasts};
#define COUNTER(name, stored, add, word, state, told, sum, json, unit, help) row->name = progress->told;
#include "codec/wire/counters.def"
}

static void s_take_figures(message_t *progress, const region_state_figures_t *row)
{
    progress->incarnation = row->incarnation;
    progress->progress.history = row->history;
    progress->progress.steps = row->steps;
    progress->progress.rounds = row->rounds;
    progress->progress.samples_applied = row->samples_applied;
    progress->progress.closed = row->closed;
    progress->progress.lasts = row->lasts;
#define COUNTER(name, stored, add, word, state, told, sum, json, unit, help) progress->told = row->name;
#include "codec/wire/counters.def"
}

static void s_put_list(const shards_t *self, message_t *state)
{
    size_t count = self->actors->shard_count;
    region_state_figures_t *figures = message_set_rows(&state->region_state.figures, count);
    region_state_newest_t *newest = message_set_rows(&state->region_state.newest, count);
    region_state_ran_on_t *ran_on = message_set_rows(&state->region_state.ran_on, count);
    for (size_t index = 0; index < count; index++) {
        const region_shard_t *shard = &self->list[index];
        if (shard->progress)
            s_put_figures(shard->progress, &figures[index]);
        newest[index] = (region_state_newest_t){shard->newest_incarnation, shard->newest_number};
        ran_on[index] = (region_state_ran_on_t){shard->ran_on, shard->ran_process};
    }
}

void shards_put(const shards_t *self, message_t *state)
{
    const message_t *saved = self->base->saved;
    state->region_state.samples_repeated = self->samples_repeated;
    state->region_state.samples_reached = self->samples_reached;
    if (self->list) {
        s_put_list(self, state);
    } else if (saved) {
        message_copy_rows(&state->region_state.newest, &saved->region_state.newest);
        message_copy_rows(&state->region_state.figures, &saved->region_state.figures);
        message_copy_rows(&state->region_state.ran_on, &saved->region_state.ran_on);
    }
}

void shards_load(shards_t *self, const message_t *saved)
{
    self->samples_repeated = saved->region_state.samples_repeated;
    self->samples_reached = saved->region_state.samples_reached;
}

void shards_conclude(shards_t *self)
{
    self->samples_reached = self->run->share->samples * self->base->spec.topology->job.epochs;
}

static void s_load_ran(shards_t *self, const message_t *saved)
{
    if (saved->region_state.ran_on.count != self->actors->shard_count)
        return;
    for (size_t index = 0; index < self->actors->shard_count; index++) {
        self->list[index].ran_on = saved->region_state.ran_on.items[index].name;
        self->list[index].ran_process = saved->region_state.ran_on.items[index].process;
    }
}

/* In a job that has got more epochs since, or another rate, nothing is final any more. */
static message_t *s_load_progress(const shards_t *self, const region_state_figures_t *row, size_t index,
                                  bool same)
{
    message_t *progress = message_new(KIND_progress, self->base->core.name, self->actors->list[index].name);
    s_take_figures(progress, row);
    if (!same) {
        progress->progress.closed = false;
        progress->progress.lasts = 0;
    }
    return progress;
}

static void s_load_shards(shards_t *self, const message_t *saved)
{
    bool same = !strcmp(saved->region_state.digest, self->base->digest);
    if (saved->region_state.newest.count != self->actors->shard_count)
        return;
    for (size_t index = 0; index < self->actors->shard_count; index++) {
        region_shard_t *shard = &self->list[index];
        shard->newest_incarnation = saved->region_state.newest.items[index].incarnation;
        shard->newest_number = saved->region_state.newest.items[index].number;
        if (index < saved->region_state.figures.count && saved->region_state.figures.items[index].incarnation)
            shard->progress = s_load_progress(self, &saved->region_state.figures.items[index], index, same);
    }
}

void shards_start(shards_t *self)
{
    lease_spec_t spec = {
        .batches = self->run->share->batches,
        .shard_count = self->actors->shard_count,
        .worker_count = self->actors->worker_count,
        .one_by_one = self->base->spec.topology->job.sync.inside != INSIDE_ASYNC ||
                      (self->run->job.waits && self->base->spec.topology->region_count > 1),
    };
    self->leases = lease_table_new(&spec);
    self->list = calloc(self->actors->shard_count, sizeof *self->list);
    CHECK(self->list);
    if (!self->base->saved)
        return;
    s_load_ran(self, self->base->saved);
    s_load_shards(self, self->base->saved);
}
