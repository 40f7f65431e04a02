/* push_pull - a worker pushes a gradient to a shard and pulls the new parameters, through the region's
 * broker.
 *
 * Ours     the real broker, shell and shard core (no disk); the client speaks as a worker does: chunks of 1
 * MiB with checksums (none within one process), push and pull in one message, a few pairs in flight. Peers 1
 * process: memcpy of the same size. 2 processes (shard with the broker): a bare DEALER/ROUTER exchange of the
 *          same chunks, whose server adds them. 3 processes (broker alone): the same through a bare ROUTER
 * that relays. Figures  bytes both ways per second from 64 KiB on, pairs per second below.
 */
#include "tests/bench/kit/bench.h"

#include "actors/kit/clock.h"
#include "actors/kit/shell.h"
#include "actors/kit/wire.h"
#include "actors/model/optimizer.h"
#include "actors/shard/shard_core.h"
#include "brokers/broker.h"
#include "codec/base/hash.h"

#include <malloc.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>
#include <zmq.h>

#define MIB ((size_t)1 << 20)

typedef struct {
    const char *transport; /* inproc, ipc, tcp */
    int processes;         /* 1, 2, 3 */
    size_t size;           /* bytes one way */
    size_t pairs;          /* to measure */
    size_t in_flight;
} scene_t;

static void s_check(bool good, const char *what)
{
    if (!good) {
        fprintf(stderr, "push_pull: %s: %s\n", what, zmq_strerror(zmq_errno()));
        exit(1);
    }
}

static size_t s_chunks(size_t size)
{
    return (size + MESSAGE_CHUNK_BYTES - 1) / MESSAGE_CHUNK_BYTES;
}

static size_t s_chunk_size(size_t size, size_t chunk)
{
    size_t left = size - chunk * MESSAGE_CHUNK_BYTES;
    return left < MESSAGE_CHUNK_BYTES ? left : MESSAGE_CHUNK_BYTES;
}

/* ---- ours ---- */

static topology_t *s_topology(void)
{
    static const char text[] = "job:\n  name: bench\n  model: ledger\n"
                               "  data: {kind: counter, samples: 1000000000000}\n  epochs: 1\n  batch: 1\n"
                               "  optimizer: {name: sgd, lr: 0.001, momentum: 0, schedule: constant}\n"
                               "  sync: {strategy: asgd-ga, every: 1000000}\n"
                               "checkpoint: {every: 1000000000, durability: process}\n"
                               "regions:\n  - {name: r0, data_share: 1}\n";
    topology_t *topology = NULL;
    err_t err = {0};
    if (topology_parse("bench", text, sizeof text - 1, NULL, 0, &topology, &err)) {
        fprintf(stderr, "push_pull: %s\n", err.text);
        exit(1);
    }
    return topology;
}

typedef struct {
    const topology_t *topology;
    job_t job;
    const scene_t *scene;
} shard_hint_t;

static err_code_t s_shard_open(void *hint, uint64_t *incarnation, void **ret_core, err_t *err)
{
    shard_hint_t *self = hint;
    err_code_t code = job_derive(self->topology, self->topology->job.data.samples, &self->job, err);
    if (code)
        return code;
    shard_spec_t spec = {.topology = self->topology,
                         .job = &self->job,
                         .incarnation = *incarnation,
                         .elements = self->scene->size / sizeof(float),
                         .layout = 1,
                         .chunk_bytes = MESSAGE_CHUNK_BYTES,
                         .history = 1,
                         .checksums = self->scene->processes > 1};
    buf_t *initial = buf_new_zero(self->scene->size);
    *ret_core = shard_core_new(&spec, &initial);
    return ERR_OK;
}

static int64_t s_shard_work(void *hint, void *core, int64_t now_us)
{
    (void)hint;
    snapshot_t *snapshot = shard_core_take_snapshot(core, now_us);
    if (snapshot)
        shard_core_committed(core, snapshot->id.number, ERR_OK, now_us);
    snapshot_destroy(&snapshot);
    return ROLE_NEVER;
}

static void s_shard_close(void *hint)
{
    (void)hint;
}

