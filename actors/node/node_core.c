#include "actors/node/node_core.h"

#include "actors/kit/core_base.h"
#include "actors/kit/dispatch.h"
#include "codec/base/grow.h"
#include "codec/base/run_id.h"
#include "codec/wire/actor_name.h"

#include <stdlib.h>
#include <string.h>

#define NODE_ANNOUNCE_US 1000000
#define NODE_FIRST_ANNOUNCE_US 200000 /* until something is placed */
#define NODE_STOPPED_US 200000        /* between two `stopped` */

typedef enum {
    ACTOR_FREE,
    ACTOR_STARTING,
    ACTOR_RUNNING,
    ACTOR_DRAINING,
    ACTOR_KILLED,
    ACTOR_ENDED
} actor_state_t;

typedef struct {
    char name[WIRE_NAME_SIZE];
    uint64_t incarnation;
    actor_state_t state;
    bool ran;                                   /* this incarnation has been READY */
    bool asked;                                 /* it was told to end ... */
    bool former_asked;                          /* ... and so was who ran before it */
    err_t why;                                  /* of ACTOR_ENDED */
    int64_t draining_us;                        /* since when */
    uint64_t successor;                         /* incarnation that starts when this one has ended; 0: none */
    uint64_t newest_incarnation, newest_number; /* of the newest placement */
    bool handed;
} node_actor_t;

/* Its phases, in order. */
typedef enum {
    NODE_WORKS,
    NODE_STOPS,   /* its actors are told to end */
    NODE_STOPPED, /* all have */
} node_life_t;

struct node_core {
    core_base_t base;
    node_spec_t spec;
    char region[WIRE_NAME_SIZE], host[WIRE_NAME_SIZE], digest[WIRE_NAME_SIZE];
    char offer[WIRE_NAME_SIZE];
    char kernel[WIRE_NAME_SIZE];
    char scheduler[WIRE_NAME_SIZE];
    uint64_t scheduler_incarnation; /* newest seen */
    node_actor_t actors[NODE_ACTORS_MAX];
    size_t actor_count;
    node_command_t *commands;
    size_t command_head, command_count, command_capacity;
    uint64_t forgotten; /* newest incarnation of an entry that made room for another */
    node_life_t life;
    bool placed, leaving, done, released;
    int64_t begun_us;             /* first event; -1: none yet */
    int64_t heard_us, changed_us; /* leaving: of the scheduler; an actor's state */
    int64_t broker_us;            /* newest answer of the broker */
    int64_t announce_us, stopped_us, stopped_since_us;
    err_t failure;
};

/* ---- small parts ---- */

static void s_command(node_core_t *self, node_verb_t verb, const node_actor_t *actor)
{
    self->commands =
        grow(self->commands, self->command_count, &self->command_capacity, sizeof *self->commands);
    node_command_t *command = &self->commands[self->command_count++];
    *command = (node_command_t){
        .verb = verb, .incarnation = actor->incarnation, .run = self->spec.run, .done = self->done};
    command->newest_incarnation = actor->newest_incarnation;
    command->newest_number = actor->newest_number;
    command->handed = actor->handed;
    memcpy(command->actor, actor->name, sizeof command->actor);
}

bool node_core_take_command(node_core_t *self, node_command_t *ret_command)
{
    if (self->command_head == self->command_count) {
        self->command_head = self->command_count = 0;
        return false;
    }
    *ret_command = self->commands[self->command_head++];
    return true;
}

static node_actor_t *s_find(node_core_t *self, const char *name)
{
    for (size_t i = 0; i < self->actor_count; i++)
        if (!strcmp(self->actors[i].name, name))
            return &self->actors[i];
    return NULL;
}

/* Of those that have ended in order the one that ended first. Names of workers change hands: in time a node
 * may have hosted more of them than it can at once. */
static node_actor_t *s_forget(node_core_t *self)
{
    node_actor_t *oldest = NULL;
    for (size_t i = 0; i < self->actor_count; i++) {
        node_actor_t *actor = &self->actors[i];
        bool in_order = actor->state == ACTOR_ENDED && (actor->ran || !actor->why.code);
        if (in_order && (!oldest || actor->incarnation < oldest->incarnation))
            oldest = actor;
    }
    if (oldest && oldest->incarnation > self->forgotten)
        self->forgotten = oldest->incarnation;
    return oldest;
}

