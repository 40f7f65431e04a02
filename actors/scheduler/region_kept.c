/* What a regional scheduler leaves to its successor, and what that takes. */
#include "actors/scheduler/region_state.h"

#include "codec/base/hash.h"

#include <stdlib.h>
#include <string.h>

#define LINK_WORDS 4
#define NEWEST_WORDS 2
#define RAN_WORDS 2

uint64_t region_name_hash(const char *name)
{
    return hash_checksum(name, strlen(name));
}

/* ---- leaving ---- */

static void s_put_nodes(const region_core_t *self, message_t *state)
{
    uint64_t words[2 * NODES_MAX];
    size_t count = 0;
    for (size_t index = 0; index < self->node_count; index++) {
        const region_node_t *node = &self->nodes[index];
        if (node->lost || (node->stopped && (!self->final || self->stop_done)))
            continue;
        words[count++] = region_name_hash(node->name);
        words[count++] = region_process(node->announce);
    }
    for (size_t index = 0; index < self->known_count && count < 2 * NODES_MAX; index++) {
        if (self->known[index].heard || self->settled)
            continue;
        words[count++] = self->known[index].name;
        words[count++] = self->known[index].process;
    }
    message_set_u64s(&state->region_state.nodes, words, count);
}

/* Those that run and are to, and those of the predecessor that have not come back yet. None when the end is in order. */
static void s_put_running(const region_core_t *self, message_t *state)
{
    uint64_t *words = calloc(self->actor_count + self->died_count + 1, sizeof *words);
    CHECK(words);
    size_t count = 0;
    for (size_t index = 0; index < self->actor_count; index++)
        if (self->actors[index].state == PLACE_READY && !self->actors[index].moved)
            words[count++] = region_name_hash(self->actors[index].name);
    for (size_t index = 0; index < self->died_count; index++)
        words[count++] = self->died[index];
    if (!self->stopping && !self->drain_known && count <= WIRE_LIST_MAX)
        message_set_u64s(&state->region_state.running, words, count);
    free(words);
}

bool region_came_back(region_core_t *self, const char *actor)
{
    uint64_t name = region_name_hash(actor);
    for (size_t index = 0; index < self->died_count; index++)
        if (self->died[index] == name) {
            self->died[index] = self->died[--self->died_count];
            return true;
        }
    return false;
}

static void s_put_links(const region_core_t *self, message_t *state)
{
    uint64_t words[LINK_WORDS * TOPOLOGY_REGIONS_MAX];
    size_t count = 0;
    for (size_t index = 0; index < self->spec.topology->region_count; index++) {
        const region_link_t *link = &self->links[index];
        words[count++] = link->sent;
        words[count++] = link->received;
        words[count++] = link->sent_before;
        words[count++] = link->received_before;
    }
    message_set_u64s(&state->region_state.links, words, count);
}

/* The figures of a shard's progress that a report adds up, and the two that say which progress it is: one list, read in
 * both directions. */
#define FIGURES(X)                                                                                           \
    X(history)                                                                                               \
    X(steps)                                                                                                 \
    X(rounds)                                                                                                \
    X(samples_applied) X(duplicates) X(refused) X(not_finite) X(closed) X(lasts) X(rolled_back) X(welcomes)
#define COUNT_FIGURE(name) +1
#define FIGURE_WORDS (1 FIGURES(COUNT_FIGURE))

static void s_put_shards(const region_core_t *self, message_t *state)
{
    size_t figures = 0;
    uint64_t *words = calloc(self->shard_count * FIGURE_WORDS + 1, sizeof *words);
    uint64_t *newest = calloc(self->shard_count * NEWEST_WORDS + 1, sizeof *newest);
    CHECK(words && newest);
    for (size_t index = 0; index < self->shard_count; index++) {
        const region_shard_t *shard = &self->shards[index];
        newest[NEWEST_WORDS * index] = shard->newest_incarnation;
        newest[NEWEST_WORDS * index + 1] = shard->newest_number;
        words[figures++] = shard->progress ? shard->progress->incarnation : 0;
#define PUT_FIGURE(name) words[figures++] = shard->progress ? (uint64_t)shard->progress->progress.name : 0;
        FIGURES(PUT_FIGURE)
#undef PUT_FIGURE
    }
    message_set_u64s(&state->region_state.newest, newest, self->shard_count * NEWEST_WORDS);
    for (size_t index = 0; index < self->shard_count; index++) {
        newest[NEWEST_WORDS * index] = self->keeps[index].handed_incarnation;
        newest[NEWEST_WORDS * index + 1] = self->keeps[index].handed_number;
    }
    message_set_u64s(&state->region_state.handed, newest, self->shard_count * NEWEST_WORDS);
    message_set_u64s(&state->region_state.figures, words, figures);
    free(words);
    free(newest);
}

