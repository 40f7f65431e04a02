/* snapshot_cost - what snapshots take of the training's speed.
 *
 * LeNet on Fashion-MNIST in one region with one worker. Runs of the same job with a snapshot every 32, 8 and
 * 1 steps take turns with runs that make one at the start and one at the end. A step that had to wait for a
 * snapshot would be seen. Beside the speed stands the processors' time for each sample, which other programs
 * on the machine disturb less.
 */
#include "tests/bench/kit/bench.h"

#include "codec/base/json.h"
#include "store/file.h"

#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

enum { RUNS = 5, RUNS_MAX = 100, SCENES = 4, PARAMETERS = 431080 };

typedef struct {
    const char *name, *every;
    double target; /* of the speed without; 0: for information */
} scene_t;

static const scene_t s_scenes[SCENES] = {
    {"none", "1000000000", 0}, {"every_32", "32", 0.97}, {"every_8", "8", 0}, {"every_1", "1", 0}};

static const char s_topology[] =
    "job:\n  name: cost\n  model: lenet\n"
    "  data: {kind: idx, dir: /usr/share/datasets/fashion-mnist, samples: 12800}\n"
    "  epochs: 1\n  batch: 64\n  optimizer: {name: sgd, lr: 0.05}\n"
    "checkpoint: {durability: process}\n"
    "regions:\n  - {name: here, data_share: 1, workers: 1, shards: 1}\n";

typedef struct {
    char dir[PATH_MAX], binary[PATH_MAX], topology[PATH_MAX + 16];
} place_t;

static void s_parent(char path[PATH_MAX])
{
    if (strrchr(path, '/'))
        *strrchr(path, '/') = '\0';
}

static bool s_open(place_t *self)
{
    err_t err = {0};
    ssize_t length = readlink("/proc/self/exe", self->binary, PATH_MAX - 1);
    self->binary[length > 0 ? length : 0] = '\0';
    s_parent(self->binary);
    s_parent(self->binary);
    strncat(self->binary, "/cloudless", PATH_MAX - strlen(self->binary) - 1);
    snprintf(self->dir, sizeof self->dir, "%s/snapshot-cost-%d", getenv("TMPDIR"), (int)getpid());
    snprintf(self->topology, sizeof self->topology, "%s/job.yaml", self->dir);
    err_code_t code = file_make_dirs(self->dir, &err);
    if (!code)
        code = file_write(self->topology, s_topology, strlen(s_topology), &err);
    if (code)
        fprintf(stderr, "%s\n", err.text);
    return code == ERR_OK;
}

static bool s_execute(const char *const *arguments, double *ret_cpu_s)
{
    int status = 0;
    struct rusage used = {0};
    pid_t pid = fork();
    if (pid == 0) {
        execvp(arguments[0], (char *const *)(uintptr_t)arguments);
        _exit(127);
    }
    bool good =
        pid > 0 && wait4(pid, &status, 0, &used) == pid && WIFEXITED(status) && WEXITSTATUS(status) == 0;
    *ret_cpu_s = (double)(used.ru_utime.tv_sec + used.ru_stime.tv_sec) +
                 (double)(used.ru_utime.tv_usec + used.ru_stime.tv_usec) / 1e6;
    return good;
}

typedef struct {
    double rates[RUNS_MAX];     /* samples per second of training */
    double cpu_rates[RUNS_MAX]; /* samples per second of a processor, start and end included */
} figures_t;

static bool s_read(const char *report, double cpu_s, double *ret_rate, double *ret_cpu_rate)
{
    json_value_t *document = NULL;
    if (json_read_file(report, &document, NULL))
        return false;
    double samples = json_get_number(document, "samples", 0);
    *ret_rate = samples / json_get_number(document, "train_s", 1);
    *ret_cpu_rate = samples / cpu_s;
    json_destroy(&document);
    return samples > 0;
}

static bool s_train(const place_t *place, const scene_t *scene, double *ret_rate, double *ret_cpu_rate)
{
    char state[PATH_MAX + 16], report[PATH_MAX + 16], every[64];
    snprintf(state, sizeof state, "%s/state", place->dir);
    snprintf(report, sizeof report, "%s/report.json", place->dir);
    snprintf(every, sizeof every, "checkpoint.every=%s", scene->every);
    const char *up[] = {place->binary, "up",    place->topology, "--state", state, "--report",
                        report,        "--set", every,           "--quiet", NULL};
    const char *clean[] = {"rm", "-rf", state, NULL};
    double cpu_s, ignored;
    bool good = s_execute(up, &cpu_s) && s_read(report, cpu_s, ret_rate, ret_cpu_rate);
    return s_execute(clean, &ignored) && good;
}

static bool s_measure(const place_t *place, figures_t figures[SCENES], size_t runs)
{
    for (size_t run = 0; run < runs; run++)
        for (size_t i = 0; i < SCENES; i++)
            if (!s_train(place, &s_scenes[i], &figures[i].rates[run], &figures[i].cpu_rates[run]))
                return false;
    return true;
}

static void s_report(figures_t figures[SCENES], size_t runs)
{
    double without = bench_median(figures[0].rates, runs),
           cpu_without = bench_median(figures[0].cpu_rates, runs);
    for (size_t i = 1; i < SCENES; i++) {
        bench_row_t row = {.name = s_scenes[i].name,
                           .size_bytes = PARAMETERS * sizeof(float),
                           .processes = 1,
                           .value = bench_median(figures[i].rates, runs),
                           .unit = "samples/s",
                           .peer = "without snapshots",
                           .peer_value = without,
                           .target = s_scenes[i].target,
                           .runs = (int)runs,
                           .durability = "process",
                           .samples = 12800,
                           .seed = 1};
        bench_row(&row);
        row.value = bench_median(figures[i].cpu_rates, runs);
        row.unit = "per cpu s";
        row.peer_value = cpu_without;
        row.target = 0;
        bench_row(&row);
    }
}

int main(int argc, char **argv)
{
    static figures_t figures[SCENES];
    static place_t place;
    bench_open(argc, argv);
    size_t runs = (size_t)bench_runs(RUNS) < RUNS_MAX ? (size_t)bench_runs(RUNS) : RUNS_MAX;
    if (!s_open(&place) || !s_measure(&place, figures, runs)) {
        fprintf(stderr, "snapshot_cost: a run failed; its files are in %s\n", place.dir);
        return 1;
    }
    s_report(figures, runs);
    double ignored;
    const char *clean[] = {"rm", "-rf", place.dir, NULL};
    return s_execute(clean, &ignored) ? bench_close() : 1;
}
