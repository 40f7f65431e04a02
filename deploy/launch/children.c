#include "deploy/launch/children.h"

#include "codec/base/log.h"
#include "codec/wire/actor_name.h"
#include "deploy/launch/await_room.h"
#include "store/file.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#define CHILD_LOG_TAIL 16384
#define CHILD_STARTS_MAX 5     /* in a row that did not become ready */
#define CHILD_QUICK_US 1000000 /* who dies so soon after it was ready will do so again */
#define CHILD_DEATHS_MAX 8     /* in a row without anything done in between */
#define CHILD_PAUSE_US 200000
#define CHILD_PAUSE_MOST_US 5000000

/* ---- the table ---- */

typedef struct {
    const char *name; /* NULL: no further one */
    const char *parts;
    bool carries;
} row_t;

/* Actors that share a process, in the order in which they are started. Where nodes are rented by plan their
 * scheduler has them started. */
static const row_t s_rows[2][ISOLATE_COUNT][4] = {
    {
        [ISOLATE_REGION] = {{"region", "broker,scheduler,node", false}},
        [ISOLATE_ROLE] = {{"broker", "broker", true},
                          {"scheduler", "scheduler", false},
                          {"node", "node", false}},
        [ISOLATE_ACTOR] = {{"broker", "broker", true},
                           {"scheduler", "scheduler", false},
                           {"node", "node", false}},
    },
    {
        [ISOLATE_REGION] = {{"region", "broker,scheduler", false}},
        [ISOLATE_ROLE] = {{"broker", "broker", true}, {"scheduler", "scheduler", false}},
        [ISOLATE_ACTOR] = {{"broker", "broker", true}, {"scheduler", "scheduler", false}},
    },
};

static void s_add_child(children_t *self, const launch_t *launch, isolate_t isolate, const row_t *row,
                        size_t region, const char *log_dir)
{
    child_t *child = &self->items[self->count++];
    const char *of = launch->topology->regions[region].name;
    *child = (child_t){.region = region,
                       .pause = backoff_of(CHILD_PAUSE_US, CHILD_PAUSE_MOST_US),
                       .carries = row->carries,
                       .arguments = {"cloudless", "region", "--topology", self->topology, "--region", of,
                                     "--state", launch->state_dir, "--parent", self->parent, "--parts",
                                     row->parts, "--isolate", isolate_name(isolate), NULL}};
    snprintf(child->name, sizeof child->name, "%s %s", row->name, of);
    if (isolate == ISOLATE_REGION)
        snprintf(child->log, sizeof child->log, "%s/%s.log", log_dir, of);
    else
        snprintf(child->log, sizeof child->log, "%s/%s-%s.log", log_dir, row->name, of);
}

static void s_add_global(children_t *self, const launch_t *launch, const char *const *arguments)
{
    child_t *child = &self->items[self->count++];
    *child = (child_t){.region = CHILDREN_GLOBAL,
                       .pause = backoff_of(CHILD_PAUSE_US, CHILD_PAUSE_MOST_US),
                       .name = ACTOR_GLOBAL,
                       .arguments = {"cloudless", "global", "--topology", self->topology, "--state",
                                     launch->state_dir, "--parent", self->parent}};
    size_t count = 0;
    while (child->arguments[count])
        count++;
    while (*arguments && count < CHILD_ARGUMENTS_MAX - 1)
        child->arguments[count++] = *arguments++;
}

err_code_t children_init(children_t *self, const launch_t *launch, isolate_t isolate,
                         const char *const *arguments, err_t *err)
{
    *self = (children_t){0};
    char log_dir[STATEDIR_PATH_MAX];
    err_code_t rc = statedir_folder(launch->state_dir, STATEDIR_LOG, log_dir, err);
    if (rc)
        return rc;
    snprintf(self->topology, sizeof self->topology, "%s/" LAUNCH_TOPOLOGY_FILE, launch->state_dir);
    snprintf(self->parent, sizeof self->parent, "%d", (int)getpid());
    s_add_global(self, launch, arguments);
    for (size_t r = 0; r < launch->topology->region_count; r++)
        for (const row_t *row = s_rows[launch->topology->plan.apply][isolate]; row->name; row++)
            s_add_child(self, launch, isolate, row, r, log_dir);
    return ERR_OK;
}

void children_fini(children_t *self)
{
    for (size_t i = 0; i < self->count; i++)
        process_destroy(&self->items[i].process);
}

/* ---- start ---- */

