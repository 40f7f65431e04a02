#include "deploy/launch/conduct.h"

#include "actors/kit/clock.h"
#include "actors/kit/process.h"
#include "actors/scheduler/global/global_actor.h"
#include "actors/scheduler/global/global_mark.h"
#include "codec/base/log.h"
#include "codec/base/outlet.h"
#include "codec/wire/actor_name.h"
#include "deploy/launch/await_room.h"
#include "deploy/launch/command.h"
#include "deploy/launch/control.h"
#include "deploy/launch/host.h"
#include "deploy/launch/picture.h"
#include "deploy/launch/planning.h"
#include "deploy/launch/progress.h"
#include "deploy/launch/report.h"
#include "deploy/launch/status_file.h"
#include "deploy/launch/watch.h"
#include "deploy/state/holders.h"

#include <math.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define CONDUCT_PATIENCE_US 10000000 /* a drain without progress ends after this */
#define CONDUCT_CRASH_US 5000000     /* the same when a region's process cannot go on */
#define CONDUCT_READ_US 10000000     /* who reads standard output takes something within this time */
#define CONDUCT_LOOK_MS 250

typedef struct {
    launch_t *launch;
    const conduct_spec_t *spec;
    host_t host;
    control_t *control; /* NULL: nobody can ask */
    launch_where_t where;
    statedir_run_t run;   /* of the directory */
    process_lines_t told; /* by the parent */
    shell_t *scheduler;
    int first_signal;
    char region_failure[PROCESS_LINE_MAX]; /* of a region's process; empty: none */
    pthread_mutex_t mutex;                 /* of the next */
    process_rows_t processes;
    char mark_name[GLOBAL_MARK_NAME_MAX + 1]; /* a common point to be asked for; empty: none */
    bool mark_fresh;
    global_mark_asked_t marked; /* what became of it, as observed */

    char *picture; /* the newest document; NULL: none yet ... */
    int64_t pictured_us;
    uint64_t done[TOPOLOGY_REGIONS_MAX]; /* samples, per region ... */

    uint64_t done_told[TOPOLOGY_REGIONS_MAX]; /* ... as the parent knows */

    /* written by the scheduler's thread; read here when it has ended */
    headway_t headway;
    progress_t progress;
    global_plan_with_t plan_with;
    char status_path[STATEDIR_PATH_MAX + 32];
    bool status_failed;
    json_value_t *report;
    run_state_t state;
    char stopper[WIRE_NAME_SIZE];
} conduct_t;

/* ---- in the scheduler's thread ---- */

/* For who asks over the control, and for the file. */
static void s_publish(conduct_t *self, char *text, int64_t now_us)
{
    err_t err = {0};
    bool failed = status_file_write(self->status_path, text, &err) != ERR_OK;
    if (failed && !self->status_failed)
        log_event(LEVEL_WARN, ACTOR_GLOBAL, "status_file",
                  "reason=\"%s\"; going on without, who asks is answered", err.text);
    self->status_failed = failed;
    pthread_mutex_lock(&self->mutex);
    free(self->picture);
    self->picture = text;
    self->pictured_us = now_us;
    pthread_mutex_unlock(&self->mutex);
}

static buf_t *s_observe(void *hint, const global_core_t *core, int64_t now_us, bool last)
{
    conduct_t *self = hint;
    const topology_t *topology = self->launch->topology;
    pthread_mutex_lock(&self->mutex);
    process_rows_t processes = self->processes;
    self->marked = *global_mark_asked(global_core_mark(core));
    for (size_t r = 0; r < topology->region_count; r++) {
        const message_t *report = global_core_region(core, r).report;
        self->done[r] = report ? report->region_report.samples : 0;
    }
    pthread_mutex_unlock(&self->mutex);
    report_context_t context = {.topology = topology,
                                .now_us = now_us,
                                .wall_us = now_us - self->spec->began_us,
                                .one_node_each = self->spec->parent != 0,
                                .processes = &processes,
                                .changes = self->run.changes};
    headway_look(&self->headway, core, now_us);
    progress_show(&self->progress, core, &self->headway, now_us, last);
    json_value_t *document = picture_new(core, &self->headway, &context);
    char *text = json_print(document, false);
    json_destroy(&document);
    buf_t *picture = buf_new_copy(text, strlen(text));
    s_publish(self, text, now_us);
    if (last && !global_core_displaced(core)) {
        self->state = global_core_state(core);
        snprintf(self->stopper, sizeof self->stopper, "%s", global_core_stopper(core));
        self->report = report_new(core, &context);
    }
    return picture;
}

