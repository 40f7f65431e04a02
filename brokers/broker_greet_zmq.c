/* broker_greet - who is at the other end of a link.
 *
 * A dialing broker's DEALER sockets come in at the listening one's ROUTER and say with link_hello which
 * connection they are. Of two brokers of a region the one that is there stays, as long as it is there; the
 * other one is told, greets again now and then, and takes over when the first is gone.
 */
#include "brokers/broker_state_zmq.h"

#include "codec/base/log.h"
#include "codec/base/rng.h"
#include "codec/base/run_id.h"
#include "codec/wire/actor_name.h"

#include <stdio.h>
#include <string.h>

#define LOG_US 60000000                     /* between two lines of the same two */
#define RIVAL_US (2 * LINK_REFUSED_MOST_US) /* without another refusal there is one broker */

/* ---- the listening side ------------------------------------------------------------------------------ */

static broker_peer_t *s_owner(const broker_t *self, zmq_msg_t *id, uint64_t *ret_connection)
{
    size_t size = zmq_msg_size(id);
    for (size_t i = 0; i < self->peer_count; i++)
        for (size_t k = 0; !self->peers[i].dials && k < self->peers[i].side_count; k++) {
            const broker_side_t *side = &self->peers[i].sides[k];
            if (side->id_size == size && memcmp(side->id, zmq_msg_data(id), size) == 0) {
                *ret_connection = k;
                return &self->peers[i];
            }
        }
    return NULL;
}

static void s_who(const message_t *hello, char ret_who[BROKER_WHO_MAX])
{
    snprintf(ret_who, BROKER_WHO_MAX, "process %llu on %s", (unsigned long long)hello->link_hello.pid,
             hello->link_hello.host[0] ? hello->link_hello.host : "an unknown machine");
}

/* Checks whether it may have the link; who has it is asked whether it is still there. */
static err_code_t s_admit(broker_t *self, broker_peer_t *peer, const message_t *hello)
{
    if (run_id_differs(hello->link_hello.run, self->spec.run))
        return ERR_JOB;
    err_code_t code = link_contend(peer->link, hello->link_hello.session, self->now_us);
    if (code != ERR_TIMEOUT)
        return code;
    message_t *probe = link_probe(peer->link);
    broker_peer_send(self, peer, 0, probe); /* to a process that has died: its connections are closed */
    message_destroy(&probe);
    return link_contend(peer->link, hello->link_hello.session, self->now_us);
}

static void s_note(broker_t *self, broker_peer_t *peer, const char *event, const char *text)
{
    peer->caller.rival_us = self->now_us;
    if (strcmp(peer->caller.rival, text) == 0 && self->now_us < peer->caller.log_due_us)
        return;
    snprintf(peer->caller.rival, sizeof peer->caller.rival, "%s", text);
    peer->caller.log_due_us = self->now_us + LOG_US;
    log_event(LEVEL_WARN, self->name, event, "region=%s error=\"%s\"",
              self->spec.topology->regions[peer->region_index].name, text);
}

/* Tells it, and people. */
static void s_turn_away(broker_t *self, broker_peer_t *peer, zmq_msg_t *id, const message_t *hello,
                        err_code_t why)
{
    char who[BROKER_WHO_MAX], what[BROKER_WHO_MAX + WIRE_NAME_SIZE + 4];
    err_t text = {0};
    s_who(hello, who);
    snprintf(what, sizeof what, "%s, %s,", hello->from, who);
    if (why == ERR_JOB)
        link_part(peer->link, hello->link_hello.session, self->now_us);
    if (why == ERR_JOB)
        why = run_id_refuse(&text, what, hello->link_hello.run, self->spec.run);
    else
        why = err_set(&text, why, "two brokers of region %s: %s stays, %s is refused; end one of them",
                      hello->link_hello.region, peer->caller.who, who);
    message_t *answer = message_new(KIND_refused, hello->from, self->name);
    answer->number = hello->number;
    answer->refused.kind = hello->kind;
    answer->refused.code = why;
    answer->refused.incarnation = hello->link_hello.session;
    answer->refused.run = why == ERR_JOB ? self->spec.run : RUN_ID_NONE;
    message_set_text(&answer->refused.reason, text.text);
    err_code_t code = frames_send_message_zmq(self->router, zmq_msg_data(id), zmq_msg_size(id), answer);
    (void)code; /* who does not get it greets again */
    message_destroy(&answer);
    s_note(self, peer, why == ERR_JOB ? "another_run" : "two_brokers", text.text);
}

