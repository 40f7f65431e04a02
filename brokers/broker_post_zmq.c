/* broker_post - the region's post office: registers actors and hands messages on, by name.
 *
 * What goes to an actor of another process is counted until ZeroMQ has written it, so that one that does not
 * read cannot fill this process's memory. Within a process frames are passed by reference and belong to the
 * receiver.
 */
#include "brokers/broker_state_zmq.h"

#include "codec/base/failpoint.h"
#include "codec/base/log.h"
#include "codec/base/machine.h"
#include "codec/base/run_id.h"
#include "codec/wire/actor_name.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define PENDING_MAX_BYTES ((uint64_t)256 << 20) /* on their way to one actor of another process */
#define TIMER_US 500000
#define LOG_US 1000000
#define PARTS_MAX BROKER_PARTS_MAX

/* A message as received: its frames, and where it came from. */
typedef struct {
    zmq_msg_t id;
    zmq_msg_t parts[PARTS_MAX];
    size_t count;
    bool excess; /* there were more frames */
    envelope_t envelope;
    /* what envelope points into: the frames may go before it is used */
    unsigned char head[MESSAGE_ENVELOPE_MAX];
} letter_t;

/* ---- answers ----------------------------------------------------------------------------------------- */

static bool s_wants_answer(const envelope_t *envelope)
{
    return envelope->kind != KIND_unreachable && envelope->kind != KIND_refused &&
           envelope->kind != KIND_registered;
}

static message_t *s_answer_envelope(const broker_t *self, message_kind_t kind, const envelope_t *envelope)
{
    wire_name_t to = {0};
    memcpy(to, envelope->from, envelope->from_length);
    message_t *message = message_new(kind, to, self->name);
    message->number = envelope->number;
    return message;
}

static message_t *s_unreachable(const broker_t *self, const envelope_t *envelope)
{
    message_t *message = s_answer_envelope(self, KIND_unreachable, envelope);
    memcpy(message->unreachable.actor, envelope->to, envelope->to_length);
    return message;
}

static message_t *s_refused(const broker_t *self, const envelope_t *envelope, err_code_t code,
                            const char *reason)
{
    message_t *message = s_answer_envelope(self, KIND_refused, envelope);
    message->refused.kind = envelope->kind;
    message->refused.code = code;
    message_set_text(&message->refused.reason, reason);
    return message;
}

/* Best effort: who does not get it asks again. */
static void s_reply(broker_t *self, letter_t *letter, message_t *message)
{
    err_code_t code =
        frames_send_message_zmq(self->router, zmq_msg_data(&letter->id), zmq_msg_size(&letter->id), message);
    (void)code;
    message_destroy(&message);
}

static message_t *s_failure(const broker_t *self, const envelope_t *envelope, err_code_t code)
{
    if (code == ERR_UNREACHABLE)
        return s_unreachable(self, envelope);
    return s_refused(self, envelope, code,
                     code == ERR_FULL ? "the way there is full; send it again later" : err_meaning(code));
}

/* ---- to an actor of this region ---------------------------------------------------------------------- */

typedef struct {
    zmq_msg_t msg;
    buf_t *pending;
} counted_t;

static _Atomic uint64_t *s_counter(buf_t *pending)
{
    return (_Atomic uint64_t *)buf_data(pending);
}

static void s_written(void *data, void *hint)
{
    (void)data;
    counted_t *counted = hint;
    frames_take_over(counted);
    atomic_fetch_sub(s_counter(counted->pending), zmq_msg_size(&counted->msg));
    buf_destroy(&counted->pending);
    zmq_msg_close(&counted->msg);
    free(counted);
}

/* The same bytes, counted as pending until the last reference to them is gone. */
static void s_count_bytes(zmq_msg_t *msg, buf_t *pending)
{
    counted_t *counted = malloc(sizeof *counted);
    CHECK(counted);
    zmq_msg_init(&counted->msg);
    zmq_msg_move(&counted->msg, msg);
    counted->pending = buf_ref(pending);
    size_t size = zmq_msg_size(&counted->msg);
    atomic_fetch_add(s_counter(pending), size);
    zmq_msg_close(msg);
    void *data = zmq_msg_data(&counted->msg);
    frames_hand_over(data);
    frames_hand_over(counted);
    CHECK(zmq_msg_init_data(msg, data, size, s_written, counted) == 0);
}

