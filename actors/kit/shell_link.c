#include "actors/kit/shell_link.h"

#include "brokers/address_zmq.h"
#include "actors/kit/clock.h"
#include "brokers/frames_zmq.h"
#include "brokers/reach.h"
#include "codec/base/backoff.h"
#include "codec/base/log.h"
#include "codec/base/rng.h"

#include <czmq.h>
#include <unistd.h>

#define LINK_HELLO_US 1000000      /* between two hellos once registered */
#define LINK_FIRST_HELLO_US 100000 /* before */
#define LINK_TRY_US 5000           /* while there is no connection, growing to the former */
#define LINK_LOOK_US 200000        /* between two looks whether the broker is elsewhere now */
#define LINK_SILENCE_US                                                                                      \
    2000000                  /* no `registered` for so long after connecting: look for the broker again ... */
#define LINK_LOST_US 6000000 /* ... and after having been registered */
#define LINK_SEARCH_US 50000 /* between two looks for a broker that is not there yet, growing ... */
#define LINK_SEARCH_MAX_US 500000 /* ... to this */
#define LINK_COMPLAIN_US 5000000  /* between two log lines about it */
#define LINK_LINGER_MS 1000
#define LINK_RECONNECT_MS 50
#define LINK_RECONNECT_MAX_MS 200

struct shell_link {
    const char *name; /* borrowed from the shell */
    uint64_t incarnation, life, run;
    char host[WIRE_NAME_SIZE];
    shell_find_fn *find;
    void *find_hint;
    zsock_t *socket;
    char endpoint[TOPOLOGY_TEXT_MAX];
    bool registered, was_registered;
    int64_t started_us, heard_us, hello_us, look_us, search_us, complained_us, silent_us;
    backoff_t hello, search;
    reach_t *trial; /* of an address where nobody answers: why; NULL: none is under way */
    outbox_t held;
    size_t held_count;
    uint64_t dropped;
};

shell_link_t *shell_link_new(const char *name, uint64_t incarnation, uint64_t run, shell_find_fn *find,
                             void *find_hint)
{
    shell_link_t *self = calloc(1, sizeof *self);
    CHECK(self);
    self->name = name;
    self->incarnation = incarnation;
    self->run = run;
    self->life = rng_entropy() | 1;
    gethostname(self->host, sizeof self->host - 1);
    self->find = find;
    self->find_hint = find_hint;
    self->search = backoff_of(LINK_SEARCH_US, LINK_SEARCH_MAX_US);
    self->hello = backoff_of(LINK_TRY_US, LINK_FIRST_HELLO_US);
    self->started_us = self->complained_us = clock_now_us();
    outbox_init(&self->held);
    return self;
}

static void s_close_link(shell_link_t *self, int linger_ms)
{
    if (self->socket)
        zsock_set_linger(self->socket, linger_ms);
    zsock_destroy(&self->socket);
    self->registered = false;
}

void shell_link_destroy(shell_link_t **self_p, bool flush)
{
    shell_link_t *self = *self_p;
    *self_p = NULL;
    if (!self)
        return;
    s_close_link(self, flush ? LINK_LINGER_MS : 0);
    reach_destroy(&self->trial);
    outbox_fini(&self->held);
    free(self);
}

/* A new socket has a new routing id, given by the broker's ROUTER: an old connection that lingers takes
 * nothing from it. */
static err_code_t s_connect(shell_link_t *self, int64_t now_us, err_t *err)
{
    self->socket = zsock_new(ZMQ_DEALER);
    if (!self->socket)
        return err_set(err, ERR_LIMIT, "no more sockets; raise the limit of open files");
    zsock_set_sndhwm(self->socket, 0);
    zsock_set_rcvhwm(self->socket, 0);
    zsock_set_linger(self->socket, LINK_LINGER_MS);
    zsock_set_immediate(self->socket, 1);
    zsock_set_reconnect_ivl(self->socket, LINK_RECONNECT_MS);
    zsock_set_reconnect_ivl_max(self->socket, LINK_RECONNECT_MAX_MS);
    zsock_set_handshake_ivl(self->socket, 5000);
    address_choose_family(zsock_resolve(self->socket), self->endpoint);
    if (zmq_connect(zsock_resolve(self->socket), self->endpoint)) {
        err_code_t rc =
            err_set(err, ERR_UNREACHABLE, "connect to %s: %s", self->endpoint, zmq_strerror(errno));
        s_close_link(self, 0);
        return rc;
    }
    self->heard_us = now_us;
    self->look_us = now_us + LINK_LOOK_US;
    self->hello_us = 0;
    backoff_reset(&self->hello);
    return ERR_OK;
}

static void s_search(shell_link_t *self, int64_t now_us)
{
    if (now_us < self->search_us)
        return;
    err_t err = {0};
    err_code_t rc = self->find(self->find_hint, self->endpoint, &err);
    if (!rc)
        rc = s_connect(self, now_us, &err);
    if (!rc) {
        backoff_reset(&self->search);
        return;
    }
    self->search_us = now_us + backoff_next(&self->search);
    if (now_us - self->complained_us < LINK_COMPLAIN_US)
        return;
    self->complained_us = now_us;
    log_event(LEVEL_WARN, self->name, "waits", "for=broker since_s=%.1f reason=\"%s\"; looking again",
              (double)(now_us - self->started_us) / 1e6, err.text);
}

/* A broker that was started again is elsewhere, unless its address is fixed: the old socket would never
 * find it. */
