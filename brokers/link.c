#include "brokers/link_core.h"

#include "codec/wire/actor_name.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define QUEUE_MAX_BYTES (256u << 20)

static void s_connections_init(link_t *self)
{
    self->connection_count = (size_t)self->spec.connections + 1;
    self->connections = calloc(self->connection_count, sizeof *self->connections);
    CHECK(self->connections);
    for (size_t i = 0; i < self->connection_count; i++) {
        self->connections[i].hello_due_us = LINK_NEVER;
        self->connections[i].answer_last_us = INT64_MIN / 2;
    }
}

link_t *link_new(const link_spec_t *spec, int64_t now_us)
{
    CHECK(spec->session != 0);
    link_t *self = calloc(1, sizeof *self);
    CHECK(self);
    self->spec = *spec;
    if (self->spec.connections < 1)
        self->spec.connections = 1;
    if (self->spec.connections > LINK_CONNECTIONS_MAX)
        self->spec.connections = LINK_CONNECTIONS_MAX;
    if (self->spec.piece_bytes > LINK_PIECE_MAX)
        self->spec.piece_bytes = LINK_PIECE_MAX;
    if (!self->spec.queue_max_bytes)
        self->spec.queue_max_bytes = QUEUE_MAX_BYTES;
    message_set_name(self->own_name, actor_name(ROLE_BROKER, spec->local).text);
    message_set_name(self->peer_name, actor_name(ROLE_BROKER, spec->remote).text);
    self->now_us = now_us;
    self->pinged_us = LINK_NEVER;
    self->ping_due_us = now_us;
    self->refused_wait = backoff_of(LINK_REFUSED_US, LINK_REFUSED_MOST_US);
    s_connections_init(self);
    link_estimate_init(&self->estimate, now_us);
    link_out_init(self);
    link_in_init(self);
    link_width_init(self);
    link_wire_init(self);
    return self;
}

void link_destroy(link_t **self_p)
{
    link_t *self = *self_p;
    *self_p = NULL;
    if (!self)
        return;
    link_wire_fini(self);
    link_in_fini(self);
    link_out_fini(self);
    free(self->connections);
    free(self);
}

static void s_ack(link_t *self, const message_t *message)
{
    uint64_t class = message->link_ack.beyond_class;
    if (message->link_ack.next.count != CLASS_COUNT || class >= CLASS_COUNT) {
        self->stats.refused++;
        return;
    }
    link_estimate_delivered(&self->estimate, message->link_ack.received_bytes, self->now_us);
    for (size_t i = 0; i < CLASS_COUNT; i++)
        link_out_acked(self, i, message->link_ack.next.items[i]);
    link_out_arrived(self, class, &message->link_ack.beyond);
}

static bool s_is_of_session(const link_t *self, uint64_t own, uint64_t peer)
{
    return self->peer_session && own == self->spec.session && peer == self->peer_session;
}

static void s_data(link_t *self, uint64_t connection, message_t **message_p)
{
    if (!s_is_of_session(self, (*message_p)->link_data.peer_session, (*message_p)->link_data.session))
        link_greet_stranger(self, connection);
    else if (!link_in_data(self, message_p))
        self->stats.refused++;
}

void link_message(link_t *self, uint64_t connection, message_t **message_p, int64_t now_us)
{
    message_t *message = *message_p;
    *message_p = NULL;
    self->now_us = now_us;
    if (link_wire_out(self)) {
        message_destroy(&message);
        return;
    }
    self->stats.received_bytes += link_message_bytes(message);
    if (message->kind != KIND_link_hello)
        self->heard_us = now_us;
    if (connection >= self->connection_count)
        self->stats.refused++;
    else if (message->kind == KIND_link_hello)
        link_greet_hello(self, connection, message);
    else if (message->kind == KIND_link_data)
        s_data(self, connection, &message);
    else if (message->kind == KIND_link_ping)
        link_greet_ping(self, message);
    else if (message->kind != KIND_link_ack)
        self->stats.refused++;
    else if (s_is_of_session(self, message->link_ack.session, message->link_ack.peer_session))
        s_ack(self, message);
    else
        link_greet_stranger(self, connection);
    message_destroy(&message);
}

