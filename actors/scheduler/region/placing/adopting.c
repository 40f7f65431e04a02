#include "actors/scheduler/region/placing/adopting.h"

#include <stdlib.h>

void adopting_init(adopting_t *self, region_base_t *base, nodes_t *nodes, actors_t *actors, shards_t *shards,
                   training_t *training, keeping_t *keeping)
{
    *self = (adopting_t){.base = base,
                         .nodes = nodes,
                         .actors = actors,
                         .shards = shards,
                         .training = training,
                         .keeping = keeping};
}

void adopting_fini(adopting_t *self)
{
    free(self->known);
    free(self->died);
}

/* ---- terms ---- */

static uint64_t s_seen(const message_t *announce, uint64_t own)
{
    uint64_t seen = 0, scheduler = announce->announce.scheduler;
    for (size_t i = 0; i < announce->announce.held.count; i++)
        seen = announce->announce.held.items[i].incarnation > seen
                   ? announce->announce.held.items[i].incarnation
                   : seen;
    for (size_t i = 0; i < announce->announce.hosted.count; i++)
        seen = announce->announce.hosted.items[i] > seen ? announce->announce.hosted.items[i] : seen;
    return scheduler > own && scheduler > seen ? scheduler : seen;
}

/* A scheduler that has placed nothing yet takes one above it: its store was lost. One that has is out of
 * date. */
void adopting_check_term(adopting_t *self, const message_t *announce)
{
    region_base_t *base = self->base;
    uint64_t own = base->core.incarnation, seen = s_seen(announce, own);
    if (seen <= base->issued)
        return;
    if (base->issued == own && !self->actors->settled) {
        base->spec.term = (seen >> 32) + 1;
        base->issued = base->core.incarnation = base->spec.term << 32;
        region_decide(base);
        self->term_decision = base->decisions;
        return;
    }
    if (announce->announce.scheduler > own)
        region_outdated(base);
    else
        region_fail(base, ERR_STALE,
                    "%s holds a snapshot or hosts an actor of term %llu, this scheduler has term %llu; start "
                    "it with the "
                    "newest state directory",
                    announce->from, (unsigned long long)(seen >> 32), (unsigned long long)base->spec.term);
}

/* ---- nodes ---- */

static known_node_t *s_known(const adopting_t *self, const char *name)
{
    uint64_t hash = nodes_hash(name);
    for (size_t index = 0; index < self->known_count; index++)
        if (self->known[index].name == hash)
            return &self->known[index];
    return NULL;
}

void adopting_forget_drain(adopting_t *self)
{
    self->drain_known = self->drained_known = false;
}

/* A drain is one of processes: where one of them still runs it is carried on; where all were started anew it
 * is over. */
bool adopting_heard(adopting_t *self, const message_t *announce)
{
    known_node_t *known = s_known(self, announce->from);
    bool same = known && known->process == nodes_process(announce);
    if (known)
        known->heard = true;
    if (!self->drain_known || same)
        return self->drain_known;
    if (self->drained_known || adopting_all_heard(self)) {
        adopting_forget_drain(self);
        region_decide(self->base);
    }
    return false;
}

/* A node that runs what a predecessor placed may never be told anything else: it must hear of this scheduler,
 * or it would do what one that was taken for dead goes on to ask for. One that leaves goes on its own when it
 * hears of nobody. */
void adopting_make_known(adopting_t *self, const message_t *announce)
{
    bool knows = announce->announce.scheduler >= self->base->core.incarnation && !announce->announce.leaving;
    if (knows || self->base->decisions_stored < self->term_decision)
        return;
    message_t *ack = core_message(&self->base->core, KIND_report_ack, announce->from);
    core_send(&self->base->core, &ack);
}

bool adopting_has_drained(const adopting_t *self, int64_t now_us)
{
    return self->drained_known && region_is_silent(self->base, self->base->started_us, SILENCE_US, now_us);
}

bool adopting_stopped(adopting_t *self, const char *node)
{
    known_node_t *known = s_known(self, node);
    if (known)
        known->heard = true;
    return known != NULL;
}