/* Another broker than before: the connections of the last one are nobody's. */
static void s_succeed(broker_t *self, broker_peer_t *peer, const message_t *hello)
{
    if (peer->caller.session == hello->link_hello.session)
        return;
    peer->caller.session = hello->link_hello.session;
    s_who(hello, peer->caller.who);
    for (size_t k = 0; k < peer->side_count; k++) {
        if (peer->sides[k].id_size)
            link_disconnected(peer->link, k, self->now_us);
        peer->sides[k].id_size = 0;
    }
}

static void s_connect(broker_t *self, broker_peer_t *peer, uint64_t connection, zmq_msg_t *id)
{
    broker_side_t *side = &peer->sides[connection];
    side->id_size = zmq_msg_size(id);
    memcpy(side->id, zmq_msg_data(id), side->id_size);
    broker_peer_tune(peer, zmq_msg_get(id, ZMQ_SRCFD));
    link_connected(peer->link, connection, self->now_us);
}

/* The peer that a hello claims to be; a new connection takes the place of the last. Not ERR_OK: it has
 * been seen to. */
static err_code_t s_greet(broker_t *self, zmq_msg_t *id, const message_t *hello, broker_peer_t **ret_peer,
                          uint64_t *ret_connection)
{
    *ret_peer = s_owner(self, id, ret_connection);
    if (*ret_peer && !run_id_differs(hello->link_hello.run, self->spec.run))
        return ERR_OK;
    *ret_peer = NULL; /* one that has learned its run meanwhile is told, too */
    size_t region = topology_region_index(self->spec.topology, hello->link_hello.region);
    broker_peer_t *peer = broker_peer_of(self, region);
    uint64_t connection = hello->link_hello.connection;
    if (!peer || peer->dials || connection >= peer->side_count || zmq_msg_size(id) > ROUTE_ID_MAX ||
        !hello->link_hello.session)
        return ERR_OK;
    char digest[17];
    topology_digest(self->spec.topology, digest);
    if (strcmp(digest, hello->link_hello.digest) == 0) {
        err_code_t code = s_admit(self, peer, hello);
        if (code != ERR_OK && code != ERR_TIMEOUT)
            s_turn_away(self, peer, id, hello, code);
        if (code != ERR_OK)
            return code;
        s_succeed(self, peer, hello);
        s_connect(self, peer, connection, id);
    }
    *ret_peer = peer; /* of another topology: the link refuses and counts it */
    *ret_connection = connection;
    return ERR_OK;
}

/* One whose connections were given to another broker of its region does not know: who is it? */
static void s_ask_peer(broker_t *self, zmq_msg_t *id, const message_t *ping)
{
    actor_parts_t asker;
    if (!actor_split(ping->from, strlen(ping->from), &asker))
        return;
    broker_peer_t *peer = broker_peer_of(self, topology_region_of(self->spec.topology, &asker));
    if (!peer || peer->dials)
        return;
    message_t *probe = link_probe(peer->link);
    err_code_t code = frames_send_message_zmq(self->router, zmq_msg_data(id), zmq_msg_size(id), probe);
    (void)code; /* it pings again */
    message_destroy(&probe);
}

void broker_peer_receive(broker_t *self, zmq_msg_t *id, const frames_t *frames)
{
    message_t *message = NULL;
    if (frames_unpack(frames, &message, NULL) != ERR_OK) {
        broker_post_malformed(self);
        return;
    }
    uint64_t connection = 0;
    broker_peer_t *peer = NULL;
    err_code_t code = ERR_OK;
    if (message->kind == KIND_link_hello)
        code = s_greet(self, id, message, &peer, &connection);
    else
        peer = s_owner(self, id, &connection);
    if (peer) {
        link_message(peer->link, connection, &message, self->now_us);
        peer->dirty = true;
    } else if (message->kind == KIND_link_ping) {
        s_ask_peer(self, id, message);
    } else if (code == ERR_OK) {
        broker_post_malformed(self); /* nobody we know */
    }
    message_destroy(&message);
}

/* ---- the dialing side -------------------------------------------------------------------------------- */

void broker_peer_refused(broker_t *self, broker_peer_t *peer, uint64_t connection, message_t **message_p)
{
    message_t *message = *message_p;
    *message_p = NULL;
    if (message->refused.kind == KIND_link_hello) {
        link_refused(peer->link, connection, message, rng_entropy() | 1, self->now_us);
        s_note(self, peer, "link_refused", message->refused.reason ? message->refused.reason : "refused");
    } else {
        broker_post_malformed(self);
    }
    message_destroy(&message);
}

/* ---- both -------------------------------------------------------------------------------------------- */

const char *broker_peer_rival(const broker_t *self, const broker_peer_t *peer)
{
    return self->now_us - peer->caller.rival_us < RIVAL_US ? peer->caller.rival : "";
}
