#include "deploy/cli/commands.h"

#include "deploy/launch/await_room.h"
#include "deploy/launch/conduct.h"

#include <stdio.h>
#include <stdlib.h>

static err_code_t s_prepare_state(void *hint, err_t *err)
{
    launch_t *launch = hint;
    dataset_destroy(&launch->dataset); /* of an attempt without room */
    err_code_t rc = launch_share_state(launch, err);
    if (!rc)
        rc = launch_open_copy(launch, err);
    return rc ? rc : launch_open_log(launch, "up", false, err);
}

static int s_prepare_global(launch_t *launch, const cli_args_t *args)
{
    err_t err = {0};
    if (!cli_has(args, "topology") || !cli_has(args, "state") || !cli_has(args, "parent"))
        return command_fail(EXIT_WRONG, "global", "this command is for cloudless up alone");
    err_code_t rc = launch_read(launch, cli_value(args, "topology"), NULL, 0, NULL, &err);
    if (!rc)
        rc = launch_choose_state(launch, cli_value(args, "state"), &err);
    await_room_t who = {.where = "up",
                        .state_dir = launch->state_dir,
                        .parent = (pid_t)strtol(cli_value(args, "parent"), NULL, 10)};
    if (!rc)
        rc = await_room(&who, s_prepare_state, launch, &err);
    return rc ? command_fail(EXIT_FAILED, "up", "%s", err.text) : EXIT_DONE;
}

static int s_run_global(const cli_args_t *args)
{
    launch_t launch;
    launch_init(&launch);
    int status = s_prepare_global(&launch, args);
    if (!status) {
        /* The effective topology: what was given with --set and --seed need not be given again. */
        char resume[LAUNCH_COMMAND_MAX];
        launch_resume_command(launch.state_dir, resume);
        const char *began = cli_value(args, "began");
        conduct_spec_t spec = {.where = "up",
                               .resume = resume,
                               .report_path = cli_value(args, "report"),
                               .topology = cli_value(args, "topology"),
                               .json = cli_has(args, "json"),
                               .quiet = cli_has(args, "quiet"),
                               .began_us = began ? strtoll(began, NULL, 10) : 0,
                               .parent = (pid_t)strtol(cli_value(args, "parent"), NULL, 10)};
        status = conduct_run(&launch, &spec);
    }
    launch_fini(&launch);
    return status;
}

const cli_command_t command_global = {
    .name = "global",
    .summary =
        "The global scheduler of `up`, which shows progress and prints the outcome; started by `up` alone.",
    .example = "cloudless up TOPOLOGY",
    .run = s_run_global,
    .waits = true,
    .hidden = true,
    .options = {{"topology", 0, "FILE", "the effective topology in the state directory"},
                {"state", 0, "DIR", "held by the parent"},
                {"parent", 0, "PID", "ends when this is no longer its parent"},
                {"began", 0, "US", "when the command began, in microseconds of the monotonic clock"},
                {"report", 0, "FILE", "as of up"},
                {"json", 0, NULL, "as of up"},
                {"quiet", 0, NULL, "as of up"}}};