err_code_t broker_post_hand_over(broker_t *self, const route_t *route, zmq_msg_t *parts, size_t count)
{
    bool counts =
        count == PARTS_MAX && route->process != self->process && zmq_msg_size(&parts[2]) >= FRAMES_COPY_BYTES;
    if (counts && atomic_load(s_counter(route->pending)) >= PENDING_MAX_BYTES)
        return ERR_FULL;
    if (zmq_send(self->router, route->id, route->id_size, ZMQ_SNDMORE | ZMQ_DONTWAIT) < 0)
        return errno == EHOSTUNREACH ? ERR_UNREACHABLE : errno == EAGAIN ? ERR_FULL : ERR_IO;
    if (counts)
        s_count_bytes(&parts[2], route->pending);
    for (size_t i = 0; i < count; i++)
        if (zmq_msg_send(&parts[i], self->router, (i + 1 < count ? ZMQ_SNDMORE : 0) | ZMQ_DONTWAIT) < 0)
            return ERR_IO;
    FAILPOINT(broker_forwarded);
    return ERR_OK;
}

/* ---- by name ----------------------------------------------------------------------------------------- */

static frames_t s_frames(letter_t *letter)
{
    frames_t frames = {0};
    slice_t *slots[PARTS_MAX] = {&frames.envelope, &frames.map, &frames.data};
    for (size_t i = 0; i < letter->count; i++) {
        *slots[i] = frames_slice_zmq(&letter->parts[i]);
        zmq_msg_init(&letter->parts[i]);
    }
    return frames;
}

static err_code_t s_send_far(broker_t *self, broker_peer_t *peer, const envelope_t *envelope,
                             frames_t *frames)
{
    if (!broker_run_may_cross(self, peer, envelope))
        return ERR_UNREACHABLE;
    peer->dirty = true;
    return link_send(peer->link, envelope->class, frames, self->now_us);
}

static const char *s_region_name(const broker_t *self, size_t region)
{
    return self->spec.topology->regions[region].name;
}

/* A way over a third region is said once. */
static broker_peer_t *s_toward(const broker_t *self, size_t region)
{
    bool usable;
    broker_peer_t *peer = broker_peer_toward(self, region, &usable);
    if (peer && peer->region_index != region && !peer->detours++)
        log_event(LEVEL_INFO, self->name, "detour", "to=%s over=%s", s_region_name(self, region),
                  s_region_name(self, peer->region_index));
    return peer;
}

static void s_route(broker_t *self, letter_t *letter)
{
    envelope_t *e = &letter->envelope;
    const route_t *route = routes_find(self->routes, e->to, e->to_length);
    broker_peer_t *peer = NULL;
    err_code_t code = ERR_UNREACHABLE;
    if (route) {
        code = broker_fault_forward(self, route, letter->parts, letter->count);
        if (code == ERR_OK)
            return;
    } else {
        peer = s_toward(self, broker_region_of(self->spec.topology, e->to, e->to_length));
    }
    if (route && code == ERR_UNREACHABLE)
        routes_gone(self->routes, e->to, e->to_length);
    if (peer) {
        frames_t frames = s_frames(letter);
        code = s_send_far(self, peer, e, &frames);
        frames_fini(&frames);
    }
    if (code != ERR_OK && s_wants_answer(e))
        s_reply(self, letter, s_failure(self, e, code));
}

