#include "deploy/launch/supervise.h"

#include "actors/kit/clock.h"
#include "actors/scheduler/global/global_actor.h"
#include "codec/base/log.h"
#include "codec/base/outlet.h"
#include "deploy/launch/await_room.h"
#include "deploy/launch/command.h"
#include "deploy/launch/control.h"
#include "deploy/launch/host.h"
#include "deploy/state/holders.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#define SUPERVISE_ASK_US 8000000   /* processes still there so long after the end are asked to end ... */
#define SUPERVISE_KILL_US 20000000 /* ... and then killed */
#define SUPERVISE_LOOK_MS 250

typedef struct {
    const launch_t *launch;
    const supervise_spec_t *spec;
    host_t host;
    children_t children;
    int first_signal;
    size_t failed_region;
    char failure[2048]; /* of a region's process, the first; empty: none */
    bool told;          /* the global scheduler knows of it */
    /* a process that has never been there failed: nothing has begun that had to be finished */
    bool stillborn;
} supervise_t;

static child_t *s_global(supervise_t *self)
{
    return &self->children.items[0];
}

/* ---- what the global scheduler must know ---- */

static void s_say_line(supervise_t *self, const char *line)
{
    if (s_global(self)->state != CHILD_RUNS)
        return;
    err_code_t rc = process_lines_say(process_lines(s_global(self)->process), "%s", line);
    if (rc)
        log_event(LEVEL_WARN, "up", "not_told", "line=\"%s\" code=%s; a new one is told again", line,
                  err_name(rc));
}

static void s_tell_failure(supervise_t *self)
{
    char line[PROCESS_LINE_MAX];
    if (!self->failure[0] || s_global(self)->state != CHILD_RUNS)
        return;
    snprintf(line, sizeof line, "failed %zu %s", self->failed_region, self->failure);
    s_say_line(self, line);
    self->told = true;
}

static void s_tell_processes(supervise_t *self)
{
    process_rows_t rows;
    children_rows(&self->children, &rows);
    for (size_t i = 0; i < rows.count; i++) {
        char line[PROCESS_LINE_MAX];
        snprintf(line, sizeof line, "process %zu %llu %llu %s", i, (unsigned long long)rows.items[i].pid,
                 (unsigned long long)rows.items[i].restarts, rows.items[i].name);
        s_say_line(self, line);
        snprintf(line, sizeof line, AWAIT_ROOM_WORD " %zu %s", i, rows.items[i].waits_for);
        s_say_line(self, line);
    }
}

/* The global scheduler's process draws its progress in the terminal's last line. */
static bool s_draws(const supervise_t *self)
{
    return !self->spec->quiet && isatty(STDERR_FILENO);
}

/* A process that waits for room on the disk has no log that says so, maybe: the terminal does, and status. */
static void s_take_waiting(supervise_t *self)
{
    const child_t *child;
    while ((child = children_take_waiting(&self->children))) {
        char line[PROCESS_LINE_MAX];
        const char *above = s_draws(self) ? "\n" : "";
        if (child->waits_for[0])
            outlet_say("%scloudless: %s waits for room: %s\n", above, child->name, child->waits_for);
        else
            outlet_say("%scloudless: %s has room again\n", above, child->name);
        snprintf(line, sizeof line, AWAIT_ROOM_WORD " %zu %s", (size_t)(child - self->children.items),
                 child->waits_for);
        s_say_line(self, line);
    }
}

/* Whatever was started: all is told again, since it may have been the global scheduler that had died. */
static void s_start_due(supervise_t *self)
{
    if (!children_start_due(&self->children, !self->failure[0], clock_now_us()))
        return;
    s_tell_processes(self);
    if (self->first_signal)
        s_say_line(self, "drain");
    s_tell_failure(self);
}

/* ---- events ---- */

/* Changes are put where the global scheduler reads it; what may not change is refused, and nothing
 * happens. */