/* Who has the newest snapshot, if that is lost or has left by now as well. */
static void s_put_ran(const region_core_t *self, message_t *state)
{
    uint64_t *words = calloc(self->shard_count * RAN_WORDS + 1, sizeof *words);
    CHECK(words);
    for (size_t index = 0; index < self->shard_count; index++) {
        words[RAN_WORDS * index] = self->shards[index].ran_on;
        words[RAN_WORDS * index + 1] = self->shards[index].ran_process;
    }
    message_set_u64s(&state->region_state.ran_on, words, self->shard_count * RAN_WORDS);
    free(words);
}

void region_shard_ran(region_core_t *self, const region_actor_t *actor)
{
    if (actor->role != ROLE_SHARD)
        return;
    region_shard_t *shard = &self->shards[actor->index];
    const region_node_t *node = &self->nodes[actor->node];
    uint64_t name = region_name_hash(node->name), process = region_process(node->announce);
    if (shard->ran_on == name && shard->ran_process == process)
        return;
    shard->ran_on = name;
    shard->ran_process = process;
    region_decide(self);
}

static void s_put_run(const region_core_t *self, message_t *state)
{
    message_set_name(state->region_state.digest, self->digest);
    state->region_state.term = self->spec.term;
    state->region_state.run = self->run;
    state->region_state.plan = self->plan;
    state->region_state.workers = self->actors ? self->worker_count : 0;
    state->region_state.elastic = self->actors && self->elastic;
    state->region_state.samples_announced = self->job_known ? self->samples_announced : 0;
    state->region_state.stopping = (self->stopping || self->drain_known) && !self->finished;
    state->region_state.stop_done = self->stop_done && !self->finished;
    state->region_state.stopped = (self->final || self->drained_known) && !self->finished;
    state->region_state.complete = self->complete;
    bool placed = self->saved && self->saved->region_state.placed && !self->settled;
    state->region_state.placed = region_placed(self) || placed;
    state->region_state.global = self->global_incarnation;
}

static void s_put_figures(const region_core_t *self, message_t *state, int64_t now_us)
{
    state->region_state.train_us = region_train_us(self, now_us);
    state->region_state.lived_us = self->lived_before_us + now_us - self->started_us;
    state->region_state.rented_us = region_rented_us(self, now_us);
    state->region_state.restarts = self->restarts;
    state->region_state.moves = self->moves;
    state->region_state.samples_repeated = self->samples_repeated;
    state->region_state.samples_reached = self->samples_reached;
    state->region_state.loss_samples = self->loss_samples;
    state->region_state.loss_sum = self->loss_sum;
    state->region_state.loss_before = self->loss_before;
    state->region_state.quarter_known = self->quarter_known;
    /* A row that waits for its evaluation goes with this scheduler: the successor takes it anew. */
    bool waits = self->evaluation.pending && !self->evaluation.final && self->quarter > 0;
    state->region_state.quarter = self->quarter - waits;
}

