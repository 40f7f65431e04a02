#include "deploy/cli/commands.h"

#include "deploy/launch/serve.h"

#include <stdio.h>
#include <stdlib.h>

static int s_serve(launch_t *launch, const serve_spec_t *spec)
{
    err_t err = {0};
    err_code_t rc = launch_share_state(launch, &err);
    if (!rc)
        rc = launch_open_dataset(launch, spec->region_index, &err);
    return rc ? cli_fail(EXIT_FAILED, spec->where, "%s", err.text) : serve_run(launch, spec);
}

static int s_run(const cli_args_t *args)
{
    launch_t launch;
    launch_init(&launch);
    const char *parent = cli_value(args, "parent"), *region = cli_value(args, "region");
    char where[TOPOLOGY_NAME_MAX + 8];
    snprintf(where, sizeof where, "region %.*s", TOPOLOGY_NAME_MAX - 1, region ? region : "");
    serve_spec_t spec = {.where = where,
                         .broker = true,
                         .node = true,
                         .node_name = "main",
                         .parent = parent ? (pid_t)strtol(parent, NULL, 10) : 0};
    int status = serve_prepare(&launch, "region", cli_value(args, "topology"), cli_value(args, "region"),
                               cli_value(args, "state"), &spec.region_index);
    if (!status)
        status = s_serve(&launch, &spec);
    launch_fini(&launch);
    return status;
}

const cli_command_t command_region = {
    .name = "region",
    .summary =
        "One region of `up`: broker, regional scheduler and node in one process; started by `up` alone.",
    .example = "cloudless up TOPOLOGY",
    .run = s_run,
    .hidden = true,
    .options = {{"topology", 0, "FILE", "the effective topology in the state directory"},
                {"region", 0, "NAME", "which"},
                {"state", 0, "DIR", "held by the parent"},
                {"parent", 0, "PID", "ends when this is no longer its parent"}}};
