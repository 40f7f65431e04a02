#include "actors/node/hosted.h"

#include "codec/base/grow.h"
#include "codec/base/run_id.h"
#include "codec/wire/actor_name.h"

#include <stdlib.h>
#include <string.h>

void hosted_init(hosted_t *self, const char *node, uint64_t run)
{
    *self = (hosted_t){.node = node, .run = run};
    outbox_init(&self->news);
}

void hosted_fini(hosted_t *self)
{
    outbox_fini(&self->news);
    free(self->commands.items);
}

/* ---- commands ---- */

static void s_command(hosted_t *self, node_verb_t verb, const hosted_actor_t *actor)
{
    self->commands.items = grow(self->commands.items, self->commands.count, &self->commands.capacity,
                                sizeof *self->commands.items);
    node_command_t *command = &self->commands.items[self->commands.count++];
    *command = (node_command_t){.verb = verb,
                                .incarnation = actor->incarnation,
                                .run = self->run,
                                .done = self->done,
                                .newest_incarnation = actor->newest_incarnation,
                                .newest_number = actor->newest_number,
                                .handed = actor->handed};
    memcpy(command->actor, actor->name, sizeof command->actor);
}

bool hosted_take_command(hosted_t *self, node_command_t *ret_command)
{
    if (self->commands.head == self->commands.count) {
        self->commands.head = self->commands.count = 0;
        return false;
    }
    *ret_command = self->commands.items[self->commands.head++];
    return true;
}

/* ---- news ---- */

static void s_say(hosted_t *self, const char *actor, uint64_t incarnation, bool asked, err_code_t code,
                  const char *reason)
{
    message_t *placed = message_new(KIND_placed, "", self->node);
    message_set_name(placed->placed.actor, actor);
    placed->placed.incarnation = incarnation;
    placed->placed.asked = asked;
    placed->placed.code = code;
    if (code)
        message_set_text(&placed->placed.reason, reason);
    outbox_add(&self->news, &placed);
}

/* Nothing is said of one that is on its way. An actor that finished without being asked is gone all the
 * same. */
static void s_tell(hosted_t *self, const hosted_actor_t *actor)
{
    if (actor->state == ACTOR_RUNNING)
        s_say(self, actor->name, actor->incarnation, actor->former_asked, ERR_OK, NULL);
    else if (actor->state == ACTOR_ENDED)
        s_say(self, actor->name, actor->incarnation, actor->asked,
              actor->why.code ? actor->why.code : ERR_STOPPED,
              actor->why.code ? actor->why.text : "has ended");
}

void hosted_tell_all(hosted_t *self)
{
    for (size_t i = 0; i < self->count; i++)
        s_tell(self, &self->actors[i]);
}

/* ---- the list ---- */

static hosted_actor_t *s_find(hosted_t *self, const char *name)
{
    for (size_t i = 0; i < self->count; i++)
        if (!strcmp(self->actors[i].name, name))
            return &self->actors[i];
    return NULL;
}

/* Of those that have ended in order the one that ended first. Names of workers change hands: in time a node
 * may have hosted more of them than it can at once. */
static hosted_actor_t *s_forget(hosted_t *self)
{
    hosted_actor_t *oldest = NULL;
    for (size_t i = 0; i < self->count; i++) {
        hosted_actor_t *actor = &self->actors[i];
        bool in_order = actor->state == ACTOR_ENDED && (actor->ran || !actor->why.code);
        if (in_order && (!oldest || actor->incarnation < oldest->incarnation))
            oldest = actor;
    }
    if (oldest && oldest->incarnation > self->forgotten)
        self->forgotten = oldest->incarnation;
    return oldest;
}

static hosted_actor_t *s_add(hosted_t *self, const char *name)
{
    bool full = self->count == NODE_ACTORS_MAX;
    hosted_actor_t *actor = full ? s_forget(self) : &self->actors[self->count++];
    if (!actor)
        return NULL;
    *actor = (hosted_actor_t){0};
    snprintf(actor->name, sizeof actor->name, "%s", name);
    return actor;
}

static bool s_lives(const hosted_actor_t *actor)
{
    return actor->state != ACTOR_FREE && actor->state != ACTOR_ENDED;
}

size_t hosted_living(const hosted_t *self, uint64_t *ret_incarnations)
{
    size_t count = 0;
    for (size_t i = 0; i < self->count; i++)
        if (s_lives(&self->actors[i]))
            ret_incarnations[count++] = self->actors[i].incarnation;
    return count;
}

/* ---- placing ---- */

