#include "tests/live/chaos.h"

#include "codec/base/json.h"
#include "deploy/launch/parameters.h"

#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <glob.h>
#include <math.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define HANGS_US 480000000    /* also where no job is beside */
#define SANITIZER "sanitizer" /* how the names of its reports begin */

static const char *const s_regions[] = {"north", "south", "east"};

const char *chaos_region(size_t index)
{
    return s_regions[index];
}

int64_t chaos_now_us(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000000 + now.tv_nsec / 1000;
}

void chaos_sleep_ms(int ms)
{
    nanosleep(&(struct timespec){ms / 1000, ms % 1000 * 1000000L}, NULL);
}

/* ---- the topology ---- */

static void s_print_links(FILE *out, size_t regions)
{
    if (regions > 1)
        fprintf(out, "links:\n");
    for (size_t a = 0; a < regions; a++)
        for (size_t b = a + 1; b < regions; b++)
            fprintf(out, "  - {between: [%s, %s], rate: 200Mbit, rtt: 4ms, emulate: true}\n", s_regions[a],
                    s_regions[b]);
}

static void s_print_topology(FILE *out, const chaos_job_t *job)
{
    fprintf(out,
            "job:\n  name: chaos\n  model: ledger\n  data: {kind: counter, samples: %lu}\n  epochs: %lu\n"
            "  batch: %lu\n  seed: %lu\n  optimizer: {name: sgd, lr: 1, schedule: constant}\n"
            "  sync: {strategy: %s, every: %d, staleness: 8}\n"
            "checkpoint: {every: %lu, durability: process}\nregions:\n",
            job->samples, job->epochs, job->batch, (unsigned long)(job->seed % 1000000), job->strategy,
            strcmp(job->strategy, "asgd") ? 4 : 1, job->every ? job->every : 16);
    for (size_t r = 0; r < job->regions; r++)
        fprintf(out, "  - {name: %s, data_share: %d, workers: %zu, shards: %zu}\n", s_regions[r], r ? 1 : 2,
                job->workers ? job->workers
                : r          ? (size_t)1
                             : (size_t)2,
                job->shards);
    s_print_links(out, job->regions);
}

static bool s_write_topology(chaos_run_t *self, char path[PATH_MAX])
{
    err_t err = {0};
    snprintf(path, PATH_MAX, "%s/job.yaml", self->job.dir);
    FILE *out = fopen(path, "we");
    if (!out)
        return false;
    s_print_topology(out, &self->job);
    fclose(out);
    if (!topology_read(path, NULL, 0, &self->topology, &err))
        return true;
    fprintf(stderr, "chaos: %s\n", err.text);
    return false;
}

/* ---- the process ---- */

/* Findings of a sanitizer go into the job's directory, for the judge: a process that dies of
 * one is started again. */
static void s_report_into(const chaos_run_t *self, const char *variable)
{
    char options[2 * PATH_MAX];
    const char *given = getenv(variable);
    snprintf(options, sizeof options, "%s%slog_path=%s/" SANITIZER, given ? given : "", given ? ":" : "",
             self->job.dir);
    setenv(variable, options, 1);
}

_Noreturn static void s_become(const chaos_run_t *self, const char *topology, const char *failpoints)
{
    char faults[PATH_MAX], out[PATH_MAX];
    snprintf(faults, sizeof faults, "%s/faults", self->job.dir);
    snprintf(out, sizeof out, "%s/up.log", self->job.dir);
    const char *arguments[24] = {"cloudless", "up",       topology,     "--state",
                                 self->state, "--report", self->report, "--quiet"};
    size_t count = 8;
    if (self->job.isolate) {
        arguments[count++] = "--isolate";
        arguments[count++] = self->job.isolate;
    }
    if (self->job.breaks) {
        arguments[count++] = "--break";
        arguments[count++] = self->job.breaks;
    }
    s_report_into(self, "ASAN_OPTIONS");
    s_report_into(self, "UBSAN_OPTIONS");
    setenv(BROKER_FAULT_VARIABLE, faults, 1);
    if (failpoints)
        setenv("CLOUDLESS_FAILPOINT", failpoints, 1);
    int fd = open(out, O_WRONLY | O_CREAT | O_APPEND, 0600);
    if (fd < 0 || dup2(fd, STDOUT_FILENO) < 0 || dup2(fd, STDERR_FILENO) < 0)
        _exit(126);
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    execv(self->job.binary, (char *const *)(uintptr_t)arguments);
    _exit(127);
}

bool chaos_run_start(chaos_run_t *self, const chaos_job_t *job, const char *failpoints)
{
    char topology[PATH_MAX], faults[PATH_MAX];
    *self = (chaos_run_t){.job = *job};
    snprintf(self->state, sizeof self->state, "%s/state", job->dir);
    snprintf(self->report, sizeof self->report, "%s/report.json", job->dir);
    snprintf(self->run_dir, sizeof self->run_dir, "%s/run", self->state);
    snprintf(faults, sizeof faults, "%s/faults", job->dir);
    if (mkdir(job->dir, 0700) && errno != EEXIST)
        return false;
    chaos_still_init(&self->still, self);
    self->board = broker_fault_board(faults, true);
    if (!self->board || !s_write_topology(self, topology))
        return false;
    atomic_store(&self->board->seed, job->seed);
    self->pid = fork();
    if (self->pid == 0)
        s_become(self, topology, failpoints);
    return self->pid > 0;
}

