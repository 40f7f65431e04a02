#include "actors/scheduler/region/nodes/actors.h"

#include <stdlib.h>
#include <string.h>

#define PAUSE_FIRST_US (200 * MILLISECOND_US) /* before an actor that ended is placed again; doubles */
#define PAUSE_MOST_US (5 * SECOND_US)
#define PAUSE_FORGOTTEN_US (2 * SECOND_US) /* after running so long an end counts as the first again */

void actors_init(actors_t *self, region_base_t *base, nodes_t *nodes)
{
    *self = (actors_t){.base = base, .nodes = nodes};
}

void actors_fini(actors_t *self)
{
    for (size_t index = 0; index < self->count; index++)
        message_destroy(&self->list[index].told.status);
    free(self->list);
    names_fini(&self->names);
}

/* ---- the table ---- */

static region_actor_t *s_add_placed(actors_t *self, actor_role_t role, size_t index, actor_name_t name)
{
    self->list = realloc(self->list, (self->count + 1) * sizeof *self->list);
    CHECK(self->list);
    region_actor_t *actor = &self->list[self->count++];
    *actor = (region_actor_t){.role = role,
                              .index = index,
                              .node = NOWHERE,
                              .since_us = self->base->started_us,
                              .wanted = true,
                              .worker.home = NOWHERE,
                              .newest.node = NOWHERE,
                              .trouble.pause = backoff_of(PAUSE_FIRST_US, PAUSE_MOST_US),
                              .former.node = NOWHERE};
    message_set_name(actor->name, name.text);
    return actor;
}

region_actor_t *actors_add(actors_t *self, actor_role_t role, size_t index)
{
    return s_add_placed(self, role, index, actor_name_nth(role, self->base->region->name, index));
}

void actors_add_numbered(actors_t *self, actor_role_t role, size_t count)
{
    for (size_t index = 0; index < count; index++)
        actors_add(self, role, index);
}

region_actor_t *actors_on_node(const actors_t *self, actor_role_t role, size_t node)
{
    for (size_t i = 0; i < self->count; i++)
        if (self->list[i].role == role && self->list[i].index == node)
            return &self->list[i];
    return NULL;
}

region_actor_t *actors_add_on_node(actors_t *self, actor_role_t role, size_t node)
{
    const char *part = nodes_last_part(self->nodes->list[node].name);
    region_actor_t *actor = actors_on_node(self, role, node);
    return actor ? actor
                 : s_add_placed(self, role, node, actor_name_called(role, self->base->region->name, part));
}

/* Actors are added, and may be arranged anew: then the table of names is made again. */
region_actor_t *actors_named(actors_t *self, const char *name)
{
    size_t index = names_find(&self->names, name);
    if (index < self->count && !strcmp(self->list[index].name, name))
        return &self->list[index];
    if (index == SIZE_MAX && self->names.count == self->count)
        return NULL;
    names_fini(&self->names);
    for (index = 0; index < self->count; index++)
        names_set(&self->names, self->list[index].name, index);
    index = names_find(&self->names, name);
    return index == SIZE_MAX ? NULL : &self->list[index];
}

region_actor_t *actors_sender(actors_t *self, const message_t *message, int64_t now_us)
{
    region_actor_t *actor = actors_named(self, message->from);
    if (!actor || actor->incarnation != message->incarnation || actor->state == PLACE_NONE)
        return NULL;
    actor->seen_us = now_us;
    self->nodes->list[actor->node].seen_us = now_us;
    return actor;
}

/* ---- ending ---- */

void actors_end(actors_t *self, region_actor_t *actor, int64_t now_us)
{
    if (actor->state == PLACE_NONE)
        return;
    if (actor->state == PLACE_READY && now_us - actor->since_us >= PAUSE_FORGOTTEN_US)
        backoff_reset(&actor->trouble.pause);
    actor->state = PLACE_NONE;
    actor->since_us = now_us;
    actor->next_us = now_us + actor->trouble.pause.now_us; /* after the first end at once */
    backoff_next(&actor->trouble.pause);
    actor->retire_us = 0;
    actor->worker.decided_us = 0;
    message_destroy(&actor->told.status);
    if (role_row(actor->role)->placed != PLACED_AS_NEEDED)
        return;
    self->ended_count += !actor->worker.ended_untold;
    actor->worker.ended_untold = true;
    self->workers_us = now_us;
}

void actors_node_gone(actors_t *self, size_t node, int64_t now_us)
{
    for (size_t index = 0; index < self->count; index++)
        if (self->list[index].node == node)
            actors_end(self, &self->list[index], now_us);
}

/* Every actor that runs tells its status at least once a second. One that does not has died without a word
 * that arrived, or hangs; either way it is placed again. Its node ends what may be left of it before it
 * starts the successor, and where that cannot be done the incarnation keeps it from acting. */
void actors_lose_silent(actors_t *self, int64_t now_us)
{
    for (size_t index = 0; index < self->count; index++) {
        region_actor_t *actor = &self->list[index];
        if (actor->state == PLACE_READY && region_is_silent(self->base, actor->seen_us, SILENCE_US, now_us))
            actors_end(self, actor, now_us);
    }
}

const region_actor_t *actors_take_ended(actors_t *self)
{
    for (size_t index = 0; self->ended_count && index < self->count; index++)
        if (self->list[index].worker.ended_untold) {
            self->list[index].worker.ended_untold = false;
            self->ended_count--;
            return &self->list[index];
        }
    return NULL;
}

void actors_retire(actors_t *self, size_t node, const char *name, uint64_t incarnation)
{
    message_t *retire = core_message(&self->base->core, KIND_retire, self->nodes->list[node].name);
    message_set_name(retire->retire.actor, name);
    retire->retire.incarnation = incarnation;
    core_send(&self->base->core, &retire);
}

