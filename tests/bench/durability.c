/* Costs of each level of durability: the time from a snapshot that is taken to one that counts, beside the
 * bare system calls that must happen for it in the same run. For `replica` the keeper is the real core on
 * another thread, joined by tcp.
 */
#include "actors/keeper/keeper_core.h"
#include "actors/keeper/transfer.h"
#include "actors/kit/clock.h"
#include "brokers/frames_zmq.h"
#include "store/kv_lmdb.h"
#include "tests/bench/kit/bench.h"
#include "tests/bench/kit/exchange.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <ftw.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define VALUES 2 /* parameters and momentum */
#define RUNS_MAX 100
#define WARM_RUNS 4
#define LENET_BYTES ((size_t)2 * 61706 * sizeof(float))
#define SHARD "shard/eu/0"
#define KEEPER "keeper/eu/b"

static const struct {
    const char *name, *peer;
    durability_t level;
    double target; /* times as long as the peer, at most */
} s_levels[] = {
    {"durability_process", "write", DURABILITY_PROCESS, 10},
    {"durability_disk", "write and fdatasync", DURABILITY_DISK, 10},
    {"durability_replica", "write, fdatasync, tcp, write, fdatasync", DURABILITY_REPLICA, 10},
};

/* A disk: a store, and a plain file beside it. */
typedef struct {
    char dir[64];
    int raw_fd;
    kv_t *kv;
    snapshot_store_t *store;
} disk_t;

static int s_remove(const char *path, const struct stat *status, int kind, struct FTW *walk)
{
    (void)status, (void)kind, (void)walk;
    return remove(path);
}

static void s_open_disk(disk_t *disk, durability_t level)
{
    char path[128];
    err_t err;
    kv_lmdb_options_t options = {.durability = level == DURABILITY_PROCESS ? KV_DURABILITY_PROCESS
                                                                           : KV_DURABILITY_DISK};
    strcpy(disk->dir, "/tmp/cloudless-bench-XXXXXX");
    stage_check(mkdtemp(disk->dir) != NULL, "mkdtemp");
    snprintf(path, sizeof path, "%s/raw", disk->dir);
    disk->raw_fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    stage_check(disk->raw_fd >= 0, "open");
    snprintf(path, sizeof path, "%s/store", disk->dir);
    stage_check(!kv_lmdb_open(path, &options, &disk->kv, &err), "open the kv");
    stage_check(!snapshot_store_open(disk->kv, NULL, &disk->store, &err), "open the store");
}

static void s_close_disk(disk_t *disk)
{
    snapshot_store_destroy(&disk->store);
    kv_destroy(&disk->kv);
    close(disk->raw_fd);
    nftw(disk->dir, s_remove, 16, FTW_DEPTH | FTW_PHYS);
}

static snapshot_t *s_snapshot(size_t size, int run)
{
    snapshot_id_t id = {
        .history = 1, .number = (uint64_t)(run + WARM_RUNS + 1), .incarnation = 1, .tag = "bench"};
    snapshot_t *snapshot = snapshot_new(&id);
    stage_check(snapshot != NULL, "snapshot");
    for (int i = 0; i < VALUES; i++) {
        char name[32];
        snprintf(name, sizeof name, "value/%d", i);
        buf_t *buf = buf_new(size / VALUES);
        stage_check(buf != NULL, "memory");
        memset(buf_data(buf), run * VALUES + i, size / VALUES);
        stage_check(!snapshot_add(snapshot, name, &buf, NULL), "value");
    }
    return snapshot;
}

/* ---- the keeper: its core on a thread of its own ---- */

typedef struct {
    topology_t topology;
    disk_t disk;
    void *context, *socket;
    pthread_t thread;
} keeper_t;

static void s_send_all(void *socket, outbox_t *outbox)
{
    message_t *m;
    while ((m = outbox_take(outbox))) {
        frames_t frames = frames_pack(m);
        err_code_t code;
        while ((code = frames_send_zmq(socket, NULL, 0, &frames)) == ERR_FULL)
            ;
        stage_check(!code, "send");
        frames_fini(&frames);
        message_destroy(&m);
    }
}