static const shell_ops_t s_shard_ops = {.open = s_shard_open, .work = s_shard_work, .close = s_shard_close};

static err_code_t s_find(void *hint, char ret_endpoint[TOPOLOGY_TEXT_MAX], err_t *err)
{
    (void)err;
    snprintf(ret_endpoint, TOPOLOGY_TEXT_MAX, "%s", (const char *)hint);
    return ERR_OK;
}

static shell_t *s_start_shard(shard_hint_t *hint, char *endpoint)
{
    shell_spec_t spec = {.name = "shard/r0/0",
                         .incarnation = 1,
                         .role = &shard_role,
                         .ops = &s_shard_ops,
                         .hint = hint,
                         .find = s_find,
                         .find_hint = endpoint,
                         .notify_fd = -1};
    shell_t *shell = shell_start(&spec);
    err_t err = {0};
    if (shell_wait_ready(shell, &err)) {
        fprintf(stderr, "push_pull: shard: %s\n", err.text);
        exit(1);
    }
    return shell;
}

static broker_t *s_start_broker(const topology_t *topology, const char *run_dir)
{
    broker_spec_t spec = {.topology = topology, .run_dir = run_dir};
    broker_t *broker = NULL;
    err_t err = {0};
    if (broker_start(&spec, &broker, &err)) {
        fprintf(stderr, "push_pull: broker: %s\n", err.text);
        exit(1);
    }
    return broker;
}

static const char *s_endpoint(const broker_t *broker, const char *transport)
{
    return !strcmp(transport, "tcp") ? broker_tcp(broker) : broker_ipc(broker);
}

typedef struct {
    void *socket;
    buf_t *gradient;
    float *params;
    const scene_t *scene;
    uint64_t sent, done;
    uint64_t chunks; /* of all answers */
} client_t;

static void s_push(client_t *self)
{
    size_t chunk_count = s_chunks(self->scene->size);
    uint64_t batch = self->sent++;
    for (size_t c = 0; c < chunk_count; c++) {
        size_t bytes = s_chunk_size(self->scene->size, c), offset = c * MESSAGE_CHUNK_BYTES;
        message_t *message = message_new(KIND_push, "shard/r0/0", "worker/r0/0");
        message->incarnation = 1;
        message->number = message->push.batch = batch;
        message->push.samples = 1;
        message->push.chunk = c;
        message->push.chunk_count = chunk_count;
        message->push.offset = offset / sizeof(float);
        message->push.total = self->scene->size / sizeof(float);
        message->data = slice_of(self->gradient, offset, bytes);
        if (self->scene->processes > 1)
            message->push.checksum = hash_checksum(slice_peek(&message->data), bytes);
        if (c + 1 == chunk_count) {
            message->push.pull = batch + 1;
            message->push.pull_batch = batch + 1;
        }
        s_check(wire_send(self->socket, message) == ERR_OK, "send");
        message_destroy(&message);
    }
}

static void s_take(client_t *self, const message_t *message)
{
    if (message->kind == KIND_push_ack && (!message->push_ack.applied || message->push_ack.code)) {
        fprintf(stderr, "push_pull: batch %llu was not applied\n",
                (unsigned long long)message->push_ack.batch);
        exit(1);
    }
    if (message->kind != KIND_params)
        return;
    const void *data = slice_peek(&message->data);
    if (self->scene->processes > 1 &&
        hash_checksum(data, message->data.size_bytes) != message->params.checksum) {
        fprintf(stderr, "push_pull: a chunk does not match its checksum\n");
        exit(1);
    }
    memcpy(self->params + message->params.offset, data, message->data.size_bytes);
    self->done = ++self->chunks / s_chunks(self->scene->size);
}

static void s_receive(client_t *self)
{
    message_t *message = NULL;
    err_t err = {0};
    err_code_t code;
    while (!(code = wire_receive(self->socket, &message, &err))) {
        s_take(self, message);
        message_destroy(&message);
    }
    if (code != ERR_NOT_FOUND) {
        fprintf(stderr, "push_pull: receive: %s\n", err.text);
        exit(1);
    }
}