static void s_reread(supervise_t *self)
{
    topology_t *changed = NULL;
    err_t err = {0};
    const supervise_spec_t *spec = self->spec;
    err_code_t rc =
        launch_reread(self->launch, spec->topology, spec->sets, spec->set_count, spec->seed, &changed, &err);
    if (!rc)
        rc = launch_replace_topology(self->launch, changed, &err);
    topology_destroy(&changed);
    if (rc) {
        log_event(LEVEL_WARN, "up", "reread", "reason=\"%s\"; going on as before", err.text);
        outlet_say("cloudless: up: %s\n", err.text);
        return;
    }
    s_say_line(self, "reread");
    children_tell_changed(&self->children);
}

static void s_take_signal(supervise_t *self, int signal)
{
    if (signal == SIGHUP) {
        s_reread(self);
        return;
    }
    if (signal > SIGRTMAX && self->first_signal)
        return;
    if (self->first_signal) {
        children_kill(&self->children);
        _exit(128 + signal);
    }
    self->first_signal = signal;
    outlet_say("%sstopping after a last snapshot; once more ends at once\n", s_draws(self) ? "\n" : "");
    s_say_line(self, "drain");
    if (s_global(self)->state == CHILD_RUNS && s_global(self)->waits_for[0])
        kill(process_pid(s_global(self)->process), SIGTERM); /* it does not listen before it has begun */
}

/* A region's process that cannot go on takes the run with it; whatever else runs is stopped in order. */
static void s_take_failures(supervise_t *self)
{
    child_t *child;
    while ((child = children_take_failed(&self->children))) {
        char reason[sizeof self->failure];
        children_reason(child, reason, sizeof reason);
        log_event(LEVEL_ERROR, child->name, "failed", "reason=\"%s\"; the run ends", reason);
        if (!self->failure[0]) {
            snprintf(self->failure, sizeof self->failure, "%s", reason);
            self->failed_region = child->region;
            if (child->came)
                s_tell_failure(self);
        }
        self->stillborn = self->stillborn || !child->came;
        children_ask(&self->children, false); /* the stop may have had to go through the one that failed */
    }
}

/* A process that dies again and again is told before it is given up: on the terminal, and to the global
 * scheduler for `status`. */
static void s_take_dying(supervise_t *self)
{
    child_t *child;
    while ((child = children_take_dying(&self->children))) {
        char reason[1024], line[PROCESS_LINE_MAX];
        children_reason(child, reason, sizeof reason);
        snprintf(line, sizeof line, "died %zu %s", (size_t)(child - self->children.items), reason);
        s_say_line(self, line);
        int64_t pause_us = child->again_us - clock_now_us();
        bool drawn = isatty(STDERR_FILENO);
        if (!self->spec->quiet)
            outlet_say("%scloudless: up: %s; starting it again in %lld ms\n", drawn ? "\n" : "", reason,
                       (long long)(pause_us > 0 ? pause_us : 0) / 1000);
    }
}

static int s_timeout_ms(const supervise_t *self, int64_t now_us)
{
    int64_t due_us = children_due(&self->children);
    int64_t wait_us = due_us <= now_us ? 0 : due_us - now_us;
    return wait_us >= SUPERVISE_LOOK_MS * 1000 ? SUPERVISE_LOOK_MS : (int)(wait_us + 999) / 1000;
}

/* ---- run ---- */

static bool s_is_over(supervise_t *self)
{
    return self->stillborn || s_global(self)->state == CHILD_DONE || s_global(self)->state == CHILD_FAILED;
}

static void s_loop_children(supervise_t *self)
{
    while (!s_is_over(self)) {
        s_start_due(self);
        host_event_t event = host_wait(&self->host, s_timeout_ms(self, clock_now_us()));
        if (event.signal)
            s_take_signal(self, event.signal);
        children_look(&self->children, clock_now_us());
        s_take_dying(self);
        s_take_waiting(self);
        s_take_failures(self);
    }
}

/* A global scheduler that does not start lets nobody go. */
static bool s_lost(supervise_t *self)
{
    const child_t *global = s_global(self);
    return global->state == CHILD_FAILED && (global->why[0] || !WIFEXITED(global->status));
}

static void s_note_failure(supervise_t *self)
{
    child_t *child;
    while ((child = children_take_failed(&self->children)))
        if (!self->failure[0])
            children_reason(child, self->failure, sizeof self->failure);
}

