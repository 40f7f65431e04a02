#include "deploy/launch/conduct.h"

#include "actors/kit/clock.h"
#include "actors/scheduler/global_actor.h"
#include "codec/base/log.h"
#include "deploy/cli/cli.h"
#include "deploy/launch/host.h"
#include "deploy/launch/progress.h"
#include "deploy/launch/report.h"
#include "deploy/launch/status_file.h"

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define CONDUCT_PATIENCE_US 10000000 /* a drain without progress ends after this */
#define CONDUCT_CRASH_US 5000000     /* the same when a region's process has died */
#define CONDUCT_ASK_US 8000000       /* children still there so long after the end are asked to end ... */
#define CONDUCT_KILL_US 20000000     /* ... and then killed */
#define CONDUCT_LOOK_MS 250

typedef struct {
    launch_t *launch;
    const conduct_spec_t *spec;
    host_t host;
    launch_where_t where;
    children_t children;
    shell_t *scheduler;
    int first_signal;
    char child_failure[2048]; /* the first; empty: none */

    /* written by the scheduler's thread; read here when it has ended */
    progress_t progress;
    char status_path[STATEDIR_PATH_MAX + 32];
    bool status_failed;
    json_value_t *report;
    run_state_t state;
} conduct_t;

/* ---- in the scheduler's thread
 * -------------------------------------------------------------------------------- */

static void s_observe(void *hint, const global_core_t *core, int64_t now_us, bool last)
{
    conduct_t *self = hint;
    const topology_t *topology = self->launch->topology;
    progress_show(&self->progress, core, now_us, last);
    err_t err = {0};
    if (status_file_write(self->status_path, core, topology, now_us, &err) && !self->status_failed) {
        self->status_failed = true;
        log_event(LEVEL_WARN, "scheduler/global", "status_file", "reason=\"%s\"; going on without", err.text);
    }
    if (!last)
        return;
    report_context_t context = {
        .topology = topology, .wall_us = now_us - self->spec->began_us, .one_node_each = self->spec->spawn};
    self->state = global_core_state(core);
    self->report = report_new(core, &context);
}

/* ---- start
 * --------------------------------------------------------------------------------------------------- */

static err_code_t s_start_scheduler(conduct_t *self, err_t *err)
{
    launch_t *launch = self->launch;
    snprintf(self->status_path, sizeof self->status_path, "%s/" LAUNCH_STATUS_FILE, launch->state_dir);
    progress_init(&self->progress, self->spec->quiet ? NULL : stderr, launch->topology,
                  launch->dataset ? &launch->job : NULL, clock_now_us());
    global_actor_t actor = {.topology = launch->topology,
                            .state_dir = launch->state_dir,
                            .observe = s_observe,
                            .observe_hint = self};
    shell_spec_t shell = {.name = "scheduler/global",
                          .find = launch_find_broker,
                          .find_hint = &self->where,
                          .notify_fd = self->host.notify_fd};
    global_actor_fill(&actor, &shell);
    self->scheduler = shell_start(&shell);
    return shell_wait_ready(self->scheduler, err);
}

/* ---- run
 * ----------------------------------------------------------------------------------------------------- */

static void s_take_signal(conduct_t *self, int signal)
{
    if (self->first_signal) {
        children_signal(&self->children, SIGKILL);
        _exit(128 + signal);
    }
    self->first_signal = signal;
    fprintf(stderr, "%sstopping after a last snapshot; once more ends at once\n",
            self->progress.terminal ? "\n" : "");
    global_actor_drain(self->scheduler, CONDUCT_PATIENCE_US);
}

/* A region's process that died takes the run with it; whatever else runs is stopped in order. */
static void s_look_at_children(conduct_t *self)
{
    size_t index;
    child_t *child;
    children_reap(&self->children);
    while ((child = children_take_failed(&self->children, &index))) {
        char reason[sizeof self->child_failure];
        children_reason(child, self->launch->topology->regions[index].name, reason, sizeof reason);
        log_event(LEVEL_ERROR, "scheduler/global", "region_died", "reason=\"%s\"", reason);
        if (!self->child_failure[0])
            snprintf(self->child_failure, sizeof self->child_failure, "%s", reason);
        global_actor_region_failed(self->scheduler, index, ERR_STOPPED, reason);
        global_actor_drain(self->scheduler, CONDUCT_CRASH_US);
        children_signal(&self->children, SIGTERM); /* the stop may have had to go through the one that died */
    }
}