static node_actor_t *s_add(node_core_t *self, const char *name)
{
    bool full = self->actor_count == NODE_ACTORS_MAX;
    node_actor_t *actor = full ? s_forget(self) : &self->actors[self->actor_count++];
    if (!actor)
        return NULL;
    *actor = (node_actor_t){0};
    snprintf(actor->name, sizeof actor->name, "%s", name);
    return actor;
}

static void s_send_placed(node_core_t *self, const char *actor, uint64_t incarnation, bool asked,
                          err_code_t code, const char *reason)
{
    message_t *placed = core_message(&self->base, KIND_placed, self->scheduler);
    message_set_name(placed->placed.actor, actor);
    placed->placed.incarnation = incarnation;
    placed->placed.asked = asked;
    placed->placed.code = code;
    if (code)
        message_set_text(&placed->placed.reason, reason);
    core_send(&self->base, &placed);
}

/* Tells what is known of an actor, if it is worth telling. An actor that finished without being asked is gone
 * all the same. */
static void s_tell(node_core_t *self, const node_actor_t *actor)
{
    if (actor->state == ACTOR_RUNNING)
        s_send_placed(self, actor->name, actor->incarnation, actor->former_asked, ERR_OK, NULL);
    else if (actor->state == ACTOR_ENDED)
        s_send_placed(self, actor->name, actor->incarnation, actor->asked,
                      actor->why.code ? actor->why.code : ERR_STOPPED,
                      actor->why.code ? actor->why.text : "has ended");
}

static bool s_is_live(const node_actor_t *actor)
{
    return actor->state != ACTOR_FREE && actor->state != ACTOR_ENDED;
}

/* A scheduler that was started again learns from this whom it need not place. */
static void s_set_hosted(const node_core_t *self, message_t *announce)
{
    uint64_t incarnations[NODE_ACTORS_MAX];
    size_t count = 0;
    for (size_t i = 0; i < self->actor_count; i++)
        if (s_is_live(&self->actors[i]))
            incarnations[count++] = self->actors[i].incarnation;
    message_set_u64s(&announce->announce.hosted, incarnations, count);
}

static void s_announce(node_core_t *self, int64_t now_us)
{
    self->announce_us = now_us;
    message_t *message = core_message(&self->base, KIND_announce, self->scheduler);
    const node_spec_t *spec = &self->spec;
    message_set_name(message->announce.digest, self->digest);
    message->announce.run = spec->run;
    message->announce.pid = spec->pid;
    message->announce.process = spec->process;
    message_set_name(message->announce.host, self->host);
    message->announce.cores = spec->cores;
    announce_held_t *held = message_set_rows(&message->announce.held, spec->held_count);
    for (size_t i = 0; i < spec->held_count; i++)
        held[i] = spec->held[i];
    message->announce.samples = spec->samples;
    message->announce.scheduler = self->scheduler_incarnation;
    message_set_name(message->announce.offer, self->offer);
    message_set_name(message->announce.kernel, self->kernel);
    message->announce.samples_per_s = spec->samples_per_s;
    message->announce.leaving = self->leaving;
    message->announce.age_us = spec->age_us + (self->begun_us < 0 ? 0 : now_us - self->begun_us);
    s_set_hosted(self, message);
    core_send(&self->base, &message);
    for (size_t i = 0; i < self->actor_count; i++)
        s_tell(self, &self->actors[i]);
}

/* ---- placing ---- */

static void s_start(node_core_t *self, node_actor_t *actor, uint64_t incarnation)
{
    actor->incarnation = incarnation;
    actor->state = ACTOR_STARTING;
    actor->former_asked = actor->asked || (!actor->ran && actor->former_asked);
    actor->ran = actor->asked = false;
    actor->successor = 0;
    actor->why = (err_t){0};
    s_command(self, NODE_START, actor);
}

static void s_note_newest(node_actor_t *actor, const message_t *place)
{
    actor->newest_incarnation = place->place.newest_incarnation;
    actor->newest_number = place->place.newest_number;
    actor->handed = place->place.handed;
}

/* The first placement says of which run the directory is from then on. */
static bool s_is_of_run(node_core_t *self, const message_t *place)
{
    err_t why = {0};
    if (place->place.run == RUN_ID_NONE)
        return false; /* of nobody who could place anything */
    if (self->spec.run == RUN_ID_NONE)
        self->spec.run = place->place.run;
    if (self->spec.run == place->place.run)
        return true;
    run_id_refuse(&why, self->base.name, self->spec.run, place->place.run);
    s_send_placed(self, place->place.actor, place->place.incarnation, false, why.code, why.text);
    return false;
}