static err_code_t s_start_process(child_t *child, err_t *err)
{
    process_spec_t spec = {.arguments = child->arguments,
                           .output = STDOUT_FILENO,
                           .error = STDERR_FILENO,
                           .own_group = child->log[0]};
    int log_fd = -1;
    if (child->log[0]) {
        log_fd = open(child->log, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
        if (log_fd < 0)
            return err_set(err, file_code_of(errno), "%s: %s", child->log, strerror(errno));
        child->log_from = lseek(log_fd, 0, SEEK_END);
        spec.output = spec.error = log_fd;
    }
    err_code_t rc = process_start(&spec, &child->process, err);
    if (log_fd >= 0)
        close(log_fd);
    return rc;
}

static void s_note_waiting(child_t *child, const char *why)
{
    if (!strcmp(child->waits_for, why))
        return;
    snprintf(child->waits_for, sizeof child->waits_for, "%s", why);
    child->waits_told = false;
}

bool children_start_due(children_t *self, bool region_too, int64_t now_us)
{
    bool any = false;
    for (size_t i = 0; i < self->count; i++) {
        child_t *child = &self->items[i];
        if (child->state != CHILD_WAITS || now_us < child->again_us ||
            (!region_too && child->region != CHILDREN_GLOBAL))
            continue;
        err_t err = {0};
        child->ready = child->asked = child->left = false;
        child->state = CHILD_RUNS;
        err_code_t rc = s_start_process(child, &err);
        s_note_waiting(child, rc == ERR_FULL ? err.text : "");
        if (rc == ERR_FULL) { /* for its log */
            child->state = CHILD_WAITS;
            child->again_us = now_us + CHILD_PAUSE_MOST_US;
        } else if (rc) {
            child->state = CHILD_FAILED;
            snprintf(child->why, sizeof child->why, "%s", err.text);
        }
        any = true;
    }
    return any;
}

int64_t children_due(const children_t *self)
{
    int64_t due_us = INT64_MAX;
    for (size_t i = 0; i < self->count; i++)
        if (self->items[i].state == CHILD_WAITS && self->items[i].again_us < due_us)
            due_us = self->items[i].again_us;
    return due_us;
}

/* ---- how they ended ---- */

/* The last line of the log since this start that is an error of ours. */
static bool s_last_error(const child_t *child, char *ret_text, size_t size)
{
    static const char prefix[] = "cloudless: ";
    int fd = child->log[0] ? open(child->log, O_RDONLY | O_CLOEXEC) : -1;
    if (fd < 0)
        return false;
    char tail[CHILD_LOG_TAIL + 1];
    struct stat info;
    off_t from = fstat(fd, &info) == 0 && info.st_size > CHILD_LOG_TAIL ? info.st_size - CHILD_LOG_TAIL : 0;
    ssize_t length = pread(fd, tail, CHILD_LOG_TAIL, from > child->log_from ? from : child->log_from);
    close(fd);
    tail[length > 0 ? length : 0] = '\0';
    bool found = false;
    for (char *line = strtok(tail, "\n"); line; line = strtok(NULL, "\n"))
        if (!strncmp(line, prefix, sizeof prefix - 1)) {
            snprintf(ret_text, size, "%s", line + sizeof prefix - 1);
            found = true;
        }
    return found;
}

void children_reason(const child_t *child, char *ret_text, size_t size)
{
    char said[1024], how[128];
    if (child->why[0]) {
        snprintf(ret_text, size, "%s: %s", child->name, child->why);
        return;
    }
    if (s_last_error(child, said, sizeof said)) {
        snprintf(ret_text, size, "%s (log: %s)", said, child->log);
        return;
    }
    process_status_text(child->status, how, sizeof how);
    char again[96] = "";
    if (child->deaths > 1)
        snprintf(again, sizeof again, ", %u times in a row with nothing done in between", child->deaths);
    snprintf(ret_text, size, "the process of %s %s%s%s%s", child->name, how,
             child->failed_starts >= CHILD_STARTS_MAX ? ", each time it was started" : again,
             child->log[0] ? "; see " : "", child->log);
}

/* It said itself that it cannot go on. The global scheduler's process says so on the terminal. */
static bool s_is_outcome(const child_t *child)
{
    char said[1024];
    if (!WIFEXITED(child->status))
        return false;
    if (WEXITSTATUS(child->status) == 0)
        return !(child->carries || child->left) || child->asked;
    return child->region == CHILDREN_GLOBAL || s_last_error(child, said, sizeof said);
}

/* Counts what the process has got done: its region's samples, of the global scheduler all. */
static uint64_t s_done(const children_t *self, const child_t *child)
{
    uint64_t all = 0;
    for (size_t r = 0; r < TOPOLOGY_REGIONS_MAX; r++)
        all += child->region == r || child->region == CHILDREN_GLOBAL ? self->done[r] : 0;
    return all;
}

static void s_count_death(const children_t *self, child_t *child)
{
    uint64_t done = s_done(self, child);
    child->deaths = child->died_at == done ? child->deaths + 1 : 1;
    child->died_at = done;
    child->dies = child->deaths > 2;
}

static void s_died(const children_t *self, child_t *child, int64_t now_us)
{
    char how[128];
    child->failed_starts = child->ready ? 0 : child->failed_starts + 1;
    s_note_waiting(child, "");
    process_status_text(child->status, how, sizeof how);
    if (!child->left)
        s_count_death(self, child);
    if (child->failed_starts >= CHILD_STARTS_MAX || child->deaths >= CHILD_DEATHS_MAX) {
        child->state = CHILD_FAILED;
        return;
    }
    if (child->ready && now_us - child->ready_us >= CHILD_QUICK_US)
        backoff_reset(&child->pause);
    log_event(LEVEL_WARN, child->name, "died", "reason=\"its process %s\"; starting it again in %lld ms", how,
              (long long)child->pause.now_us / 1000);
    child->state = CHILD_WAITS;
    child->restarts++;
    child->again_us = now_us + child->pause.now_us; /* after the first death at once */
    backoff_next(&child->pause);
}

/* "done REGION SAMPLES" */
static void s_take_done(children_t *self, const char *line)
{
    size_t region;
    unsigned long long samples;
    if (sscanf(line, "done %zu %llu", &region, &samples) == 2 && region < TOPOLOGY_REGIONS_MAX &&
        samples > self->done[region])
        self->done[region] = samples;
}

static void s_hear(children_t *self, child_t *child, int64_t now_us)
{
    static const size_t word = sizeof AWAIT_ROOM_WORD - 1;
    char line[PROCESS_LINE_MAX];
    while (process_lines_take(process_lines(child->process), line)) {
        if (child->region == CHILDREN_GLOBAL)
            s_take_done(self, line);
        if (!strcmp(line, "ready") && !child->ready) {
            child->ready = child->came = true;
            child->ready_us = now_us;
        } else if (!strcmp(line, "left")) {
            child->left = true;
        } else if (!strncmp(line, AWAIT_ROOM_WORD, word)) {
            s_note_waiting(child, line + word + (line[word] == ' '));
        }
    }
}

static void s_look_at_child(children_t *self, child_t *child, int64_t now_us)
{
    s_hear(self, child, now_us);
    if (!process_has_ended(child->process, &child->status))
        return;
    s_hear(self, child, now_us); /* its last words */
    process_destroy(&child->process);
    if (s_is_outcome(child) || (child->asked && WIFEXITED(child->status)))
        child->state = WEXITSTATUS(child->status) ? CHILD_FAILED : CHILD_DONE;
    else
        s_died(self, child, now_us);
}

void children_look(children_t *self, int64_t now_us)
{
    for (size_t i = 0; i < self->count; i++)
        if (self->items[i].state == CHILD_RUNS)
            s_look_at_child(self, &self->items[i], now_us);
}

child_t *children_take_failed(children_t *self)
{
    for (size_t i = 0; i < self->count; i++) {
        child_t *child = &self->items[i];
        if (child->region == CHILDREN_GLOBAL || child->state != CHILD_FAILED || child->reported)
            continue;
        child->reported = true;
        return child;
    }
    return NULL;
}

child_t *children_take_dying(children_t *self)
{
    for (size_t i = 0; i < self->count; i++)
        if (self->items[i].dies && self->items[i].state == CHILD_WAITS) {
            self->items[i].dies = false;
            return &self->items[i];
        }
    return NULL;
}

const child_t *children_take_waiting(children_t *self)
{
    for (size_t i = 0; i < self->count; i++) {
        child_t *child = &self->items[i];
        if (child->waits_told || (!child->waits_for[0] && !child->waited))
            continue;
        child->waits_told = true;
        child->waited = child->waits_for[0] != '\0';
        return child;
    }
    return NULL;
}

/* ---- all of them ---- */

size_t children_running(const children_t *self, bool carriers)
{
    size_t count = 0;
    for (size_t i = 0; i < self->count; i++) {
        const child_t *child = &self->items[i];
        count += child->state == CHILD_RUNS && child->region != CHILDREN_GLOBAL && child->carries == carriers;
    }
    return count;
}

void children_ask(children_t *self, bool carriers)
{
    for (size_t i = 0; i < self->count; i++) {
        child_t *child = &self->items[i];
        if (child->state != CHILD_RUNS || child->region == CHILDREN_GLOBAL || child->carries != carriers ||
            child->asked)
            continue;
        child->asked = true;
        if (!child->ready || process_lines_say(process_lines(child->process), "stop"))
            kill(process_pid(child->process), SIGTERM); /* it does not listen yet, or any more */
    }
}

/* One that is not ready would die of it, or reads what is there now. */
void children_tell_changed(children_t *self)
{
    for (size_t i = 0; i < self->count; i++) {
        const child_t *child = &self->items[i];
        if (child->state == CHILD_RUNS && child->region != CHILDREN_GLOBAL && child->ready)
            kill(process_pid(child->process), SIGHUP);
    }
}

void children_kill(children_t *self)
{
    for (size_t i = 0; i < self->count; i++)
        if (self->items[i].state == CHILD_RUNS)
            kill(process_pid(self->items[i].process), SIGKILL);
}

void children_rows(const children_t *self, process_rows_t *ret_rows)
{
    ret_rows->count = self->count;
    for (size_t i = 0; i < self->count; i++) {
        const child_t *child = &self->items[i];
        process_row_t *row = &ret_rows->items[i];
        *row = (process_row_t){.pid = child->state == CHILD_RUNS ? (uint64_t)process_pid(child->process) : 0,
                               .restarts = child->restarts};
        snprintf(row->name, sizeof row->name, "%s", child->name);
        snprintf(row->waits_for, sizeof row->waits_for, "%s", child->waits_for);
    }
}
