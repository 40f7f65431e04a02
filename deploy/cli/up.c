#include "deploy/cli/commands.h"

#include "actors/kit/clock.h"
#include "codec/base/log.h"
#include "deploy/launch/conduct.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

/* Whether there is something to go on from, and whether that is wanted. */
static int s_check_resume(const launch_t *launch, bool resume)
{
    size_t count = 0;
    err_t err = {0};
    if (launch_count_snapshots(launch, &count, &err))
        return cli_fail(EXIT_FAILED, "up", "%s", err.text);
    if (count && !resume)
        return cli_fail(EXIT_WRONG, "up",
                        "%s: there is a run to go on with; add --resume, or choose another --state",
                        launch->state_dir);
    if (!count && resume)
        return cli_fail(EXIT_WRONG, "up", "%s: there is nothing to go on with; leave --resume out",
                        launch->state_dir);
    return EXIT_DONE;
}

/* The state directory, the data set, and what there is to resume: everything that can be wrong before
 * anything runs. */
static int s_prepare(launch_t *launch, const cli_args_t *args)
{
    err_t err = {0};
    size_t set_count;
    const char *const *sets = cli_values(args, "set", &set_count);
    if (launch_read(launch, cli_positional(args), sets, set_count, cli_value(args, "seed"), &err))
        return cli_fail(EXIT_WRONG, NULL, "%s", err.text);
    err_code_t rc = launch_choose_state(launch, cli_value(args, "state"), &err);
    if (!rc)
        rc = launch_take_state(launch, &err);
    if (rc)
        return cli_fail(EXIT_WRONG, "up", "%s", err.text);
    int status = s_check_resume(launch, cli_has(args, "resume"));
    if (status)
        return status;
    rc = launch_open_dataset(launch, 0, &err);
    if (rc)
        return cli_fail(rc == ERR_NOT_FOUND || rc == ERR_CONFIG ? EXIT_WRONG : EXIT_FAILED, "up", "%s",
                        err.text);
    return EXIT_DONE;
}

/* What this process itself logs is for the log directory: the terminal shows progress. */
static int s_open_log(const launch_t *launch)
{
    char folder[STATEDIR_PATH_MAX], path[STATEDIR_PATH_MAX + 16];
    err_t err = {0};
    if (statedir_folder(launch->state_dir, STATEDIR_LOG, folder, &err))
        return cli_fail(EXIT_FAILED, "up", "%s", err.text);
    snprintf(path, sizeof path, "%s/up.log", folder);
    int fd = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
    if (fd < 0)
        return cli_fail(EXIT_FAILED, "up", "%s: %s", path, strerror(errno));
    log_open(fd, LEVEL_INFO);
    return EXIT_DONE;
}

static int s_run(const cli_args_t *args)
{
    int64_t began_us = clock_now_us();
    launch_t launch;
    launch_init(&launch);
    int status = s_prepare(&launch, args);
    if (!status)
        status = s_open_log(&launch);
    if (!status) {
        char resume[2 * STATEDIR_PATH_MAX];
        snprintf(resume, sizeof resume, "cloudless up %s --state %s --resume", cli_positional(args),
                 launch.state_dir);
        conduct_spec_t spec = {.where = "up",
                               .resume = resume,
                               .report_path = cli_value(args, "report"),
                               .json = cli_has(args, "json"),
                               .quiet = cli_has(args, "quiet"),
                               .began_us = began_us,
                               .spawn = true};
        status = conduct_run(&launch, &spec);
    }
    launch_fini(&launch);
    return status;
}

const cli_command_t command_up = {
    .name = "up",
    .summary = "Trains on this machine: all regions, each a process of its own, links emulated as the "
               "topology says.",
    .positional = "TOPOLOGY",
    .example = "cloudless up deploy/topologies/two-regions.yaml --state run1 --set job.epochs=2",
    .run = s_run,
    .options = {
        {"state", 's', "DIR", "keep snapshots, logs and status here (default: ~/.local/state/cloudless/JOB)"},
        {"resume", 0, NULL, "go on from the snapshots in the state directory"},
        {"report", 'r', "FILE", "write the final report as JSON"},
        {"set", 0, "KEY=VALUE", "change a key of the topology, as in job.sync.every=4; may be repeated"},
        {"seed", 0, "N", "same as --set job.seed=N"},
        {"json", 0, NULL, "print the final report as JSON in place of the table"},
        {"quiet", 'q', NULL, "no progress, no table"}}};
