/* Answers of nodes to placements. */
#include "actors/scheduler/region/placing/placing.h"

#define DEATHS_MAX 8       /* of an actor, in a row, while the region gets nothing done */
#define REPLACEMENTS_MAX 3 /* of an actor that fails to start */

static const char *s_reason(const message_t *placed)
{
    return placed->placed.reason ? placed->placed.reason : err_meaning(placed->placed.code);
}

static void s_start_failed(placing_t *self, region_actor_t *actor, const message_t *placed, int64_t now_us)
{
    actors_end(self->actors, actor, now_us);
    actor->trouble.lacks_room[0] = 0;
    if (placed->placed.code == ERR_FULL) /* it waits, however long that is */
        snprintf(actor->trouble.lacks_room, sizeof actor->trouble.lacks_room, "disk for %s", actor->name);
    else if (++actor->trouble.failures > REPLACEMENTS_MAX)
        region_fail(self->base, (err_code_t)placed->placed.code, "%s does not start: %s", actor->name,
                    s_reason(placed));
}

/* One that dies again and again while nothing gets done would do so for ever: that is an outcome. While
 * others get on it is tried again in growing pauses. */
static void s_died(placing_t *self, region_actor_t *actor, const message_t *placed, int64_t now_us)
{
    uint64_t done = self->shards->samples_most;
    actor->trouble.deaths = actor->trouble.died_at == done ? actor->trouble.deaths + 1 : 1;
    actor->trouble.died_at = done;
    actors_end(self->actors, actor, now_us);
    if (actor->trouble.deaths >= DEATHS_MAX)
        region_fail(self->base, (err_code_t)placed->placed.code,
                    "%s died %u times in a row, and nothing was done in between: %s", actor->name,
                    actor->trouble.deaths, s_reason(placed));
}

/* `in_order`: who ran before it had been told to end, maybe by a predecessor. */
static void s_started(placing_t *self, region_actor_t *actor, bool in_order, int64_t now_us)
{
    if (actor->state == PLACE_READY)
        return;
    actor->state = PLACE_READY;
    bool came_back = adopting_came_back(self->adopting, actor->name); /* its scheduler died with it */
    self->actors->restarts += (actor->ran || came_back) && !actor->moved && !in_order;
    actor->ran = true;
    actor->newest.incarnation = actor->incarnation;
    actor->newest.node = actor->node;
    shards_ran(self->shards, actor);
    actor->moved = false;
    actor->trouble.failures = 0;
    actor->trouble.lacks_room[0] = 0;
    actor->since_us = actor->seen_us = actor->worker.ready_us = now_us;
    training_started(self->training, actor);
    moving_started(self->moving, actor);
}

/* Asked to by a predecessor, maybe one that woke up again: not a death. */
static void s_ended_in_order(placing_t *self, region_actor_t *actor)
{
    actor->moved = true;
    adopting_came_back(self->adopting, actor->name);
}

/* It ended under a predecessor: not to be adopted. */
static bool s_ended_before(const placing_t *self, const region_actor_t *actor, const message_t *placed)
{
    uint64_t incarnation = placed->placed.incarnation;
    return placed->placed.code && actor->state == PLACE_NONE && incarnation > actor->incarnation &&
           incarnation >> 32 < self->base->spec.term;
}

/* A node tells of an incarnation that is not the one that counts. */
static void s_take_other(placing_t *self, region_actor_t *actor, size_t node, const message_t *placed,
                         int64_t now_us)
{
    uint64_t incarnation = placed->placed.incarnation;
    if (!placed->placed.code && adopting_take(self->adopting, actor, node, incarnation, now_us))
        return;
    if (s_ended_before(self, actor, placed)) {
        keeping_ran(self->keeping, actor, node);
        actor->incarnation = incarnation;
        if (placed->placed.asked)
            s_ended_in_order(self, actor);
    }
    if (placed->placed.code)
        moving_former_ended(self->moving, node, actor->name, incarnation);
    else if (self->actors->settled && incarnation <= actor->incarnation)
        /* it has a successor, or is not wanted any more */
        actors_retire(self->actors, node, actor->name, incarnation);
}

static void s_ended(placing_t *self, region_actor_t *actor, const message_t *placed, int64_t now_us)
{
    bool asked = placed->placed.asked || actor->retire_us || !actor->wanted;
    if (placed->placed.asked)
        s_ended_in_order(self, actor);
    if (actor->state == PLACE_READY && !asked && !region_stops(self->base))
        s_died(self, actor, placed, now_us);
    else
        actors_end(self->actors, actor, now_us);
}

/* One that a predecessor has added: a worker for a core, a keeper for a while. */
static region_actor_t *s_found(placing_t *self, const char *name, size_t node)
{
    if (!self->actors->list || self->actors->settled)
        return NULL;
    region_actor_t *worker = workers_found(self->workers, name);
    return worker ? worker : keeping_found(self->keeping, name, node);
}

static bool s_counts(const region_actor_t *actor, size_t node, const message_t *placed)
{
    return actor->incarnation == placed->placed.incarnation && actor->state != PLACE_NONE &&
           actor->node == node;
}

void placing_take_placed(placing_t *self, const message_t *placed, int64_t now_us)
{
    region_node_t *from = nodes_find(self->nodes, placed->from);
    if (!from)
        return;
    from->seen_us = now_us;
    size_t node = nodes_index(self->nodes, from);
    region_actor_t *actor = actors_named(self->actors, placed->placed.actor);
    if (!actor)
        actor = s_found(self, placed->placed.actor, node);
    if (!actor)
        return;
    if (!s_counts(actor, node, placed))
        s_take_other(self, actor, node, placed, now_us);
    else if (!placed->placed.code)
        s_started(self, actor, placed->placed.asked, now_us);
    else if (actor->state == PLACE_READY || !actor->wanted || actor->retire_us)
        s_ended(self, actor, placed, now_us);
    else
        s_start_failed(self, actor, placed, now_us);
}