static message_t *s_receive(void *socket)
{
    frames_t frames = {0};
    message_t *m = NULL;
    exchange_poll(socket);
    stage_check(!frames_recv_zmq(socket, NULL, &frames) && !frames_unpack(&frames, &m, NULL), "receive");
    frames_fini(&frames);
    return m;
}

static void *s_keep(void *argument)
{
    keeper_t *self = argument;
    keeper_spec_t spec = {.topology = &self->topology, .name = KEEPER, .incarnation = 1};
    keeper_core_t *core = keeper_core_new(&spec);
    for (bool more = true; more;) {
        message_t *m = s_receive(self->socket);
        more = m->kind != KIND_stop;
        keeper_role.message(core, &m, clock_now_us());
        keeper_job_t job;
        while (keeper_core_take_job(core, &job)) {
            err_t why = {0};
            stage_check(!snapshot_commit(self->disk.store, job.snapshot, &why), "commit of a copy");
            keeper_core_done(core, &job, &why, clock_now_us());
        }
        s_send_all(self->socket, keeper_role.outbox(core));
    }
    void *gone = core;
    keeper_role.destroy(&gone);
    zmq_close(self->socket);
    return NULL;
}

/* Returns the shard's end of the connection. */
static void *s_open_keeper(keeper_t *self, durability_t level)
{
    char endpoint[128];
    size_t size = sizeof endpoint;
    *self = (keeper_t){.topology = {.region_count = 1}, .context = zmq_ctx_new()};
    strcpy(self->topology.regions[0].name, "eu");
    self->topology.regions[0].shards = 1;
    s_open_disk(&self->disk, level);
    void *ours = exchange_socket(self->context, ZMQ_PAIR, NULL);
    self->socket = exchange_socket(self->context, ZMQ_PAIR, NULL);
    stage_check(!zmq_bind(ours, "tcp://127.0.0.1:*"), "bind");
    zmq_getsockopt(ours, ZMQ_LAST_ENDPOINT, endpoint, &size);
    stage_check(!zmq_connect(self->socket, endpoint), "connect");
    stage_check(!pthread_create(&self->thread, NULL, s_keep, self), "thread");
    return ours;
}

static void s_close_keeper(keeper_t *self, void *ours)
{
    outbox_t out;
    outbox_init(&out);
    message_t *stop = message_new(KIND_stop, KEEPER, SHARD);
    outbox_add(&out, &stop);
    s_send_all(ours, &out);
    outbox_fini(&out);
    pthread_join(self->thread, NULL);
    zmq_close(ours);
    zmq_ctx_term(self->context);
    s_close_disk(&self->disk);
}

/* Until the keeper says that it has it. */
static void s_give(void *socket, const snapshot_t *snapshot)
{
    outbox_t out;
    giver_t *giver = NULL;
    outbox_init(&out);
    stage_check(!giver_new(snapshot, "eu", 0, SHARD, 1, &giver, NULL), "giver");
    giver_offer(giver, KEEPER, 0, &out);
    for (bool kept = false; !kept;) {
        s_send_all(socket, &out);
        message_t *m = s_receive(socket);
        kept = m->kind == KIND_snapshot_kept;
        stage_check(!kept || !m->snapshot_kept.code, "the keeper refused it");
        if (m->kind == KIND_snapshot_fetch)
            giver_serve(giver, m, &out);
        message_destroy(&m);
    }
    outbox_fini(&out);
    giver_destroy(&giver);
}

static double s_ours_s(const disk_t *disk, void *keeper, const snapshot_t *snapshot)
{
    double start = bench_now_s();
    stage_check(!snapshot_commit(disk->store, snapshot, NULL), "commit");
    if (keeper)
        s_give(keeper, snapshot);
    return bench_now_s() - start;
}

/* ---- the bare calls ---- */

static double s_write_s(int fd, const char *data, size_t size, bool sync)
{
    double start = bench_now_s();
    stage_check(lseek(fd, 0, SEEK_SET) == 0, "lseek");
    for (size_t done = 0; done < size; done += MESSAGE_CHUNK_BYTES) {
        size_t part = size - done < MESSAGE_CHUNK_BYTES ? size - done : MESSAGE_CHUNK_BYTES;
        stage_check(write(fd, data + done, part) == (ssize_t)part, "write");
    }
    stage_check(!sync || !fdatasync(fd), "fdatasync");
    return bench_now_s() - start;
}

