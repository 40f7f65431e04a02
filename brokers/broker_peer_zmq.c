/* broker_peer - the sockets below a link. Of `between` the first region listens (broker_greet_zmq.c). The
 * second dials, finds the other again when it came back elsewhere, and learns from a monitor when a
 * connection was made or lost.
 */
#include "brokers/address_zmq.h"
#include "brokers/broker_state_zmq.h"

#include "brokers/way.h"
#include "codec/base/log.h"
#include "codec/base/machine.h"
#include "codec/base/rng.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <string.h>

#define FIND_LEAST_US 100000
#define FIND_MOST_US 1000000
#define DRAIN_MAX 256
#define RELAY_AFTER_US 2000000 /* of a link not being up: a start or a short cut is waited for */
#define SNDBUF_LEAST 65536
#define SNDBUF_MOST (4 << 20)
#define RETRY_MOST_MS 2000 /* between two tries of tcp: above the round trip of a thin link that is full */
#ifndef TCP_RTO_MAX_MS
#define TCP_RTO_MAX_MS 44 /* of Linux 6.15; headers here are older */
#endif

static const char *s_region_name(const broker_t *self, const broker_peer_t *peer)
{
    return self->spec.topology->regions[peer->region_index].name;
}

/* Of a link's tcp connection. A kernel that lacks one of them, or keeps it for others, leaves the system's in
 * place. After an outage of ten seconds tcp would be silent for five more, as it doubles the time between
 * its tries. Pings are lost several times in a row where data fills a queue on the way: their connection has
 * little on its way, and tries again without doubling (linear timeouts, tcp(7)). */
void broker_peer_tune(const broker_peer_t *peer, int fd)
{
    const char *name = peer->spec->congestion;
    if (fd >= 0 && name[0] && strcmp(name, "system") != 0)
        (void)setsockopt(fd, IPPROTO_TCP, TCP_CONGESTION, name, (socklen_t)strlen(name));
    int retry_ms = RETRY_MOST_MS, on = 1;
    if (fd < 0)
        return;
    (void)setsockopt(fd, IPPROTO_TCP, TCP_RTO_MAX_MS, &retry_ms, sizeof retry_ms);
    (void)setsockopt(fd, IPPROTO_TCP, TCP_THIN_LINEAR_TIMEOUTS, &on, sizeof on);
}

/* ---- start and stop ---------------------------------------------------------------------------------- */

static int s_sndbuf(const topology_link_t *spec)
{
    double bytes =
        (double)spec->rate_bytes_per_s * (double)(spec->rtt_us > 20000 ? spec->rtt_us : 20000) * 1e-6;
    return bytes < SNDBUF_LEAST ? SNDBUF_LEAST : bytes > SNDBUF_MOST ? SNDBUF_MOST : (int)bytes;
}

static void s_set(void *socket, int option, int value)
{
    CHECK(zmq_setsockopt(socket, option, &value, sizeof value) == 0);
}

static err_code_t s_dial_socket(const broker_t *self, const broker_peer_t *peer, broker_side_t *side,
                                err_t *err)
{
    char endpoint[64];
    side->dealer = zmq_socket(self->context, ZMQ_DEALER);
    side->monitor = side->dealer ? zmq_socket(self->context, ZMQ_PAIR) : NULL;
    if (!side->monitor)
        return err_set(err, ERR_LIMIT, "%s: no more sockets: %s; raise the limit of open files", self->name,
                       zmq_strerror(errno));
    s_set(side->dealer, ZMQ_LINGER, 0);
    s_set(side->dealer, ZMQ_IMMEDIATE, 1);
    s_set(side->dealer, ZMQ_SNDHWM, 0); /* the link's window is the limit */
    s_set(side->dealer, ZMQ_RECONNECT_IVL, 50);
    s_set(side->dealer, ZMQ_RECONNECT_IVL_MAX, 1000);
    s_set(side->dealer, ZMQ_HANDSHAKE_IVL, 5000);
    s_set(side->dealer, ZMQ_TCP_MAXRT, 20000);
    if (peer->spec->rate_bytes_per_s)
        s_set(side->dealer, ZMQ_SNDBUF, s_sndbuf(peer->spec));
    int64_t most = MESSAGE_DATA_MAX;
    CHECK(zmq_setsockopt(side->dealer, ZMQ_MAXMSGSIZE, &most, sizeof most) == 0);
    snprintf(endpoint, sizeof endpoint, "inproc://broker-monitor-%016llx", (unsigned long long)rng_entropy());
    s_set(side->monitor, ZMQ_LINGER, 0);
    if (zmq_socket_monitor(side->dealer, endpoint,
                           ZMQ_EVENT_CONNECTED | ZMQ_EVENT_HANDSHAKE_SUCCEEDED | ZMQ_EVENT_DISCONNECTED) <
            0 ||
        zmq_connect(side->monitor, endpoint) < 0)
        return err_set(err, ERR_IO, "%s: cannot watch a connection: %s", self->name, zmq_strerror(errno));
    return ERR_OK;
}

