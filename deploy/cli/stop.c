#include "deploy/cli/commands.h"

#include "actors/kit/clock.h"
#include "codec/base/json.h"
#include "deploy/launch/launch.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define STOP_LOOK_NS 100000000
#define STOP_SAY_US 3000000

/* Waits until nobody holds the directory, saying so now and then. */
static void s_await(const char *dir, pid_t pid, bool quiet)
{
    int64_t began_us = clock_now_us(), said_us = began_us;
    while (launch_holder(dir)) {
        nanosleep(&(struct timespec){.tv_nsec = STOP_LOOK_NS}, NULL);
        int64_t now_us = clock_now_us();
        if (quiet || now_us - said_us < STOP_SAY_US)
            continue;
        said_us = now_us;
        fprintf(stderr, "process %d takes its last snapshots, since %.0f s\n", (int)pid,
                (double)(now_us - began_us) / 1e6);
    }
}

static void s_tell(const cli_args_t *args, pid_t pid, int64_t took_us)
{
    if (!cli_has(args, "json")) {
        if (pid)
            printf("stopped process %d in %.1f s\n", (int)pid, (double)took_us / 1e6);
        else
            printf("nothing runs there\n");
        return;
    }
    json_value_t *document = json_new_object();
    json_set_bool(document, "was_running", pid != 0);
    json_set_u64(document, "pid", (uint64_t)pid);
    json_set_number(document, "took_s", (double)took_us / 1e6);
    char *text = json_print(document, false);
    fputs(text, stdout);
    free(text);
    json_destroy(&document);
}

static int s_run(const cli_args_t *args)
{
    const char *dir = cli_value(args, "state");
    if (!dir)
        return cli_fail(EXIT_WRONG, "stop", "--state is missing; name the run's state directory");
    int64_t began_us = clock_now_us();
    pid_t pid = launch_holder(dir);
    if (!pid && !launch_is_state(dir))
        return cli_fail(EXIT_WRONG, "stop", "%s is no state directory; give --state as for up", dir);
    if (pid && kill(pid, SIGTERM) && errno != ESRCH)
        return cli_fail(EXIT_FAILED, "stop", "process %d: %s", (int)pid, strerror(errno));
    if (pid)
        s_await(dir, pid, cli_has(args, "json"));
    s_tell(args, pid, clock_now_us() - began_us);
    return EXIT_DONE;
}

const cli_command_t command_stop = {
    .name = "stop",
    .summary = "Stops a run after a last snapshot and waits for it; --resume goes on from there.",
    .example = "cloudless stop --state run1",
    .run = s_run,
    .options = {{"state", 's', "DIR", "the run's state directory"},
                {"json", 0, NULL, "print the outcome as JSON"}}};