static void s_wait(supervise_t *self)
{
    host_event_t event = host_wait(&self->host, SUPERVISE_LOOK_MS);
    if (event.signal == SIGHUP || event.signal == HOST_HANGUP || event.signal == HOST_STOP)
        event.signal = 0; /* nothing is rented any more, and it stops */
    if (event.signal && self->first_signal) {
        children_kill(&self->children);
        _exit(128 + event.signal);
    }
    if (event.signal)
        self->first_signal = event.signal;
    children_look(&self->children, clock_now_us());
}

/* The regions end by themselves after the scheduler's bye; those that do not are helped. Those that carry
 * messages go last. Who dies now has nothing left to do: it is not started again. */
static void s_await_regions(supervise_t *self)
{
    int64_t began_us = clock_now_us();
    bool killed = false;
    while (children_running(&self->children, false)) {
        int64_t waited_us = clock_now_us() - began_us;
        if (self->stillborn || waited_us >= SUPERVISE_KILL_US || s_lost(self)) {
            children_kill(&self->children);
            killed = !self->stillborn && !s_lost(self);
        } else if (waited_us >= SUPERVISE_ASK_US) {
            children_ask(&self->children, false);
        }
        s_wait(self);
    }
    s_note_failure(self);
    if (killed && !self->failure[0])
        snprintf(self->failure, sizeof self->failure,
                 "up: not every process of the regions ended by itself; see the logs in %s/log",
                 self->launch->state_dir);
    began_us = clock_now_us();
    children_ask(&self->children, true);
    while (children_running(&self->children, true) && clock_now_us() - began_us < SUPERVISE_ASK_US)
        s_wait(self);
}

static int s_finish(supervise_t *self)
{
    if (s_lost(self)) {
        char reason[sizeof self->failure];
        children_reason(s_global(self), reason, sizeof reason);
        return command_fail(EXIT_FAILED, "up", "%s", reason);
    }
    if (self->failure[0] && (!self->told || self->stillborn))
        return command_fail(EXIT_FAILED, NULL, "%s", self->failure);
    return WEXITSTATUS(s_global(self)->status);
}

/* A run begins, or is resumed: what the global scheduler of an earlier one kept for its successor is not
 * meant for it. */
static err_code_t s_forget_kept(void *hint, err_t *err)
{
    const launch_t *launch = hint;
    return global_actor_forget(launch->state_dir, err);
}

/* false: told to end while it waited for room. */
static bool s_forget(const launch_t *launch)
{
    err_t err = {0};
    await_room_t who = {.where = "up", .state_dir = launch->state_dir};
    err_code_t rc = await_room(&who, s_forget_kept, (void *)(uintptr_t)launch, &err);
    if (rc && rc != ERR_STOPPED)
        log_event(LEVEL_WARN, "up", "forget", "reason=\"%s\"", err.text);
    return rc != ERR_STOPPED;
}

static const control_word_t s_words[] = {{"stop", host_answer_stop}, {NULL, NULL}};

int supervise_run(const launch_t *launch, const supervise_spec_t *spec)
{
    supervise_t *self = calloc(1, sizeof *self);
    CHECK(self);
    self->launch = launch;
    self->spec = spec;
    err_t err = {0};
    if (children_init(&self->children, launch, spec->isolate, spec->arguments, &err)) {
        free(self);
        return command_fail(EXIT_FAILED, "up", "%s", err.text);
    }
    host_init(&self->host);
    control_t *control = NULL;
    if (control_open(launch->state_dir, HOLDER_UP, s_words, NULL, &control, &err))
        log_event(LEVEL_WARN, "up", "control", "reason=\"%s\"; a signal can stop it, cloudless stop cannot",
                  err.text);
    int status = EXIT_DONE; /* told to end before anything began */
    if (s_forget(launch)) {
        s_loop_children(self);
        s_await_regions(self);
        status = s_finish(self);
    }
    control_close(&control);
    children_fini(&self->children);
    host_fini(&self->host);
    free(self);
    return status;
}
