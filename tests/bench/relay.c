/* relay - what the region broker costs: a client and a server, each a process, with the broker as the third
 * between them.
 *
 * Peer     a bare ROUTER socket that passes [to][head][data] on as [from][head][data], in the same run.
 * Figures  bytes per second of 1 MiB messages with a few in flight, and the median time of a request of 64
 * bytes and its reply. The ends do the same work in both cases: frames made once, nothing decoded. Both sets
 * of processes live at once and take short turns, so that what else the machine does meets both alike.
 */
#include "brokers/broker.h"
#include "brokers/frames_zmq.h"
#include "tests/bench/kit/bench.h"

#include <malloc.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#define IN_FLIGHT 8
#define MESSAGES 100 /* of a turn */
#define REQUESTS 500
#define LARGE (1 << 20)
#define SMALL 64
#define RUNS_MAX 256
#define TURNS 3 /* of the same processes; where the kernel puts their threads is drawn anew then */
#define CLIENT "worker/r0/0"
#define SERVER "shard/r0/0"

typedef struct {
    bool ours;
    const char *transport;
} scene_t;

/* One end of the exchange. What it sends begins with the same frames each time. */
typedef struct {
    void *context, *socket;
    char head[2][512]; /* ours: envelope and map; raw: routing id of the peer and a header */
    size_t head_size[2];
    bool ours;
    double hello_s;
} end_t;

static void s_check(bool good, const char *what)
{
    if (good)
        return;
    fprintf(stderr, "relay: %s: %s\n", what, zmq_strerror(errno));
    exit(1);
}

/* ---- the process in the middle ----------------------------------------------------------------------- */

static void s_tell(int to, const char *endpoint)
{
    s_check(write(to, endpoint, TOPOLOGY_TEXT_MAX) == TOPOLOGY_TEXT_MAX, "pipe");
}

static void s_pass_on(void *router)
{
    zmq_msg_t from, part;
    zmq_msg_init(&from);
    zmq_msg_init(&part);
    s_check(zmq_msg_recv(&from, router, 0) >= 0 && zmq_msg_recv(&part, router, 0) >= 0, "relay");
    s_check(zmq_msg_send(&part, router, ZMQ_SNDMORE) >= 0 && zmq_msg_send(&from, router, ZMQ_SNDMORE) >= 0,
            "relay");
    for (bool more = true; more;) {
        zmq_msg_init(&part);
        s_check(zmq_msg_recv(&part, router, 0) >= 0, "relay");
        more = zmq_msg_more(&part);
        s_check(zmq_msg_send(&part, router, more ? ZMQ_SNDMORE : 0) >= 0, "relay");
    }
}

static void s_raw_relay(const scene_t *scene, int to)
{
    char endpoint[TOPOLOGY_TEXT_MAX] = "";
    size_t size = sizeof endpoint;
    void *router = zmq_socket(zmq_ctx_new(), ZMQ_ROUTER);
    s_check(zmq_bind(router, strcmp(scene->transport, "ipc") == 0 ? "ipc://*" : "tcp://127.0.0.1:*") == 0,
            "bind");
    s_check(zmq_getsockopt(router, ZMQ_LAST_ENDPOINT, endpoint, &size) == 0, "endpoint");
    s_tell(to, endpoint);
    for (;;)
        s_pass_on(router);
}

static void s_broker(const scene_t *scene, int to)
{
    topology_t *topology = calloc(1, sizeof *topology);
    char endpoint[TOPOLOGY_TEXT_MAX] = "";
    topology->region_count = 1;
    strcpy(topology->regions[0].name, "r0");
    broker_spec_t spec = {.topology = topology};
    broker_t *broker = NULL;
    err_t err;
    if (broker_start(&spec, &broker, &err) != ERR_OK) {
        fprintf(stderr, "relay: %s\n", err.text);
        exit(1);
    }
    strcpy(endpoint, strcmp(scene->transport, "ipc") == 0 ? broker_ipc(broker) : broker_tcp(broker));
    s_tell(to, endpoint);
    sigset_t set;
    int which;
    sigemptyset(&set);
    sigaddset(&set, SIGTERM);
    sigwait(&set, &which);
    broker_stop(&broker, 0);
}