static void s_place(node_core_t *self, const message_t *message)
{
    const char *name = message->place.actor;
    uint64_t incarnation = message->place.incarnation;
    if (!s_is_of_run(self, message))
        return;
    if (!incarnation_is_given(incarnation, message->incarnation)) {
        s_send_placed(self, name, incarnation, false, ERR_LIMIT,
                      "its scheduler cannot have given this incarnation");
        return;
    }
    self->placed = true;
    node_actor_t *actor = s_find(self, name);
    bool forgotten = !actor && incarnation <= self->forgotten;
    if (!actor && !forgotten)
        actor = s_add(self, name);
    if (!actor && !forgotten) {
        s_send_placed(self, name, incarnation, false, ERR_LIMIT, "the node hosts as many actors as it can");
    } else if (forgotten || incarnation < actor->incarnation) {
        s_send_placed(self, name, incarnation, false, ERR_STALE, "a newer incarnation was placed here");
    } else if (incarnation == actor->incarnation) {
        s_tell(self, actor);
    } else if (actor->state == ACTOR_FREE || actor->state == ACTOR_ENDED) {
        s_note_newest(actor, message);
        s_start(self, actor, incarnation);
    } else {
        s_note_newest(actor, message);
        if (actor->state != ACTOR_KILLED)
            s_command(self, NODE_KILL, actor);
        actor->state = ACTOR_KILLED;
        actor->asked = false; /* it ends where it stands */
        actor->successor = incarnation;
    }
}

/* ---- retiring and leaving ---- */

static void s_drain(node_core_t *self, node_actor_t *actor, int64_t now_us)
{
    actor->asked = actor->asked || actor->state == ACTOR_STARTING || actor->state == ACTOR_RUNNING;
    if (actor->state == ACTOR_STARTING) {
        actor->state = ACTOR_KILLED;
        s_command(self, NODE_KILL, actor);
    } else if (actor->state == ACTOR_RUNNING) {
        actor->state = ACTOR_DRAINING;
        actor->draining_us = now_us;
        s_command(self, NODE_DRAIN, actor);
    } else if (actor->state == ACTOR_ENDED) {
        s_tell(self, actor);
    }
}

/* An incarnation that is not here is remembered as one that has ended: its placement may still be on its
 * way. */
static void s_retire(node_core_t *self, const message_t *message, int64_t now_us)
{
    const char *name = message->retire.actor;
    uint64_t incarnation = message->retire.incarnation;
    node_actor_t *actor = s_find(self, name);
    if (!incarnation_is_given(incarnation, message->incarnation)) {
        s_send_placed(self, name, incarnation, false, ERR_LIMIT,
                      "its scheduler cannot have given this incarnation");
        return; /* remembered it would keep out all that come */
    }
    if (!actor)
        actor = s_add(self, name);
    if (actor && actor->incarnation < incarnation && !s_is_live(actor)) {
        actor->incarnation = incarnation;
        actor->state = ACTOR_ENDED;
        actor->asked = true;
        actor->why = (err_t){0};
    }
    if (actor && actor->successor == incarnation)
        actor->successor = 0;
    if (actor && actor->incarnation == incarnation)
        s_drain(self, actor, now_us);
    else
        s_send_placed(self, name, incarnation, false, ERR_STOPPED, "is not here");
}

/* One that does not end is ended. */
static void s_kill_late(node_core_t *self, int64_t now_us)
{
    for (size_t i = 0; i < self->actor_count; i++) {
        node_actor_t *actor = &self->actors[i];
        if (actor->state != ACTOR_DRAINING || now_us - actor->draining_us < NODE_DRAIN_US)
            continue;
        actor->state = ACTOR_KILLED;
        s_command(self, NODE_KILL, actor);
    }
}

/* ---- stopping ---- */

#define RANK_NEVER 3

/* The order in which actors stop: 0 workers, 1 shards, 2 the rest; a keeper serves other nodes and ends
 * with the node. */
static int s_rank(const char *name)
{
    switch (actor_role_of(name)) {
    case ROLE_WORKER:
        return 0;
    case ROLE_SHARD:
        return 1;
    case ROLE_KEEPER:
        return RANK_NEVER;
    default:
        return 2;
    }
}