/* The second hop of what another region relays through this one: over the own link alone, and never back. */
static err_code_t s_relay(broker_t *self, size_t region, const broker_peer_t *from,
                          const envelope_t *envelope, const frames_t *frames)
{
    broker_peer_t *peer = broker_peer_of(self, region);
    if (!peer || peer == from)
        return ERR_UNREACHABLE;
    if (!peer->relayed++)
        log_event(LEVEL_INFO, self->name, "relays", "from=%s to=%s", s_region_name(self, from->region_index),
                  s_region_name(self, region));
    frames_t copy = {.envelope = slice_ref(&frames->envelope), .map = slice_ref(&frames->map)};
    if (frames->data.buf)
        copy.data = slice_ref(&frames->data);
    err_code_t code = s_send_far(self, peer, envelope, &copy);
    frames_fini(&copy);
    return code;
}

void broker_post_delivered(broker_t *self, broker_peer_t *peer, const frames_t *frames)
{
    envelope_t envelope;
    if (envelope_peek(slice_peek(&frames->envelope), frames->envelope.size_bytes, &envelope, NULL) !=
        ERR_OK) {
        broker_post_malformed(self);
        return;
    }
    FAILPOINT(broker_delivered);
    const route_t *route = routes_find(self->routes, envelope.to, envelope.to_length);
    size_t region = broker_region_of(self->spec.topology, envelope.to, envelope.to_length);
    err_code_t code = ERR_UNREACHABLE;
    if (!broker_run_may_cross(self, peer, &envelope)) {
        route = NULL; /* it comes again */
    } else if (region < self->spec.topology->region_count && region != self->spec.region_index) {
        code = s_relay(self, region, peer, &envelope, frames);
    } else if (route) {
        zmq_msg_t parts[PARTS_MAX];
        size_t count = frames->data.buf ? PARTS_MAX : 2;
        const slice_t *slices[PARTS_MAX] = {&frames->envelope, &frames->map, &frames->data};
        for (size_t i = 0; i < count; i++)
            frames_msg_zmq(slices[i], &parts[i]);
        code = broker_fault_forward(self, route, parts, count);
        for (size_t i = 0; i < count; i++)
            zmq_msg_close(&parts[i]);
        if (code == ERR_UNREACHABLE)
            routes_gone(self->routes, envelope.to, envelope.to_length);
    }
    if (code == ERR_OK || !s_wants_answer(&envelope))
        return;
    message_t *answer = s_failure(self, &envelope, code);
    frames_t back = frames_pack(answer);
    message_destroy(&answer);
    peer->dirty = true;
    code = link_send(peer->link, CLASS_CONTROL, &back, self->now_us);
    frames_fini(&back);
    if (code != ERR_OK)
        log_event(LEVEL_WARN, self->name, "answer_lost", "code=%s; the sender will ask again",
                  err_name(code));
}

/* ---- registration ------------------------------------------------------------------------------------ */

/* Where somebody else claims a scheduler's name: one whose process has died is not waited for. */
static void s_look_for_holder(broker_t *self, const char *name, uint64_t life)
{
    const route_t *route = routes_find(self->routes, name, strlen(name));
    if (!route || role_row(actor_role_of(name))->claims != CLAIMS_BY_LIFE || route->life == life)
        return;
    message_t *probe = message_new(KIND_registered, route->name, self->name);
    err_code_t code = frames_send_message_zmq(self->router, route->id, route->id_size, probe);
    message_destroy(&probe);
    if (code == ERR_UNREACHABLE)
        routes_gone(self->routes, name, strlen(name));
}

static err_code_t s_register(broker_t *self, letter_t *letter, const message_t *hello)
{
    const char *name = hello->from;
    if (broker_region_of(self->spec.topology, name, strlen(name)) != self->spec.region_index)
        return ERR_DENIED;
    bool known = routes_find(self->routes, name, strlen(name)) != NULL;
    s_look_for_holder(self, name, hello->hello.life);
    err_code_t code = routes_contend(self->routes, name, hello->incarnation, hello->hello.life, self->now_us);
    if (code != ERR_OK)
        return code;
    code = routes_register(self->routes, name, zmq_msg_data(&letter->id), zmq_msg_size(&letter->id),
                           hello->incarnation, hello->hello.pid, self->now_us);
    if (code == ERR_OK)
        routes_note(self->routes, name, hello->hello.life, hello->hello.process, hello->hello.run,
                    hello->hello.host);
    if (code == ERR_OK && !known)
        log_event(LEVEL_DEBUG, self->name, "registered", "actor=%s pid=%llu incarnation=%llu", name,
                  (unsigned long long)hello->hello.pid, (unsigned long long)hello->incarnation);
    return code;
}