static bool s_names(const adopting_t *self, uint64_t incarnation)
{
    for (size_t index = 0; index < self->actors->count; index++)
        if (self->actors->list[index].incarnation == incarnation)
            return true;
    return false;
}

bool adopting_has_told(const adopting_t *self, const region_node_t *node)
{
    const wire_u64s_t *hosted = &node->announce->announce.hosted;
    for (size_t index = 0; index < hosted->count; index++)
        if (!s_names(self, hosted->items[index]))
            return false;
    return true;
}

bool adopting_all_heard(const adopting_t *self)
{
    for (size_t index = 0; index < self->known_count; index++)
        if (!self->known[index].heard)
            return false;
    return true;
}

static bool s_owes_word(const adopting_t *self, size_t node, int64_t now_us)
{
    const region_node_t *owes = &self->nodes->list[node];
    return nodes_is_alive(self->nodes, node) && !adopting_has_told(self, owes) &&
           !region_is_silent(self->base, owes->joined_us, SILENCE_US, now_us);
}

/* The lease of a node is its silence; while this scheduler was held up itself nobody's ran out. */
static bool s_awaits(const adopting_t *self, int64_t now_us)
{
    bool silent = region_is_silent(self->base, self->base->started_us, SILENCE_US, now_us);
    if (!silent && !adopting_all_heard(self))
        return true;
    for (size_t node = 0; self->actors->list && node < self->nodes->count; node++)
        if (s_owes_word(self, node, now_us))
            return true;
    return false;
}

const char *adopting_waits_for(const adopting_t *self)
{
    for (size_t node = 0; node < self->nodes->count; node++)
        if (nodes_is_alive(self->nodes, node) && !adopting_has_told(self, &self->nodes->list[node]))
            return self->nodes->list[node].name;
    return "nodes";
}

/* Where some were running, the others were as well, and are placed again; but for those that also end when
 * there is nothing for them. */
static void s_note_missing(adopting_t *self)
{
    const message_t *saved = self->base->saved;
    bool ran = self->actors->adopted && saved && saved->region_state.placed;
    for (size_t index = 0; ran && index < self->actors->count; index++)
        if (role_row(self->actors->list[index].role)->placed != PLACED_AS_NEEDED)
            self->actors->list[index].ran = true;
}

bool adopting_settle(adopting_t *self, int64_t now_us)
{
    if (self->actors->settled)
        return true;
    if (self->base->decisions_stored < self->term_decision || s_awaits(self, now_us))
        return false;
    self->actors->settled = true;
    self->actors->settled_us = self->ask_us = now_us;
    s_note_missing(self);
    return true;
}

/* ---- actors ---- */

bool adopting_came_back(adopting_t *self, const char *actor)
{
    uint64_t name = nodes_hash(actor);
    for (size_t index = 0; index < self->died_count; index++)
        if (self->died[index] == name) {
            self->died[index] = self->died[--self->died_count];
            return true;
        }
    return false;
}

static void s_adopt_worker(adopting_t *self, region_actor_t *worker, size_t node)
{
    worker->wanted = true;
    worker->worker.home = self->actors->elastic ? node : NOWHERE;
    worker->worker.untold = true;
    training_worker_adopted(self->training, worker);
}

/* It runs, and nothing newer of it is known. */
bool adopting_take(adopting_t *self, region_actor_t *actor, size_t node, uint64_t incarnation, int64_t now_us)
{
    /* one that moved may be told of by both nodes */
    bool newer = incarnation > actor->incarnation && (actor->state == PLACE_NONE || !self->actors->settled);
    if (!newer || incarnation >> 32 >= self->base->spec.term)
        return false;
    actor->state = PLACE_READY;
    actor->node = actor->newest.node = node;
    actor->incarnation = actor->newest.incarnation = incarnation;
    actor->ran = true;
    actor->since_us = actor->seen_us = now_us;
    self->actors->adopted++;
    adopting_came_back(self, actor->name); /* and was never away */
    keeping_ran(self->keeping, actor, node);
    shards_ran(self->shards, actor);
    if (role_row(actor->role)->placed == PLACED_AS_NEEDED)
        s_adopt_worker(self, actor, node);
    return true;
}