/* ---- start ---- */

static err_code_t s_start_scheduler(void *hint, err_t *err)
{
    conduct_t *self = hint;
    launch_t *launch = self->launch;
    bool applies = launch->topology->plan.apply;
    shell_destroy(&self->scheduler); /* one that found no room */
    global_actor_t actor = {.topology = launch->topology,
                            .state_dir = launch->state_dir,
                            .plan = applies ? &self->plan_with : NULL,
                            .observe = s_observe,
                            .observe_hint = self};
    shell_spec_t shell = {.name = ACTOR_GLOBAL,
                          .find = launch_find_broker,
                          .find_hint = &self->where,
                          .notify_fd = self->host.notify_fd};
    global_actor_fill(&actor, &shell);
    self->scheduler = shell_start(&shell);
    return shell_wait_ready(self->scheduler, err);
}

static err_code_t s_start_job(conduct_t *self, err_t *err)
{
    launch_t *launch = self->launch;
    err_code_t rc =
        launch->topology->plan.apply ? planning_prepare(launch, 0, &self->plan_with, NULL, err) : ERR_OK;
    if (!rc)
        rc = statedir_run(launch->state_dir, &self->run, err);
    if (rc)
        return rc;
    snprintf(self->status_path, sizeof self->status_path, "%s/" LAUNCH_STATUS_FILE, launch->state_dir);
    headway_init(&self->headway, clock_now_us());
    progress_init(&self->progress, !self->spec->quiet, self->spec->began_us);
    await_room_t who = {
        .where = self->spec->where, .state_dir = launch->state_dir, .parent = self->spec->parent};
    return await_room(&who, s_start_scheduler, self, err);
}

/* ---- run ---- */

/* Prices, offers or links in the file are others now; what may not change is refused, and nothing happens. */
static void s_reread(conduct_t *self)
{
    topology_t *changed = NULL;
    err_t err = {0};
    if (launch_reread(self->launch, self->spec->topology, NULL, 0, NULL, &changed, &err)) {
        log_event(LEVEL_WARN, self->spec->where, "reread", "reason=\"%s\"; going on as before", err.text);
        outlet_say("cloudless: %s: %s\n", self->spec->where, err.text);
        return;
    }
    log_event(LEVEL_INFO, self->spec->where, "reread", "file=%s", self->spec->topology);
    global_actor_reread(self->scheduler, changed);
    topology_destroy(&changed);
}

/* Under `up` a Ctrl-C, and a SIGHUP of the terminal, is for the parent, which then tells. */
static void s_take_signal(conduct_t *self, int signal)
{
    if (signal == SIGHUP) {
        if (!self->spec->parent)
            s_reread(self);
        return;
    }
    bool parents = self->spec->parent && (signal == SIGINT || signal == HOST_HANGUP);
    if (parents || (signal > SIGRTMAX && self->first_signal))
        return;
    if (self->first_signal)
        _exit(128 + signal);
    self->first_signal = signal;
    if (!self->spec->parent)
        outlet_say("%sstopping after a last snapshot; once more ends at once\n",
                   self->progress.terminal ? "\n" : "");
    global_actor_drain(self->scheduler, CONDUCT_PATIENCE_US);
}

static void s_take_drain(conduct_t *self, const char *rest)
{
    (void)rest;
    global_actor_drain(self->scheduler, CONDUCT_PATIENCE_US);
}

/* The process of a region that cannot go on takes the run with it. */
static void s_take_failed(conduct_t *self, const char *rest)
{
    char *reason;
    size_t region = strtoul(rest, &reason, 10);
    if (*reason != ' ' || region >= self->launch->topology->region_count || self->region_failure[0])
        return;
    snprintf(self->region_failure, sizeof self->region_failure, "%s", reason + 1);
    global_actor_region_failed(self->scheduler, region, ERR_STOPPED, self->region_failure);
    global_actor_drain(self->scheduler, CONDUCT_CRASH_US);
}

static void s_take_reread(conduct_t *self, const char *rest)
{
    (void)rest;
    s_reread(self);
}

