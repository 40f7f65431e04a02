#include "deploy/cli/commands.h"

#include "actors/kit/clock.h"
#include "codec/base/json.h"
#include "deploy/launch/control.h"
#include "deploy/launch/launch.h"
#include "deploy/state/holders.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define STOP_LOOK_NS 100000000
#define STOP_SAY_US 3000000
#define STOP_ASK_US 1000000      /* for an answer */
#define STOP_GIVE_UP_US 10000000 /* of those who cannot be asked */

typedef struct {
    const char *dir;
    bool quiet;
    pid_t pid;    /* of who was asked first; 0: none, or not to be seen from here */
    size_t asked; /* have answered that they stop */
    int64_t began_us, heard_us, said_us;
    err_t why; /* nobody has answered yet */
} stop_t;

/* Whoever works there is asked again and again: what has heard of it already is not bothered, and who had to
 * wait for the first to end comes next. */
static void s_ask_processes(stop_t *self)
{
    char(*names)[STATEDIR_NAME_MAX] = NULL;
    size_t count = 0;
    state_owners(self->dir, &names, &count);
    for (size_t i = 0; i < count; i++) {
        pid_t pid = 0;
        err_code_t rc = control_ask(self->dir, names[i], "stop", STOP_ASK_US, NULL, &pid, &self->why);
        if (rc && rc != ERR_TIMEOUT)
            continue;
        self->heard_us = clock_now_us(); /* one that stands still does it as soon as it goes on */
        self->asked += !rc;
        self->pid = self->pid ? self->pid : pid;
    }
    free(names);
}

static void s_say_waiting(stop_t *self, int64_t now_us)
{
    if (self->quiet || now_us - self->said_us < STOP_SAY_US)
        return;
    self->said_us = now_us;
    fprintf(stderr,
            self->asked ? "process %d takes its last snapshots, since %.0f s\n"
                        : "process %d does not answer, since %.0f s\n",
            (int)(self->pid ? self->pid : state_holder(self->dir)), (double)(now_us - self->began_us) / 1e6);
}

/* Until nobody holds the directory. False: somebody does who cannot be asked. */
static bool s_stop(stop_t *self)
{
    for (int64_t asked_us = 0; state_holder(self->dir);) {
        int64_t now_us = clock_now_us();
        if (!self->asked || now_us - asked_us >= STOP_SAY_US) {
            asked_us = now_us;
            s_ask_processes(self);
        }
        if (!self->asked && now_us - self->heard_us >= STOP_GIVE_UP_US)
            return false;
        s_say_waiting(self, now_us);
        nanosleep(&(struct timespec){.tv_nsec = STOP_LOOK_NS}, NULL);
    }
    return true;
}

static void s_tell_outcome(const cli_args_t *args, const stop_t *self, bool was_running)
{
    double took_s = (double)(clock_now_us() - self->began_us) / 1e6;
    if (!cli_has(args, "json")) {
        if (!was_running)
            printf("nothing runs there\n");
        else if (self->pid)
            printf("stopped process %d in %.1f s\n", (int)self->pid, took_s);
        else
            printf("stopped the run in %.1f s\n", took_s);
        return;
    }
    json_value_t *document = json_new_object();
    json_set_bool(document, "was_running", was_running);
    json_set_u64(document, "pid", (uint64_t)self->pid);
    json_set_number(document, "took_s", took_s);
    char *text = json_print(document, false);
    fputs(text, stdout);
    free(text);
    json_destroy(&document);
}

static int s_run_stop(const cli_args_t *args)
{
    char dir[STATEDIR_PATH_MAX];
    int status = commands_state(args, "stop", dir);
    if (status)
        return status;
    int64_t began_us = clock_now_us();
    stop_t self = {.dir = dir,
                   .quiet = cli_has(args, "json"),
                   .began_us = began_us,
                   .heard_us = began_us,
                   .said_us = began_us};
    pid_t holder = state_holder(dir);
    if (!holder && !state_is_kept(dir))
        return command_fail(EXIT_WRONG, "stop", "%s is no state directory; give --state as for up", dir);
    if (holder && !s_stop(&self))
        return command_fail(
            EXIT_FAILED, "stop",
            "%s: %s; it calls itself process %d, and may be of an earlier version or on another "
            "machine: end it there",
            dir, self.why.text, (int)state_holder(dir));
    s_tell_outcome(args, &self, holder != 0);
    return EXIT_DONE;
}

const cli_command_t command_stop = {
    .name = "stop",
    .summary = "Stops a run after a last snapshot and waits for it; --resume goes on from there.",
    .example = "cloudless stop --state run1",
    .notes = "Asks who works in the directory: `up`, a scheduler or a broker stops the whole run, a node "
             "leaves it.",
    .run = s_run_stop,
    .options = {{"state", 's', "DIR", COMMANDS_STATE}, {"json", 0, NULL, "print the outcome as JSON"}}};