static message_t *s_state(const void *core, int64_t now_us)
{
    const region_core_t *self = core;
    message_t *state = message_new(KIND_region_state, self->name, self->name);
    s_put_run(self, state);
    s_put_figures(self, state, now_us);
    s_put_nodes(self, state);
    s_put_running(self, state);
    s_put_links(self, state);
    region_units_put(self, state, now_us);
    region_still_put(self, state);
    if (self->shards) {
        s_put_shards(self, state);
        s_put_ran(self, state);
        region_keep_put(self, state);
    } else if (self->saved) {
        const wire_u64s_t *newest = &self->saved->region_state.newest,
                          *figures = &self->saved->region_state.figures;
        message_set_u64s(&state->region_state.newest, newest->items, newest->count);
        message_set_u64s(&state->region_state.figures, figures->items, figures->count);
        const wire_u64s_t *handed = &self->saved->region_state.handed;
        message_set_u64s(&state->region_state.handed, handed->items, handed->count);
        const wire_u64s_t *ran_on = &self->saved->region_state.ran_on;
        message_set_u64s(&state->region_state.ran_on, ran_on->items, ran_on->count);
        message_set_text(&state->region_state.keepers, self->saved->region_state.keepers);
    }
    return state;
}

static size_t s_row_count(const void *core, size_t region)
{
    const region_core_t *self = core;
    return region == self->spec.region_index ? self->row_count : 0;
}

static message_t *s_row(const void *core, size_t region, size_t index)
{
    const region_core_t *self = core;
    (void)region;
    const region_row_t *row = &self->rows[index];
    message_t *curve = message_new(KIND_curve, self->name, self->name);
    curve->curve.index = index;
    curve->curve.train_us = row->train_us;
    curve->curve.epoch = row->epoch;
    curve->curve.loss = row->loss;
    curve->curve.test_accuracy = row->test_accuracy;
    curve->curve.test_loss = row->test_loss;
    return curve;
}

static uint64_t s_decisions(const void *core)
{
    return ((const region_core_t *)core)->decisions;
}

static void s_kept(void *core, uint64_t decisions)
{
    ((region_core_t *)core)->decisions_kept = decisions;
}

const keep_source_t region_source = {
    .state = s_state, .row_count = s_row_count, .row = s_row, .decisions = s_decisions, .kept = s_kept};

/* ---- taking ---- */

static void s_take_nodes(region_core_t *self)
{
    const wire_u64s_t *nodes = &self->saved->region_state.nodes;
    self->known = calloc(nodes->count / 2 + 1, sizeof *self->known);
    CHECK(self->known);
    for (size_t index = 0; index + 1 < nodes->count; index += 2)
        self->known[self->known_count++] =
            (region_known_t){.name = nodes->items[index], .process = nodes->items[index + 1]};
}

/* All who ran then; those who are adopted have not died. */
static void s_take_running(region_core_t *self)
{
    const wire_u64s_t *running = &self->saved->region_state.running;
    self->died = calloc(running->count + 1, sizeof *self->died);
    CHECK(self->died);
    for (size_t index = 0; index < running->count; index++)
        self->died[self->died_count++] = running->items[index];
}

static void s_take_links(region_core_t *self)
{
    const wire_u64s_t *links = &self->saved->region_state.links;
    for (size_t index = 0; index < self->spec.topology->region_count; index++)
        if (links->count >= LINK_WORDS * (index + 1)) {
            const uint64_t *words = links->items + LINK_WORDS * index;
            self->links[index] = (region_link_t){
                .sent = words[0], .received = words[1], .sent_before = words[2], .received_before = words[3]};
        }
}

static void s_take_rows(region_core_t *self)
{
    const kept_region_t *kept = &self->spec.kept->regions[self->spec.region_index];
    for (size_t index = 0; index < kept->row_count; index++) {
        const message_t *row = kept->rows[index];
        region_add_row(self, &(region_row_t){.train_us = row->curve.train_us,
                                             .epoch = row->curve.epoch,
                                             .loss = row->curve.loss,
                                             .test_accuracy = row->curve.test_accuracy,
                                             .test_loss = row->curve.test_loss});
    }
}

/* Of the very same job; else it has got more epochs since, or another rate. */
static bool s_is_same(const region_core_t *self)
{
    return !strcmp(self->saved->region_state.digest, self->digest);
}