static void s_take_process(conduct_t *self, const char *rest)
{
    size_t index;
    unsigned long long pid, restarts;
    int at = 0;
    if (sscanf(rest, "%zu %llu %llu %n", &index, &pid, &restarts, &at) != 3 || index >= PROCESS_ROWS_MAX)
        return;
    pthread_mutex_lock(&self->mutex);
    process_row_t *row = &self->processes.items[index];
    row->pid = pid;
    row->restarts = restarts;
    snprintf(row->name, sizeof row->name, "%s", rest + at);
    if (self->processes.count <= index)
        self->processes.count = index + 1;
    pthread_mutex_unlock(&self->mutex);
}

static void s_take_died(conduct_t *self, const char *rest)
{
    char *reason;
    size_t index = strtoul(rest, &reason, 10);
    if (*reason != ' ' || index >= PROCESS_ROWS_MAX)
        return;
    pthread_mutex_lock(&self->mutex);
    snprintf(self->processes.items[index].died, sizeof self->processes.items[index].died, "%s", reason + 1);
    pthread_mutex_unlock(&self->mutex);
}

/* "INDEX REASON": the process waits for room on its disk; without a reason it does not any more. */
static void s_take_waiting(conduct_t *self, const char *rest)
{
    char *why;
    size_t index = strtoul(rest, &why, 10);
    if (index >= PROCESS_ROWS_MAX)
        return;
    pthread_mutex_lock(&self->mutex);
    process_row_t *row = &self->processes.items[index];
    snprintf(row->waits_for, sizeof row->waits_for, "%s", why + (*why == ' '));
    pthread_mutex_unlock(&self->mutex);
}

static const struct {
    const char *word;
    void (*take)(conduct_t *self, const char *rest);
} s_words[] = {{"drain", s_take_drain},     {"died", s_take_died},     {"failed", s_take_failed},
               {"process", s_take_process}, {"reread", s_take_reread}, {AWAIT_ROOM_WORD, s_take_waiting}};

static void s_take_line(conduct_t *self, const char *line)
{
    size_t length = strcspn(line, " ");
    for (size_t i = 0; i < sizeof s_words / sizeof *s_words; i++)
        if (strlen(s_words[i].word) == length && !strncmp(line, s_words[i].word, length))
            s_words[i].take(self, line + length + (line[length] == ' '));
}

static void s_listen(conduct_t *self)
{
    char line[PROCESS_LINE_MAX];
    while (process_lines_take(&self->told, line))
        s_take_line(self, line);
    if (self->told.ended || process_is_orphan(self->spec->parent))
        _exit(EXIT_FAILED);
}

/* Asks for the point that the control's thread took. */
static void s_ask_mark(conduct_t *self)
{
    char name[GLOBAL_MARK_NAME_MAX + 1];
    pthread_mutex_lock(&self->mutex);
    memcpy(name, self->mark_name, sizeof name);
    bool fresh = self->mark_fresh;
    self->mark_name[0] = '\0';
    pthread_mutex_unlock(&self->mutex);
    if (name[0])
        global_actor_mark(self->scheduler, name, fresh);
}

/* The parent is told what gets done: a process that dies again and again without that is given up. */
static void s_tell_done(conduct_t *self)
{
    uint64_t done[TOPOLOGY_REGIONS_MAX];
    pthread_mutex_lock(&self->mutex);
    memcpy(done, self->done, sizeof done);
    pthread_mutex_unlock(&self->mutex);
    for (size_t r = 0; r < self->launch->topology->region_count; r++)
        if (done[r] > self->done_told[r] &&
            !process_lines_say(&self->told, "done %zu %llu", r, (unsigned long long)done[r]))
            self->done_told[r] = done[r];
}

static void s_loop_job(conduct_t *self)
{
    while (shell_state(self->scheduler, NULL) != SHELL_ENDED) {
        host_event_t event = host_wait(&self->host, CONDUCT_LOOK_MS);
        s_ask_mark(self);
        if (event.signal)
            s_take_signal(self, event.signal);
        if (self->spec->parent) {
            s_listen(self);
            s_tell_done(self);
        }
    }
}

/* ---- end ---- */

static void s_print_report(int fd, void (*print)(const json_value_t *report, FILE *out),
                           const json_value_t *report)
{
    char *text = NULL;
    size_t size = 0;
    FILE *out = open_memstream(&text, &size);
    CHECK(out);
    print(report, out);
    fclose(out);
    if (size)
        outlet_write(fd, text, size);
    free(text);
}