/* ---- ends -------------------------------------------------------------------------------------------- */

static void s_set(void *socket, int option, int value)
{
    s_check(zmq_setsockopt(socket, option, &value, sizeof value) == 0, "option");
}

static void s_heads(end_t *end, const scene_t *scene, const char *self, const char *peer)
{
    end->ours = scene->ours;
    if (!scene->ours) {
        end->head_size[0] = strlen(peer);
        memcpy(end->head[0], peer, end->head_size[0]);
        end->head_size[1] = 40;
        return;
    }
    message_t *message = message_new(KIND_push, peer, self);
    message->data = (slice_t){buf_new_zero(SMALL), 0, SMALL};
    frames_t frames = frames_pack(message);
    const slice_t *slices[] = {&frames.envelope, &frames.map};
    for (size_t i = 0; i < 2; i++) {
        end->head_size[i] = slices[i]->size_bytes;
        memcpy(end->head[i], slice_peek(slices[i]), slices[i]->size_bytes);
    }
    frames_fini(&frames);
    message_destroy(&message);
}

/* Once a second, as actors do: the broker forgets who is silent. */
static void s_heartbeat(end_t *end, const char *self)
{
    if (!end->ours || bench_now_s() - end->hello_s < 1)
        return;
    end->hello_s = bench_now_s();
    message_t *message = message_new(KIND_hello, "broker/r0", self);
    message->hello.pid = (uint64_t)getpid();
    s_check(frames_send_message_zmq(end->socket, NULL, 0, message) == ERR_OK, "hello");
    message_destroy(&message);
}

static void s_register(end_t *end, const char *self)
{
    zmq_pollitem_t item = {.socket = end->socket, .events = ZMQ_POLLIN};
    frames_t frames;
    s_heartbeat(end, self);
    s_check(zmq_poll(&item, 1, 10000) == 1, "registration");
    s_check(frames_recv_zmq(end->socket, NULL, &frames) == ERR_OK, "registration");
    frames_fini(&frames);
}

static end_t s_end(const scene_t *scene, const char *endpoint, const char *self, const char *peer)
{
    end_t end = {.context = zmq_ctx_new()};
    end.socket = zmq_socket(end.context, ZMQ_DEALER);
    s_set(end.socket, ZMQ_LINGER, 1000);
    s_set(end.socket, ZMQ_RCVTIMEO, 20000);
    if (!scene->ours)
        s_check(zmq_setsockopt(end.socket, ZMQ_ROUTING_ID, self, strlen(self)) == 0, "routing id");
    s_check(zmq_connect(end.socket, endpoint) == 0, "connect");
    s_heads(&end, scene, self, peer);
    if (scene->ours)
        s_register(&end, self);
    return end;
}

static void s_keep(void *data, void *hint)
{
    (void)data;
    (void)hint;
}

static void s_send(end_t *end, char *data, size_t size)
{
    zmq_msg_t msg;
    s_check(zmq_send(end->socket, end->head[0], end->head_size[0], ZMQ_SNDMORE) >= 0, "send");
    s_check(zmq_send(end->socket, end->head[1], end->head_size[1], ZMQ_SNDMORE) >= 0, "send");
    s_check(zmq_msg_init_data(&msg, data, size, s_keep, NULL) == 0, "message");
    s_check(zmq_msg_send(&msg, end->socket, 0) >= 0, "send");
}

/* Takes the next message with data and returns the data's size, 0 when none came within the time. The
 * broker's answers to hellos have none and are passed over. */