void link_connected(link_t *self, uint64_t connection, int64_t now_us)
{
    self->now_us = now_us;
    if (connection >= self->connection_count)
        return;
    link_connection_t *c = &self->connections[connection];
    if (c->was_open)
        self->stats.reconnects++;
    c->open = c->was_open = true;
    c->greeted = false;
    c->backoff = 0;
    c->hello_due_us = now_us;
    link_wire_clear(self, connection);
    link_out_connection_lost(self, connection);
}

void link_disconnected(link_t *self, uint64_t connection, int64_t now_us)
{
    self->now_us = now_us;
    if (connection >= self->connection_count)
        return;
    self->connections[connection].open = false;
    self->connections[connection].greeted = false;
    self->connections[connection].hello_due_us = LINK_NEVER;
    link_wire_clear(self, connection);
    link_out_connection_lost(self, connection);
}

void link_tick(link_t *self, int64_t now_us)
{
    self->now_us = now_us;
    link_out_tick(self);
    link_greet_tick(self);
    link_width_tick(self);
}

static bool s_ready(const link_t *self)
{
    return link_greet_ready(self) || link_in_ack_ready(self) || link_out_ready(self);
}

int64_t link_due(const link_t *self)
{
    int64_t due_us = link_wire_due(self, s_ready(self));
    int64_t others[] = {link_out_due(self), LINK_NEVER, LINK_NEVER};
    if (!link_greet_ready(self))
        others[1] = link_greet_due(self);
    if (!link_in_ack_ready(self) && self->connections[0].greeted)
        others[2] = self->ack_due_us;
    for (size_t i = 0; i < 3; i++)
        if (others[i] < due_us)
            due_us = others[i];
    return due_us;
}

/* The most urgent thing that may leave now: greetings and acknowledgements, then the classes by priority. */
static message_t *s_take_from_queue(link_t *self, uint64_t *ret_connection)
{
    message_t *message = link_greet_take(self, ret_connection);
    if (!message && link_in_ack_ready(self)) {
        *ret_connection = 0;
        message = link_in_take_ack(self);
    }
    if (!message)
        message = link_out_take(self, ret_connection);
    if (message)
        self->stats.sent_bytes += link_message_bytes(message);
    return message;
}

message_t *link_take_outgoing(link_t *self, uint64_t *ret_connection)
{
    if (!self->spec.emulate) {
        message_t *message = s_take_from_queue(self, ret_connection);
        for (; message && link_wire_out(self); message = s_take_from_queue(self, ret_connection))
            message_destroy(&message);
        return message;
    }
    while (link_wire_free(self)) {
        uint64_t connection;
        message_t *message = s_take_from_queue(self, &connection);
        if (!message)
            break;
        link_wire_put(self, connection, &message);
    }
    return link_wire_take(self, ret_connection);
}

void link_outage(link_t *self, int64_t until_us)
{
    self->wire.outage_until_us = until_us;
}

uint64_t link_wanted(const link_t *self)
{
    return self->width.wanted;
}

void link_set_reaches(link_t *self, const uint64_t reaches[LINK_REACH_WORDS])
{
    memcpy(self->reaches, reaches, sizeof self->reaches);
}

bool link_idle(const link_t *self)
{
    for (size_t class = 0; class < CLASS_COUNT; class ++)
        if (self->out[class].first)
            return false;
    return true;
}

link_stats_t link_stats(const link_t *self)
{
    link_stats_t stats = self->stats;
    stats.rate_bytes_per_s = self->estimate.rate;
    stats.rtt_us = self->estimate.rtt_us;
    stats.connections = self->width.count;
    return stats;
}