static void s_wait_registered(client_t *self)
{
    message_t *hello = message_new(KIND_hello, "broker/r0", "worker/r0/0");
    hello->incarnation = 1;
    s_check(wire_send(self->socket, hello) == ERR_OK, "hello");
    message_destroy(&hello);
    zmq_pollitem_t item = {.socket = self->socket, .events = ZMQ_POLLIN};
    s_check(zmq_poll(&item, 1, 10000) == 1, "the broker does not answer");
    s_receive(self);
}

/* Seconds for the scene's pairs. */
static double s_client(void *context, const char *endpoint, const scene_t *scene)
{
    client_t self = {.socket = zmq_socket(context, ZMQ_DEALER),
                     .gradient = buf_new(scene->size),
                     .params = malloc(scene->size),
                     .scene = scene};
    float *g = buf_data(self.gradient);
    for (size_t i = 0; i < scene->size / sizeof *g; i++)
        g[i] = (float)(i % 7) - 3;
    int zero = 0;
    zmq_setsockopt(self.socket, ZMQ_SNDHWM, &zero, sizeof zero);
    zmq_setsockopt(self.socket, ZMQ_RCVHWM, &zero, sizeof zero);
    zmq_setsockopt(self.socket, ZMQ_LINGER, &zero, sizeof zero);
    s_check(!zmq_connect(self.socket, endpoint), endpoint);
    s_wait_registered(&self);
    size_t warm = scene->pairs / 10 + 2;
    double start = 0;
    while (self.done < warm + scene->pairs) {
        if (!start && self.done >= warm)
            start = bench_now_s();
        while (self.sent < warm + scene->pairs && self.sent - self.done < scene->in_flight)
            s_push(&self);
        zmq_pollitem_t item = {.socket = self.socket, .events = ZMQ_POLLIN};
        s_check(zmq_poll(&item, 1, 20000) == 1, "no answer from the shard");
        s_receive(&self);
    }
    double seconds = bench_now_s() - start;
    zmq_close(self.socket);
    buf_destroy(&self.gradient);
    free(self.params);
    return seconds;
}

/* ---- processes: each part runs in a child; pipes say when it is ready and what it measured ---- */

typedef void part_fn(const scene_t *scene, const char *from, int to);

/* Starts a part; returns what it writes first (an endpoint or a figure) in `ret_text`. */
static pid_t s_part(part_fn *part, const scene_t *scene, const char *from, char ret_text[256])
{
    int ends[2];
    s_check(!pipe(ends), "pipe");
    fflush(stdout);
    pid_t pid = fork();
    s_check(pid >= 0, "fork");
    if (!pid) {
        close(ends[0]);
        part(scene, from, ends[1]);
        _exit(0);
    }
    close(ends[1]);
    ssize_t n = read(ends[0], ret_text, 255);
    close(ends[0]);
    s_check(n > 0, "a part of the benchmark failed");
    ret_text[n] = 0;
    return pid;
}

static void s_end(pid_t pid)
{
    kill(pid, SIGTERM);
    waitpid(pid, NULL, 0);
}

static void s_tell(int to, const char *text)
{
    s_check(write(to, text, strlen(text)) == (ssize_t)strlen(text), "pipe");
    close(to);
}

static void s_serve_forever(void)
{
    for (;;)
        pause();
}

static void s_part_broker(const scene_t *scene, const char *run_dir, int to)
{
    broker_t *broker = s_start_broker(s_topology(), run_dir);
    s_tell(to, s_endpoint(broker, scene->transport));
    s_serve_forever();
}

static void s_part_shard(const scene_t *scene, const char *endpoint, int to)
{
    static shard_hint_t hint;
    static char where[256];
    hint = (shard_hint_t){.topology = s_topology(), .scene = scene};
    snprintf(where, sizeof where, "%s", endpoint);
    s_start_shard(&hint, where);
    s_tell(to, "ready");
    s_serve_forever();
}

