/* push_pull - a worker pushes a gradient to a shard and pulls the new parameters, through the region's
 * broker.
 *
 * Ours     the real broker, shell and shard core (no disk); the client speaks as a worker does: chunks of 1
 *          MiB with checksums (none within one process), push and pull in one message, a few pairs in flight.
 * Peers    one process: memcpy of the same size. Two (the shard with the broker): a bare DEALER/ROUTER
 *          exchange of the same chunks, whose server adds them. Three (the broker alone): the same through a
 *          bare ROUTER that relays. A bare exchange has no checksums; the rows "checked" compare with one
 *          that has.
 * Figures  bytes both ways per second from 64 KiB on, pairs per second below. Both sides' processes live at
 *          once and take short turns; a figure is the median of its turns.
 */
#include "actors/kit/shell.h"
#include "actors/shard/shard_core.h"
#include "brokers/broker.h"
#include "brokers/frames_zmq.h"
#include "codec/base/hash.h"
#include "tests/bench/kit/bench.h"
#include "tests/bench/kit/exchange.h"

#include <czmq.h>
#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define MIB ((size_t)1 << 20)
#define RUNS 7
#define RUNS_MAX 64
#define SHARD "shard/r0/0"
#define WORKER "worker/r0/0"

static char s_run_dir[] = "/tmp/cloudless-bench-XXXXXX";

/* ---- broker and shard -------------------------------------------------------------------------------- */