static const char *s_why(err_code_t code)
{
    if (code == ERR_STALE)
        return "a newer incarnation of this actor has registered; end";
    if (code == ERR_IN_USE)
        return "another node of this name runs in the region; start this one with another --name";
    if (code == ERR_DENIED)
        return "the actor's name is not of this region; register with its own region's broker";
    return "too many actors, or too long a name";
}

/* By whom a name is taken. */
static void s_tell_holder(const broker_t *self, const message_t *hello, message_t *answer)
{
    char text[ERR_TEXT_MAX];
    const route_t *route = routes_find(self->routes, hello->from, strlen(hello->from));
    if (!route || role_row(actor_role_of(hello->from))->claims != CLAIMS_BY_LIFE)
        return;
    snprintf(text, sizeof text,
             "%s runs already: process %llu on %s; this one ends, stop that one first to take over",
             route->name, (unsigned long long)route->pid,
             route->host[0] ? route->host : "an unknown machine");
    message_set_text(&answer->refused.reason, text);
    log_event(LEVEL_WARN, self->name, "two_schedulers",
              "actor=%s stays=\"process %llu on %s\" refused=\"process %llu on %s\"", route->name,
              (unsigned long long)route->pid, route->host, (unsigned long long)hello->hello.pid,
              hello->hello.host);
}

static void s_hello(broker_t *self, letter_t *letter)
{
    message_t *hello = NULL;
    frames_t frames = s_frames(letter);
    if (frames_unpack(&frames, &hello, NULL) != ERR_OK) {
        broker_post_malformed(self);
        frames_fini(&frames);
        return;
    }
    err_t why = {0};
    err_code_t code = broker_run_admits(self, hello, &why);
    if (code == ERR_OK)
        code = s_register(self, letter, hello);
    message_t *answer = NULL;
    if (code == ERR_OK) {
        answer = s_answer_envelope(self, KIND_registered, &letter->envelope);
        answer->registered.day_us = machine_day_us();
    } else if (code != ERR_TIMEOUT) {
        answer = s_refused(self, &letter->envelope, code, why.code ? why.text : s_why(code));
        answer->refused.run = why.code ? self->spec.run : RUN_ID_NONE;
        if (code == ERR_IN_USE)
            s_tell_holder(self, hello, answer);
        answer->refused.newest = routes_newest(self->routes, hello->from, strlen(hello->from));
    }
    if (answer)
        s_reply(self, letter, answer);
    message_destroy(&hello);
    frames_fini(&frames);
}

/* ---- receiving --------------------------------------------------------------------------------------- */

void broker_post_malformed(broker_t *self)
{
    self->malformed++;
}

static bool s_receive(broker_t *self, letter_t *letter)
{
    letter->count = 0;
    letter->excess = false;
    zmq_msg_init(&letter->id);
    if (zmq_msg_recv(&letter->id, self->router, ZMQ_DONTWAIT) < 0)
        return false;
    bool more = zmq_msg_more(&letter->id);
    while (more && letter->count < PARTS_MAX) {
        zmq_msg_t *part = &letter->parts[letter->count++];
        zmq_msg_init(part);
        more = zmq_msg_recv(part, self->router, ZMQ_DONTWAIT) >= 0 && zmq_msg_more(part);
    }
    while (more) {
        zmq_msg_t surplus;
        zmq_msg_init(&surplus);
        letter->excess = true;
        more = zmq_msg_recv(&surplus, self->router, ZMQ_DONTWAIT) >= 0 && zmq_msg_more(&surplus);
        zmq_msg_close(&surplus);
    }
    return true;
}

/* One that was paused and woke up behind its successor: what it says is out of date, whoever would read
 * it. */
static bool s_is_superseded(const broker_t *self, const envelope_t *e)
{
    return e->incarnation < routes_newest(self->routes, e->from, e->from_length);
}