static void s_take_figures(region_core_t *self)
{
    const message_t *saved = self->saved;
    self->train_before_us = saved->region_state.train_us;
    self->lived_before_us = saved->region_state.lived_us;
    self->rented_before_us = saved->region_state.rented_us;
    self->restarts = saved->region_state.restarts;
    self->moves = saved->region_state.moves;
    self->samples_repeated = saved->region_state.samples_repeated;
    self->samples_reached = saved->region_state.samples_reached;
    self->loss_samples = saved->region_state.loss_samples;
    self->loss_sum = saved->region_state.loss_sum;
    self->loss_before = saved->region_state.loss_before;
    bool extended = saved->region_state.complete && !s_is_same(self); /* it has that end's row already */
    self->quarter_known = saved->region_state.quarter_known && !extended;
    self->quarter = saved->region_state.quarter;
    self->complete = saved->region_state.complete && s_is_same(self);
    region_units_take_figures(self, saved);
    region_still_take(self, saved);
    s_take_links(self);
    s_take_rows(self);
}

/* The plan that runs goes on; so does a stop, unless it was a drain and everything was started anew since. */
static void s_take_run(region_core_t *self, int64_t now_us)
{
    const message_t *saved = self->saved;
    if (incarnation_is_possible(saved->region_state.global))
        self->global_incarnation = saved->region_state.global;
    region_units_take_units(self, saved, now_us);
    s_take_nodes(self);
    if (saved->region_state.samples_announced &&
        !region_derive(self, saved->region_state.samples_announced, NULL) &&
        (saved->region_state.workers || saved->region_state.elastic) &&
        saved->region_state.workers <= WORKERS_MAX) {
        if (!self->spec.topology->plan.apply) /* else the global scheduler is asked for the newest */
            self->plan = saved->region_state.plan;
        region_units_take_plan(self, saved, now_us);
        region_set_plan(self, saved->region_state.workers, saved->region_state.elastic);
        region_add_actors(self);
    }
    if (!saved->region_state.stopping)
        return;
    self->drain_known = true;
    self->drained_known = saved->region_state.stopped;
    if (saved->region_state.stop_done)
        region_begin_stop(self, true, now_us);
}

/* Something to go on from was stored; else the run begins anew, and so do its figures. */
static bool s_has_snapshots(const message_t *saved)
{
    const wire_u64s_t *newest = &saved->region_state.newest;
    for (size_t index = 0; index < newest->count; index++)
        if (newest->items[index])
            return true;
    return false;
}

void region_restore(region_core_t *self, int64_t now_us)
{
    if (!self->spec.kept || !self->spec.kept->state)
        return;
    self->saved = message_dup(self->spec.kept->state);
    s_take_running(self);
    if (s_has_snapshots(self->saved))
        s_take_figures(self);
    if (s_is_same(self))
        s_take_run(self, now_us);
}

static void s_take_ran(region_core_t *self)
{
    const wire_u64s_t *ran_on = &self->saved->region_state.ran_on;
    for (size_t index = 0; ran_on->count == self->shard_count * RAN_WORDS && index < self->shard_count;
         index++) {
        self->shards[index].ran_on = ran_on->items[RAN_WORDS * index];
        self->shards[index].ran_process = ran_on->items[RAN_WORDS * index + 1];
    }
}

void region_restore_shards(region_core_t *self)
{
    if (!self->saved)
        return;
    s_take_ran(self);
    const wire_u64s_t *newest = &self->saved->region_state.newest,
                      *figures = &self->saved->region_state.figures;
    if (newest->count != self->shard_count * NEWEST_WORDS ||
        figures->count != self->shard_count * FIGURE_WORDS)
        return;
    for (size_t index = 0; index < self->shard_count; index++) {
        region_shard_t *shard = &self->shards[index];
        shard->newest_incarnation = newest->items[NEWEST_WORDS * index];
        shard->newest_number = newest->items[NEWEST_WORDS * index + 1];
        const uint64_t *words = figures->items + FIGURE_WORDS * index;
        if (!words[0])
            continue;
        shard->progress = message_new(KIND_progress, self->name, self->actors[index].name);
        shard->progress->incarnation = *words++;
#define TAKE_FIGURE(name) shard->progress->progress.name = *words++;
        FIGURES(TAKE_FIGURE)
#undef TAKE_FIGURE
        if (!s_is_same(self)) {
            shard->progress->progress.closed = false;
            shard->progress->progress.lasts = 0;
        }
    }
}