static size_t s_take(end_t *end)
{
    size_t size = 0, frames = 0;
    while (frames < 3) {
        frames = 0;
        for (bool more = true; more; frames++) {
            zmq_msg_t msg;
            zmq_msg_init(&msg);
            if (zmq_msg_recv(&msg, end->socket, 0) < 0)
                return 0;
            size = zmq_msg_size(&msg);
            more = zmq_msg_more(&msg);
            zmq_msg_close(&msg);
        }
    }
    return size;
}

/* Answers every message with a small one, until killed. */
static void s_server(const scene_t *scene, const char *endpoint, int to)
{
    static char reply[SMALL];
    end_t end = s_end(scene, endpoint, SERVER, CLIENT);
    s_set(end.socket, ZMQ_RCVTIMEO, -1);
    if (!scene->ours) { /* through the relay to itself: now the relay knows who is there */
        end_t self = end;
        self.head_size[0] = strlen(SERVER);
        memcpy(self.head[0], SERVER, self.head_size[0]);
        s_send(&self, reply, SMALL);
        s_take(&self);
    }
    s_tell(to, endpoint);
    while (s_take(&end)) {
        s_send(&end, reply, SMALL);
        s_heartbeat(&end, SERVER);
    }
}

static double s_rate(end_t *end, char *data)
{
    size_t sent = 0, answered = 0;
    double begin_s = bench_now_s();
    while (answered < MESSAGES) {
        for (; sent < MESSAGES && sent - answered < IN_FLIGHT; sent++)
            s_send(end, data, LARGE);
        s_check(s_take(end) == SMALL, "answer");
        answered++;
    }
    return (double)MESSAGES * LARGE / (bench_now_s() - begin_s);
}

static double s_request_us(end_t *end, char *data)
{
    static double times[REQUESTS];
    for (size_t i = 0; i < REQUESTS; i++) {
        double begin_s = bench_now_s();
        s_send(end, data, SMALL);
        s_check(s_take(end) == SMALL, "answer");
        times[i] = (bench_now_s() - begin_s) * 1e6;
    }
    return bench_median(times, REQUESTS);
}

/* Takes turns when told to, until told to quit. */
static void s_client(const scene_t *scene, const char *endpoint, int to, int commands)
{
    end_t end = s_end(scene, endpoint, CLIENT, SERVER);
    char *data = calloc(1, LARGE), command;
    memset(data, 1, LARGE);
    double figure = 0;
    for (int i = 0; i < 100; i++) { /* warm */
        s_send(&end, data, SMALL);
        s_check(s_take(&end) == SMALL, "the first answer");
    }
    do {
        s_check(write(to, &figure, sizeof figure) == sizeof figure, "pipe");
        if (read(commands, &command, 1) != 1 || command == 'q')
            return;
        s_heartbeat(&end, CLIENT);
        figure = command == 'r' ? s_rate(&end, data) : s_request_us(&end, data);
    } while (true);
}

/* ---- processes --------------------------------------------------------------------------------------- */

typedef enum { PART_RELAY, PART_SERVER, PART_CLIENT, PART_COUNT } part_t;

typedef struct {
    scene_t scene;
    pid_t pids[PART_COUNT];
    int from_client, to_client;
} stage_t;

static void s_play(part_t part, const scene_t *scene, const char *endpoint, int to, int commands)
{
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGTERM);
    if (part == PART_RELAY && scene->ours) {
        sigprocmask(SIG_BLOCK, &set, NULL); /* taken by sigwait */
        s_broker(scene, to);
    } else if (part == PART_RELAY) {
        s_raw_relay(scene, to);
    } else if (part == PART_SERVER) {
        s_server(scene, endpoint, to);
    } else {
        s_client(scene, endpoint, to, commands);
    }
    _exit(0);
}

static void s_read(int from, void *ret, size_t size)
{
    s_check(read(from, ret, size) == (ssize_t)size, "a process ended early");
}