static void s_look_at_link(shell_link_t *self, int64_t now_us)
{
    char endpoint[TOPOLOGY_TEXT_MAX];
    if (now_us < self->look_us)
        return;
    self->look_us = now_us + LINK_LOOK_US;
    if (self->find(self->find_hint, endpoint, NULL) || !strcmp(endpoint, self->endpoint))
        return;
    log_event(LEVEL_INFO, self->name, "broker_moved", "from=%s to=%s; connecting anew", self->endpoint,
              endpoint);
    s_close_link(self, 0);
    self->search_us = 0;
}

static void s_check_silence(shell_link_t *self, int64_t now_us)
{
    int64_t limit_us = self->registered ? LINK_LOST_US : LINK_SILENCE_US;
    if (now_us - self->heard_us < limit_us)
        return;
    if (!self->trial) {
        self->trial = reach_begin(self->endpoint);
        self->silent_us = self->heard_us;
    }
    s_close_link(self, 0);
    self->search_us = 0;
}

/* Tells how the trial of a silent address ended: who cannot be reached is something else than who does not
 * answer. */
static void s_tell_silence(shell_link_t *self, int64_t now_us)
{
    char why[REACH_TEXT_MAX];
    if (!self->trial || !reach_done(self->trial, why))
        return;
    reach_destroy(&self->trial);
    double since_s = (double)(now_us - self->silent_us) / 1e6;
    if (self->registered)
        return; /* it is there again */
    if (why[0])
        log_event(LEVEL_WARN, self->name, "broker_unreachable",
                  "endpoint=%s since_s=%.1f reason=\"%s\"; trying again", self->endpoint, since_s, why);
    else
        log_event(LEVEL_WARN, self->name, "broker_silent", "endpoint=%s since_s=%.1f; connecting anew",
                  self->endpoint, since_s);
}

/* Once a second when the broker knows us; before, soon after the connection is there. */
static void s_hello(shell_link_t *self, int64_t now_us)
{
    if (now_us < self->hello_us)
        return;
    message_t *hello = message_new(KIND_hello, "broker", self->name);
    hello->incarnation = self->incarnation;
    hello->hello.pid = (uint64_t)getpid();
    hello->hello.process = machine_process();
    hello->hello.life = self->life;
    hello->hello.run = self->run;
    message_set_name(hello->hello.host, self->host);
    bool sent = !frames_send_message_zmq(zsock_resolve(self->socket), NULL, 0, hello);
    message_destroy(&hello);
    self->registered = self->registered && sent;
    int64_t pause_us = backoff_next(&self->hello);
    self->hello_us = now_us + (self->registered ? LINK_HELLO_US : sent ? LINK_FIRST_HELLO_US : pause_us);
}

void shell_link_tick(shell_link_t *self, int64_t now_us)
{
    if (self->socket)
        s_check_silence(self, now_us);
    s_tell_silence(self, now_us);
    if (self->socket)
        s_look_at_link(self, now_us);
    if (!self->socket)
        s_search(self, now_us);
    if (self->socket)
        s_hello(self, now_us);
}

int64_t shell_link_due(const shell_link_t *self)
{
    if (!self->socket)
        return self->search_us;
    return self->hello_us < self->look_us ? self->hello_us : self->look_us;
}

void *shell_link_socket(const shell_link_t *self)
{
    return self->socket ? zsock_resolve(self->socket) : NULL;
}

bool shell_link_was_registered(const shell_link_t *self)
{
    return self->was_registered;
}

bool shell_link_readable(const shell_link_t *self)
{
    return self->socket && (zsock_events(self->socket) & ZMQ_POLLIN);
}

static void s_hold(shell_link_t *self, message_t **message_p)
{
    if (self->held_count == SHELL_HELD_MAX) {
        message_destroy(message_p);
        self->dropped++; /* the core sends it again, as after any loss */
        return;
    }
    outbox_add(&self->held, message_p);
    self->held_count++;
}

/* There is no connection now: the broker is gone, or another one listens there, which must learn who we
 * are. */
static void s_disconnected(shell_link_t *self, message_t **message_p)
{
    self->registered = false;
    self->hello_us = self->look_us = 0;
    backoff_reset(&self->hello);
    s_hold(self, message_p);
}

static void s_transmit(shell_link_t *self, message_t **message_p)
{
    err_code_t rc = frames_send_message_zmq(zsock_resolve(self->socket), NULL, 0, *message_p);
    if (rc == ERR_FULL || rc == ERR_UNREACHABLE)
        s_disconnected(self, message_p);
    else if (rc)
        self->dropped++;
    message_destroy(message_p);
}

/* The broker knows us: what was held back may go. */
static void s_registered(shell_link_t *self)
{
    self->heard_us = clock_now_us();
    if (self->registered)
        return;
    self->registered = self->was_registered = true;
    self->hello_us = self->heard_us + LINK_HELLO_US;
    message_t *message;
    for (size_t left = self->held_count; left > 0 && (message = outbox_take(&self->held)); left--) {
        self->held_count--;
        s_transmit(self, &message); /* back to the end when the connection is gone again */
    }
}

err_code_t shell_link_receive(shell_link_t *self, message_t **ret_message, err_t *err)
{
    if (!self->socket)
        return ERR_NOT_FOUND;
    frames_t frames;
    err_code_t rc = frames_recv_zmq(zsock_resolve(self->socket), NULL, &frames);
    if (rc == ERR_MALFORMED)
        return err_set(err, rc, "not two or three frames");
    if (rc)
        return rc;
    rc = frames_unpack(&frames, ret_message, err);
    frames_fini(&frames);
    if (!rc && (*ret_message)->kind == KIND_registered)
        s_registered(self);
    return rc;
}

void shell_link_send(shell_link_t *self, message_t **message_p)
{
    if (self->registered)
        s_transmit(self, message_p);
    else
        s_hold(self, message_p);
}