/* The lowest rank of which an actor lives; RANK_NEVER when none does. */
static int s_lowest_rank(const node_core_t *self)
{
    int lowest = RANK_NEVER;
    for (size_t i = 0; i < self->actor_count; i++)
        if (s_is_live(&self->actors[i]) && s_rank(self->actors[i].name) < lowest)
            lowest = s_rank(self->actors[i].name);
    return lowest;
}

/* Returns whether other nodes may still need this one. */
static bool s_keeps(const node_core_t *self)
{
    for (size_t i = 0; i < self->actor_count; i++)
        if (s_is_live(&self->actors[i]) && s_rank(self->actors[i].name) == RANK_NEVER)
            return true;
    return false;
}

static void s_send_stopped(node_core_t *self, int64_t now_us)
{
    self->stopped_us = now_us;
    message_t *message = core_message(&self->base, KIND_stopped, self->scheduler);
    message->stopped.code = self->failure.code;
    message_set_text(&message->stopped.reason, self->failure.text);
    core_send(&self->base, &message);
}

static void s_fail(node_core_t *self, const node_actor_t *actor)
{
    if (self->failure.code)
        return;
    self->failure = actor->why;
    err_prefix(&self->failure, actor->why.code, "%s", actor->name);
}

/* An actor that had run and died was placed again, here or elsewhere: no failure. One that could not be
 * started is, unless the job was completed without it, or all it lacked was room: what it has stored is as
 * it was. */
static void s_conclude(node_core_t *self)
{
    for (size_t i = 0; !self->done && i < self->actor_count; i++) {
        const node_actor_t *actor = &self->actors[i];
        if (actor->state == ACTOR_ENDED && actor->why.code && actor->why.code != ERR_FULL && !actor->ran)
            s_fail(self, actor);
    }
}

/* Drains the actors whose turn it is; ends those that take too long; says stopped when none is left. */
static void s_go_on_stopping(node_core_t *self, int64_t now_us)
{
    int rank = s_lowest_rank(self);
    for (size_t i = 0; rank < RANK_NEVER && i < self->actor_count; i++) {
        node_actor_t *actor = &self->actors[i];
        if (!s_is_live(actor) || s_rank(actor->name) != rank)
            continue;
        actor->successor = 0;
        if (actor->state == ACTOR_RUNNING) {
            actor->state = ACTOR_DRAINING;
            actor->draining_us = now_us;
            s_command(self, NODE_DRAIN, actor);
        } else if (actor->state == ACTOR_DRAINING && now_us - actor->draining_us >= NODE_DRAIN_US) {
            actor->state = ACTOR_KILLED;
            s_command(self, NODE_KILL, actor);
        }
    }
    if (rank < RANK_NEVER)
        return;
    if (self->life != NODE_STOPPED) {
        self->life = NODE_STOPPED;
        self->stopped_since_us = now_us;
        s_conclude(self);
        s_send_stopped(self, now_us);
    } else if (now_us - self->stopped_since_us >= (s_keeps(self) ? NODE_DRAIN_US : NODE_BYE_US)) {
        self->base.finished = true;
    } else if (now_us - self->stopped_us >= NODE_STOPPED_US) {
        s_send_stopped(self, now_us);
    }
}

static void s_stop(node_core_t *self, bool done, int64_t now_us)
{
    if (self->life == NODE_WORKS)
        self->life = NODE_STOPS;
    self->done |= done;
    s_go_on_stopping(self, now_us);
}

void node_core_stop(node_core_t *self, int64_t now_us)
{
    s_stop(self, false, now_us);
}

void node_core_leave(node_core_t *self, int64_t now_us)
{
    if (!self->placed || !self->scheduler_incarnation) {
        s_stop(self, false, now_us);
        self->base.finished |=
            self->life == NODE_STOPPED && !self->scheduler_incarnation; /* nobody knows it: nobody says bye */
        return;
    }
    self->leaving = true;
    self->heard_us = self->changed_us = now_us;
    s_announce(self, now_us);
}

/* Nobody takes care of what is here: it ends as it stands, and what is durable lies on this disk. */
static void s_go_on_leaving(node_core_t *self, int64_t now_us)
{
    if (now_us - self->heard_us >= NODE_LEAVE_SILENCE_US ||
        now_us - self->changed_us >= NODE_LEAVE_PATIENCE_US)
        s_stop(self, false, now_us);
}

/* ---- what the driver reports ---- */