static const topology_t *s_topology(void)
{
    static const char text[] = "job:\n  name: bench\n  model: ledger\n"
                               "  data: {kind: counter, samples: 4000000000}\n  epochs: 1\n  batch: 1\n"
                               "  optimizer: {name: sgd, lr: 0.001, momentum: 0, schedule: constant}\n"
                               "  sync: {strategy: asgd-ga, every: 1000}\n"
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
    const exchange_t *scene;
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

/* A store that takes no time. */
static int64_t s_shard_work(void *hint, void *core, int64_t now_us)
{
    (void)hint;
    snapshot_t *snapshot = shard_core_take_snapshot(core, now_us);
    if (snapshot)
        shard_core_committed(core, snapshot->id.number, ERR_OK, now_us);
    snapshot_destroy(&snapshot);
    return ROLE_NEVER;
}

static err_code_t s_find(void *hint, char ret_endpoint[TOPOLOGY_TEXT_MAX], err_t *err)
{
    (void)err;
    snprintf(ret_endpoint, TOPOLOGY_TEXT_MAX, "%s", (const char *)hint);
    return ERR_OK;
}

/* Of the one process that calls it; lives as long as that. */
static void s_start_shard(const exchange_t *scene, const char *endpoint)
{
    static const shell_ops_t ops = {.open = s_shard_open, .work = s_shard_work};
    static shard_hint_t hint;
    static char where[TOPOLOGY_TEXT_MAX];
    hint = (shard_hint_t){.topology = s_topology(), .scene = scene};
    snprintf(where, sizeof where, "%s", endpoint);
    shell_spec_t spec = {.name = SHARD,
                         .incarnation = 1,
                         .role = &shard_role,
                         .ops = &ops,
                         .hint = &hint,
                         .find = s_find,
                         .find_hint = where,
                         .notify_fd = -1};
    err_t err = {0};
    if (shell_wait_ready(shell_start(&spec), &err)) {
        fprintf(stderr, "push_pull: shard: %s\n", err.text);
        exit(1);
    }
}

static broker_t *s_start_broker(void)
{
    broker_spec_t spec = {.topology = s_topology(), .run_dir = s_run_dir};
    broker_t *broker = NULL;
    err_t err = {0};
    if (broker_start(&spec, &broker, &err)) {
        fprintf(stderr, "push_pull: broker: %s\n", err.text);
        exit(1);
    }
    return broker;
}

/* ---- worker ------------------------------------------------------------------------------------------ */

typedef struct {
    const exchange_t *scene;
    void *socket;
    buf_t *gradient;
    char *params;
    uint64_t batch, chunks; /* pushed; received */
    bool met;               /* the shard has answered */
} client_t;

static void s_send(client_t *self, message_t **message_p)
{
    err_code_t code = frames_send_message_zmq(self->socket, NULL, 0, *message_p);
    stage_check(!code, "send");
    message_destroy(message_p);
}

static void s_push(client_t *self)
{
    const exchange_t *scene = self->scene;
    size_t chunk_count = exchange_chunk_count(scene);
    uint64_t batch = self->batch++;
    for (size_t c = 0; c < chunk_count; c++) {
        size_t bytes = exchange_chunk_size(scene, c), offset = c * MESSAGE_CHUNK_BYTES;
        message_t *message = message_new(KIND_push, SHARD, WORKER);
        message->incarnation = 1;
        message->number = message->push.batch = batch;
        message->push.samples = 1;
        message->push.chunk = c;
        message->push.chunk_count = chunk_count;
        message->push.offset = offset / sizeof(float);
        message->push.total = scene->size / sizeof(float);
        message->data = slice_of(self->gradient, offset, bytes);
        if (scene->processes > 1)
            message->push.checksum = hash_checksum(slice_peek(&message->data), bytes);
        if (c + 1 == chunk_count)
            message->push.pull = message->push.pull_batch = batch + 1;
        s_send(self, &message);
    }
}

static void s_take(client_t *self, const message_t *message)
{
    if (message->kind == KIND_push_ack)
        stage_check(message->push_ack.applied && !message->push_ack.code, "a push was not applied");
    stage_check(message->kind != KIND_refused, "a message was refused");
    if (message->kind == KIND_params && !message->number)
        self->met = true;
    if (message->kind != KIND_params || !message->number)
        return;
    const void *data = slice_peek(&message->data);
    size_t size = message->data.size_bytes;
    if (self->scene->processes > 1)
        stage_check(hash_checksum(data, size) == message->params.checksum, "a damaged chunk");
    memcpy(self->params + message->params.offset * sizeof(float), data, size);
    self->chunks++;
}

static void s_receive(client_t *self)
{
    for (;;) {
        frames_t frames;
        message_t *message = NULL;
        err_code_t code = frames_recv_zmq(self->socket, NULL, &frames);
        if (code == ERR_NOT_FOUND)
            return;
        stage_check(!code && !frames_unpack(&frames, &message, NULL), "receive");
        frames_fini(&frames);
        s_take(self, message);
        message_destroy(&message);
    }
}

/* Also now and then: the broker forgets who is silent. */
static void s_hello(client_t *self)
{
    message_t *hello = message_new(KIND_hello, "broker/r0", WORKER);
    hello->incarnation = 1;
    hello->hello.pid = (uint64_t)getpid();
    s_send(self, &hello);
}

/* Asks for the parameters until the shard is there to answer. */
static void s_meet(client_t *self)
{
    s_hello(self);
    while (!self->met) {
        message_t *pull = message_new(KIND_pull, SHARD, WORKER);
        pull->incarnation = 1;
        pull->pull.newest = true;
        s_send(self, &pull);
        exchange_poll(self->socket);
        s_receive(self);
    }
}

static double s_turn(client_t *self)
{
    const exchange_t *scene = self->scene;
    size_t sent = 0, done = 0;
    s_hello(self);
    self->chunks = 0;
    double start = bench_now_s();
    while (done < scene->pairs) {
        for (; sent < scene->pairs && sent - done < scene->in_flight; sent++)
            s_push(self);
        exchange_poll(self->socket);
        s_receive(self);
        done = self->chunks / exchange_chunk_count(scene);
    }
    return bench_now_s() - start;
}

static void s_client(void *context, const char *endpoint, const exchange_t *scene)
{
    client_t self = {.socket = exchange_socket(context, ZMQ_DEALER, NULL),
                     .gradient = buf_new(scene->size),
                     .params = malloc(scene->size),
                     .scene = scene};
    stage_check(self.gradient && self.params, "memory");
    float *g = buf_data(self.gradient);
    for (size_t i = 0; i < scene->size / sizeof *g; i++)
        g[i] = (float)(i % 7) - 3;
    stage_check(!zmq_connect(self.socket, endpoint), endpoint);
    s_meet(&self);
    s_turn(&self); /* warm */
    stage_say("ready");
    double seconds = 0;
    while (stage_next(seconds))
        seconds = s_turn(&self);
}

/* ---- who is in which process ------------------------------------------------------------------------- */

static const char *s_endpoint(const broker_t *broker, const char *transport)
{
    return !strcmp(transport, "tcp") ? broker_tcp(broker) : broker_ipc(broker);
}

static void s_part_broker(const void *scene, const char *from)
{
    (void)from;
    broker_t *broker = s_start_broker();
    stage_say(s_endpoint(broker, ((const exchange_t *)scene)->transport));
    stage_idle();
}

static void s_part_shard(const void *scene, const char *endpoint)
{
    s_start_shard(scene, endpoint);
    stage_say(endpoint);
    stage_idle();
}

static void s_part_broker_and_shard(const void *scene, const char *from)
{
    (void)from;
    broker_t *broker = s_start_broker();
    s_start_shard(scene, broker_inproc(broker));
    stage_say(s_endpoint(broker, ((const exchange_t *)scene)->transport));
    stage_idle();
}

static void s_part_client(const void *scene, const char *endpoint)
{
    s_client(zmq_ctx_new(), endpoint, scene);
}

static void s_part_all(const void *scene, const char *from)
{
    (void)from;
    broker_t *broker = s_start_broker();
    s_start_shard(scene, broker_inproc(broker));
    s_client(zsys_init(), broker_inproc(broker), scene);
}

typedef struct {
    stage_part_t parts[3];
    size_t count; /* the last one is the client */
} cast_t;

static void s_open(cast_t *self, const exchange_t *scene, stage_fn *const fns[])
{
    char said[STAGE_TEXT_MAX] = "";
    for (self->count = 0; fns[self->count]; self->count++)
        self->parts[self->count] = stage_open(fns[self->count], scene, said, said);
}

static void s_close(cast_t *self)
{
    while (self->count)
        stage_close(&self->parts[--self->count]);
}

/* ---- the table --------------------------------------------------------------------------------------- */

static stage_fn *const s_ours[][4] = {{0},
                                      {s_part_all},
                                      {s_part_broker_and_shard, s_part_client},
                                      {s_part_broker, s_part_shard, s_part_client}};
static stage_fn *const s_bare[][4] = {
    {0}, {0}, {bare_server, bare_client}, {bare_relay, bare_server, bare_client}};
static const char *const s_peers[] = {NULL, "memcpy", "bare ROUTER/DEALER", "bare ROUTER relay"};
static const char *const s_checked_peers[] = {NULL, NULL, "ROUTER/DEALER + checksums",
                                              "ROUTER relay + checksums"};

static double s_rate(const exchange_t *scene, const cast_t *cast)
{
    double pairs = (double)scene->pairs / stage_turn(&cast->parts[cast->count - 1]);
    return scene->size >= 64 * 1024 ? pairs * 2 * (double)scene->size : pairs;
}

static void s_compare(const char *name, const exchange_t *scene, double target)
{
    int runs = bench_runs(RUNS);
    runs = runs < RUNS_MAX ? runs : RUNS_MAX;
    double ours[RUNS_MAX], peer[RUNS_MAX];
    cast_t our_cast, bare_cast;
    bool alone = scene->processes == 1, bytes = scene->size >= 64 * 1024;
    s_open(&our_cast, scene, s_ours[scene->processes]);
    s_open(&bare_cast, scene, s_bare[scene->processes]);
    for (int i = 0; i < runs; i++) {
        ours[i] = s_rate(scene, &our_cast);
        peer[i] = !alone ? s_rate(scene, &bare_cast) : bytes ? bench_memcpy_rate(scene->size) : 0;
    }
    s_close(&our_cast);
    s_close(&bare_cast);
    bench_row_t row = {.name = name,
                       .size_bytes = scene->size,
                       .transport = scene->transport,
                       .processes = scene->processes,
                       .value = bench_median(ours, (size_t)runs),
                       .unit = bytes ? "B/s" : "pairs/s",
                       .peer = alone && !bytes  ? NULL
                               : scene->checked ? s_checked_peers[scene->processes]
                                                : s_peers[scene->processes],
                       .peer_value = bench_median(peer, (size_t)runs),
                       .target = target,
                       .runs = runs};
    bench_row(&row);
}

static void s_scene(const char *transport, int processes, size_t size, double target, bool checked)
{
    char label[64];
    snprintf(label, sizeof label, "%zu/%s/%d%s", size, transport, processes, checked ? "/checked" : "");
    if (!bench_wants(label))
        return;
    size_t pairs = 192 * MIB / size, in_flight = 4 * MIB / size;
    exchange_t scene = {.transport = transport,
                        .processes = processes,
                        .size = size,
                        .pairs = pairs < 4       ? 4
                                 : pairs > 10000 ? 10000
                                                 : pairs,
                        .in_flight = in_flight < 2     ? 2
                                     : in_flight > 128 ? 128
                                                       : in_flight,
                        .checked = checked};
    s_compare(checked ? "push_pull_checked" : "push_pull", &scene, target);
}

static void s_size(size_t size)
{
    static const char *const transports[] = {"ipc", "tcp"};
    bool large = size >= MIB;
    s_scene("inproc", 1, size, size == 4 * MIB ? 0.5 : 0, false);
    for (int processes = 2; processes <= 3; processes++)
        for (size_t i = 0; i < 2; i++) {
            double target = processes == 2 ? 0.8 : 0.7;
            s_scene(transports[i], processes, size, large ? target : 0, false);
            if (large) /* what is left when both check what arrives */
                s_scene(transports[i], processes, size, target, true);
        }
}

int main(int argc, char **argv)
{
    static const size_t sizes[] = {64, 4096, 64 * 1024, 1 * MIB, 4 * MIB, 64 * MIB};
    mallopt(M_MMAP_THRESHOLD, 1 << 30); /* as cloudless does */
    mallopt(M_TRIM_THRESHOLD, 1 << 30);
    bench_open(argc, argv);
    stage_check(mkdtemp(s_run_dir) != NULL, "mkdtemp");
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++)
        s_size(sizes[i]);
    for (int processes = 2; processes <= 3 && bench_wants("one"); processes++) {
        exchange_t one = {
            .transport = "tcp", .processes = processes, .size = 4096, .pairs = 1000, .in_flight = 1};
        s_compare("push_pull_one_by_one", &one, 0);
    }
    char left[64];
    snprintf(left, sizeof left, "%s/broker-r0", s_run_dir);
    unlink(left);
    rmdir(s_run_dir);
    return bench_close();
}
