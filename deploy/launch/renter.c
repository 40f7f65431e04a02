#include "deploy/launch/renter.h"

#include "actors/kit/clock.h"
#include "actors/kit/process.h"
#include "codec/base/log.h"
#include "deploy/launch/rent_runner.h"

#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#define RENTER_PAUSE_NS 20000000

/* A unit that is a process. */
typedef struct {
    char name[2 * TOPOLOGY_NAME_MAX];
    process_t *process;
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
    rent_runner_t *runner; /* NULL: units are processes */
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
    rent_runner_spec_t runner = {.command = spec->command,
                                 .region = s_region(self),
                                 .topology = self->topology,
                                 .log_dir = self->log_dir,
                                 .patience_us = spec->launch->topology->plan.rent_patience_us};
    if (spec->command[0])
        self->runner = rent_runner_new(&runner);
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

static job_of_unit_t *s_add_job(renter_t *self, const rent_command_t *command)
{
    self->jobs = realloc(self->jobs, (self->job_count + 1) * sizeof *self->jobs);
    CHECK(self->jobs);
    job_of_unit_t *job = &self->jobs[self->job_count++];
    *job = (job_of_unit_t){0};
    snprintf(job->name, sizeof job->name, "%s", command->name);
    return job;
}

static void s_drop_job(renter_t *self, size_t index)
{
    process_destroy(&self->jobs[index].process);
    self->jobs[index] = self->jobs[--self->job_count];
}

static void s_fail_machine(renter_t *self, const char *name)
{
    self->ended = realloc(self->ended, (self->ended_count + 1) * sizeof *self->ended);
    CHECK(self->ended);
    snprintf(self->ended[self->ended_count++], sizeof *self->ended, "%s", name);
}

/* ---- on this machine ---- */

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
            s_drop_job(self, i);
    int log_fd = rent_runner_open_log(self->log_dir, s_region(self), command->name);
    process_spec_t spec = {.arguments = arguments, .output = log_fd, .error = log_fd, .own_group = true};
    err_t err = {0};
    process_t *process = NULL;
    err_code_t rc = process_start(&spec, &process, &err);
    close(log_fd);
    if (rc) {
        log_event(LEVEL_WARN, command->name, "rent", "reason=\"%s\"; trying again", err.text);
        s_fail_machine(self, command->name);
        return;
    }
    s_add_job(self, command)->process = process;
}

static void s_return_process(renter_t *self, const rent_command_t *command)
{
    for (size_t i = 0; i < self->job_count; i++)
        if (!strcmp(self->jobs[i].name, command->name))
            kill(process_pid(self->jobs[i].process), SIGTERM);
}

/* ---- a look ---- */

static void s_carry_out(renter_t *self, const rent_command_t *command)
{
    static const char *const events[] = {
        [RENT_START] = "rented", [RENT_RETURN] = "returned", [RENT_CLEAR] = "cleared"};
    log_event(LEVEL_INFO, command->name, events[command->verb], "offer=%s region=%s again=%llu",
              command->offer, s_region(self), (unsigned long long)command->again);
    if (self->runner)
        rent_runner_add(self->runner, command, clock_now_us());
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

static bool s_has_ended(job_of_unit_t *job, int *ret_status)
{
    char line[PROCESS_LINE_MAX];
    while (process_lines_take(process_lines(job->process), line)) {
    }
    return process_has_ended(job->process, ret_status);
}

static bool s_look_at_processes(renter_t *self, char ret_name[2 * TOPOLOGY_NAME_MAX])
{
    for (size_t i = self->job_count; i-- > 0;) {
        int status = 0;
        if (!s_has_ended(&self->jobs[i], &status))
            continue;
        char how[128];
        process_status_text(status, how, sizeof how);
        if (status)
            log_event(LEVEL_WARN, self->jobs[i].name, "ended", "reason=\"its process %s\"", how);
        memcpy(ret_name, self->jobs[i].name, sizeof self->jobs[i].name);
        s_drop_job(self, i);
        return true;
    }
    return false;
}

bool renter_look(renter_t *self, char ret_name[2 * TOPOLOGY_NAME_MAX], rent_end_t *ret_end)
{
    s_take_wanted(self);
    if (self->runner)
        return rent_runner_look(self->runner, clock_now_us(), ret_name, ret_end);
    *ret_end = RENT_END_NODE;
    if (self->ended_count) {
        memcpy(ret_name, self->ended[--self->ended_count], sizeof *self->ended);
        return true;
    }
    return s_look_at_processes(self, ret_name);
}

/* Machines of their own are given back, however long that takes within patience. */
static bool s_is_done(renter_t *self)
{
    char name[2 * TOPOLOGY_NAME_MAX];
    rent_end_t end;
    while (renter_look(self, name, &end)) {
    }
    return !self->job_count && (!self->runner || !rent_runner_count(self->runner));
}

void renter_destroy(renter_t **self_p, int64_t patience_us)
{
    renter_t *self = *self_p;
    *self_p = NULL;
    if (!self)
        return;
    if (self->runner && patience_us)
        patience_us = self->spec.launch->topology->plan.rent_patience_us;
    int64_t began_us = clock_now_us();
    while (!s_is_done(self) && clock_now_us() - began_us < patience_us)
        nanosleep(&(struct timespec){.tv_nsec = RENTER_PAUSE_NS}, NULL);
    while (self->job_count)
        s_drop_job(self, 0);
    rent_runner_destroy(&self->runner);
    pthread_mutex_destroy(&self->mutex);
    free(self->jobs);
    free(self->wanted);
    free(self->ended);
    free(self);
}
