#include "deploy/launch/dial.h"

#include "actors/kit/clock.h"
#include "actors/model/model.h"
#include "brokers/address_zmq.h"
#include "brokers/frames_zmq.h"
#include "brokers/reach.h"
#include "brokers/topology_value.h"
#include "codec/base/rng.h"
#include "codec/base/units.h"

#include <arpa/inet.h>
#include <czmq.h>
#include <errno.h>
#include <netdb.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/statvfs.h>
#include <unistd.h>

/* ---- where brokers listen
 * ------------------------------------------------------------------------------------ */

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

static size_t s_check_bind(const topology_region_t *region, FILE *out)
{
    char endpoint[TOPOLOGY_TEXT_MAX], host[TOPOLOGY_TEXT_MAX];
    unsigned port;
    err_t err = {0};
    const char *why = NULL;
    if (address_to_bind(region->bind, endpoint, &err))
        why = err.text;
    else if (value_endpoint(endpoint, host, &port) && host[0] != '*')
        why = s_try_bind(host);
    if (!why)
        return 0;
    fprintf(out, "  problem: region %s: broker.bind %s%s%s; correct broker.bind\n", region->name,
            why == err.text ? "" : region->bind, why == err.text ? "" : " ", why);
    return 1;
}

size_t dial_binds(const topology_t *topology, FILE *out)
{
    size_t problems = 0;
    for (size_t r = 0; r < topology->region_count; r++)
        if (topology->regions[r].advertise[0])
            return 0; /* of several machines: which regions are of this one is not known */
    for (size_t r = 0; r < topology->region_count; r++)
        problems += s_check_bind(&topology->regions[r], out);
    return problems;
}

/* ---- who answers
 * --------------------------------------------------------------------------------------------- */

typedef struct {
    const topology_region_t *region;
    char endpoint[TOPOLOGY_TEXT_MAX]; /* "": it has no address before it runs */
    reach_t *trial;
    bool over;
    char why[REACH_TEXT_MAX];
    void *socket;                /* to whoever listens there */
    char answer[WIRE_NAME_SIZE]; /* "broker/REGION"; "": none */
} call_t;

static void s_begin(call_t *self, const topology_region_t *region)
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
    char name[WIRE_NAME_SIZE];
    snprintf(name, sizeof name, "watcher/%s/%08llx", self->region->name,
             (unsigned long long)(rng_entropy() & 0xffffffff));
    message_t *hello = message_new(KIND_hello, "broker", name);
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

static size_t s_tell(const call_t *self, FILE *out)
{
    const char *region = self->region->name;
    const char *answer = strncmp(self->answer, "broker/", 7) == 0 ? self->answer + 7 : "";
    const char *key = self->region->advertise[0] ? "broker.advertise" : "broker.bind";
    if (!self->endpoint[0])
        return 0;
    if (self->why[0] && strncmp(self->why, "connection refused", 18) == 0) {
        fprintf(out, "  %-16s %s: nobody listens there yet\n", region, self->endpoint);
        return 0;
    }
    if (strcmp(answer, region) == 0) {
        fprintf(out, "  %-16s %s: its broker answers\n", region, self->endpoint);
        return 0;
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

size_t dial_brokers(const topology_t *topology, FILE *out)
{
    size_t count = topology->region_count, problems = 0;
    call_t *calls = calloc(count, sizeof *calls);
    void *context = zmq_ctx_new();
    CHECK(calls && context);
    for (size_t r = 0; r < count; r++)
        s_begin(&calls[r], &topology->regions[r]);
    s_wait(calls, count, false);
    for (size_t r = 0; r < count; r++) {
        if (!calls[r].over || calls[r].why[0])
            continue;
        calls[r].over = false;
        s_greet(&calls[r], context);
    }
    s_wait(calls, count, true);
    for (size_t r = 0; r < count; r++) {
        problems += s_tell(&calls[r], out);
        reach_destroy(&calls[r].trial);
        if (calls[r].socket)
            zmq_close(calls[r].socket);
    }
    zmq_ctx_term(context);
    free(calls);
    return problems;
}

/* ---- room
 * ---------------------------------------------------------------------------------------------------- */

/* What is there of a path that is yet to be made. */
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
    uint64_t parameters = model_layout_of(topology->job.model, layout, NULL) ? 0 : layout->count, there = 0;
    free(layout);
    /* Parameters and their momentum, of each snapshot that is kept, and one that is being written. */
    uint64_t wanted = topology->region_count * parameters * 2 * sizeof(float) *
                      (topology->checkpoint.keep + topology->checkpoint.marks + 1);
    char need[UNITS_TEXT_MAX], have[UNITS_TEXT_MAX];
    if (!s_free_bytes(launch->state_dir, &there) || there >= wanted)
        return 0;
    fprintf(out, "  problem: %s has room for %s, and snapshots take about %s; make room, or keep fewer\n",
            launch->state_dir, units_print_size(there, have), units_print_size(wanted, need));
    return 1;
}