bool chaos_run_look(chaos_run_t *self)
{
    if (!self->pid)
        return false;
    if (chaos_still_look(&self->still, self))
        self->progress =
            (double)chaos_still_samples(&self->still) / (double)(self->job.samples * self->job.epochs);
    if (waitpid(self->pid, &self->status, WNOHANG) == self->pid)
        self->pid = 0;
    return self->pid != 0;
}

bool chaos_run_hangs(const chaos_run_t *self)
{
    return chaos_now_us() - self->still.moved_us > HANGS_US ||
           chaos_still_where(&self->still, self->job.regions) != SIZE_MAX;
}

static void s_say_hangs(const chaos_run_t *self)
{
    size_t where = chaos_still_where(&self->still, self->job.regions);
    fprintf(stderr, "chaos: %s stands still%s; see %s\n",
            where < self->job.regions ? s_regions[where] : "the run",
            where == SIZE_MAX ? "" : " while the job beside goes on", self->job.dir);
}

/* ---- the verdict ---- */

static bool s_judge_region(const chaos_run_t *self, size_t region)
{
    err_t err = {0};
    parameters_t *parameters = NULL;
    if (parameters_load(self->topology, self->state, region, &parameters, &err)) {
        fprintf(stderr, "chaos: %s\n", err.text);
        return false;
    }
    size_t count = parameters->layout.count, wrong = 0;
    for (size_t i = 0; i < count; i++) {
        double once = (double)(self->job.samples / count + (i < self->job.samples % count));
        double expected = once * (double)self->job.epochs, value = (double)parameters->values[i];
        if (fabs(value - expected) < 0.5)
            continue;
        if (!wrong++)
            fprintf(stderr, "chaos: %s: counter %zu is %g, not %g\n", s_regions[region], i, value, expected);
    }
    if (wrong)
        fprintf(stderr, "chaos: %s: %zu of %zu counters are wrong\n", s_regions[region], wrong, count);
    parameters_destroy(&parameters);
    return wrong == 0;
}

/* Prints a file of a sanitizer's when it tells of an error. Others only tell that a process was gone before
 * LeakSanitizer had looked at all of its threads. */
static bool s_is_report(const char *path)
{
    static const char *const words[] = {"ERROR: ", "WARNING: ", "runtime error: "};
    char text[8192];
    FILE *file = fopen(path, "r");
    if (!file)
        return true;
    text[fread(text, 1, sizeof text - 1, file)] = 0;
    fclose(file);
    bool found = false;
    for (size_t i = 0; i < sizeof words / sizeof *words; i++)
        found = found || strstr(text, words[i]);
    if (found)
        fprintf(stderr, "chaos: a sanitizer has found something: %s\n%s\n", path, text);
    return found;
}

static bool s_no_reports(const chaos_run_t *self)
{
    glob_t files = {0};
    char pattern[PATH_MAX + 32];
    snprintf(pattern, sizeof pattern, "%s/" SANITIZER ".*", self->job.dir);
    size_t reports = 0;
    if (!glob(pattern, 0, NULL, &files))
        for (size_t i = 0; i < files.gl_pathc; i++)
            reports += s_is_report(files.gl_pathv[i]);
    globfree(&files);
    return !reports;
}

bool chaos_run_judge(chaos_run_t *self)
{
    if (self->pid) {
        s_say_hangs(self);
        return false;
    }
    if (!WIFEXITED(self->status) || WEXITSTATUS(self->status)) {
        fprintf(stderr, "chaos: the run %s %d; see %s\n",
                WIFSIGNALED(self->status) ? "was ended by signal" : "ended with status",
                WIFSIGNALED(self->status) ? WTERMSIG(self->status) : WEXITSTATUS(self->status),
                self->job.dir);
        return false;
    }
    bool good = s_no_reports(self);
    for (size_t r = 0; r < self->job.regions; r++)
        good = s_judge_region(self, r) && good;
    return good;
}

static int s_remove(const char *path, const struct stat *status, int kind, struct FTW *where)
{
    (void)status, (void)kind, (void)where;
    return remove(path);
}

void chaos_run_destroy(chaos_run_t *self, bool keep)
{
    chaos_process_t processes[CHAOS_PROCESSES_MAX];
    if (self->pid > 0) {
        size_t count = chaos_processes(self->pid, processes);
        kill(self->pid, SIGKILL);
        waitpid(self->pid, NULL, 0);
        for (size_t i = 0; i < count; i++)
            kill(processes[i].pid, SIGKILL);
    }
    topology_destroy(&self->topology);
    if (!keep)
        nftw(self->job.dir, s_remove, 16, FTW_DEPTH | FTW_PHYS);
}
