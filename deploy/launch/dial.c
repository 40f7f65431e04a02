#include "deploy/launch/dial.h"

#include "actors/kit/clock.h"
#include "actors/model/model.h"
#include "brokers/address_zmq.h"
#include "brokers/frames_zmq.h"
#include "brokers/reach.h"
#include "brokers/topology_value.h"
#include "codec/base/machine.h"
#include "codec/base/rng.h"
#include "codec/base/units.h"
#include "codec/wire/actor_name.h"
#include "deploy/launch/dial_way.h"

#include <arpa/inet.h>
#include <czmq.h>
#include <errno.h>
#include <netdb.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/statvfs.h>
#include <unistd.h>

#define DIAL_TRANSFER "4MiB" /* fills 100 Mbit/s for a third of a second */

/* ---- where brokers listen ---- */

/* Why the address cannot be listened on at all; NULL: it can, or is merely in use. */
static const char *s_try_bind(const char *host)
{
    char plain[TOPOLOGY_TEXT_MAX];
    size_t length = strlen(host);
    bool six = host[0] == '[' && length > 2;
    snprintf(plain, sizeof plain, "%.*s", (int)(six ? length - 2 : length), host + six);
    struct addrinfo hints = {.ai_socktype = SOCK_STREAM, .ai_flags = AI_NUMERICHOST}, *found = NULL;
    if (getaddrinfo(plain, NULL, &hints, &found))
        return NULL; /* the name of an interface, which address_to_bind knows */
    int fd = socket(found->ai_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
    bool failed = fd >= 0 && bind(fd, found->ai_addr, found->ai_addrlen) && errno == EADDRNOTAVAIL;
    if (fd >= 0)
        close(fd);
    freeaddrinfo(found);
    return failed ? "is no address of this machine" : NULL;
}

/* Why a broker cannot listen there on this machine; NULL: it can. */
static const char *s_why_not(const char *bind, err_t *err)
{
    char endpoint[TOPOLOGY_TEXT_MAX], host[TOPOLOGY_TEXT_MAX];
    unsigned port;
    if (address_to_bind(bind, endpoint, err))
        return err->text;
    return value_endpoint(endpoint, host, &port) && host[0] != '*' ? s_try_bind(host) : NULL;
}

/* Its broker runs here, as far as that can be seen: it is dialled at an address of this machine. */
static bool s_is_here(const topology_t *topology, size_t index)
{
    err_t err = {0};
    const char *advertise = topology->regions[index].advertise;
    for (size_t r = 0; r < topology->region_count; r++)
        if (topology->regions[r].advertise[0])
            return advertise[0] && !s_why_not(advertise, &err);
    return true;
}

static size_t s_check_bind(const topology_region_t *region, bool here, FILE *out)
{
    err_t err = {0};
    const char *why = s_why_not(region->bind, &err);
    if (!why)
        return 0;
    const char *bind = why == err.text ? "" : region->bind, *space = why == err.text ? "" : " ";
    if (here)
        fprintf(out, "  problem: region %s: broker.bind %s%s%s; correct broker.bind\n", region->name, bind,
                space, why);
    else
        fprintf(out, "  %-16s broker.bind %s%s%s; well where its broker runs on another\n", region->name,
                bind, space, why);
    return here;
}

size_t dial_binds(const topology_t *topology, FILE *out)
{
    size_t problems = 0;
    for (size_t r = 0; r < topology->region_count; r++)
        problems += s_check_bind(&topology->regions[r], s_is_here(topology, r), out);
    return problems;
}

/* ---- who answers ---- */

typedef struct {
    const topology_region_t *region;
    char endpoint[TOPOLOGY_TEXT_MAX]; /* "": it has no address before it runs */
    reach_t *trial;
    bool over;
    char why[REACH_TEXT_MAX];
    void *socket;                /* to whoever listens there */
    char name[WIRE_NAME_SIZE];   /* as which this process greets */
    char answer[WIRE_NAME_SIZE]; /* "broker/REGION"; "": none */
    int64_t ahead_us;            /* how much its machine's time of day is, about; 0: not told */
    dial_way_t way;              /* to the region's own broker */
} call_t;

static void s_begin_call(call_t *self, const topology_region_t *region)
{
    char host[TOPOLOGY_TEXT_MAX];
    unsigned port;
    self->region = region;
    const char *endpoint = region->advertise[0] ? region->advertise : region->bind;
    if (!value_endpoint(endpoint, host, &port) || !port || !strcmp(host, "*") || !strcmp(host, "0.0.0.0") ||
        !strcmp(host, "[::]"))
        return;
    snprintf(self->endpoint, sizeof self->endpoint, "%s", endpoint);
    self->trial = reach_begin(endpoint);
}

/* A hello as an onlooker's: whoever is a broker answers it, and says of which region it is. */
static void s_greet(call_t *self, void *context)
{
    int linger = 0;
    self->socket = zmq_socket(context, ZMQ_DEALER);
    if (!self->socket)
        return;
    zmq_setsockopt(self->socket, ZMQ_LINGER, &linger, sizeof linger);
    address_choose_family(self->socket, self->endpoint);
    char part[24];
    snprintf(part, sizeof part, "%08llx", (unsigned long long)(rng_entropy() & 0xffffffff));
    message_set_name(self->name, actor_name_called(ROLE_WATCHER, self->region->name, part).text);
    message_t *hello = message_new(KIND_hello, "broker", self->name);
    hello->hello.pid = (uint64_t)getpid();
    hello->hello.life = rng_entropy() | 1;
    if (zmq_connect(self->socket, self->endpoint) || frames_send_message_zmq(self->socket, NULL, 0, hello))
        self->over = true;
    message_destroy(&hello);
}

static void s_hear(call_t *self)
{
    frames_t frames;
    message_t *message = NULL;
    if (frames_recv_zmq(self->socket, NULL, &frames))
        return;
    if (!frames_unpack(&frames, &message, NULL)) {
        snprintf(self->answer, sizeof self->answer, "%s", message->from);
        if (message->kind == KIND_registered && message->registered.day_us)
            self->ahead_us = message->registered.day_us - machine_day_us();
        self->over = true;
    }
    message_destroy(&message);
    frames_fini(&frames);
}

/* All calls go on at once; true when none is under way any more. */
static bool s_step(call_t *calls, size_t count, bool greeted)
{
    bool over = true;
    for (size_t i = 0; i < count; i++) {
        if (greeted && calls[i].socket && !calls[i].over)
            s_hear(&calls[i]);
        else if (!greeted && calls[i].trial && !calls[i].over)
            calls[i].over = reach_done(calls[i].trial, calls[i].why);
        over = over && (calls[i].over || (greeted ? !calls[i].socket : !calls[i].trial));
    }
    return over;
}

static void s_wait(call_t *calls, size_t count, bool greeted)
{
    int64_t end_us = clock_now_us() + (DIAL_PATIENCE_MS + 200) * INT64_C(1000);
    while (!s_step(calls, count, greeted) && clock_now_us() < end_us)
        (void)poll(NULL, 0, 10);
}

static bool s_is_right(const call_t *self)
{
    return actor_is_of(self->answer, ROLE_BROKER, self->region->name);
}

/* Its broker answers. */
static size_t s_tell_clock(const call_t *self, FILE *out)
{
    int64_t apart_us = llabs(self->ahead_us);
    char text[UNITS_TEXT_MAX];
    if (apart_us <= DIAL_CLOCK_S * INT64_C(1000000) + self->way.rtt_us)
        return 0;
    fprintf(out,
            "  problem: region %s: the clock of its broker is %s %s this machine's, so times in logs do not "
            "fit; set "
            "one of them\n",
            self->region->name, units_print_duration(apart_us, text),
            self->ahead_us > 0 ? "ahead of" : "behind");
    return 1;
}

static size_t s_tell_call(const call_t *self, FILE *out)
{
    const char *region = self->region->name;
    actor_parts_t broker;
    bool answered = actor_split(self->answer, strlen(self->answer), &broker) && broker.role == ROLE_BROKER;
    const char *answer = answered ? broker.region : "";
    const char *key = self->region->advertise[0] ? "broker.advertise" : "broker.bind";
    if (!self->endpoint[0])
        return 0;
    if (self->why[0] && strncmp(self->why, "connection refused", 18) == 0) {
        fprintf(out, "  %-16s %s: nobody listens there yet\n", region, self->endpoint);
        return 0;
    }
    if (s_is_right(self)) {
        fprintf(out, "  %-16s %s: its broker answers\n", region, self->endpoint);
        return s_tell_clock(self, out);
    }
    if (answer[0])
        fprintf(out, "  problem: region %s: %s is the broker of %s, not of %s; correct %s\n", region,
                self->endpoint, answer, region, key);
    else if (self->socket)
        fprintf(
            out,
            "  problem: region %s: %s is listened on, but by no broker; choose another port, or correct %s\n",
            region, self->endpoint, key);
    else
        fprintf(out, "  problem: region %s: %s: %s; correct %s, or mend the way to it\n", region,
                self->endpoint, self->why[0] ? self->why : "no answer in 3 s", key);
    return 1;
}

/* ---- links ---- */

static void s_tell_way(const call_t *self, uint64_t transfer_bytes, FILE *out)
{
    char text[UNITS_TEXT_MAX];
    fprintf(out, "    from here to %s: ", self->region->name);
    if (!s_is_right(self)) {
        fprintf(out, "not measured, as its broker does not answer\n");
        return;
    }
    if (!self->way.answered) {
        fprintf(out, "not measured, as nothing came back in %d s\n", DIAL_WAY_PATIENCE_MS / 1000);
        return;
    }
    fprintf(out, "round trip %s, ", units_print_duration(self->way.rtt_us, text));
    if (!transfer_bytes)
        fprintf(out, "rate not measured (--transfer %s would be sent for that)\n", DIAL_TRANSFER);
    else if (!self->way.rate_bytes_per_s)
        fprintf(out, "rate not measured, as too little of %s came back in %d s\n",
                units_print_size(self->way.sent_bytes, text), DIAL_WAY_PATIENCE_MS / 1000);
    else
        fprintf(out, "%s", units_print_rate(self->way.rate_bytes_per_s, text));
    if (transfer_bytes && self->way.rate_bytes_per_s)
        fprintf(out, ", of %s there and back\n", units_print_size(self->way.sent_bytes, text));
}

/* Beside what the file says of a link what was measured of the ways to its ends: where this machine is of one
 * of them, that to the other is the link. */
static void s_tell_link(const topology_link_t *link, const call_t *calls, uint64_t transfer_bytes, FILE *out)
{
    const call_t *ends[2] = {&calls[link->between[0]], &calls[link->between[1]]};
    char rate[UNITS_TEXT_MAX], rtt[UNITS_TEXT_MAX];
    if (!s_is_right(ends[0]) && !s_is_right(ends[1]))
        return;
    fprintf(out, "  %s - %s: the file says %s, round trip %s%s\n", ends[0]->region->name,
            ends[1]->region->name,
            link->rate_bytes_per_s ? units_print_rate(link->rate_bytes_per_s, rate) : "no rate",
            units_print_duration(link->rtt_us, rtt),
            link->emulate ? ", emulated by the brokers, which is not seen here" : "");
    for (size_t i = 0; i < 2; i++)
        s_tell_way(ends[i], transfer_bytes, out);
}

/* ---- all ---- */

/* Those that are no longer waited for are greeted. */
static void s_greet_all(call_t *calls, size_t count, void *context)
{
    for (size_t r = 0; r < count; r++) {
        if (!calls[r].over || calls[r].why[0])
            continue;
        calls[r].over = false;
        s_greet(&calls[r], context);
    }
    s_wait(calls, count, true);
}

size_t dial_brokers(const topology_t *topology, uint64_t transfer_bytes, FILE *out)
{
    size_t count = topology->region_count, problems = 0;
    call_t *calls = calloc(count, sizeof *calls);
    void *context = zmq_ctx_new();
    CHECK(calls && context);
    for (size_t r = 0; r < count; r++)
        s_begin_call(&calls[r], &topology->regions[r]);
    s_wait(calls, count, false);
    s_greet_all(calls, count, context);
    for (size_t r = 0; r < count; r++)
        if (s_is_right(&calls[r])) /* one after the other, so that none takes another's share */
            calls[r].way = dial_way_measure(calls[r].socket, calls[r].name, transfer_bytes);
    for (size_t r = 0; r < count; r++)
        problems += s_tell_call(&calls[r], out);
    for (size_t i = 0; i < topology->link_count; i++)
        s_tell_link(&topology->links[i], calls, transfer_bytes, out);
    for (size_t r = 0; r < count; r++) {
        reach_destroy(&calls[r].trial);
        if (calls[r].socket)
            zmq_close(calls[r].socket);
    }
    zmq_ctx_term(context);
    free(calls);
    return problems;
}

/* ---- room ---- */

/* Free bytes at the nearest existing folder of a path that is yet to be made. */
static bool s_free_bytes(const char *path, uint64_t *ret_bytes)
{
    char there[STATEDIR_PATH_MAX];
    struct statvfs room;
    snprintf(there, sizeof there, "%s", path);
    while (statvfs(there, &room)) {
        char *slash = strrchr(there, '/');
        if (!slash || errno != ENOENT)
            return false;
        slash[slash == there] = '\0';
    }
    *ret_bytes = (uint64_t)room.f_bavail * room.f_frsize;
    return true;
}

size_t dial_room(const launch_t *launch, FILE *out)
{
    const topology_t *topology = launch->topology;
    layout_t *layout = calloc(1, sizeof *layout);
    CHECK(layout);
    uint64_t parameters = model_layout_of(&topology->job.model, layout, NULL) ? 0 : layout->count, there = 0;
    free(layout);
    /* Parameters and what the optimizer remembers, of each snapshot that is kept, and one
     * that is being written. */
    const optimizer_row_t *optimizer = optimizer_find(topology->job.optimizer.name);
    uint64_t tensors = topology->region_count;
    for (size_t r = 0; r < topology->region_count; r++)
        tensors += optimizer_state(optimizer, topology_lanes(topology, r));
    uint64_t wanted =
        parameters * tensors * sizeof(float) * (topology->checkpoint.keep + topology->checkpoint.marks + 1);
    char need[UNITS_TEXT_MAX], have[UNITS_TEXT_MAX];
    if (!s_free_bytes(launch->state_dir, &there) || there >= wanted)
        return 0;
    fprintf(out, "  problem: %s has room for %s, and snapshots take about %s; make room, or keep fewer\n",
            launch->state_dir, units_print_size(there, have), units_print_size(wanted, need));
    return 1;
}