static void s_start(hosted_t *self, hosted_actor_t *actor, uint64_t incarnation)
{
    actor->incarnation = incarnation;
    actor->state = ACTOR_STARTING;
    actor->former_asked = actor->asked || (!actor->ran && actor->former_asked);
    actor->ran = actor->asked = false;
    actor->successor = 0;
    actor->why = (err_t){0};
    s_command(self, NODE_START, actor);
}

/* It ends where it stands, and is killed once. */
static void s_succeed(hosted_t *self, hosted_actor_t *actor, uint64_t incarnation)
{
    if (actor->state != ACTOR_KILLED)
        s_command(self, NODE_KILL, actor);
    actor->state = ACTOR_KILLED;
    actor->asked = false;
    actor->successor = incarnation;
}

static void s_note_newest(hosted_actor_t *actor, const message_t *place)
{
    actor->newest_incarnation = place->place.newest_incarnation;
    actor->newest_number = place->place.newest_number;
    actor->handed = place->place.handed;
}

/* The first placement says of which run the directory is from then on. */
static bool s_is_of_run(hosted_t *self, const message_t *place)
{
    err_t why = {0};
    if (place->place.run == RUN_ID_NONE)
        return false; /* of nobody who could place anything */
    if (self->run == RUN_ID_NONE)
        self->run = place->place.run;
    if (self->run == place->place.run)
        return true;
    run_id_refuse(&why, self->node, self->run, place->place.run);
    s_say(self, place->place.actor, place->place.incarnation, false, why.code, why.text);
    return false;
}

/* One that cannot have been given would, remembered, keep out all that come. */
static bool s_is_given(hosted_t *self, const message_t *message, const char *name, uint64_t incarnation)
{
    bool given = incarnation_is_given(incarnation, message->incarnation);
    if (!given)
        s_say(self, name, incarnation, false, ERR_LIMIT, "its scheduler cannot have given this incarnation");
    return given;
}

void hosted_place(hosted_t *self, const message_t *place)
{
    const char *name = place->place.actor;
    uint64_t incarnation = place->place.incarnation;
    if (!s_is_of_run(self, place) || !s_is_given(self, place, name, incarnation))
        return;
    self->placed = true;
    hosted_actor_t *actor = s_find(self, name);
    bool forgotten = !actor && incarnation <= self->forgotten;
    if (!actor && !forgotten)
        actor = s_add(self, name);
    if (!actor && !forgotten) {
        s_say(self, name, incarnation, false, ERR_LIMIT, "the node hosts as many actors as it can");
    } else if (forgotten || incarnation < actor->incarnation) {
        s_say(self, name, incarnation, false, ERR_STALE, "a newer incarnation was placed here");
    } else if (incarnation == actor->incarnation) {
        s_tell(self, actor);
    } else {
        s_note_newest(actor, place);
        (s_lives(actor) ? s_succeed : s_start)(self, actor, incarnation);
    }
}

/* ---- retiring ---- */

static void s_begin_to_drain(hosted_t *self, hosted_actor_t *actor, int64_t now_us)
{
    actor->state = ACTOR_DRAINING;
    actor->draining_us = now_us;
    s_command(self, NODE_DRAIN, actor);
}

static void s_kill(hosted_t *self, hosted_actor_t *actor)
{
    actor->state = ACTOR_KILLED;
    s_command(self, NODE_KILL, actor);
}

static void s_end_in_order(hosted_t *self, hosted_actor_t *actor, int64_t now_us)
{
    actor->asked = actor->asked || actor->state == ACTOR_STARTING || actor->state == ACTOR_RUNNING;
    if (actor->state == ACTOR_STARTING)
        s_kill(self, actor);
    else if (actor->state == ACTOR_RUNNING)
        s_begin_to_drain(self, actor, now_us);
    else if (actor->state == ACTOR_ENDED)
        s_tell(self, actor);
}

/* An incarnation that is not here has ended: its placement may still be on its way. */
static void s_remember_ended(hosted_actor_t *actor, uint64_t incarnation)
{
    actor->incarnation = incarnation;
    actor->state = ACTOR_ENDED;
    actor->asked = true;
    actor->why = (err_t){0};
}

void hosted_retire(hosted_t *self, const message_t *retire, int64_t now_us)
{
    const char *name = retire->retire.actor;
    uint64_t incarnation = retire->retire.incarnation;
    if (!s_is_given(self, retire, name, incarnation))
        return;
    hosted_actor_t *actor = s_find(self, name);
    if (!actor)
        actor = s_add(self, name);
    if (actor && actor->incarnation < incarnation && !s_lives(actor))
        s_remember_ended(actor, incarnation);
    if (actor && actor->successor == incarnation)
        actor->successor = 0;
    if (actor && actor->incarnation == incarnation)
        s_end_in_order(self, actor, now_us);
    else
        s_say(self, name, incarnation, false, ERR_STOPPED, "is not here");
}