static link_t *s_link(const broker_t *self, const broker_peer_t *peer)
{
    const topology_link_t *t = peer->spec;
    link_spec_t spec = {.session = rng_entropy() | 1,
                        .connections = peer->side_count - 1,
                        .measure = t->connections == 0,
                        .emulate = t->emulate,
                        .rate_bytes_per_s = t->rate_bytes_per_s,
                        .rtt_us = t->rtt_us,
                        .jitter_us = t->jitter_us,
                        .loss = t->loss,
                        .seed = self->spec.seed + self->spec.region_index * TOPOLOGY_REGIONS_MAX +
                                peer->region_index};
    spec.run = self->spec.run;
    spec.pid = self->pid;
    machine_name(spec.host);
    message_set_name(spec.local, self->region->name);
    message_set_name(spec.remote, s_region_name(self, peer));
    topology_digest(self->spec.topology, spec.digest);
    return link_new(&spec, self->now_us);
}

/* Those that are worth being open; dialled where the others are. */
static err_code_t s_open_sides(broker_t *self, broker_peer_t *peer, err_t *err)
{
    size_t wanted = (size_t)link_wanted(peer->link) + 1;
    while (peer->open_count < wanted && peer->open_count < peer->side_count) {
        broker_side_t *side = &peer->sides[peer->open_count];
        err_code_t code = s_dial_socket(self, peer, side, err);
        if (code != ERR_OK)
            return code;
        peer->open_count++;
        self->polls_changed = true;
        if (peer->endpoint[0])
            address_choose_family(side->dealer, peer->endpoint);
        if (peer->endpoint[0] && zmq_connect(side->dealer, peer->endpoint) < 0)
            return err_set(err, ERR_IO, "%s: cannot dial %s: %s", self->name, peer->endpoint,
                           zmq_strerror(errno));
    }
    return ERR_OK;
}

static err_code_t s_peer_start(broker_t *self, broker_peer_t *peer, const topology_link_t *spec, err_t *err)
{
    uint64_t connections = spec->connections ? spec->connections : LINK_CONNECTIONS_MEASURED;
    if (connections > LINK_CONNECTIONS_MAX)
        connections = LINK_CONNECTIONS_MAX;
    peer->spec = spec;
    peer->dials = spec->between[1] == self->spec.region_index;
    peer->region_index = peer->dials ? spec->between[0] : spec->between[1];
    peer->side_count = (size_t)connections + 1;
    peer->sides = calloc(peer->side_count, sizeof *peer->sides);
    CHECK(peer->sides);
    peer->find_pause = backoff_of(FIND_LEAST_US, FIND_MOST_US);
    broker_trouble_init(peer);
    peer->dirty = true;
    peer->down_us = self->now_us;
    peer->link = s_link(self, peer);
    return peer->dials ? s_open_sides(self, peer, err) : ERR_OK;
}

err_code_t broker_peers_start(broker_t *self, err_t *err)
{
    const topology_t *topology = self->spec.topology;
    self->polls_changed = true;
    self->peers = calloc(topology->region_count + 1, sizeof *self->peers);
    CHECK(self->peers);
    for (size_t i = 0; i < topology->link_count; i++) {
        const topology_link_t *spec = &topology->links[i];
        if (spec->between[0] != self->spec.region_index && spec->between[1] != self->spec.region_index)
            continue;
        err_code_t code = s_peer_start(self, &self->peers[self->peer_count++], spec, err);
        if (code != ERR_OK)
            return code;
    }
    return ERR_OK;
}