static node_actor_t *s_find_incarnation(node_core_t *self, const char *name, uint64_t incarnation)
{
    node_actor_t *actor = s_find(self, name);
    return actor && actor->incarnation == incarnation ? actor : NULL;
}

void node_core_ready(node_core_t *self, const char *name, uint64_t incarnation, int64_t now_us)
{
    node_actor_t *actor = s_find_incarnation(self, name, incarnation);
    if (!actor || actor->state != ACTOR_STARTING)
        return;
    actor->state = ACTOR_RUNNING;
    actor->ran = true;
    self->changed_us = now_us;
    s_tell(self, actor);
    if (self->life != NODE_WORKS)
        s_go_on_stopping(self, now_us);
}

void node_core_ended(node_core_t *self, const char *name, uint64_t incarnation, const err_t *why,
                     int64_t now_us)
{
    node_actor_t *actor = s_find_incarnation(self, name, incarnation);
    if (!actor || !s_is_live(actor))
        return;
    bool asked = actor->state == ACTOR_KILLED || actor->state == ACTOR_DRAINING;
    bool failed = why->code && (why->code != ERR_STOPPED || !asked);
    if (actor->state == ACTOR_KILLED && !actor->successor && self->life != NODE_WORKS)
        failed = !self->done; /* did not drain: of a job that is done everything is durable */
    actor->state = ACTOR_ENDED;
    actor->why = *why;
    self->changed_us = now_us;
    if (failed && self->life != NODE_WORKS)
        s_fail(self, actor);
    if (actor->successor)
        s_start(self, actor, actor->successor);
    else if (self->life != NODE_WORKS)
        s_go_on_stopping(self, now_us);
    else
        s_tell(self, actor);
}

/* ---- role ---- */

node_core_t *node_core_new(const node_spec_t *spec)
{
    node_core_t *self = calloc(1, sizeof *self);
    CHECK(self && spec->held_count <= NODE_HELD_MAX);
    self->spec = *spec;
    core_init(&self->base, spec->name, spec->incarnation, NULL);
    message_set_name(self->region, spec->region);
    snprintf(self->host, sizeof self->host, "%s", spec->host);
    message_set_name(self->digest, spec->digest);
    message_set_name(self->scheduler, actor_name(ROLE_SCHEDULER, spec->region).text);
    if (spec->offer)
        message_set_name(self->offer, spec->offer);
    if (spec->kernel)
        message_set_name(self->kernel, spec->kernel);
    self->spec.offer = self->spec.kernel = NULL;
    self->begun_us = -1;
    self->announce_us = INT64_MIN;
    return self;
}

static void s_destroy(void **core_p)
{
    node_core_t *self = *core_p;
    *core_p = NULL;
    if (!self)
        return;
    core_fini(&self->base);
    free(self->commands);
    free(self);
}

/* ---- who may say what ---- */

static void s_take_place(void *core, message_t **message_p, int64_t now_us)
{
    (void)now_us;
    s_place(core, *message_p);
}

static void s_take_retire(void *core, message_t **message_p, int64_t now_us)
{
    s_retire(core, *message_p, now_us);
}

static void s_take_stop(void *core, message_t **message_p, int64_t now_us)
{
    s_stop(core, (*message_p)->stop.done, now_us);
}

static void s_take_bye(void *core, message_t **message_p, int64_t now_us)
{
    node_core_t *self = core;
    (void)message_p, (void)now_us;
    self->base.finished = self->released = true;
}

/* A node that hosts somebody is not sent away any more. */
static void s_take_refused(void *core, message_t **message_p, int64_t now_us)
{
    node_core_t *self = core;
    const message_t *message = *message_p;
    bool named = message->refused.kind == KIND_hello && message->refused.code == ERR_IN_USE;
    (void)now_us;
    if (self->actor_count || (message->refused.kind != KIND_announce && !named))
        return;
    self->failure.code = named ? ERR_IN_USE : ERR_JOB;
    snprintf(self->failure.text, sizeof self->failure.text, "%s",
             message->refused.reason ? message->refused.reason : "the scheduler refused this node");
    if (self->life == NODE_WORKS)
        self->life = NODE_STOPS;
    self->base.finished = true;
}

