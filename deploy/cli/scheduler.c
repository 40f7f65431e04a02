#include "deploy/cli/commands.h"

#include "actors/kit/clock.h"
#include "deploy/launch/await_room.h"
#include "deploy/launch/conduct.h"
#include "deploy/launch/planning.h"

#include <stdio.h>
#include <unistd.h>

/* The machine of the scheduler need not have the data; with it, progress is shown as a share, and what does
 * not fit the model is told before a machine is rented for it. */
static err_code_t s_try_dataset(launch_t *launch, err_t *err)
{
    err_code_t rc = launch_try_dataset(launch, err);
    return rc == ERR_NOT_FOUND || rc == ERR_IO ? ERR_OK : rc;
}

static int s_prepare_scheduler(launch_t *launch, const cli_args_t *args)
{
    err_t err = {0};
    if (!cli_has(args, "topology"))
        return command_fail(EXIT_WRONG, "scheduler", "--topology is missing; see cloudless scheduler --help");
    if (launch_read(launch, cli_value(args, "topology"), NULL, 0, NULL, &err))
        return launch_wrong(launch, EXIT_WRONG, NULL, &err, false);
    const char *region = cli_value(args, "region");
    if (region && topology_region_index(launch->topology, region) != 0)
        return command_fail(EXIT_WRONG, "scheduler",
                            "the global scheduler belongs to the first region, %s; leave --region out",
                            launch->topology->regions[0].name);
    err_code_t rc = s_try_dataset(launch, &err);
    if (!rc && cli_has(args, "report"))
        rc = launch_check_output(cli_value(args, "report"), &err);
    if (!rc)
        rc = launch_choose_state(launch, cli_value(args, "state"), &err);
    if (!rc && launch->topology->plan.apply) {
        rc = planning_check(launch, &err);
        if (rc == ERR_LIMIT)
            return command_fail(EXIT_PROBLEMS, "scheduler", "%s", err.text);
    }
    /* A terminal shows progress, which names what is waited for. */
    bool echo = cli_has(args, "quiet") || !isatty(STDERR_FILENO);
    if (!rc)
        rc = await_room_join(launch, "scheduler", "scheduler", echo, &err);
    if (!rc)
        rc = launch_begin_run(launch, &err);
    if (rc)
        return command_fail(EXIT_WRONG, "scheduler", "%s", err.text);
    return EXIT_DONE;
}

static int s_run_scheduler(const cli_args_t *args)
{
    int64_t began_us = clock_now_us();
    launch_t launch;
    launch_init(&launch);
    int status = s_prepare_scheduler(&launch, args);
    if (!status) {
        conduct_spec_t spec = {.where = "scheduler",
                               .report_path = cli_value(args, "report"),
                               .topology = cli_value(args, "topology"),
                               .json = cli_has(args, "json"),
                               .quiet = cli_has(args, "quiet"),
                               .began_us = began_us};
        status = conduct_run(&launch, &spec);
    }
    launch_fini(&launch);
    return status;
}

const cli_command_t command_scheduler = {
    .name = "scheduler",
    .summary = "The global scheduler of a job over several machines; connects to the first region's broker.",
    .example = "cloudless scheduler --topology job.yaml --state /var/lib/cloudless/job --report report.json",
    .notes = COMMANDS_RESUME,
    .run = s_run_scheduler,
    .waits = true,
    .options = {{"topology", 't', "FILE", "the same file as everywhere in the job"},
                {"region", 0, "NAME", "the first region; may be left out"},
                {"state", 's', "DIR", "keep status here (default: ~/.local/state/cloudless/JOB)"},
                {"report", 0, "FILE", "write the final report as JSON"},
                {"json", 0, NULL, "print the final report as JSON in place of the table"},
                {"quiet", 'q', NULL, "no progress, no table"}}};
