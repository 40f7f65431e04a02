#include "actors/node/node_core.h"

#include "actors/kit/core_base.h"
#include "actors/kit/dispatch.h"
#include "codec/wire/actor_name.h"

#include <stdlib.h>
#include <string.h>

struct node_core {
    core_base_t base;
    char scheduler[WIRE_NAME_SIZE];
    uint64_t scheduler_incarnation; /* newest seen */
    hosted_t hosted;
    announcing_t announcing;
    stopping_t stopping;
};

/* ---- saying ---- */

static void s_send_news(node_core_t *self)
{
    message_t *news;
    while ((news = outbox_take(&self->hosted.news))) {
        message_set_name(news->to, self->scheduler);
        core_send(&self->base, &news);
    }
}

static void s_announce(node_core_t *self, int64_t now_us)
{
    message_t *message = core_message(&self->base, KIND_announce, self->scheduler);
    announcing_fill(&self->announcing, &self->hosted, self->stopping.leaving, self->scheduler_incarnation,
                    now_us, message);
    core_send(&self->base, &message);
    hosted_tell_all(&self->hosted);
    s_send_news(self);
}

bool node_core_take_command(node_core_t *self, node_command_t *ret_command)
{
    return hosted_take_command(&self->hosted, ret_command);
}

/* ---- stopping ---- */

static void s_go_on_stopping(node_core_t *self, int64_t now_us)
{
    if (!stopping_go_on(&self->stopping, &self->hosted, now_us))
        return;
    message_t *message = core_message(&self->base, KIND_stopped, self->scheduler);
    message->stopped.code = self->stopping.failure.code;
    message_set_text(&message->stopped.reason, self->stopping.failure.text);
    core_send(&self->base, &message);
}

static void s_stop(node_core_t *self, bool done, int64_t now_us)
{
    stopping_begin(&self->stopping);
    self->hosted.done |= done;
    s_go_on_stopping(self, now_us);
}

void node_core_stop(node_core_t *self, int64_t now_us)
{
    s_stop(self, false, now_us);
}

/* Where nobody knows it nobody says bye. */
void node_core_leave(node_core_t *self, int64_t now_us)
{
    stopping_t *stopping = &self->stopping;
    if (!self->hosted.placed || !self->scheduler_incarnation) {
        s_stop(self, false, now_us);
        stopping->finished |= stopping->life == NODE_STOPPED && !self->scheduler_incarnation;
        return;
    }
    stopping->leaving = true;
    stopping->scheduler_us = stopping->changed_us = now_us;
    s_announce(self, now_us);
}

/* ---- what the driver reports ---- */

static bool s_stops(const node_core_t *self)
{
    return self->stopping.life != NODE_WORKS;
}

void node_core_ready(node_core_t *self, const char *name, uint64_t incarnation, int64_t now_us)
{
    if (!hosted_ready(&self->hosted, name, incarnation))
        return;
    self->stopping.changed_us = now_us;
    s_send_news(self);
    if (s_stops(self))
        s_go_on_stopping(self, now_us);
}

void node_core_ended(node_core_t *self, const char *name, uint64_t incarnation, const err_t *why,
                     int64_t now_us)
{
    bool stops = s_stops(self);
    hosted_end_t end = hosted_ended(&self->hosted, name, incarnation, why, stops);
    if (!end.known)
        return;
    self->stopping.changed_us = now_us;
    s_send_news(self);
    if (stops && end.failed)
        stopping_fail(&self->stopping, name, why);
    if (stops && !end.succeeded)
        s_go_on_stopping(self, now_us);
}

/* ---- role ---- */

node_core_t *node_core_new(const node_spec_t *spec)
{
    node_core_t *self = calloc(1, sizeof *self);
    CHECK(self);
    core_init(&self->base, spec->name, spec->incarnation, NULL);
    message_set_name(self->scheduler, actor_name(ROLE_SCHEDULER, spec->region).text);
    announcing_init(&self->announcing, spec);
    hosted_init(&self->hosted, self->base.name, spec->run);
    return self;
}

static void s_destroy_node(void **core_p)
{
    node_core_t *self = *core_p;
    *core_p = NULL;
    if (!self)
        return;
    core_fini(&self->base);
    hosted_fini(&self->hosted);
    free(self);
}

/* ---- who may say what ---- */

static void s_take_place(void *core, message_t **message_p, int64_t now_us)
{
    node_core_t *self = core;
    (void)now_us;
    hosted_place(&self->hosted, *message_p);
    s_send_news(self);
}

