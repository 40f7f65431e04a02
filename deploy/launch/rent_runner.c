#include "deploy/launch/rent_runner.h"

#include "actors/kit/process.h"
#include "codec/base/backoff.h"
#include "codec/base/log.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#define STOPS_MOST 4
#define PAUSE_FIRST_US ((int64_t)1000000) /* before a stop that failed is run again, doubling ... */
#define PAUSE_LAST_US ((int64_t)8000000)  /* ... up to this */
#define TERM_US ((int64_t)5000000)        /* what is told to end is killed after so long */

typedef struct {
    rent_command_t command;
    pid_t pid;        /* 0: it is not its turn yet */
    int64_t began_us; /* of the process */
    int64_t next_us;  /* not before */
    int64_t told_us;  /* when it was told to end; 0: it was not */
    int tries;
    backoff_t pause;
} rent_run_t;

struct rent_runner {
    rent_runner_spec_t spec;
    rent_run_t *items; /* in the order in which they came */
    size_t count;
};

rent_runner_t *rent_runner_new(const rent_runner_spec_t *spec)
{
    rent_runner_t *self = calloc(1, sizeof *self);
    CHECK(self);
    self->spec = *spec;
    return self;
}

static bool s_starts(const rent_run_t *run)
{
    return run->command.verb == RENT_START;
}

void rent_runner_destroy(rent_runner_t **self_p)
{
    rent_runner_t *self = *self_p;
    *self_p = NULL;
    if (!self)
        return;
    for (size_t i = 0; i < self->count; i++)
        if (!s_starts(&self->items[i]))
            log_event(LEVEL_WARN, self->items[i].command.name, "not_given_back",
                      "reason=\"%s has not ended\"; this machine may still be rented", self->spec.command);
    free(self->items);
    free(self);
}

size_t rent_runner_count(const rent_runner_t *self)
{
    return self->count;
}

static bool s_is_of(const rent_run_t *run, const char *name)
{
    return !strcmp(run->command.name, name);
}

static void s_remove(rent_runner_t *self, size_t index)
{
    self->count--;
    memmove(self->items + index, self->items + index + 1, (self->count - index) * sizeof *self->items);
}

/* ---- taking ---- */

/* Of those that came before: what they were to do is not wanted any more. */
static void s_end_starts(rent_runner_t *self, const char *name, size_t before, int64_t now_us)
{
    for (size_t i = before; i-- > 0;) {
        rent_run_t *run = &self->items[i];
        if (!s_is_of(run, name) || !s_starts(run) || run->told_us)
            continue;
        if (!run->pid) {
            s_remove(self, i);
            continue;
        }
        run->told_us = now_us;
        kill(-run->pid, SIGTERM);
    }
}

static bool s_stops(const rent_runner_t *self, const char *name)
{
    for (size_t i = 0; i < self->count; i++)
        if (s_is_of(&self->items[i], name) && !s_starts(&self->items[i]))
            return true;
    return false;
}

void rent_runner_add(rent_runner_t *self, const rent_command_t *command, int64_t now_us)
{
    if (command->verb == RENT_CLEAR)
        s_end_starts(self, command->name, self->count, now_us);
    if (command->verb != RENT_START && s_stops(self, command->name))
        return;
    self->items = realloc(self->items, (self->count + 1) * sizeof *self->items);
    CHECK(self->items);
    self->items[self->count++] = (rent_run_t){
        .command = *command, .next_us = now_us, .pause = backoff_of(PAUSE_FIRST_US, PAUSE_LAST_US)};
}

/* ---- running ---- */

int rent_runner_open_log(const char *log_dir, const char *region, const char *name)
{
    char path[STATEDIR_PATH_MAX + 4 * TOPOLOGY_NAME_MAX];
    snprintf(path, sizeof path, "%s/node-%s-%s.log", log_dir, region, name);
    int fd = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
    return fd >= 0 ? fd : open("/dev/null", O_WRONLY | O_CLOEXEC);
}

static int s_spawn(const rent_runner_t *self, const rent_command_t *command, pid_t *ret_pid)
{
    static const char script[] = "CLOUDLESS_TOPOLOGY=$1; export CLOUDLESS_TOPOLOGY; shift; exec \"$@\"";
    extern char **environ;
    const char *const arguments[] = {"sh",
                                     "-c",
                                     script,
                                     "rent",
                                     self->spec.topology,
                                     self->spec.command,
                                     command->verb == RENT_START ? "start" : "stop",
                                     self->spec.region,
                                     command->offer,
                                     command->name,
                                     NULL};
    int log_fd = rent_runner_open_log(self->spec.log_dir, self->spec.region, command->name);
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
    int failed =
        posix_spawn(ret_pid, "/bin/sh", &actions, &attributes, (char *const *)(uintptr_t)arguments, environ);
    posix_spawnattr_destroy(&attributes);
    posix_spawn_file_actions_destroy(&actions);
    close(log_fd);
    return failed;
}