/* Nothing is placed on a node that stops: it will be missed, and the actor placed elsewhere. */
static const dispatch_row_t s_rows[] = {
    {KIND_place, FROM_SCHEDULER, DISPATCH_IN(NODE_WORKS), s_take_place},
    {KIND_retire, FROM_SCHEDULER, DISPATCH_IN(NODE_WORKS), s_take_retire},
    {KIND_stop, FROM_SCHEDULER, DISPATCH_ALWAYS, s_take_stop},
    {KIND_bye, FROM_SCHEDULER, DISPATCH_IN(NODE_STOPPED), s_take_bye},
    {KIND_refused, FROM_SCHEDULER | FROM_BROKER, DISPATCH_ALWAYS, s_take_refused},
};
const dispatch_t node_dispatch = {s_rows, sizeof s_rows / sizeof *s_rows, FROM_SCHEDULER};

static void s_message_in(void *core, message_t **message_p, int64_t now_us)
{
    node_core_t *self = core;
    const dispatch_self_t who = {.region = self->region, .number = DISPATCH_NO_NUMBER};
    const dispatch_row_t *row;
    err_t why = {0};
    self->base.now_us = now_us;
    dispatch_verdict_t verdict =
        dispatch_judge(&node_dispatch, &who, *message_p, self->life, &self->scheduler_incarnation, &row);
    if (verdict == DISPATCH_STALE) {
        core_refuse(&self->base, *message_p, dispatch_why(verdict, *message_p, &why), why.text);
    } else if (sender_is(FROM_SCHEDULER, &who, (*message_p)->from)) {
        self->heard_us = now_us;
    }
    if (verdict == DISPATCH_TAKEN)
        row->handle(self, message_p, now_us);
    message_destroy(message_p);
}

static int64_t s_pause(const node_core_t *self)
{
    if (!self->placed || self->leaving)
        return NODE_FIRST_ANNOUNCE_US;
    return self->spec.announce_us ? self->spec.announce_us : NODE_ANNOUNCE_US;
}

static int64_t s_next_announce(const node_core_t *self)
{
    if (self->announce_us == INT64_MIN)
        return 0;
    return self->announce_us + s_pause(self);
}

/* The job may have ended while it was cut off: nobody would ever tell it. */
static void s_end_alone(node_core_t *self, int64_t now_us)
{
    if (!self->spec.alone_us || !self->placed || now_us - self->broker_us < self->spec.alone_us)
        return;
    err_set(&self->failure, ERR_TIMEOUT,
            "no broker of region %s has answered for %lld s, and the job may be over; what is durable is in "
            "the state "
            "directory: start this node again to go on",
            self->region, (long long)(self->spec.alone_us / 1000000));
    s_stop(self, false, now_us);
}

static void s_tick(void *core, int64_t now_us)
{
    node_core_t *self = core;
    self->base.now_us = now_us;
    if (self->begun_us < 0)
        self->begun_us = self->broker_us = now_us;
    if (self->life == NODE_WORKS)
        s_end_alone(self, now_us);
    if (self->leaving && self->life == NODE_WORKS)
        s_go_on_leaving(self, now_us);
    if (self->life != NODE_WORKS)
        s_go_on_stopping(self, now_us);
    else
        s_kill_late(self, now_us);
    if (self->life != NODE_STOPPED && s_next_announce(self) <= now_us)
        s_announce(self, now_us); /* also while it drains: who is silent is taken for lost */
}

static int64_t s_due(const void *core)
{
    const node_core_t *self = core;
    if (self->base.finished)
        return ROLE_NEVER;
    if (self->life == NODE_STOPPED)
        return self->stopped_us + NODE_STOPPED_US;
    int64_t due_us = s_next_announce(self);
    for (size_t i = 0; i < self->actor_count; i++) {
        const node_actor_t *actor = &self->actors[i];
        if (actor->state == ACTOR_DRAINING && actor->draining_us + NODE_DRAIN_US < due_us)
            due_us = actor->draining_us + NODE_DRAIN_US;
    }
    return due_us;
}

const role_t node_role = {.name = "node",
                          .message = s_message_in,
                          .tick = s_tick,
                          .due = s_due,
                          .outbox = core_outbox,
                          .finished = core_finished,
                          .destroy = s_destroy};

err_code_t node_core_failure(const node_core_t *self, const char **ret_reason)
{
    *ret_reason = self->failure.text;
    return self->failure.code;
}

void node_core_heard(node_core_t *self, int64_t now_us)
{
    self->broker_us = now_us;
}

bool node_core_stopping(const node_core_t *self)
{
    return self->life != NODE_WORKS;
}

bool node_core_released(const node_core_t *self)
{
    return self->released;
}