static void s_take_retire(void *core, message_t **message_p, int64_t now_us)
{
    node_core_t *self = core;
    hosted_retire(&self->hosted, *message_p, now_us);
    s_send_news(self);
}

static void s_take_stop(void *core, message_t **message_p, int64_t now_us)
{
    s_stop(core, (*message_p)->stop.done, now_us);
}

static void s_take_bye(void *core, message_t **message_p, int64_t now_us)
{
    node_core_t *self = core;
    (void)message_p, (void)now_us;
    self->stopping.finished = self->stopping.released = true;
}

/* A node that hosts somebody is not sent away any more. */
static void s_take_refused(void *core, message_t **message_p, int64_t now_us)
{
    node_core_t *self = core;
    const message_t *message = *message_p;
    bool named = message->refused.kind == KIND_hello && message->refused.code == ERR_IN_USE;
    (void)now_us;
    if (self->hosted.count || (message->refused.kind != KIND_announce && !named))
        return;
    err_set(&self->stopping.failure, named ? ERR_IN_USE : ERR_JOB, "%s",
            message->refused.reason ? message->refused.reason : "the scheduler refused this node");
    stopping_begin(&self->stopping);
    self->stopping.finished = true;
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
    const dispatch_self_t who = {.region = self->announcing.region, .number = DISPATCH_NO_NUMBER};
    const dispatch_row_t *row;
    err_t why = {0};
    self->base.now_us = now_us;
    dispatch_verdict_t verdict = dispatch_judge(&node_dispatch, &who, *message_p, self->stopping.life,
                                                &self->scheduler_incarnation, &row);
    if (verdict == DISPATCH_STALE) {
        core_refuse(&self->base, *message_p, dispatch_why(verdict, *message_p, &why), why.text);
    } else if (sender_is(FROM_SCHEDULER, &who, (*message_p)->from)) {
        self->stopping.scheduler_us = now_us;
    }
    if (verdict == DISPATCH_ACCEPTED)
        row->handle(self, message_p, now_us);
    message_destroy(message_p);
}

static int64_t s_next_announce(const node_core_t *self)
{
    return announcing_due(&self->announcing, &self->hosted, self->stopping.leaving);
}

/* Nobody will tell it to stop any more. */
static bool s_stops_by_itself(node_core_t *self, int64_t now_us)
{
    bool alone = self->hosted.placed && stopping_is_alone(&self->stopping, self->announcing.region,
                                                          self->announcing.spec.alone_us, now_us);
    return alone || stopping_is_forgotten(&self->stopping, now_us);
}

static void s_tick_node(void *core, int64_t now_us)
{
    node_core_t *self = core;
    self->base.now_us = now_us;
    if (self->announcing.begun_us < 0)
        self->announcing.begun_us = self->stopping.broker_us = now_us;
    if (!s_stops(self) && s_stops_by_itself(self, now_us))
        s_stop(self, false, now_us);
    if (s_stops(self))
        s_go_on_stopping(self, now_us);
    else
        hosted_kill_late(&self->hosted, now_us);
    if (self->stopping.life != NODE_STOPPED && s_next_announce(self) <= now_us)
        s_announce(self, now_us);
}

static int64_t s_due_node(const void *core)
{
    const node_core_t *self = core;
    if (self->stopping.finished || self->stopping.life == NODE_STOPPED)
        return stopping_due(&self->stopping);
    int64_t announce_us = s_next_announce(self), drained_us = hosted_due(&self->hosted);
    return drained_us < announce_us ? drained_us : announce_us;
}

static bool s_finished_node(const void *core)
{
    const node_core_t *self = core;
    return self->stopping.finished;
}

const role_t node_role = {.name = "node",
                          .message = s_message_in,
                          .tick = s_tick_node,
                          .due = s_due_node,
                          .outbox = core_outbox,
                          .finished = s_finished_node,
                          .destroy = s_destroy_node};

err_code_t node_core_failure(const node_core_t *self, const char **ret_reason)
{
    *ret_reason = self->stopping.failure.text;
    return self->stopping.failure.code;
}

void node_core_heard(node_core_t *self, int64_t now_us)
{
    self->stopping.broker_us = now_us;
}

bool node_core_stopping(const node_core_t *self)
{
    return s_stops(self);
}

bool node_core_released(const node_core_t *self)
{
    return self->stopping.released;
}