/* One after another for a unit; but a start that runs as long as its node does not hold up the stop of
 * that. */
static bool s_is_its_turn(const rent_runner_t *self, size_t index)
{
    const rent_run_t *run = &self->items[index];
    for (size_t i = 0; i < index; i++) {
        const rent_run_t *earlier = &self->items[i];
        bool beside = run->command.verb == RENT_RETURN && s_starts(earlier) && !earlier->told_us;
        if (s_is_of(earlier, run->command.name) && !beside)
            return false;
    }
    return true;
}

static void s_end_hanging(const rent_runner_t *self, rent_run_t *run, int64_t now_us)
{
    bool stop = !s_starts(run) && now_us - run->began_us >= self->spec.patience_us;
    bool told = run->told_us && now_us - run->told_us >= TERM_US;
    if (stop || told)
        kill(-run->pid, SIGKILL);
}

/* ---- what came of it ---- */

static bool s_start_has_ended(rent_runner_t *self, size_t index, const char *how, bool failed)
{
    rent_run_t *run = &self->items[index];
    bool refused = failed && !run->told_us;
    if (refused)
        log_event(LEVEL_WARN, run->command.name, "ended", "reason=\"its command %s\"", how);
    s_remove(self, index);
    return refused;
}

/* True: it is given back. */
static bool s_stop_has_ended(rent_runner_t *self, size_t index, const char *how, bool failed, int64_t now_us)
{
    rent_run_t *run = &self->items[index];
    if (!failed) {
        rent_command_t command = run->command;
        s_remove(self, index);
        s_end_starts(self, command.name, index, now_us);
        return true;
    }
    if (++run->tries == STOPS_MOST) {
        log_event(LEVEL_WARN, run->command.name, "not_given_back",
                  "reason=\"%s stop %s\"; given up, this machine may still be rented", self->spec.command,
                  how);
        s_remove(self, index);
        return false;
    }
    int64_t pause_us = backoff_next(&run->pause);
    log_event(LEVEL_WARN, run->command.name, "not_given_back", "reason=\"%s stop %s\"; trying again in %d s",
              self->spec.command, how, (int)(pause_us / 1000000));
    run->pid = 0;
    run->next_us = now_us + pause_us;
    return false;
}

static bool s_has_ended(rent_runner_t *self, size_t index, int status, int64_t now_us, rent_end_t *ret_end)
{
    char how[128];
    process_status_text(status, how, sizeof how);
    bool starts = s_starts(&self->items[index]);
    *ret_end = starts ? RENT_END_REFUSED : RENT_END_GIVEN_BACK;
    return starts ? s_start_has_ended(self, index, how, status != 0)
                  : s_stop_has_ended(self, index, how, status != 0, now_us);
}

static bool s_look_at(rent_runner_t *self, size_t index, int64_t now_us, rent_end_t *ret_end)
{
    rent_run_t *run = &self->items[index];
    int status = 0;
    if (!run->pid && (now_us < run->next_us || !s_is_its_turn(self, index)))
        return false;
    if (!run->pid) {
        int failed = s_spawn(self, &run->command, &run->pid);
        run->began_us = now_us;
        if (!failed)
            return false;
        log_event(LEVEL_WARN, run->command.name, "rent", "reason=\"%s: %s\"", self->spec.command,
                  strerror(failed));
        return s_has_ended(self, index, 127 << 8, now_us, ret_end);
    }
    s_end_hanging(self, run, now_us);
    pid_t found = waitpid(run->pid, &status, WNOHANG);
    if (found != run->pid && !(found < 0 && errno == ECHILD))
        return false;
    return s_has_ended(self, index, found < 0 ? 127 << 8 : status, now_us, ret_end);
}

bool rent_runner_look(rent_runner_t *self, int64_t now_us, char ret_name[2 * TOPOLOGY_NAME_MAX],
                      rent_end_t *ret_end)
{
    for (size_t i = 0; i < self->count;) {
        size_t count = self->count;
        memcpy(ret_name, self->items[i].command.name, sizeof self->items[i].command.name);
        if (s_look_at(self, i, now_us, ret_end))
            return true;
        i = count == self->count ? i + 1 : 0; /* one less: others may have been waiting for it */
    }
    return false;
}
