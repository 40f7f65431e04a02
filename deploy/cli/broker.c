#include "deploy/cli/commands.h"

#include "deploy/launch/await_room.h"
#include "deploy/launch/serve.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define NAME_MOST (24 - 5) /* a node's name has 24 characters, -1023 among them */

/* Units of machines are nodes by names that are made of their offers'. */
static int s_check_rent(const launch_t *launch, size_t region)
{
    const topology_t *topology = launch->topology;
    const char *command = topology->plan.rent;
    if (!topology->plan.apply || !command[0])
        return EXIT_DONE;
    if (strchr(command, '/') && access(command, X_OK))
        return command_fail(EXIT_WRONG, "broker", "plan.rent: %s cannot be run: %s", command,
                            strerror(errno));
    for (size_t i = 0; i < topology->regions[region].offer_count; i++)
        if (strlen(topology->regions[region].offers[i].name) > NAME_MOST)
            return command_fail(EXIT_WRONG, "broker",
                                "offer %s of region %s: with plan.rent write a name of up to %d characters",
                                topology->regions[region].offers[i].name, topology->regions[region].name,
                                NAME_MOST);
    return EXIT_DONE;
}

static int s_serve(launch_t *launch, serve_spec_t *spec)
{
    char role[TOPOLOGY_NAME_MAX + 16];
    err_t err = {0};
    snprintf(role, sizeof role, "broker-%s", launch->topology->regions[spec->region_index].name);
    spec->role = role;
    err_code_t rc = await_room_join(launch, "broker", role, true, &err);
    if (rc == ERR_STOPPED)
        return EXIT_DONE;
    return rc ? command_fail(EXIT_WRONG, "broker", "%s", err.text) : serve_run(launch, spec);
}

static int s_run_broker(const cli_args_t *args)
{
    launch_t launch;
    launch_init(&launch);
    const char *rent = cli_value(args, "rent");
    if (rent && strcmp(rent, "local"))
        return command_fail(EXIT_WRONG, "broker", "--rent %s: write local, for nodes on this machine", rent);
    serve_spec_t spec = {.where = "broker",
                         .broker = true,
                         .scheduler = true,
                         .rents = true,
                         .rents_here = rent != NULL,
                         .topology = cli_value(args, "topology")};
    int status = serve_prepare(&launch, "broker", cli_value(args, "topology"), cli_value(args, "region"),
                               cli_value(args, "state"), &spec.region_index);
    if (!status && launch.topology->plan.apply && !rent && !launch.topology->plan.rent[0])
        status = command_fail(
            EXIT_WRONG, "broker",
            "plan.apply rents nodes, and nothing says how; write plan.rent: COMMAND, or --rent local "
            "for nodes on this machine");
    if (!status && !rent)
        status = s_check_rent(&launch, spec.region_index);
    if (!status)
        status = s_serve(&launch, &spec);
    launch_fini(&launch);
    return status;
}

const cli_command_t command_broker = {
    .name = "broker",
    .summary = "A region's broker and its regional scheduler; one per region.",
    .example = "cloudless broker --topology job.yaml --region shanghai",
    .notes = COMMANDS_RESUME,
    .run = s_run_broker,
    .waits = true,
    .options = {
        {"topology", 't', "FILE", "the same file as everywhere in the job"},
        {"region", 'r', "NAME", "whose broker this is"},
        {"rent", 0, "local", "with plan.apply: nodes are processes of this machine, not rented by plan.rent"},
        {"state", 's', "DIR", "keep the scheduler's state here (default: ~/.local/state/cloudless/JOB)"}}};