typedef struct {
    int fd;
    char *to;
    size_t size;
} sink_t;

static void *s_drain(void *argument)
{
    sink_t *sink = argument;
    for (size_t done = 0; done < sink->size;) {
        ssize_t got = read(sink->fd, sink->to + done, sink->size - done);
        stage_check(got > 0, "read");
        done += (size_t)got;
    }
    return NULL;
}

static void s_tcp_pair(int ret_fds[2])
{
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t size = sizeof at;
    int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    ret_fds[0] = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    stage_check(!bind(listener, (struct sockaddr *)&at, sizeof at) && !listen(listener, 1) &&
                    !getsockname(listener, (struct sockaddr *)&at, &size) &&
                    !connect(ret_fds[0], (struct sockaddr *)&at, size),
                "tcp");
    ret_fds[1] = accept(listener, NULL, NULL);
    stage_check(ret_fds[1] >= 0, "accept");
    close(listener);
}

static double s_tcp_s(const char *data, size_t size)
{
    int fds[2];
    pthread_t thread;
    s_tcp_pair(fds);
    sink_t sink = {fds[1], malloc(size), size};
    stage_check(sink.to != NULL, "memory");
    double start = bench_now_s();
    stage_check(!pthread_create(&thread, NULL, s_drain, &sink), "thread");
    for (size_t done = 0; done < size;) {
        ssize_t put = write(fds[0], data + done, size - done);
        stage_check(put > 0, "write");
        done += (size_t)put;
    }
    pthread_join(thread, NULL);
    double seconds = bench_now_s() - start;
    close(fds[0]);
    close(fds[1]);
    free(sink.to);
    return seconds;
}

static double s_bare_s(const disk_t *disk, const keeper_t *keeper, const char *data, size_t size,
                       durability_t level)
{
    double seconds = s_write_s(disk->raw_fd, data, size, level != DURABILITY_PROCESS);
    if (level == DURABILITY_REPLICA)
        seconds += s_tcp_s(data, size) + s_write_s(keeper->disk.raw_fd, data, size, true);
    return seconds;
}

/* ---- rows ---- */

static void s_bench(size_t index, size_t size, int runs)
{
    double ours[RUNS_MAX], bare[RUNS_MAX];
    durability_t level = s_levels[index].level;
    disk_t disk;
    keeper_t keeper;
    s_open_disk(&disk, level);
    void *socket = level == DURABILITY_REPLICA ? s_open_keeper(&keeper, level) : NULL;
    char *data = malloc(size);
    stage_check(data != NULL, "memory");
    for (int run = -WARM_RUNS; run < runs; run++) {
        snapshot_t *snapshot = s_snapshot(size, run);
        memset(data, run, size);
        double bare_s = s_bare_s(&disk, &keeper, data, size, level),
               ours_s = s_ours_s(&disk, socket, snapshot);
        snapshot_destroy(&snapshot);
        if (run < 0)
            continue;
        ours[run] = ours_s * 1e3;
        bare[run] = bare_s * 1e3;
    }
    free(data);
    if (socket)
        s_close_keeper(&keeper, socket);
    s_close_disk(&disk);
    bench_row(&(bench_row_t){.name = s_levels[index].name,
                             .size_bytes = size,
                             .transport = socket ? "tcp" : NULL,
                             .processes = 1,
                             .value = bench_median(ours, (size_t)runs),
                             .unit = "ms",
                             .peer = s_levels[index].peer,
                             .peer_value = bench_median(bare, (size_t)runs),
                             .target = s_levels[index].target,
                             .at_most = true,
                             .runs = runs,
                             .durability = s_levels[index].name + strlen("durability_")});
}

int main(int argc, char **argv)
{
    static const size_t sizes[] = {LENET_BYTES, (size_t)256 << 20};
    bench_open(argc, argv);
    int runs = bench_runs(7);
    for (size_t level = 0; level < sizeof s_levels / sizeof *s_levels; level++)
        for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++)
            s_bench(level, sizes[i], runs < RUNS_MAX ? runs : RUNS_MAX);
    return bench_close();
}