static void s_dispatch(broker_t *self, letter_t *letter)
{
    envelope_t *e = &letter->envelope;
    size_t size = letter->count ? zmq_msg_size(&letter->parts[0]) : 0;
    if (size <= sizeof letter->head && letter->count) {
        frames_take_over(zmq_msg_data(&letter->parts[0]));
        memcpy(letter->head, zmq_msg_data(&letter->parts[0]), size);
    }
    if (letter->count < 2 || letter->excess || size > sizeof letter->head ||
        envelope_peek(letter->head, size, e, NULL) != ERR_OK) {
        broker_post_malformed(self);
    } else if (e->kind == KIND_hello) {
        s_hello(self, letter);
    } else if (e->kind >= KIND_link_hello && e->kind <= KIND_link_ping) {
        frames_t frames = s_frames(letter);
        broker_peer_receive(self, &letter->id, &frames);
        frames_fini(&frames);
    } else if (s_is_superseded(self, e)) {
        s_reply(self, letter, s_refused(self, e, ERR_STALE, s_why(ERR_STALE)));
    } else {
        s_route(self, letter);
    }
}

size_t broker_post_receive(broker_t *self, size_t at_most)
{
    letter_t letter;
    size_t count = 0;
    while (count < at_most && s_receive(self, &letter)) {
        s_dispatch(self, &letter);
        for (size_t i = 0; i < letter.count; i++)
            zmq_msg_close(&letter.parts[i]);
        zmq_msg_close(&letter.id);
        count++;
    }
    return count;
}

/* ---- now and then ------------------------------------------------------------------------------------ */

static bool s_listens_to_links(const char *name)
{
    return role_row(actor_role_of(name))->hears_links;
}

/* How a region is reached, over another one where its own link is down or missing; bytes are those of its
 * own link. */
static void s_tell_state(broker_t *self, size_t region)
{
    bool usable;
    const broker_peer_t *own = broker_peer_of(self, region), *way = broker_peer_toward(self, region, &usable);
    if (!way)
        return;
    link_stats_t stats = link_stats(way->link);
    link_stats_t counted = own ? link_stats(own->link) : (link_stats_t){0};
    const route_t *route;
    for (size_t position = 0; (route = routes_each(self->routes, &position));) {
        if (!s_listens_to_links(route->name))
            continue;
        message_t *message = message_new(KIND_link_state, route->name, self->name);
        message_set_name(message->link_state.region, s_region_name(self, region));
        message->link_state.up = usable && stats.up;
        message->link_state.rate_bytes_per_s = stats.rate_bytes_per_s;
        message->link_state.rtt_us = (uint64_t)stats.rtt_us;
        message->link_state.queued_bytes = stats.queued_bytes;
        message->link_state.sent_bytes = counted.sent_bytes;
        message->link_state.received_bytes = counted.received_bytes;
        broker_trouble_tell(self, region, way, message);
        err_code_t code = frames_send_message_zmq(self->router, route->id, route->id_size, message);
        message_destroy(&message);
        if (code == ERR_UNREACHABLE)
            routes_gone(self->routes, route->name, strlen(route->name));
    }
}

void broker_post_timer(broker_t *self)
{
    if (self->now_us >= self->log_due_us && self->malformed != self->malformed_logged) {
        log_event(LEVEL_WARN, self->name, "malformed", "count=%llu; dropped",
                  (unsigned long long)self->malformed);
        self->malformed_logged = self->malformed;
        self->log_due_us = self->now_us + LOG_US;
    }
    if (self->now_us < self->timer_due_us)
        return;
    self->timer_due_us = self->now_us + TIMER_US;
    broker_fault_release(self);
    broker_run_look(self);
    routes_expire(self->routes, self->now_us);
    for (size_t i = 0; i < self->peer_count; i++)
        broker_trouble_look(self, &self->peers[i]);
    for (size_t region = 0; region < self->spec.topology->region_count; region++)
        if (region != self->spec.region_index)
            s_tell_state(self, region);
}