/* Whoever works on a lease of the predecessor says nothing before it wants more: it is asked, so that nobody
 * else gets the same batches. */
void adopting_ask_workers(adopting_t *self, int64_t now_us)
{
    if (now_us < self->ask_us || now_us - self->actors->settled_us >= TELL_US)
        return;
    self->ask_us = now_us + REPEAT_EVERY_US;
    for (size_t index = 0; index < self->actors->count; index++) {
        const region_actor_t *actor = &self->actors->list[index];
        if (!actor->worker.untold || actor->state != PLACE_READY)
            continue;
        message_t *question = core_message(&self->base->core, KIND_lease, actor->name);
        question->lease.worker = actor->incarnation;
        core_send(&self->base->core, &question);
    }
}

/* ---- for a successor ---- */

/* Those that are there, and those of the predecessor that have not come back yet. */
static void s_put_nodes(const adopting_t *self, bool in_order, message_t *state)
{
    region_state_nodes_t *rows = message_set_rows(&state->region_state.nodes, NODES_MAX);
    size_t count = 0;
    for (size_t index = 0; index < self->nodes->count; index++) {
        const region_node_t *node = &self->nodes->list[index];
        bool stopped = node->stopped && (self->base->life != REGION_STOPPED || in_order);
        if (node->lost || stopped)
            continue;
        rows[count++] = (region_state_nodes_t){nodes_hash(node->name), nodes_process(node->announce)};
    }
    for (size_t index = 0; index < self->known_count && count < NODES_MAX; index++) {
        const known_node_t *known = &self->known[index];
        if (!known->heard && !self->actors->settled)
            rows[count++] = (region_state_nodes_t){known->name, known->process};
    }
    state->region_state.nodes.count = count;
}

/* Those that run and are to, and those of the predecessor that have not come back yet. None when the end is
 * in order. */
static void s_put_running(const adopting_t *self, message_t *state)
{
    uint64_t *words = calloc(self->actors->count + self->died_count + 1, sizeof *words);
    CHECK(words);
    size_t count = 0;
    for (size_t index = 0; index < self->actors->count; index++)
        if (self->actors->list[index].state == PLACE_READY && !self->actors->list[index].moved)
            words[count++] = nodes_hash(self->actors->list[index].name);
    for (size_t index = 0; index < self->died_count; index++)
        words[count++] = self->died[index];
    if (!region_stops(self->base) && !self->drain_known && count <= WIRE_LIST_MAX)
        message_set_u64s(&state->region_state.running, words, count);
    free(words);
}

/* `in_order`: the job is done, and nodes that have stopped are not to come back. */
void adopting_put(const adopting_t *self, bool in_order, message_t *state)
{
    const message_t *saved = self->base->saved;
    bool placed = saved && saved->region_state.placed && !self->actors->settled;
    state->region_state.placed = actors_placed(self->actors) || placed;
    s_put_nodes(self, in_order, state);
    s_put_running(self, state);
}

/* All who ran then; those who are adopted have not died. */
void adopting_load_running(adopting_t *self, const message_t *saved)
{
    const wire_u64s_t *running = &saved->region_state.running;
    self->died = calloc(running->count + 1, sizeof *self->died);
    CHECK(self->died);
    for (size_t index = 0; index < running->count; index++)
        self->died[self->died_count++] = running->items[index];
}

void adopting_load(adopting_t *self, const message_t *saved)
{
    size_t count = saved->region_state.nodes.count;
    self->known = calloc(count + 1, sizeof *self->known);
    CHECK(self->known);
    for (size_t index = 0; index < count; index++) {
        const region_state_nodes_t *row = &saved->region_state.nodes.items[index];
        self->known[self->known_count++] = (known_node_t){.name = row->name, .process = row->process};
    }
}