/* ---- what the driver reports ---- */

static hosted_actor_t *s_find_incarnation(hosted_t *self, const char *name, uint64_t incarnation)
{
    hosted_actor_t *actor = s_find(self, name);
    return actor && actor->incarnation == incarnation ? actor : NULL;
}

bool hosted_ready(hosted_t *self, const char *name, uint64_t incarnation)
{
    hosted_actor_t *actor = s_find_incarnation(self, name, incarnation);
    if (!actor || actor->state != ACTOR_STARTING)
        return false;
    actor->state = ACTOR_RUNNING;
    actor->ran = true;
    s_tell(self, actor);
    return true;
}

static bool s_has_failed(const hosted_t *self, const hosted_actor_t *actor, const err_t *why, bool stops)
{
    bool asked = actor->state == ACTOR_KILLED || actor->state == ACTOR_DRAINING;
    if (actor->state == ACTOR_KILLED && !actor->successor && stops)
        return !self->done; /* did not drain */
    return why->code && (why->code != ERR_STOPPED || !asked);
}

hosted_end_t hosted_ended(hosted_t *self, const char *name, uint64_t incarnation, const err_t *why,
                          bool stops)
{
    hosted_actor_t *actor = s_find_incarnation(self, name, incarnation);
    if (!actor || !s_lives(actor))
        return (hosted_end_t){0};
    hosted_end_t end = {
        .known = true, .failed = s_has_failed(self, actor, why, stops), .succeeded = actor->successor != 0};
    actor->state = ACTOR_ENDED;
    actor->why = *why;
    if (end.succeeded)
        s_start(self, actor, actor->successor);
    else if (!stops)
        s_tell(self, actor);
    return end;
}

/* ---- ending ---- */

static unsigned s_rank(const hosted_actor_t *actor)
{
    return role_row(actor_role_of(actor->name))->stops;
}

unsigned hosted_lowest(const hosted_t *self)
{
    unsigned lowest = ROLE_STOPS_LAST;
    for (size_t i = 0; i < self->count; i++)
        if (s_lives(&self->actors[i]) && s_rank(&self->actors[i]) < lowest)
            lowest = s_rank(&self->actors[i]);
    return lowest;
}

bool hosted_serves_others(const hosted_t *self)
{
    for (size_t i = 0; i < self->count; i++)
        if (s_lives(&self->actors[i]) && s_rank(&self->actors[i]) == ROLE_STOPS_LAST)
            return true;
    return false;
}

static bool s_is_late(const hosted_actor_t *actor, int64_t now_us)
{
    return actor->state == ACTOR_DRAINING && now_us - actor->draining_us >= NODE_DRAIN_US;
}

void hosted_drain(hosted_t *self, unsigned rank, int64_t now_us)
{
    for (size_t i = 0; i < self->count; i++) {
        hosted_actor_t *actor = &self->actors[i];
        if (!s_lives(actor) || s_rank(actor) != rank)
            continue;
        actor->successor = 0;
        if (actor->state == ACTOR_RUNNING)
            s_begin_to_drain(self, actor, now_us);
        else if (s_is_late(actor, now_us))
            s_kill(self, actor);
    }
}

void hosted_kill_late(hosted_t *self, int64_t now_us)
{
    for (size_t i = 0; i < self->count; i++)
        if (s_is_late(&self->actors[i], now_us))
            s_kill(self, &self->actors[i]);
}

int64_t hosted_due(const hosted_t *self)
{
    int64_t due_us = ROLE_NEVER;
    for (size_t i = 0; i < self->count; i++) {
        const hosted_actor_t *actor = &self->actors[i];
        if (actor->state == ACTOR_DRAINING && actor->draining_us + NODE_DRAIN_US < due_us)
            due_us = actor->draining_us + NODE_DRAIN_US;
    }
    return due_us;
}

const hosted_actor_t *hosted_missing(const hosted_t *self)
{
    for (size_t i = 0; i < self->count; i++) {
        const hosted_actor_t *actor = &self->actors[i];
        if (actor->state == ACTOR_ENDED && actor->why.code && actor->why.code != ERR_FULL && !actor->ran)
            return actor;
    }
    return NULL;
}