static void s_part_broker_and_shard(const scene_t *scene, const char *run_dir, int to)
{
    static shard_hint_t hint;
    static char where[256];
    hint = (shard_hint_t){.topology = s_topology(), .scene = scene};
    broker_t *broker = s_start_broker(hint.topology, run_dir);
    snprintf(where, sizeof where, "%s", broker_inproc(broker));
    s_start_shard(&hint, where);
    s_tell(to, s_endpoint(broker, scene->transport));
    s_serve_forever();
}

static void s_tell_seconds(int to, double seconds)
{
    char text[64];
    snprintf(text, sizeof text, "%.9f", seconds);
    s_tell(to, text);
}

static void s_part_client(const scene_t *scene, const char *endpoint, int to)
{
    void *context = zmq_ctx_new();
    s_tell_seconds(to, s_client(context, endpoint, scene));
    _exit(0);
}

static void s_part_all(const scene_t *scene, const char *run_dir, int to)
{
    shard_hint_t hint = {.topology = s_topology(), .scene = scene};
    char where[256];
    broker_t *broker = s_start_broker(hint.topology, run_dir);
    snprintf(where, sizeof where, "%s", broker_inproc(broker));
    s_start_shard(&hint, where);
    s_tell_seconds(to, s_client(clock_context(), where, scene));
    _exit(0);
}

static double s_measure(const scene_t *scene)
{
    char run_dir[] = "/tmp/cloudless-bench-XXXXXX", endpoint[256], text[256];
    s_check(mkdtemp(run_dir), "mkdtemp");
    if (scene->processes == 1) {
        s_end(s_part(s_part_all, scene, run_dir, text));
    } else {
        pid_t server =
            s_part(scene->processes == 2 ? s_part_broker_and_shard : s_part_broker, scene, run_dir, endpoint);
        pid_t shard = scene->processes == 3 ? s_part(s_part_shard, scene, endpoint, text) : 0;
        s_end(s_part(s_part_client, scene, endpoint, text));
        if (shard)
            s_end(shard);
        s_end(server);
    }
    char command[300];
    snprintf(command, sizeof command, "%s/broker-r0", run_dir);
    unlink(command);
    rmdir(run_dir);
    return strtod(text, NULL);
}

/* ---- the bare peers ---- */

static void *s_raw_socket(void *context, int type, const char *id)
{
    void *socket = zmq_socket(context, type);
    int zero = 0, one = 1;
    zmq_setsockopt(socket, ZMQ_SNDHWM, &zero, sizeof zero);
    zmq_setsockopt(socket, ZMQ_RCVHWM, &zero, sizeof zero);
    zmq_setsockopt(socket, ZMQ_LINGER, &zero, sizeof zero);
    if (type == ZMQ_ROUTER)
        zmq_setsockopt(socket, ZMQ_ROUTER_MANDATORY, &one, sizeof one);
    if (id)
        zmq_setsockopt(socket, ZMQ_ROUTING_ID, id, strlen(id));
    return socket;
}

static void s_raw_bind(void *socket, const char *transport, char ret_endpoint[256])
{
    size_t size = 256;
    s_check(!zmq_bind(socket, !strcmp(transport, "tcp") ? "tcp://127.0.0.1:*" : "ipc://*"), "bind");
    zmq_getsockopt(socket, ZMQ_LAST_ENDPOINT, ret_endpoint, &size);
}

static void s_no_free(void *data, void *hint)
{
    (void)data;
    (void)hint;
}

/* Receives [peer][header][chunk], adds the chunk, answers [peer][header][the sum]; `peer` is swapped by a
 * relay. */
