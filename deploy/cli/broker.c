#include "deploy/cli/commands.h"

#include "deploy/launch/serve.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static int s_run(const cli_args_t *args)
{
    launch_t launch;
    launch_init(&launch);
    const char *rent = cli_value(args, "rent");
    if (rent && strcmp(rent, "local"))
        return cli_fail(EXIT_WRONG, "broker", "--rent %s: write local, for nodes on this machine", rent);
    serve_spec_t spec = {.where = "broker", .broker = true, .scheduler = true, .rents = true, .rents_here = rent != NULL};
    int status = serve_prepare(&launch, "broker", cli_value(args, "topology"), cli_value(args, "region"),
                               cli_value(args, "state"), &spec.region_index);
    if (!status && launch.topology->plan.apply && !rent && !launch.topology->plan.rent[0])
        status = cli_fail(
            EXIT_WRONG, "broker",
            "plan.apply rents nodes, and nothing says how; write plan.rent: COMMAND, or --rent local "
            "for nodes on this machine");
    const char *command = launch.topology && launch.topology->plan.apply && !rent ? launch.topology->plan.rent : "";
    if (!status && strchr(command, '/') && access(command, X_OK))
        status = cli_fail(EXIT_WRONG, "broker", "plan.rent: %s cannot be run: %s", command, strerror(errno));
    if (!status) {
        char role[TOPOLOGY_NAME_MAX + 16];
        err_t err = {0};
        snprintf(role, sizeof role, "broker-%s", launch.topology->regions[spec.region_index].name);
        status = launch_join_state(&launch, role, &err) || launch_open_log(&launch, role, true, &err)
                     ? cli_fail(EXIT_WRONG, "broker", "%s", err.text)
                     : serve_run(&launch, &spec);
    }
    launch_fini(&launch);
    return status;
}

const cli_command_t command_broker = {
    .name = "broker",
    .summary = "A region's broker and its regional scheduler; one per region.",
    .example = "cloudless broker --topology job.yaml --region shanghai",
    .notes = COMMANDS_RESUME,
    .run = s_run,
    .options = {
        {"topology", 't', "FILE", "the same file as everywhere in the job"},
        {"region", 'r', "NAME", "whose broker this is"},
        {"rent", 0, "local", "with plan.apply: nodes are processes of this machine, not rented by plan.rent"},
        {"state", 's', "DIR", "keep the scheduler's state here (default: ~/.local/state/cloudless/JOB)"}}};
