/* link_greet - who is at the other end: hellos, sessions, pings. */
#include "brokers/link_core.h"

#include "codec/base/run_id.h"

#include <string.h>

#define HELLO_US 500000
#define STRANGER_US 100000
#define SILENCE_US 1500000 /* after it, an answered ping means that the path is back */

static bool s_is_past(const link_t *self, uint64_t session)
{
    for (size_t i = 0; i < LINK_PAST_MAX; i++)
        if (self->past[i] == session)
            return true;
    return false;
}

/* Everything counted for or by the last session is void. */
static void s_new_session(link_t *self, uint64_t session)
{
    if (self->peer_session) {
        self->past[self->past_next++ % LINK_PAST_MAX] = self->peer_session;
        self->stats.reconnects++;
    }
    self->peer_session = session;
    self->peer_run = RUN_ID_NONE;
    for (size_t i = 0; i < self->connection_count; i++)
        link_wire_clear(self, i);
    link_estimate_init(&self->estimate, self->now_us);
    link_in_restart(self);
    link_out_restart(self);
}

/* ---- runs ---- */

static void s_part(link_t *self)
{
    if (!self->peer_session)
        return;
    self->past[self->past_next++ % LINK_PAST_MAX] = self->peer_session;
    self->peer_session = 0;
    self->peer_run = RUN_ID_NONE;
    self->pinged_us = LINK_NEVER;
    for (size_t i = 0; i < self->connection_count; i++) {
        link_connection_t *c = &self->connections[i];
        c->greeted = false;
        if (c->open)
            c->hello_due_us = self->now_us; /* who dials is told why */
    }
    link_in_restart(self);
    link_out_restart(self);
}

void link_part(link_t *self, uint64_t session, int64_t now_us)
{
    self->now_us = now_us;
    if (session == self->peer_session)
        s_part(self);
}

void link_set_run(link_t *self, uint64_t run, int64_t now_us)
{
    self->now_us = now_us;
    self->spec.run = run;
    if (run_id_differs(self->peer_run, run)) {
        self->stats.foreign = true;
        s_part(self);
    }
    for (size_t i = 0; i < self->connection_count; i++)
        if (self->connections[i].open)
            self->connections[i].hello_due_us = now_us;
}

bool link_is_of_run(const link_t *self)
{
    return self->spec.run != RUN_ID_NONE && self->peer_run == self->spec.run;
}

/* ---- hellos ---- */

static bool s_is_foreign(const link_t *self, uint64_t connection, const message_t *message)
{
    return strcmp(message->link_hello.region, self->spec.remote) != 0 ||
           strcmp(message->link_hello.digest, self->spec.digest) != 0 || message->link_hello.session == 0 ||
           message->link_hello.connection != connection ||
           run_id_differs(message->link_hello.run, self->spec.run);
}

void link_greet_hello(link_t *self, uint64_t connection, const message_t *message)
{
    link_connection_t *c = &self->connections[connection];
    uint64_t session = message->link_hello.session;
    self->stats.foreign = s_is_foreign(self, connection, message);
    if (self->stats.foreign || s_is_past(self, session)) {
        self->stats.refused++;
        if (session == self->peer_session && run_id_differs(message->link_hello.run, self->spec.run))
            s_part(self); /* it has learned that it is of another run */
        return;
    }
    if (session != self->peer_session)
        s_new_session(self, session);
    if (message->link_hello.run != RUN_ID_NONE)
        self->peer_run = message->link_hello.run;
    self->heard_us = self->now_us;
    if (connection == 0) {
        self->stats.turned_away = false;
        backoff_reset(&self->refused_wait);
    }
    if (!c->greeted) {
        c->progress_us = self->now_us;
        if (connection == 0)
            self->ping_due_us = self->now_us;
    }
    c->greeted = true;
    c->open = true;
    c->hello_due_us = LINK_NEVER;
    if (message->link_hello.peer_session != self->spec.session) {
        c->answer_due = true;
        return;
    }
    for (size_t class = 0; class < CLASS_COUNT && class < message->link_hello.next.count; class ++)
        link_out_acked(self, class, message->link_hello.next.items[class]);
}

err_code_t link_contend(link_t *self, uint64_t session, int64_t now_us)
{
    if (session == self->peer_session)
        return ERR_OK;
    if (s_is_past(self, session))
        return ERR_STALE;
    if (!self->peer_session || !self->connections[0].open || now_us - self->heard_us >= LINK_DEAD_US)
        return ERR_OK;
    if (self->contender != session) {
        self->contender = session;
        self->contended_us = now_us;
    }
    return self->heard_us > self->contended_us ? ERR_IN_USE : ERR_TIMEOUT;
}

/* A session that the other end does not take is none: both number again when it does. */
static void s_renew(link_t *self, uint64_t session)
{
    self->spec.session = session;
    self->peer_session = 0;
    self->pinged_us = LINK_NEVER;
    for (size_t i = 0; i < self->connection_count; i++)
        self->connections[i].greeted = false;
}

void link_refused(link_t *self, uint64_t connection, const message_t *refused, uint64_t fresh_session,
                  int64_t now_us)
{
    self->now_us = now_us;
    if (connection >= self->connection_count || refused->refused.incarnation != self->spec.session)
        return; /* about a session that this end has given up */
    if (now_us >= self->refused_until_us)
        self->refused_until_us = now_us + backoff_next(&self->refused_wait);
    if (refused->refused.code == ERR_STALE)
        s_renew(self, fresh_session);
    self->stats.turned_away = true;
    for (size_t i = 0; i < self->connection_count; i++) {
        link_connection_t *c = &self->connections[i];
        if (i == connection)
            c->greeted = false;
        if (c->open && !c->greeted)
            c->hello_due_us = self->refused_until_us;
    }
}

