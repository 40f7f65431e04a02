/* What a scheduler that was started again finds: nodes and actors that run on. */
#include "actors/scheduler/region_state.h"

#include <string.h>

/* ---- terms ---- */

static uint64_t s_greatest(const wire_u64s_t *list, uint64_t least)
{
    for (size_t index = 0; index < list->count; index++)
        least = list->items[index] > least ? list->items[index] : least;
    return least;
}

/* A node has seen a term that is not below this one. Who has placed nothing yet takes one above it: its store was lost.
 * Who has is out of date. */
void region_check_fence(region_core_t *self, const message_t *announce)
{
    uint64_t seen =
        s_greatest(&announce->announce.held_incarnations, s_greatest(&announce->announce.hosted, 0));
    uint64_t own = self->spec.term << 32;
    if (announce->announce.scheduler > own)
        seen = announce->announce.scheduler > seen ? announce->announce.scheduler : seen;
    if (seen <= self->issued)
        return;
    if (self->issued == own && !self->settled) {
        self->spec.term = (seen >> 32) + 1;
        self->issued = self->spec.term << 32;
        region_decide(self);
        self->term_decision = self->decisions;
        return;
    }
    if (announce->announce.scheduler > own)
        region_outdated(self);
    else
        region_fail(self, ERR_STALE,
                    "%s holds a snapshot or hosts an actor of term %llu, this scheduler has term %llu; start "
                    "it with the "
                    "newest state directory",
                    announce->from, (unsigned long long)(seen >> 32), (unsigned long long)self->spec.term);
}

/* ---- nodes ---- */

static region_known_t *s_known(const region_core_t *self, const char *name)
{
    uint64_t hash = region_name_hash(name);
    for (size_t index = 0; index < self->known_count; index++)
        if (self->known[index].name == hash)
            return &self->known[index];
    return NULL;
}

static void s_drain_is_over(region_core_t *self)
{
    self->drain_known = self->drained_known = false;
    region_decide(self);
}

/* A drain is one of processes: where one of them still runs it is carried on; where all were started anew it is over. */
void region_known_heard(region_core_t *self, const message_t *announce, int64_t now_us)
{
    region_known_t *known = s_known(self, announce->from);
    bool same = known && known->process == region_process(announce);
    if (known)
        known->heard = true;
    if (!self->drain_known)
        return;
    if (same)
        region_begin_stop(self, false, now_us);
    else if (self->drained_known || region_known_all_heard(self))
        s_drain_is_over(self);
}

/* The final report is still to be heard. */
void region_known_drained(region_core_t *self, int64_t now_us)
{
    if (self->drained_known && region_is_silent(self, self->started_us, SILENCE_US, now_us))
        region_begin_stop(self, false, now_us);
}

bool region_known_stopped(region_core_t *self, const char *node)
{
    region_known_t *known = s_known(self, node);
    if (known)
        known->heard = true;
    return known != NULL;
}

static bool s_names(const region_core_t *self, uint64_t incarnation)
{
    for (size_t index = 0; index < self->actor_count; index++)
        if (self->actors[index].incarnation == incarnation)
            return true;
    return false;
}

static bool s_has_told(const region_core_t *self, const region_node_t *node)
{
    const wire_u64s_t *hosted = &node->announce->announce.hosted;
    for (size_t index = 0; index < hosted->count; index++)
        if (!s_names(self, hosted->items[index]))
            return false;
    return true;
}

bool region_known_all_heard(const region_core_t *self)
{
    for (size_t index = 0; index < self->known_count; index++)
        if (!self->known[index].heard)
            return false;
    return true;
}

/* The lease of a node is its silence; while this scheduler was held up itself nobody's ran out. */
static bool s_awaits(const region_core_t *self, int64_t now_us)
{
    if (!region_known_all_heard(self) && !region_is_silent(self, self->started_us, SILENCE_US, now_us))
        return true;
    for (size_t index = 0; index < self->node_count; index++) {
        const region_node_t *node = &self->nodes[index];
        if (self->actors && !node->lost && !node->stopped && !s_has_told(self, node) &&
            !region_is_silent(self, node->joined_us, SILENCE_US, now_us))
            return true;
    }
    return false;
}

const char *region_adopt_waits_for(const region_core_t *self)
{
    for (size_t index = 0; index < self->node_count; index++)
        if (!self->nodes[index].lost && !self->nodes[index].stopped && !s_has_told(self, &self->nodes[index]))
            return self->nodes[index].name;
    return "nodes";
}

/* Where some were running, the others were as well, and are placed again; but for workers, which also end when there is
 * nothing for them. */
static void s_note_missing(region_core_t *self)
{
    for (size_t index = 0; index < self->actor_count; index++)
        if (self->adopted && self->saved && self->saved->region_state.placed &&
            self->actors[index].role != ROLE_WORKER)
            self->actors[index].ran = true;
}

bool region_settle(region_core_t *self, int64_t now_us)
{
    if (self->settled)
        return true;
    if (self->decisions_kept < self->term_decision || s_awaits(self, now_us))
        return false;
    self->settled = true;
    self->settled_us = self->ask_us = now_us;
    s_note_missing(self);
    return true;
}

/* ---- actors ---- */

/* It runs, and nothing newer of it is known. */
bool region_adopt(region_core_t *self, region_actor_t *actor, size_t node, uint64_t incarnation,
                  int64_t now_us)
{
    /* one that moved may be told of by both nodes */
    bool newer = actor->state == PLACE_NONE || !self->settled;
    if (!newer || incarnation <= actor->incarnation || incarnation >> 32 >= self->spec.term)
        return false;
    actor->state = PLACE_READY;
    actor->node = node;
    actor->incarnation = actor->ran_incarnation = incarnation;
    actor->ran_node = node;
    actor->ran = true;
    actor->since_us = actor->seen_us = now_us;
    self->adopted++;
    region_came_back(self, actor->name); /* and was never away */
    region_keep_found(self, actor, node);
    region_shard_ran(self, actor);
    if (actor->role == ROLE_WORKER) {
        actor->wanted = true;
        actor->home = self->elastic ? node : NOWHERE;
        actor->untold = true;
        lease_table_start(self->leases, actor->index, incarnation);
    }
    return true;
}

/* Whoever works on a lease of the predecessor says nothing before it wants more: it is asked, so that nobody else gets
 * the same batches. */
void region_ask_workers(region_core_t *self, int64_t now_us)
{
    if (now_us < self->ask_us || now_us - self->settled_us >= TELL_US)
        return;
    self->ask_us = now_us + REPEAT_EVERY_US;
    for (size_t index = 0; index < self->actor_count; index++) {
        const region_actor_t *actor = &self->actors[index];
        if (!actor->untold || actor->state != PLACE_READY)
            continue;
        message_t *question = message_new(KIND_lease, actor->name, self->name);
        question->lease.worker = actor->incarnation;
        region_send(self, &question);
    }
}

bool region_workers_told(const region_core_t *self, int64_t now_us)
{
    if (!self->settled)
        return !self->adopted;
    if (now_us - self->settled_us >= TELL_US)
        return true;
    for (size_t index = 0; index < self->actor_count; index++)
        if (self->actors[index].untold && self->actors[index].state == PLACE_READY)
            return false;
    return true;
}