static void s_side_close(broker_side_t *side)
{
    if (side->dealer) {
        zmq_socket_monitor(side->dealer, NULL, 0);
        int64_t linger_us = 200000; /* the last acknowledgements */
        s_set(side->dealer, ZMQ_LINGER, (int)(linger_us / 1000));
        zmq_close(side->dealer);
    }
    if (side->monitor)
        zmq_close(side->monitor);
}

void broker_peers_stop(broker_t *self)
{
    for (size_t i = 0; i < self->peer_count; i++) {
        broker_peer_t *peer = &self->peers[i];
        for (size_t k = 0; k < peer->side_count; k++)
            s_side_close(&peer->sides[k]);
        free(peer->sides);
        broker_trouble_fini(peer);
        link_destroy(&peer->link);
    }
    free(self->peers);
    self->peers = NULL;
    self->peer_count = 0;
}

broker_peer_t *broker_peer_of(const broker_t *self, size_t region_index)
{
    for (size_t i = 0; i < self->peer_count; i++)
        if (self->peers[i].region_index == region_index)
            return &self->peers[i];
    return NULL;
}

/* The own link while it is up or may soon be; a relay while it is up and says that its link there is. */
static bool s_usable(const broker_t *self, const broker_peer_t *peer, size_t region_index)
{
    if (peer->region_index == region_index)
        return peer->up || self->now_us - peer->down_us < RELAY_AFTER_US;
    return peer->up && (link_stats(peer->link).reaches[region_index / 64] >> region_index % 64 & 1);
}

broker_peer_t *broker_peer_toward(const broker_t *self, size_t region_index, bool *ret_usable)
{
    const topology_t *topology = self->spec.topology;
    *ret_usable = false;
    if (region_index >= topology->region_count || region_index == self->spec.region_index)
        return NULL;
    bool usable[TOPOLOGY_REGIONS_MAX] = {false};
    for (size_t i = 0; i < self->peer_count; i++)
        usable[self->peers[i].region_index] = s_usable(self, &self->peers[i], region_index);
    size_t next = way_next(topology, self->spec.region_index, region_index, usable);
    if (next == SIZE_MAX)
        return NULL;
    *ret_usable = usable[next];
    return broker_peer_of(self, next);
}

static void s_tell_reaches(broker_t *self)
{
    _Static_assert(TOPOLOGY_REGIONS_MAX <= 64 * LINK_REACH_WORDS, "a bit for each region");
    uint64_t reaches[LINK_REACH_WORDS] = {0};
    for (size_t i = 0; i < self->peer_count; i++) {
        size_t region = self->peers[i].region_index;
        if (self->peers[i].up)
            reaches[region / 64] |= UINT64_C(1) << region % 64;
    }
    for (size_t i = 0; i < self->peer_count; i++)
        link_set_reaches(self->peers[i].link, reaches);
}

/* ---- the dialing side -------------------------------------------------------------------------------- */

static void s_redial(broker_t *self, broker_peer_t *peer, const char *endpoint)
{
    for (size_t i = 0; i < peer->open_count; i++) {
        if (peer->endpoint[0])
            zmq_disconnect(peer->sides[i].dealer, peer->endpoint);
        address_choose_family(peer->sides[i].dealer, endpoint);
        if (zmq_connect(peer->sides[i].dealer, endpoint) < 0)
            log_event(LEVEL_WARN, self->name, "link_dial", "region=%s endpoint=%s error=\"%s\"; trying again",
                      s_region_name(self, peer), endpoint, zmq_strerror(errno));
    }
    snprintf(peer->endpoint, sizeof peer->endpoint, "%s", endpoint);
}

/* While the link is down, or its control connection lost, the other side may be up elsewhere. */
static void s_find_endpoint(broker_t *self, broker_peer_t *peer)
{
    if (!peer->dials || self->now_us < peer->find_due_us)
        return;
    char endpoint[TOPOLOGY_TEXT_MAX];
    if (broker_find(self->spec.topology, peer->region_index, self->spec.run_dir, endpoint, NULL) == ERR_OK &&
        strcmp(endpoint, peer->endpoint) != 0) {
        s_redial(self, peer, endpoint);
        backoff_reset(&peer->find_pause);
    }
    peer->find_due_us = self->now_us + backoff_next(&peer->find_pause);
}