static int s_write_report(conduct_t *self)
{
    err_t err = {0};
    report_add_parameters(self->report, self->launch->topology, self->launch->state_dir);
    if (self->spec->report_path && json_write_file(self->report, self->spec->report_path, &err))
        return command_fail(EXIT_FAILED, self->spec->where, "%s", err.text);
    if (self->spec->json) {
        char *text = json_print(self->report, false);
        outlet_write(STDOUT_FILENO, text, strlen(text));
        free(text);
    } else if (!self->spec->quiet) {
        s_print_report(STDOUT_FILENO, report_print_table, self->report);
    }
    s_print_report(STDERR_FILENO, report_print_warning, self->report);
    return EXIT_DONE;
}

/* Done or drained are not the same: the share that was done, and who asked. */
static void s_print_drained(const conduct_t *self, FILE *out)
{
    double share = json_get_number(self->report, "done_share", NAN);
    bool here = !strcmp(self->stopper, GLOBAL_STOPPER_HERE);
    fprintf(out, "stopped before the end");
    if (isfinite(share))
        fprintf(out, ", at %.1f %% of the samples", floor(1000 * share) / 10);
    fprintf(out, here ? ", as asked for here" : ", as asked for by %s",
            self->stopper[0] ? self->stopper : "somebody else");
}

/* Prints what to type to go on. */
static void s_print_resume(const conduct_t *self, FILE *out)
{
    size_t count = 0;
    if (!self->spec->resume) {
        fprintf(out, "; go on by starting the same commands again\n");
        return;
    }
    bool none = !launch_count_snapshots(self->launch, &count, NULL) && !count;
    fprintf(out, "%s; go on with: %s\n", none ? " and before the first snapshot" : "", self->spec->resume);
}

/* Where the model is: here, or on which machines. */
static void s_print_model(const conduct_t *self, FILE *out)
{
    json_value_t *document = NULL;
    if (!self->picture || json_parse(self->picture, strlen(self->picture), &document, NULL))
        return;
    picture_print_model(document, self->launch->state_dir, out);
    json_destroy(&document);
}

/* Tells what is to be done now. */
static void s_tell_next(const conduct_t *self)
{
    char *text = NULL;
    size_t size = 0;
    if (self->spec->quiet || !self->report)
        return;
    FILE *out = open_memstream(&text, &size);
    CHECK(out);
    if (!self->spec->json)
        s_print_model(self, out);
    if (self->state == RUN_DRAINED) {
        s_print_drained(self, out);
        s_print_resume(self, out);
    }
    fclose(out);
    if (size)
        outlet_write(self->spec->json ? STDERR_FILENO : STDOUT_FILENO, text, size);
    free(text);
}

/* A drain that was not asked for here is no success here. */
static int s_exit_status(const conduct_t *self)
{
    bool foreign = self->state == RUN_DRAINED && strcmp(self->stopper, GLOBAL_STOPPER_HERE) != 0;
    return foreign ? EXIT_DRAINED : EXIT_DONE;
}

/* Whoever starts the whole run begins, or resumes, one; a scheduler that alone is started again goes on in
 * the run that is. So what was kept is forgotten before the former, and when the report is written. */
static void s_forget(const conduct_t *self)
{
    err_t err = {0};
    if (global_actor_forget(self->launch->state_dir, &err))
        log_event(LEVEL_WARN, ACTOR_GLOBAL, "forget", "reason=\"%s\"", err.text);
}

/* Returns whether the scheduler had failed for a reason of its own before a region's process did: the first
 * reason is the cause. */
static bool s_is_cause(const conduct_t *self, const err_t *failure)
{
    char process[200];
    snprintf(process, sizeof process, "%s", self->region_failure);
    return failure->code && failure->code != ERR_STALE && !strstr(failure->text, process);
}

/* Whoever was to get the outcome has it, or is told where it is. */
static int s_hand_over(const conduct_t *self, int status)
{
    err_t err = {0};
    char spare[STATEDIR_PATH_MAX + 32];
    const char *path = self->spec->report_path ? self->spec->report_path : spare;
    snprintf(spare, sizeof spare, "%s/" LAUNCH_REPORT_FILE, self->launch->state_dir);
    if (!outlet_flush(STDOUT_FILENO, CONDUCT_READ_US, &err))
        return status;
    bool kept = self->report && (self->spec->report_path || !json_write_file(self->report, spare, NULL));
    return command_fail(EXIT_FAILED, self->spec->where, "standard output: %s%s%s", err.text,
                        kept ? "; the report is in " : "", kept ? path : "");
}