/* A successor has to know before the node does, or it would take it for one that died. */
void actors_retire_actor(actors_t *self, region_actor_t *actor, int64_t now_us)
{
    if (!actor->moved)
        region_decide(self->base);
    actor->moved = true;
    actor->retire_us = now_us + REPEAT_EVERY_US;
    actors_retire(self, actor->node, actor->name, actor->incarnation);
}

/* ---- what they say of themselves ---- */

void actor_note_status(region_actor_t *actor, message_t **message_p, int64_t now_us)
{
    message_destroy(&actor->told.status);
    actor->told.status = *message_p;
    *message_p = NULL;
    actor->told.us = now_us;
    if (actor->told.status->status.since_us > INT64_MAX / 2)
        actor->told.status->status.since_us = 0;
}

static const char *s_state(const region_actor_t *actor)
{
    if (actor->state == PLACE_NONE && !actor->wanted)
        return "stopped";
    if (actor->state == PLACE_NONE)
        return actor->ran && !actor->moved ? "lost" : "starting";
    return "starting";
}

static message_t *s_status_of(const actors_t *self, const region_actor_t *actor, int64_t now_us)
{
    message_t *status;
    if (actor->told.status) {
        status = message_dup(actor->told.status);
        status->status.since_us += (uint64_t)(now_us - actor->told.us);
        message_set_name(status->to, ACTOR_GLOBAL);
        return status;
    }
    status = core_message(&self->base->core, KIND_status, ACTOR_GLOBAL);
    message_set_name(status->status.state, s_state(actor));
    status->status.since_us = (uint64_t)(now_us - actor->since_us);
    return status;
}

void actors_tell(const actors_t *self, int64_t now_us)
{
    for (size_t index = 0; index < self->count; index++) {
        const region_actor_t *actor = &self->list[index];
        message_t *status = s_status_of(self, actor, now_us);
        message_set_name(status->status.actor, actor->name);
        status->status.incarnation = actor->incarnation;
        if (actor->node != NOWHERE) {
            const region_node_t *node = &self->nodes->list[actor->node];
            message_set_name(status->status.node, node->name);
            message_set_name(status->status.machine, node->announce->announce.host);
        }
        core_send(&self->base->core, &status);
    }
}

/* ---- questions ---- */

bool actors_told(const actors_t *self, int64_t now_us)
{
    if (!self->settled)
        return !self->adopted;
    if (now_us - self->settled_us >= TELL_US)
        return true;
    for (size_t index = 0; index < self->count; index++)
        if (self->list[index].worker.untold && self->list[index].state == PLACE_READY)
            return false;
    return true;
}

size_t actors_ready(const actors_t *self, actor_role_t role)
{
    size_t count = 0;
    for (size_t index = 0; index < self->count; index++)
        count += self->list[index].role == role && self->list[index].state == PLACE_READY;
    return count;
}

bool actors_turn(const actors_t *self, actor_role_t role)
{
    for (size_t index = 0; index < self->count; index++) {
        const role_row_t *other = role_row(self->list[index].role);
        bool before = other->starts < role_row(role)->starts && other->placed != PLACED_PER_NODE;
        if (before && !self->list[index].ran)
            return false;
    }
    return true;
}

size_t actors_own_node(const actors_t *self, const region_actor_t *actor)
{
    return actor->wanted && nodes_is_alive(self->nodes, actor->index) ? actor->index : NOWHERE;
}

/* One whose own node is gone is missed by nobody. */
bool actors_is_missing(const actors_t *self, const region_actor_t *actor)
{
    bool bound = role_row(actor->role)->placed == PLACED_PER_NODE;
    return actor->state != PLACE_READY && actor->wanted &&
           (!bound || actors_own_node(self, actor) != NOWHERE);
}

bool actors_placed(const actors_t *self)
{
    for (size_t index = 0; index < self->count; index++)
        if (actors_is_missing(self, &self->list[index]))
            return false;
    return self->list != NULL;
}

static bool s_counts_on(const region_actor_t *actor, size_t node)
{
    return role_row(actor->role)->computes && actor->node == node && actor->state != PLACE_NONE;
}

/* Actors per core, if one more came; those that move bytes count for nothing. */
static double s_load_of_node(const actors_t *self, size_t node)
{
    uint64_t cores = self->nodes->list[node].announce->announce.cores;
    double load = 1;
    for (size_t index = 0; index < self->count; index++)
        load += s_counts_on(&self->list[index], node);
    return load / (double)(cores ? cores : 1);
}

static bool s_is_before(const nodes_t *nodes, size_t node, size_t other)
{
    return strcmp(nodes->list[node].name, nodes->list[other].name) < 0;
}

/* Ties go by name, so that the order of arrival does not matter. */
size_t actors_least_loaded(const actors_t *self)
{
    size_t best = NOWHERE;
    double least = 0;
    for (size_t index = 0; index < self->nodes->count; index++) {
        if (!nodes_stays(self->nodes, index))
            continue;
        double load = s_load_of_node(self, index);
        bool tie = load <= least;
        if (best == NOWHERE || load < least || (tie && s_is_before(self->nodes, index, best))) {
            best = index;
            least = load;
        }
    }
    return best;
}

const char *actor_waits_for(const region_actor_t *actor)
{
    bool stored = role_row(actor->role)->stores && actor->state == PLACE_NONE;
    if (actor->trouble.lacks_room[0])
        return actor->trouble.lacks_room;
    return stored && actor->waits_for[0] ? actor->waits_for : actor->name;
}