static void s_watch(broker_t *self, broker_peer_t *peer, size_t connection)
{
    for (;;) {
        zmq_msg_t event, address;
        zmq_msg_init(&event);
        if (zmq_msg_recv(&event, peer->sides[connection].monitor, ZMQ_DONTWAIT) < 0)
            return;
        uint16_t what = 0;
        uint32_t value = 0;
        if (zmq_msg_size(&event) >= sizeof what + sizeof value) {
            memcpy(&what, zmq_msg_data(&event), sizeof what);
            memcpy(&value, (const char *)zmq_msg_data(&event) + sizeof what, sizeof value);
        }
        zmq_msg_close(&event);
        zmq_msg_init(&address);
        zmq_msg_recv(&address, peer->sides[connection].monitor, ZMQ_DONTWAIT);
        zmq_msg_close(&address);
        if (connection == 0 && what != ZMQ_EVENT_CONNECTED) {
            peer->parted = what == ZMQ_EVENT_DISCONNECTED;
            backoff_reset(&peer->find_pause);
        }
        if (what == ZMQ_EVENT_CONNECTED)
            broker_peer_tune(peer, (int)value);
        else if (what == ZMQ_EVENT_HANDSHAKE_SUCCEEDED)
            link_connected(peer->link, connection, self->now_us);
        else if (what == ZMQ_EVENT_DISCONNECTED)
            link_disconnected(peer->link, connection, self->now_us);
        peer->dirty = true;
    }
}

static void s_read(broker_t *self, broker_peer_t *peer, size_t connection)
{
    for (size_t i = 0; i < DRAIN_MAX; i++) {
        frames_t frames;
        message_t *message = NULL;
        err_code_t code = frames_recv_zmq(peer->sides[connection].dealer, NULL, &frames);
        if (code == ERR_NOT_FOUND || code == ERR_IO)
            return;
        if (code == ERR_OK) {
            code = frames_unpack(&frames, &message, NULL);
            frames_fini(&frames);
        }
        if (code != ERR_OK)
            broker_post_malformed(self);
        else if (message->kind == KIND_refused)
            broker_peer_refused(self, peer, connection, &message);
        else
            link_message(peer->link, connection, &message, self->now_us);
        peer->dirty = true;
    }
}

size_t broker_peer_poll_count(const broker_t *self)
{
    size_t count = 0;
    for (size_t i = 0; i < self->peer_count; i++)
        count += 2 * self->peers[i].open_count;
    return count;
}

size_t broker_peer_poll_most(const broker_t *self)
{
    size_t count = 0;
    for (size_t i = 0; i < self->peer_count; i++)
        count += self->peers[i].dials ? 2 * self->peers[i].side_count : 0;
    return count;
}

void broker_peer_poll_items(const broker_t *self, zmq_pollitem_t *items)
{
    for (size_t i = 0; i < self->peer_count; i++)
        for (size_t k = 0; k < self->peers[i].open_count; k++) {
            *items++ = (zmq_pollitem_t){.socket = self->peers[i].sides[k].monitor, .events = ZMQ_POLLIN};
            *items++ = (zmq_pollitem_t){.socket = self->peers[i].sides[k].dealer, .events = ZMQ_POLLIN};
        }
}

void broker_peer_polled(broker_t *self, const zmq_pollitem_t *items)
{
    for (size_t i = 0; i < self->peer_count; i++)
        for (size_t k = 0; k < self->peers[i].open_count; k++, items += 2) {
            if (items[0].revents)
                s_watch(self, &self->peers[i], k);
            if (items[1].revents)
                s_read(self, &self->peers[i], k);
        }
}

/* ---- both -------------------------------------------------------------------------------------------- */

void broker_peer_send(broker_t *self, broker_peer_t *peer, uint64_t connection, const message_t *message)
{
    broker_side_t *side = &peer->sides[connection];
    if (broker_fault_cuts(self, peer->region_index))
        return;
    err_code_t code = ERR_UNREACHABLE;
    if (side->dealer)
        code = frames_send_message_zmq(side->dealer, NULL, 0, message);
    else if (side->id_size)
        code = frames_send_message_zmq(self->router, side->id, side->id_size, message);
    if (code != ERR_UNREACHABLE || side->dealer)
        return; /* what could not be sent counts as lost on the way */
    side->id_size = 0;
    link_disconnected(peer->link, connection, self->now_us);
}

