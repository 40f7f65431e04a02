/* recovery - from kill -9 of a process to the next update in the shard it serves.
 *
 * A job of its own in real processes, one for each actor; each role is killed again and again while it
 * trains. What counts is not that the process is back but that the version grows: detection, start, loading,
 * registration and a new batch.
 */
#include "tests/bench/kit/bench.h"
#include "tests/bench/kit/probe.h"
#include "tests/live/chaos.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define ASK_US 20000    /* for an answer, while the shard may be away */
#define AWAY_S 20.0     /* longer than this is no recovery */
#define STEADY 3        /* answers with growing versions before the next kill */
#define REST_MS 2500    /* who dies again and again is started with pauses, which is not what is measured */
#define FLYING_US 20000 /* after this what a dead worker had sent has arrived */
enum { RUNS = 20, RUNS_MAX = 1000, SAMPLES = 1000000 };

typedef struct {
    const char *name, *victim;
    double limit_s; /* what a person is promised */
} scene_t;

static const scene_t s_scenes[] = {
    {"shard", "shard/north/0", 1.0}, {"broker", "broker/north", 2.0}, {"worker", "worker/north/0", 1.0}};

static void s_wait_steady(probe_t *probe)
{
    uint64_t version = 0, last = 0, incarnation = 0;
    for (int grown = 0; grown < STEADY;) {
        if (!probe_ask(probe, 10 * ASK_US, &version, &incarnation))
            probe_renew(probe);
        else
            grown += version > last;
        last = version;
    }
}

static bool s_kill(const chaos_run_t *run, rng_t *rng, const char *victim)
{
    chaos_process_t process;
    return chaos_pick(run->pid, rng, victim, &process) && kill(process.pid, SIGKILL) == 0;
}

/* Seconds until the version grows above the first one that is answered when nothing from before can arrive
 * any more. */
static double s_recover(probe_t *probe, const scene_t *scene, uint64_t incarnation_before)
{
    double began_s = bench_now_s();
    bool broker = !strncmp(scene->victim, "broker", 6), shard = !strncmp(scene->victim, "shard", 5);
    uint64_t version = 0, first = 0, incarnation = 0;
    bool known = false;
    if (!shard)
        usleep(FLYING_US);
    while (bench_now_s() - began_s < AWAY_S) {
        if (broker && !known)
            probe_renew(probe);
        if (!probe_ask(probe, ASK_US, &version, &incarnation) || (shard && incarnation <= incarnation_before))
            continue;
        if (known && version > first)
            return bench_now_s() - began_s;
        first = known ? first : version;
        known = true;
    }
    return AWAY_S;
}

static void s_report(const scene_t *scene, double *values, size_t count)
{
    char median[48], worst[48], limit[32];
    snprintf(median, sizeof median, "%s_median", scene->name);
    snprintf(worst, sizeof worst, "%s_worst", scene->name);
    snprintf(limit, sizeof limit, "the promise");
    bench_row_t row = {.name = median,
                       .transport = "ipc",
                       .processes = 2,
                       .unit = "s",
                       .peer = limit,
                       .peer_value = scene->limit_s,
                       .target = 1,
                       .at_most = true,
                       .runs = (int)count,
                       .durability = "process",
                       .samples = SAMPLES, /* of the data set; it is trained on until all is measured */
                       .seed = 1};
    row.value = bench_median(values, count);
    bench_row(&row);
    row.name = worst;
    row.value = values[count - 1]; /* sorted by the median */
    bench_row(&row);
}

static void s_measure(const chaos_run_t *run, probe_t *probe, rng_t *rng, const scene_t *scene)
{
    double values[RUNS_MAX];
    size_t wanted = (size_t)bench_runs(RUNS), count = 0;
    while (count < wanted && count < RUNS_MAX) {
        uint64_t version, incarnation = 0;
        chaos_sleep_ms(REST_MS);
        s_wait_steady(probe);
        if (!probe_ask(probe, 10 * ASK_US, &version, &incarnation) || !s_kill(run, rng, scene->victim))
            continue;
        values[count++] = s_recover(probe, scene, incarnation);
    }
    s_report(scene, values, count);
}

static void s_name_binary(char ret_path[PATH_MAX])
{
    ssize_t length = readlink("/proc/self/exe", ret_path, PATH_MAX - 1);
    ret_path[length > 0 ? length : 0] = '\0';
    for (int up = 0; up < 2 && strrchr(ret_path, '/'); up++)
        *strrchr(ret_path, '/') = '\0';
    strncat(ret_path, "/cloudless", PATH_MAX - strlen(ret_path) - 1);
}

int main(int argc, char **argv)
{
    static chaos_run_t run;
    char binary[PATH_MAX];
    bench_open(argc, argv);
    s_name_binary(binary);
    chaos_job_t job = {.binary = binary,
                       .strategy = "asgd-ga",
                       .isolate = "actor",
                       .regions = 1,
                       .shards = 2,
                       .workers = 1,
                       .samples = SAMPLES,
                       .epochs = 1000000,
                       .batch = 20,
                       .seed = 1};
    snprintf(job.dir, sizeof job.dir, "%s/recovery-%d", getenv("TMPDIR"), (int)getpid());
    if (!chaos_run_start(&run, &job, NULL))
        return 1;
    while (chaos_run_look(&run) && run.progress <= 0)
        chaos_sleep_ms(20);
    rng_t rng;
    rng_init(&rng, 1);
    probe_t *probe = probe_new(run.topology, 0, run.run_dir, "shard/north/0");
    for (size_t i = 0; run.pid && i < sizeof s_scenes / sizeof *s_scenes; i++)
        if (bench_wants(s_scenes[i].name))
            s_measure(&run, probe, &rng, &s_scenes[i]);
    probe_destroy(&probe);
    chaos_run_destroy(&run, false);
    return bench_close();
}
