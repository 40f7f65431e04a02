#include "deploy/cli/commands.h"

#include "deploy/launch/await_room.h"
#include "deploy/launch/serve.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef struct {
    launch_t *launch;
    const serve_spec_t *spec;
} preparation_t;

static err_code_t s_prepare_region(void *hint, err_t *err)
{
    const preparation_t *self = hint;
    err_code_t rc = launch_share_state(self->launch, err);
    return !rc && self->spec->node ? launch_open_dataset(self->launch, self->spec->region_index, err) : rc;
}

static int s_serve(launch_t *launch, const serve_spec_t *spec)
{
    err_t err = {0};
    preparation_t preparation = {launch, spec};
    await_room_t who = {.where = spec->where, .state_dir = launch->state_dir, .parent = spec->parent};
    err_code_t rc = await_room(&who, s_prepare_region, &preparation, &err);
    return rc ? command_fail(EXIT_FAILED, spec->where, "%s", err.text) : serve_run(launch, spec);
}

/* "broker,node"; false for what is none. */
static bool s_parse_parts(const char *text, serve_spec_t *spec)
{
    const struct {
        const char *name;
        bool *part;
    } rows[] = {{"broker", &spec->broker}, {"scheduler", &spec->scheduler}, {"node", &spec->node}};
    char parts[64];
    bool known = false;
    snprintf(parts, sizeof parts, "%s", text);
    for (char *part = strtok(parts, ","); part; part = strtok(NULL, ",")) {
        known = false;
        for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
            if (!strcmp(part, rows[i].name))
                known = *rows[i].part = true;
        if (!known)
            return false;
    }
    return known;
}

static int s_run_region(const cli_args_t *args)
{
    launch_t launch;
    launch_init(&launch);
    const char *parent = cli_value(args, "parent"), *region = cli_value(args, "region");
    const char *parts = cli_value(args, "parts"), *isolate = cli_value(args, "isolate");
    char where[TOPOLOGY_NAME_MAX + 16];
    serve_spec_t spec = {.where = where,
                         .topology = cli_value(args, "topology"),
                         .node_name = cli_has(args, "node") ? cli_value(args, "node") : "main",
                         .offer = cli_value(args, "offer"),
                         .rents = true,
                         .probe_us = SERVE_PROBE_US,
                         .isolate = isolate_find(isolate ? isolate : ""),
                         .parent = parent ? (pid_t)strtol(parent, NULL, 10) : 0};
    if (!region || !parts || spec.isolate == ISOLATE_COUNT || !spec.parent || !s_parse_parts(parts, &spec))
        return command_fail(EXIT_WRONG, "region", "this command is for cloudless up alone");
    snprintf(where, sizeof where, "%s %.*s", spec.isolate == ISOLATE_REGION ? "region" : parts,
             TOPOLOGY_NAME_MAX - 1, region);
    int status = serve_prepare(&launch, "region", cli_value(args, "topology"), region,
                               cli_value(args, "state"), &spec.region_index);
    if (!status)
        status = s_serve(&launch, &spec);
    launch_fini(&launch);
    return status;
}

const cli_command_t command_region = {
    .name = "region",
    .summary = "Parts of one region of `up` in one process; started by `up` alone.",
    .example = "cloudless up TOPOLOGY",
    .run = s_run_region,
    .computes = true,
    .waits = true,
    .hidden = true,
    .options = {{"topology", 0, "FILE", "the effective topology in the state directory"},
                {"region", 0, "NAME", "which"},
                {"state", 0, "DIR", "held by the parent"},
                {"parent", 0, "PID", "ends when this is no longer its parent"},
                {"parts", 0, "LIST", "of broker,scheduler,node: what this process is"},
                {"node", 0, "NAME", "of a rented node, its last part"},
                {"offer", 0, "NAME", "that it is a unit of"},
                {"isolate", 0, "WHAT", "as of up"}}};