/* Starts a process; *ret_from is what it tells. */
static pid_t s_start(part_t part, const stage_t *stage, const char *endpoint, int commands, int *ret_from)
{
    int pipes[2];
    s_check(pipe(pipes) == 0, "pipe");
    pid_t pid = fork();
    if (pid == 0) {
        close(pipes[0]);
        s_play(part, &stage->scene, endpoint, pipes[1], commands);
    }
    close(pipes[1]);
    *ret_from = pipes[0];
    return pid;
}

static void s_stage_open(stage_t *stage, bool ours, const char *transport)
{
    char endpoint[TOPOLOGY_TEXT_MAX];
    int from, commands[2];
    *stage = (stage_t){.scene = {.ours = ours, .transport = transport}, .to_client = -1};
    for (part_t part = PART_RELAY; part <= PART_SERVER; part++) {
        stage->pids[part] = s_start(part, stage, endpoint, -1, &from);
        s_read(from, endpoint, sizeof endpoint);
        close(from);
    }
    double ready;
    s_check(pipe(commands) == 0, "pipe");
    stage->to_client = commands[1];
    stage->pids[PART_CLIENT] = s_start(PART_CLIENT, stage, endpoint, commands[0], &stage->from_client);
    close(commands[0]);
    s_read(stage->from_client, &ready, sizeof ready);
}

static double s_turn(const stage_t *stage, char command)
{
    double figure;
    s_check(write(stage->to_client, &command, 1) == 1, "pipe");
    s_read(stage->from_client, &figure, sizeof figure);
    return figure;
}

static void s_stage_close(stage_t *stage)
{
    s_check(write(stage->to_client, "q", 1) == 1, "pipe");
    close(stage->to_client);
    for (int part = PART_CLIENT; part >= 0; part--) {
        if (part != PART_CLIENT)
            kill(stage->pids[part], SIGTERM);
        waitpid(stage->pids[part], NULL, 0);
    }
    close(stage->from_client);
}

/* ---- figures ----------------------------------------------------------------------------------------- */

static void s_compare(const char *name, const char *transport, char command, int runs)
{
    stage_t stages[2];
    double figures[2][RUNS_MAX];
    for (int run = 0; run < runs; run++)
        for (int ours = 0; ours < 2; ours++) {
            if (run % TURNS == 0)
                s_stage_open(&stages[ours], ours, transport);
            figures[ours][run] = s_turn(&stages[ours], command);
            if (run % TURNS == TURNS - 1 || run == runs - 1)
                s_stage_close(&stages[ours]);
        }
    bool rate = command == 'r';
    bench_row_t row = {
        .name = name, .transport = transport, .processes = 3, .peer = "bare ROUTER relay", .runs = runs};
    row.size_bytes = rate ? LARGE : SMALL;
    row.unit = rate ? "B/s" : "us";
    row.target = rate ? 0.7 : 1.3;
    row.at_most = !rate;
    row.value = bench_median(figures[1], (size_t)runs);
    row.peer_value = bench_median(figures[0], (size_t)runs);
    bench_row(&row);
}

/* Where the kernel puts woken threads changes small times threefold from second to second on a busy machine;
 * on one core what is left is the work. */
static void s_stay_on_one_core(void)
{
    cpu_set_t cores;
    CPU_ZERO(&cores);
    CPU_SET(sched_getcpu(), &cores);
    s_check(sched_setaffinity(0, sizeof cores, &cores) == 0, "affinity");
}

int main(int argc, char **argv)
{
    mallopt(M_MMAP_THRESHOLD, 1 << 30);
    mallopt(M_TRIM_THRESHOLD, 1 << 30);
    bench_open(argc, argv);
    int runs = bench_runs(25);
    if (runs > RUNS_MAX)
        runs = RUNS_MAX;
    const char *transports[] = {"ipc", "tcp"};
    for (size_t i = 0; i < 2; i++) {
        s_compare("relay", transports[i], 'r', runs);
        s_compare("relay", transports[i], 'l', runs);
    }
    s_stay_on_one_core();
    for (size_t i = 0; i < 2; i++)
        s_compare("relay_one_core", transports[i], 'l', runs);
    return bench_close();
}