static void s_log_changes(broker_t *self, broker_peer_t *peer)
{
    link_stats_t stats = link_stats(peer->link);
    if (stats.up != peer->up)
        log_event(stats.up ? LEVEL_INFO : LEVEL_WARN, self->name, stats.up ? "link_up" : "link_down",
                  stats.up ? "region=%s" : "region=%s; keeping what is to be sent, trying again",
                  s_region_name(self, peer));
    if (stats.foreign && !peer->foreign)
        log_event(LEVEL_WARN, self->name, "link_foreign",
                  "region=%s; its topology or its run is another: start both regions from the same file, for "
                  "the same run",
                  s_region_name(self, peer));
    bool changed = stats.up != peer->up;
    if (changed)
        *(stats.up ? &peer->up_us : &peer->down_us) = self->now_us;
    peer->up = stats.up;
    peer->was_up |= stats.up;
    if (changed)
        s_tell_reaches(self);
    peer->foreign = stats.foreign;
    if (stats.up && !peer->parted) {
        peer->find_due_us = INT64_MAX;
        backoff_reset(&peer->find_pause);
    } else if (peer->find_due_us == INT64_MAX) {
        peer->find_due_us = self->now_us;
    }
}

/* Without more sockets the link goes on with those it has. */
static void s_widen(broker_t *self, broker_peer_t *peer)
{
    err_t err = {0};
    if (!peer->dials || peer->cannot_open || peer->open_count > link_wanted(peer->link))
        return;
    peer->cannot_open = s_open_sides(self, peer, &err) != ERR_OK;
    if (peer->cannot_open)
        log_event(LEVEL_WARN, self->name, "link_narrow", "region=%s connections=%zu error=\"%s\"; going on",
                  s_region_name(self, peer), peer->open_count, err.text);
    else
        log_event(LEVEL_INFO, self->name, "link_wider", "region=%s connections=%zu",
                  s_region_name(self, peer), peer->open_count - 1);
}

static void s_pump(broker_t *self, broker_peer_t *peer)
{
    uint64_t connection;
    message_t *message;
    frames_t frames;
    s_find_endpoint(self, peer);
    link_tick(peer->link, self->now_us);
    s_widen(self, peer);
    while (link_take_delivered(peer->link, &frames)) {
        broker_post_delivered(self, peer, &frames);
        frames_fini(&frames);
    }
    while ((message = link_take_outgoing(peer->link, &connection))) {
        broker_peer_send(self, peer, connection, message);
        message_destroy(&message);
    }
    s_log_changes(self, peer);
    peer->dirty = false;
    peer->due_us = link_due(peer->link);
    if (peer->dials && peer->find_due_us < peer->due_us)
        peer->due_us = peer->find_due_us;
}

void broker_peers_pump(broker_t *self)
{
    for (size_t i = 0; i < self->peer_count; i++)
        if (self->peers[i].dirty || self->peers[i].due_us <= self->now_us)
            s_pump(self, &self->peers[i]);
}

int64_t broker_peers_due(const broker_t *self)
{
    int64_t due_us = INT64_MAX;
    for (size_t i = 0; i < self->peer_count; i++)
        if (self->peers[i].due_us < due_us)
            due_us = self->peers[i].due_us;
    return due_us;
}

bool broker_peers_idle(const broker_t *self)
{
    for (size_t i = 0; i < self->peer_count; i++)
        if (!link_idle(self->peers[i].link))
            return false;
    return true;
}

void broker_peers_change(broker_t *self, const topology_link_t *links)
{
    for (size_t i = 0; i < self->peer_count; i++) {
        broker_peer_t *peer = &self->peers[i];
        const topology_link_t *link = &links[peer->spec - self->spec.topology->links];
        if (!peer->spec->emulate)
            continue; /* is what it is */
        link_change(peer->link, link->rate_bytes_per_s, link->rtt_us);
        peer->dirty = true;
        log_event(LEVEL_INFO, self->name, "link_changed", "region=%s rate_bytes_per_s=%llu rtt_us=%lld",
                  s_region_name(self, peer), (unsigned long long)link->rate_bytes_per_s,
                  (long long)link->rtt_us);
    }
}