/* A piece or an acknowledgement of a session that we do not know: say who we are, not too often. */
void link_greet_stranger(link_t *self, uint64_t connection)
{
    link_connection_t *c = &self->connections[connection];
    self->stats.refused++;
    if (self->now_us - c->answer_last_us < STRANGER_US)
        return;
    c->answer_last_us = self->now_us;
    c->hello_due_us = self->now_us;
}

static bool s_hello_ready(const link_t *self, const link_connection_t *c)
{
    return c->open && (c->answer_due || c->hello_due_us <= self->now_us);
}

static bool s_control_up(const link_t *self)
{
    return self->connections[0].greeted;
}

bool link_greet_ready(const link_t *self)
{
    for (size_t i = 0; i < self->connection_count; i++)
        if (s_hello_ready(self, &self->connections[i]))
            return true;
    return s_control_up(self) && (self->pong_due || self->ping_due_us <= self->now_us);
}

/* Asks for an answer. */
static message_t *s_write_hello(const link_t *self, uint64_t connection)
{
    message_t *message = message_new(KIND_link_hello, self->peer_name, self->own_name);
    message_set_name(message->link_hello.region, self->spec.local);
    message_set_name(message->link_hello.digest, self->spec.digest);
    message_set_name(message->link_hello.host, self->spec.host);
    message->link_hello.pid = self->spec.pid;
    message->link_hello.run = self->spec.run;
    message->link_hello.session = self->spec.session;
    message->link_hello.connection = connection;
    uint64_t next[CLASS_COUNT];
    for (size_t class = 0; class < CLASS_COUNT; class ++)
        next[class] = self->in[class].next;
    message_set_u64s(&message->link_hello.next, next, CLASS_COUNT);
    return message;
}

message_t *link_probe(link_t *self)
{
    return s_write_hello(self, 0);
}

static message_t *s_hello(link_t *self, uint64_t connection)
{
    link_connection_t *c = &self->connections[connection];
    message_t *message = s_write_hello(self, connection);
    message->link_hello.peer_session = c->hello_due_us <= self->now_us ? 0 : self->peer_session;
    if (c->hello_due_us <= self->now_us)
        c->hello_due_us = self->now_us + HELLO_US;
    else
        c->answer_due = false;
    return message;
}

static message_t *s_ping(link_t *self)
{
    message_t *message = message_new(KIND_link_ping, self->peer_name, self->own_name);
    message->link_ping.answer = self->pong_due;
    message->link_ping.connections = self->width.count;
    message->link_ping.reaches = self->reaches[0];
    message->link_ping.reaches_beyond = self->reaches[1];
    message->link_ping.stamp_us = self->pong_due ? self->pong_stamp_us : self->now_us;
    if (self->pong_due)
        self->pong_due = false;
    else
        self->ping_due_us = self->now_us + LINK_PING_US;
    return message;
}

message_t *link_greet_take(link_t *self, uint64_t *ret_connection)
{
    for (size_t i = 0; i < self->connection_count; i++) {
        if (!s_hello_ready(self, &self->connections[i]))
            continue;
        *ret_connection = i;
        return s_hello(self, i);
    }
    *ret_connection = 0;
    return link_greet_ready(self) ? s_ping(self) : NULL;
}

void link_greet_ping(link_t *self, const message_t *message)
{
    link_width_wish(self, message->link_ping.connections);
    self->stats.reaches[0] = message->link_ping.reaches;
    self->stats.reaches[1] = message->link_ping.reaches_beyond;
    if (!message->link_ping.answer) {
        self->pong_due = true;
        self->pong_stamp_us = message->link_ping.stamp_us;
        return;
    }
    int64_t stamp_us = message->link_ping.stamp_us;
    if (stamp_us < 0 || stamp_us > self->now_us || self->now_us - stamp_us > 12 * LINK_DEAD_US) {
        self->stats.refused++;
        return;
    }
    link_estimate_rtt(&self->estimate, self->now_us - stamp_us, self->now_us);
    bool was_silent = self->pinged_us == LINK_NEVER || self->now_us - self->pinged_us > SILENCE_US;
    self->pinged_us = self->now_us;
    for (size_t i = 0; was_silent && i < self->connection_count; i++)
        self->connections[i].backoff = 0;
}

void link_greet_tick(link_t *self)
{
    self->stats.up = self->pinged_us != LINK_NEVER && self->now_us - self->pinged_us < LINK_DEAD_US;
}

/* Never before now for what is ready: the caller asks the wire when it may go. */
int64_t link_greet_due(const link_t *self)
{
    int64_t due_us = s_control_up(self) ? self->ping_due_us : LINK_NEVER;
    for (size_t i = 0; i < self->connection_count; i++)
        if (self->connections[i].open && self->connections[i].hello_due_us < due_us)
            due_us = self->connections[i].hello_due_us;
    if (self->stats.up && self->pinged_us + LINK_DEAD_US < due_us)
        due_us = self->pinged_us + LINK_DEAD_US;
    return due_us;
}
