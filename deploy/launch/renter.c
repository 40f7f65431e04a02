#include "deploy/launch/renter.h"

#include "actors/kit/clock.h"
#include "actors/kit/process.h"
#include "codec/base/log.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <spawn.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/wait.h>
#include <unistd.h>

#define RENTER_PAUSE_NS 20000000

/* A unit's process, or a command that runs for it. */
typedef struct {
    char name[2 * TOPOLOGY_NAME_MAX], offer[TOPOLOGY_NAME_MAX];
    process_t *process; /* NULL: a command */
    pid_t command;
    bool starts; /* the command is a start */
} job_of_unit_t;

struct renter {
    renter_spec_t spec;
    char topology[STATEDIR_PATH_MAX + 32], parent[16], log_dir[STATEDIR_PATH_MAX];
    pthread_mutex_t mutex; /* of the next two */
    rent_command_t *wanted;
    size_t wanted_count;
    job_of_unit_t *jobs;
    size_t job_count;
    char (*ended)[2 * TOPOLOGY_NAME_MAX]; /* could not be started */
    size_t ended_count;
};

static const char *s_region(const renter_t *self)
{
    return self->spec.launch->topology->regions[self->spec.region_index].name;
}

renter_t *renter_new(const renter_spec_t *spec)
{
    renter_t *self = calloc(1, sizeof *self);
    CHECK(self);
    self->spec = *spec;
    pthread_mutex_init(&self->mutex, NULL);
    snprintf(self->topology, sizeof self->topology, "%s/" LAUNCH_TOPOLOGY_FILE, spec->launch->state_dir);
    snprintf(self->parent, sizeof self->parent, "%d", (int)getpid());
    err_t err = {0};
    if (statedir_folder(spec->launch->state_dir, STATEDIR_LOG, self->log_dir, &err))
        log_event(LEVEL_WARN, s_region(self), "rent", "reason=\"%s\"; units write no logs", err.text);
    return self;
}

void renter_want(renter_t *self, const rent_command_t *command)
{
    pthread_mutex_lock(&self->mutex);
    self->wanted = realloc(self->wanted, (self->wanted_count + 1) * sizeof *self->wanted);
    CHECK(self->wanted);
    self->wanted[self->wanted_count++] = *command;
    pthread_mutex_unlock(&self->mutex);
    eventfd_write(self->spec.notify_fd, 1);
}

static job_of_unit_t *s_add(renter_t *self, const rent_command_t *command)
{
    self->jobs = realloc(self->jobs, (self->job_count + 1) * sizeof *self->jobs);
    CHECK(self->jobs);
    job_of_unit_t *job = &self->jobs[self->job_count++];
    *job = (job_of_unit_t){0};
    snprintf(job->name, sizeof job->name, "%s", command->name);
    snprintf(job->offer, sizeof job->offer, "%s", command->offer);
    return job;
}

static void s_drop(renter_t *self, size_t index)
{
    process_destroy(&self->jobs[index].process);
    self->jobs[index] = self->jobs[--self->job_count];
}

static void s_fail(renter_t *self, const char *name)
{
    self->ended = realloc(self->ended, (self->ended_count + 1) * sizeof *self->ended);
    CHECK(self->ended);
    snprintf(self->ended[self->ended_count++], sizeof *self->ended, "%s", name);
}

/* ---- on this machine ---- */

static int s_open_log(const renter_t *self, const char *name)
{
    char path[STATEDIR_PATH_MAX + 4 * TOPOLOGY_NAME_MAX];
    snprintf(path, sizeof path, "%s/node-%s-%s.log", self->log_dir, s_region(self), name);
    int fd = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
    return fd >= 0 ? fd : open("/dev/null", O_WRONLY | O_CLOEXEC);
}

static void s_start_process(renter_t *self, const rent_command_t *command)
{
    const char *const arguments[] = {"cloudless",  "region",
                                     "--topology", self->topology,
                                     "--region",   s_region(self),
                                     "--state",    self->spec.launch->state_dir,
                                     "--parent",   self->parent,
                                     "--parts",    "node",
                                     "--isolate",  isolate_name(self->spec.isolate),
                                     "--node",     command->name,
                                     "--offer",    command->offer,
                                     NULL};
    for (size_t i = self->job_count; i-- > 0;) /* one that hangs is replaced */
        if (!strcmp(self->jobs[i].name, command->name))
            s_drop(self, i);
    int log_fd = s_open_log(self, command->name);
    process_spec_t spec = {.arguments = arguments, .output = log_fd, .error = log_fd, .own_group = true};
    err_t err = {0};
    process_t *process = NULL;
    err_code_t rc = process_start(&spec, &process, &err);
    close(log_fd);
    if (rc) {
        log_event(LEVEL_WARN, command->name, "rent", "reason=\"%s\"; trying again", err.text);
        s_fail(self, command->name);
        return;
    }
    s_add(self, command)->process = process;
}

static void s_return_process(renter_t *self, const rent_command_t *command)
{
    for (size_t i = 0; i < self->job_count; i++)
        if (!strcmp(self->jobs[i].name, command->name))
            kill(process_pid(self->jobs[i].process), SIGTERM);
}