static void s_loop(conduct_t *self)
{
    while (shell_state(self->scheduler, NULL) != SHELL_ENDED) {
        host_event_t event = host_wait(&self->host, CONDUCT_LOOK_MS);
        if (event.signal)
            s_take_signal(self, event.signal);
        if (event.child)
            s_look_at_children(self);
    }
}

/* The regions end by themselves after the scheduler's bye; those that do not are helped. */
static void s_await_children(conduct_t *self)
{
    int64_t began_us = clock_now_us();
    bool asked = false;
    while (children_reap(&self->children)) {
        int64_t waited_us = clock_now_us() - began_us;
        if (waited_us >= CONDUCT_KILL_US) {
            children_signal(&self->children, SIGKILL);
        } else if (!asked && !self->child_failure[0] && waited_us >= CONDUCT_ASK_US) {
            asked = true;
            children_signal(&self->children, SIGTERM);
        }
        host_event_t event = host_wait(&self->host, CONDUCT_LOOK_MS);
        if (event.signal && self->first_signal) {
            children_signal(&self->children, SIGKILL);
            _exit(128 + event.signal);
        }
        if (event.signal)
            self->first_signal = event.signal;
    }
    size_t index;
    child_t *child = children_take_failed(&self->children, &index);
    if (child && !self->child_failure[0])
        children_reason(child, self->launch->topology->regions[index].name, self->child_failure,
                        sizeof self->child_failure);
}

/* ---- end
 * ----------------------------------------------------------------------------------------------------- */

static int s_write_report(conduct_t *self)
{
    err_t err = {0};
    report_add_parameters(self->report, self->launch->topology, self->launch->state_dir);
    if (self->spec->report_path && json_write_file(self->report, self->spec->report_path, &err))
        return cli_fail(EXIT_FAILED, self->spec->where, "%s", err.text);
    if (self->spec->json) {
        char *text = json_print(self->report, false);
        fputs(text, stdout);
        free(text);
    } else if (!self->spec->quiet) {
        report_print_table(self->report, stdout);
    }
    fflush(stdout);
    report_print_warning(self->report, stderr);
    return EXIT_DONE;
}

/* What to type to go on; without a snapshot there is nothing to resume. */
static void s_tell_resume(const conduct_t *self)
{
    size_t count = 0;
    if (self->state != RUN_DRAINED || !self->spec->resume || self->spec->quiet)
        return;
    bool stored = !launch_count_snapshots(self->launch, &count, NULL) && count;
    fprintf(self->spec->json ? stderr : stdout, "%s; go on with: %s%s\n",
            stored ? "stopped" : "stopped before the first snapshot", self->spec->resume,
            stored ? " --resume" : "");
}

/* Whoever starts the whole run begins, or resumes, one; a scheduler that alone is started again goes on in the run that
 * is. So what was kept is forgotten before the former, and when the report is written. */
static void s_forget(const conduct_t *self)
{
    err_t err = {0};
    if (global_actor_forget(self->launch->state_dir, &err))
        log_event(LEVEL_WARN, "scheduler/global", "forget", "reason=\"%s\"", err.text);
}

static int s_finish(conduct_t *self)
{
    err_t failure = {0};
    shell_state(self->scheduler, &failure);
    int status = self->report ? s_write_report(self) : EXIT_DONE;
    if (!status && failure.code != ERR_STALE)
        s_forget(self);
    if (self->child_failure[0])
        return cli_fail(EXIT_FAILED, NULL, "%s", self->child_failure);
    if (failure.code)
        return cli_fail(EXIT_FAILED, self->spec->where, "%s", failure.text);
    s_tell_resume(self);
    return status;
}

static int s_run(conduct_t *self)
{
    err_t err = {0};
    if (self->spec->spawn)
        s_forget(self);
    err_code_t rc = self->spec->spawn ? children_start(&self->children, self->launch, &err) : ERR_OK;
    if (!rc)
        rc = s_start_scheduler(self, &err);
    if (!rc)
        s_loop(self);
    else
        children_signal(&self->children, SIGKILL);
    s_await_children(self);
    return rc ? cli_fail(EXIT_FAILED, self->spec->where, "%s", err.text) : s_finish(self);
}

int conduct_run(launch_t *launch, const conduct_spec_t *spec)
{
    conduct_t *self = calloc(1, sizeof *self);
    CHECK(self);
    self->launch = launch;
    self->spec = spec;
    self->where = (launch_where_t){launch, 0, NULL};
    host_init(&self->host);
    int status = s_run(self);
    shell_destroy(&self->scheduler);
    host_fini(&self->host);
    json_destroy(&self->report);
    free(self);
    return status;
}