static void s_raw_add_loop(void *socket, const scene_t *scene)
{
    float *sum = calloc(1, scene->size);
    size_t chunk_count = s_chunks(scene->size);
    for (uint64_t n = 0;; n++) {
        zmq_msg_t peer, header, chunk, answer;
        zmq_msg_init(&peer);
        zmq_msg_init(&header);
        zmq_msg_init(&chunk);
        if (zmq_msg_recv(&peer, socket, 0) < 0 || zmq_msg_recv(&header, socket, 0) < 0 ||
            zmq_msg_recv(&chunk, socket, 0) < 0)
            _exit(0);
        float *at = sum + (n % chunk_count) * (MESSAGE_CHUNK_BYTES / sizeof(float));
        vector_add(zmq_msg_size(&chunk) / sizeof(float), at, zmq_msg_data(&chunk));
        zmq_msg_init_data(&answer, at, zmq_msg_size(&chunk), s_no_free, NULL);
        zmq_msg_send(&peer, socket, ZMQ_SNDMORE);
        zmq_msg_send(&header, socket, ZMQ_SNDMORE);
        zmq_msg_send(&answer, socket, 0);
        zmq_msg_close(&chunk);
    }
}

static void s_raw_server(const scene_t *scene, const char *endpoint, int to)
{
    void *context = zmq_ctx_new();
    char where[256] = "ready";
    void *socket = s_raw_socket(context, *endpoint ? ZMQ_DEALER : ZMQ_ROUTER, *endpoint ? "server" : NULL);
    if (*endpoint)
        s_check(!zmq_connect(socket, endpoint), endpoint);
    else
        s_raw_bind(socket, scene->transport, where);
    if (*endpoint) { /* through the relay to itself and back: now it knows who is there */
        char back[16];
        s_check(zmq_send(socket, "server", 6, ZMQ_SNDMORE) >= 0 && zmq_send(socket, "", 0, 0) >= 0, "greet");
        s_check(zmq_recv(socket, back, sizeof back, 0) >= 0 && zmq_recv(socket, back, sizeof back, 0) >= 0,
                "greet");
    }
    s_tell(to, where);
    s_raw_add_loop(socket, scene);
}

/* Every message is [from][to]...; what goes out is [to][from]... */
static void s_raw_relay(const scene_t *scene, const char *from, int to)
{
    (void)from;
    void *context = zmq_ctx_new(), *socket = s_raw_socket(context, ZMQ_ROUTER, NULL);
    char where[256];
    s_raw_bind(socket, scene->transport, where);
    s_tell(to, where);
    for (;;) {
        zmq_msg_t source, target, part;
        zmq_msg_init(&source);
        zmq_msg_init(&target);
        if (zmq_msg_recv(&source, socket, 0) < 0 || zmq_msg_recv(&target, socket, 0) < 0)
            _exit(0);
        bool deliver = zmq_msg_send(&target, socket, ZMQ_SNDMORE) >= 0 &&
                       zmq_msg_send(&source, socket, ZMQ_SNDMORE) >= 0;
        int more = 1;
        while (more) {
            zmq_msg_init(&part);
            zmq_msg_recv(&part, socket, 0);
            more = zmq_msg_more(&part);
            if (deliver)
                zmq_msg_send(&part, socket, more ? ZMQ_SNDMORE : 0);
            else
                zmq_msg_close(&part);
        }
    }
}

static void s_raw_push(void *socket, const scene_t *scene, char *gradient, bool relayed)
{
    char header[100] = {0}; /* as long as our envelope and map */
    for (size_t c = 0; c < s_chunks(scene->size); c++) {
        zmq_msg_t chunk;
        zmq_msg_init_data(&chunk, gradient + c * MESSAGE_CHUNK_BYTES, s_chunk_size(scene->size, c), s_no_free,
                          NULL);
        if (relayed)
            zmq_send(socket, "server", 6, ZMQ_SNDMORE);
        zmq_send(socket, header, sizeof header, ZMQ_SNDMORE);
        s_check(zmq_msg_send(&chunk, socket, 0) >= 0, "raw send");
    }
}

/* Takes one message; true when it was one chunk of an answer. */
static bool s_raw_take(void *socket, char *params)
{
    bool took = false;
    for (int more = 1; more;) {
        zmq_msg_t part;
        zmq_msg_init(&part);
        if (zmq_msg_recv(&part, socket, took ? 0 : ZMQ_DONTWAIT) < 0)
            return false;
        took = true;
        more = zmq_msg_more(&part);
        if (!more)
            memcpy(params, zmq_msg_data(&part), zmq_msg_size(&part));
        zmq_msg_close(&part);
    }
    return true;
}

