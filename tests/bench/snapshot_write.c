/* Storing a snapshot beside a plain write(2) of the same bytes to the same disk in the same run. */
#include "store/kv_lmdb.h"
#include "store/snapshot.h"
#include "tests/bench/kit/bench.h"

#include <fcntl.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define VALUES 16 /* parameters, optimizer state, accumulators, residuals ... */
#define RUNS_MAX 100
#define WARM_RUNS 4
#define RAW_BYTES ((size_t)4 << 20) /* per write */

static const struct {
    const char *name;
    const char *peer;
    kv_durability_t durability;
    double target;
} s_kinds[] = {
    /* On an idle machine of two cores 0.4 and 0.6; the syncs of the second suffer most from neighbours. */
    {"snapshot_write_process", "write", KV_DURABILITY_PROCESS, 0.25},
    {"snapshot_write_disk", "write and fdatasync", KV_DURABILITY_DISK, 0.2},
};

static void s_must(bool condition, const char *what)
{
    if (condition)
        return;
    perror(what);
    exit(1);
}

static int s_remove(const char *path, const struct stat *status, int kind, struct FTW *walk)
{
    (void)status, (void)kind, (void)walk;
    return remove(path);
}

/* Values that differ from run to run, as those of a training do. */
static void s_change(buf_t **values, int run)
{
    for (int i = 0; i < VALUES; i++) {
        memset(buf_data(values[i]), run * VALUES + i, buf_size(values[i]));
        buf_touch(values[i]);
    }
}

static double s_raw_rate(int fd, buf_t **values, bool sync)
{
    size_t total = 0;
    double start = bench_now_s();
    s_must(lseek(fd, 0, SEEK_SET) == 0, "lseek");
    for (int i = 0; i < VALUES; i++) {
        const char *data = buf_peek(values[i]);
        for (size_t done = 0; done < buf_size(values[i]); done += RAW_BYTES) {
            size_t left = buf_size(values[i]) - done, size = left < RAW_BYTES ? left : RAW_BYTES;
            s_must(write(fd, data + done, size) == (ssize_t)size, "write");
            total += size;
        }
    }
    s_must(!sync || fdatasync(fd) == 0, "fdatasync");
    return (double)total / (bench_now_s() - start);
}

static double s_snapshot_rate(snapshot_store_t *store, buf_t **values, int run)
{
    snapshot_id_t id = {.history = 1, .number = (uint64_t)(run + WARM_RUNS + 1), .tag = "bench"};
    snapshot_t *snapshot = snapshot_new(&id);
    err_t err;
    size_t total = 0;
    s_must(snapshot != NULL, "snapshot");
    for (int i = 0; i < VALUES; i++) {
        char name[32];
        buf_t *buf = buf_ref(values[i]);
        snprintf(name, sizeof name, "value/%d", i);
        total += buf_size(buf);
        s_must(snapshot_add(snapshot, name, &buf, &err) == ERR_OK, "add");
    }
    double start = bench_now_s();
    err_code_t code = snapshot_commit(store, snapshot, &err);
    double seconds = bench_now_s() - start;
    snapshot_destroy(&snapshot);
    s_must(code == ERR_OK, code ? err.text : "");
    return (double)total / seconds;
}

/* The two files that are written in turn, so that both meet the same machine. */
typedef struct {
    char dir[64];
    int raw_fd;
    kv_t *kv;
    snapshot_store_t *store;
    buf_t *values[VALUES];
} place_t;

static void s_open(place_t *place, size_t size, kv_durability_t durability)
{
    char path[128];
    err_t err;
    kv_lmdb_options_t options = {.durability = durability};
    strcpy(place->dir, "/tmp/cloudless-bench-XXXXXX");
    s_must(mkdtemp(place->dir) != NULL, "mkdtemp");
    snprintf(path, sizeof path, "%s/raw", place->dir);
    place->raw_fd = open(path, O_RDWR | O_CREAT, 0600);
    s_must(place->raw_fd >= 0, "open");
    snprintf(path, sizeof path, "%s/store", place->dir);
    s_must(kv_lmdb_open(path, &options, &place->kv, &err) == ERR_OK, "open the kv");
    s_must(snapshot_store_open(place->kv, NULL, &place->store, &err) == ERR_OK, "open the store");
    for (int i = 0; i < VALUES; i++)
        s_must((place->values[i] = buf_new(size / VALUES)) != NULL, "buf");
}

static void s_close(place_t *place)
{
    for (int i = 0; i < VALUES; i++)
        buf_destroy(&place->values[i]);
    snapshot_store_destroy(&place->store);
    kv_destroy(&place->kv);
    close(place->raw_fd);
    nftw(place->dir, s_remove, 16, FTW_DEPTH | FTW_PHYS);
}

/* The first runs, in which the files grow to their size, are not counted: on a virtual machine they measure
 * how fast the host hands out memory for the page cache. */
static void s_bench(size_t kind, size_t size, int runs)
{
    double raw[RUNS_MAX], ours[RUNS_MAX];
    place_t place = {.raw_fd = -1};
    s_open(&place, size, s_kinds[kind].durability);
    for (int run = -WARM_RUNS; run < runs; run++) {
        s_change(place.values, run);
        double raw_rate =
            s_raw_rate(place.raw_fd, place.values, s_kinds[kind].durability == KV_DURABILITY_DISK);
        double our_rate = s_snapshot_rate(place.store, place.values, run);
        if (run < 0)
            continue;
        raw[run] = raw_rate / 1e6;
        ours[run] = our_rate / 1e6;
    }
    s_close(&place);
    bench_row(&(bench_row_t){.name = s_kinds[kind].name,
                             .size_bytes = size,
                             .processes = 1,
                             .value = bench_median(ours, (size_t)runs),
                             .unit = "MB/s",
                             .peer = s_kinds[kind].peer,
                             .peer_value = bench_median(raw, (size_t)runs),
                             .target = s_kinds[kind].target,
                             .runs = runs,
                             .durability = s_kinds[kind].name + strlen("snapshot_write_")});
}

int main(int argc, char **argv)
{
    static const size_t sizes[] = {(size_t)64 << 20, (size_t)256 << 20};
    bench_open(argc, argv);
    int runs = bench_runs(7);
    if (runs > RUNS_MAX)
        runs = RUNS_MAX;
    for (size_t kind = 0; kind < sizeof s_kinds / sizeof *s_kinds; kind++) {
        for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++)
            s_bench(kind, sizes[i], runs);
    }
    return bench_close();
}