static int s_finish(conduct_t *self)
{
    err_t failure = {0};
    shell_state(self->scheduler, &failure);
    int status = self->report ? s_write_report(self) : EXIT_DONE;
    if (!status && self->report)
        s_forget(self);
    if (self->region_failure[0] && !s_is_cause(self, &failure))
        return command_fail(EXIT_FAILED, NULL, "%s", self->region_failure);
    if (failure.code)
        return command_fail(EXIT_FAILED, self->spec->where, "%s", failure.text);
    s_tell_next(self);
    return s_hand_over(self, status ? status : s_exit_status(self));
}

/* "NAME" or "NAME new": the main thread asks the scheduler. */
static char *s_answer_mark(void *hint, const char *rest)
{
    conduct_t *self = hint;
    char name[GLOBAL_MARK_NAME_MAX + 2] = "", word[4] = "";
    int words = sscanf(rest, "%33s %3s", name, word);
    bool fits = words >= 1 && global_mark_name_fits(name);
    pthread_mutex_lock(&self->mutex);
    bool busy = self->mark_name[0] || self->marked.state == MARK_AWAITED;
    bool known = self->marked.state == MARK_MADE && !strcmp(self->marked.name, name);
    if (fits && !busy && !known) {
        memcpy(self->mark_name, name, sizeof self->mark_name);
        self->mark_fresh = words == 2 && !strcmp(word, "new");
    }
    pthread_mutex_unlock(&self->mutex);
    char *answer = strdup(!fits ? "wrong" : busy ? "busy" : known ? "known" : "asked");
    CHECK(answer);
    return answer;
}

/* "STATE TAG" of the point that was asked for by that name. */
static char *s_answer_marked(void *hint, const char *rest)
{
    static const char *const states[] = {"none", "awaited", "made", "failed"};
    conduct_t *self = hint;
    char *answer = NULL;
    pthread_mutex_lock(&self->mutex);
    bool same = !strcmp(self->marked.name, rest);
    int length =
        asprintf(&answer, "%s %s", states[same ? self->marked.state : MARK_NOT_ASKED], self->marked.tag);
    pthread_mutex_unlock(&self->mutex);
    CHECK(length > 0);
    return answer;
}

/* In control's thread. */
static char *s_answer_status(void *hint, const char *rest)
{
    conduct_t *self = hint;
    (void)rest;
    pthread_mutex_lock(&self->mutex);
    char *text = self->picture ? watch_print(self->picture, clock_now_us() - self->pictured_us)
                               : strdup("!the global scheduler has just begun");
    pthread_mutex_unlock(&self->mutex);
    CHECK(text);
    return text;
}

static const control_word_t s_asked[] = {{"stop", host_answer_stop},
                                         {"mark", s_answer_mark},
                                         {"marked", s_answer_marked},
                                         {WATCH_WORD, s_answer_status},
                                         {NULL, NULL}};

static int s_run_job(conduct_t *self)
{
    err_t err = {0};
    if (control_open(self->launch->state_dir, HOLDER_SCHEDULER, s_asked, self, &self->control, &err))
        log_event(LEVEL_WARN, self->spec->where, "control",
                  "reason=\"%s\"; a signal can stop it, cloudless stop cannot", err.text);
    err_code_t rc = s_start_job(self, &err);
    if (rc == ERR_STOPPED)
        return EXIT_DONE; /* it had not begun */
    if (rc)
        return command_fail(EXIT_FAILED, self->spec->where, "%s", err.text);
    if (self->spec->parent) {
        process_lines_init(&self->told, STDIN_FILENO);
        self->host.watch_fd = STDIN_FILENO;
        if (process_lines_say(&self->told, "ready"))
            return EXIT_FAILED; /* nobody is there who would want to know */
    }
    s_loop_job(self);
    return s_finish(self);
}

int conduct_run(launch_t *launch, const conduct_spec_t *spec)
{
    conduct_t *self = calloc(1, sizeof *self);
    CHECK(self);
    self->launch = launch;
    self->spec = spec;
    self->where = (launch_where_t){launch, 0, NULL};
    pthread_mutex_init(&self->mutex, NULL);
    host_init(&self->host);
    int status = s_run_job(self);
    control_close(&self->control);
    shell_destroy(&self->scheduler);
    host_fini(&self->host);
    pthread_mutex_destroy(&self->mutex);
    json_destroy(&self->report);
    free(self->picture);
    free(self);
    return status;
}