static void s_raw_client(const scene_t *scene, const char *endpoint, int to)
{
    void *context = zmq_ctx_new(), *socket = s_raw_socket(context, ZMQ_DEALER, "client");
    bool relayed = scene->processes == 3;
    char *gradient = calloc(1, scene->size), *params = malloc(scene->size);
    s_check(!zmq_connect(socket, endpoint), endpoint);
    size_t warm = scene->pairs / 10 + 2, sent = 0, chunks = 0, done = 0;
    double start = 0;
    while (done < warm + scene->pairs) {
        if (!start && done >= warm)
            start = bench_now_s();
        for (; sent < warm + scene->pairs && sent - done < scene->in_flight; sent++)
            s_raw_push(socket, scene, gradient, relayed);
        zmq_pollitem_t item = {.socket = socket, .events = ZMQ_POLLIN};
        s_check(zmq_poll(&item, 1, 20000) == 1, "no answer from the bare server");
        while (s_raw_take(socket, params))
            done = ++chunks / s_chunks(scene->size);
    }
    s_tell_seconds(to, bench_now_s() - start);
    _exit(0);
}

static double s_measure_raw(const scene_t *scene)
{
    char endpoint[256], text[256];
    pid_t relay = scene->processes == 3 ? s_part(s_raw_relay, scene, "", endpoint) : 0;
    pid_t server = s_part(s_raw_server, scene, relay ? endpoint : "", relay ? text : endpoint);
    s_end(s_part(s_raw_client, scene, endpoint, text));
    s_end(server);
    if (relay)
        s_end(relay);
    return strtod(text, NULL);
}

/* ---- the table ---- */

static double s_rate(const scene_t *scene, double seconds)
{
    double pairs = (double)scene->pairs / seconds;
    return scene->size >= 64 * 1024 ? pairs * 2 * (double)scene->size : pairs;
}

static void s_scene(const char *transport, int processes, size_t size, double target)
{
    size_t pairs = 384 * MIB / size;
    pairs = pairs < 12 ? 12 : pairs > 40000 ? 40000 : pairs;
    size_t in_flight = 8 * MIB / size;
    in_flight = in_flight < 2 ? 2 : in_flight > 128 ? 128 : in_flight;
    scene_t scene = {transport, processes, size, pairs, in_flight};
    int runs = bench_runs(3);
    double ours[64], peer[64];
    for (int i = 0; i < runs && i < 64; i++) {
        ours[i] = s_rate(&scene, s_measure(&scene));
        peer[i] = processes == 1 ? bench_memcpy_rate(size < 4096 ? 4096 : size)
                                 : s_rate(&scene, s_measure_raw(&scene));
    }
    bool bytes = size >= 64 * 1024;
    bench_row_t row = {"push_pull",
                       size,
                       transport,
                       processes,
                       bench_median(ours, (size_t)runs),
                       bytes ? "B/s" : "pairs/s",
                       processes == 1   ? (bytes ? "memcpy" : NULL)
                       : processes == 2 ? "bare ROUTER/DEALER"
                                        : "bare ROUTER relay",
                       bench_median(peer, (size_t)runs),
                       target,
                       false,
                       runs};
    bench_row(&row);
}

int main(int argc, char **argv)
{
    mallopt(M_MMAP_THRESHOLD, 1 << 30);
    mallopt(M_TRIM_THRESHOLD, 1 << 30);
    bench_open(argc, argv);
    static const size_t sizes[] = {64, 4096, 64 * 1024, 1048576, 4194304, 67108864};
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        bool large = sizes[i] >= 1048576;
        s_scene("inproc", 1, sizes[i], sizes[i] == 4194304 ? 0.5 : 0);
        s_scene("ipc", 2, sizes[i], large ? 0.8 : 0);
        s_scene("tcp", 2, sizes[i], large ? 0.8 : 0);
        s_scene("ipc", 3, sizes[i], large ? 0.7 : 0);
        s_scene("tcp", 3, sizes[i], large ? 0.7 : 0);
    }
    return bench_close();
}