/* ---- by the user's command ---- */

static void s_run_command(renter_t *self, const rent_command_t *command)
{
    static const char script[] = "exec \"$@\"";
    extern char **environ;
    const char *verb = command->verb == RENT_START ? "start" : "stop";
    char *const arguments[] = {"sh",
                               "-c",
                               (char *)(uintptr_t)script,
                               "rent",
                               (char *)(uintptr_t)self->spec.command,
                               (char *)(uintptr_t)verb,
                               (char *)(uintptr_t)s_region(self),
                               (char *)(uintptr_t)command->offer,
                               (char *)(uintptr_t)command->name,
                               NULL};
    int log_fd = s_open_log(self, command->name);
    posix_spawn_file_actions_t actions;
    posix_spawnattr_t attributes;
    sigset_t none;
    sigemptyset(&none);
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
    posix_spawn_file_actions_adddup2(&actions, log_fd, STDOUT_FILENO);
    posix_spawn_file_actions_adddup2(&actions, log_fd, STDERR_FILENO);
    posix_spawnattr_init(&attributes);
    posix_spawnattr_setsigmask(&attributes, &none);
    posix_spawnattr_setpgroup(&attributes, 0);
    posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETPGROUP);
    pid_t pid = 0;
    int failed = posix_spawn(&pid, "/bin/sh", &actions, &attributes, arguments, environ);
    posix_spawnattr_destroy(&attributes);
    posix_spawn_file_actions_destroy(&actions);
    close(log_fd);
    if (failed) {
        log_event(LEVEL_WARN, command->name, "rent", "reason=\"%s: %s\"; trying again", self->spec.command,
                  strerror(failed));
        if (command->verb == RENT_START)
            s_fail(self, command->name);
        return;
    }
    job_of_unit_t *job = s_add(self, command);
    job->command = pid;
    job->starts = command->verb == RENT_START;
}

/* ---- a look ---- */

static void s_carry_out(renter_t *self, const rent_command_t *command)
{
    log_event(LEVEL_INFO, command->name, command->verb == RENT_START ? "rented" : "returned",
              "offer=%s region=%s again=%llu", command->offer, s_region(self),
              (unsigned long long)command->again);
    if (self->spec.command[0])
        s_run_command(self, command);
    else if (command->verb == RENT_START)
        s_start_process(self, command);
    else
        s_return_process(self, command);
}

static void s_take_wanted(renter_t *self)
{
    pthread_mutex_lock(&self->mutex);
    rent_command_t *wanted = self->wanted;
    size_t count = self->wanted_count;
    self->wanted = NULL;
    self->wanted_count = 0;
    pthread_mutex_unlock(&self->mutex);
    for (size_t i = 0; i < count; i++)
        s_carry_out(self, &wanted[i]);
    free(wanted);
}

/* Whether it is over; of a command only a failed start ends a unit. */
static bool s_has_ended(job_of_unit_t *job, bool *ret_unit, int *ret_status)
{
    *ret_unit = true;
    if (job->process) {
        char line[PROCESS_LINE_MAX];
        while (process_lines_take(process_lines(job->process), line)) {
        }
        return process_has_ended(job->process, ret_status);
    }
    pid_t found = waitpid(job->command, ret_status, WNOHANG);
    *ret_unit = job->starts && (found < 0 || *ret_status);
    return found == job->command || (found < 0 && errno == ECHILD);
}

bool renter_look(renter_t *self, char ret_name[2 * TOPOLOGY_NAME_MAX])
{
    s_take_wanted(self);
    if (self->ended_count) {
        memcpy(ret_name, self->ended[--self->ended_count], sizeof *self->ended);
        return true;
    }
    for (size_t i = self->job_count; i-- > 0;) {
        bool unit;
        int status = 0;
        if (!s_has_ended(&self->jobs[i], &unit, &status))
            continue;
        char how[128];
        process_status_text(status, how, sizeof how);
        if (status)
            log_event(LEVEL_WARN, self->jobs[i].name, "ended", "reason=\"its %s %s\"",
                      self->jobs[i].process ? "process" : "command", how);
        memcpy(ret_name, self->jobs[i].name, sizeof self->jobs[i].name);
        s_drop(self, i);
        if (unit)
            return true;
    }
    return false;
}

void renter_destroy(renter_t **self_p, int64_t patience_us)
{
    renter_t *self = *self_p;
    *self_p = NULL;
    if (!self)
        return;
    int64_t began_us = clock_now_us();
    char name[2 * TOPOLOGY_NAME_MAX];
    while (self->job_count && clock_now_us() - began_us < patience_us)
        if (!renter_look(self, name))
            nanosleep(&(struct timespec){.tv_nsec = RENTER_PAUSE_NS}, NULL);
    while (self->job_count)
        s_drop(self, 0);
    pthread_mutex_destroy(&self->mutex);
    free(self->jobs);
    free(self->wanted);
    free(self->ended);
    free(self);
}
