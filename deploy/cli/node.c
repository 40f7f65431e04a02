#include "deploy/cli/commands.h"

#include "codec/base/rng.h"
#include "codec/base/units.h"
#include "deploy/launch/await_room.h"
#include "deploy/launch/serve.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

#define NODE_NAME_MAX 24
#define PROBE_MOST_US 60000000

static bool s_is_name(const char *name)
{
    size_t length = strlen(name);
    for (size_t i = 0; i < length; i++)
        if (!isalnum((unsigned char)name[i]) && name[i] != '-' && name[i] != '_')
            return false;
    return length > 0 && length <= NODE_NAME_MAX;
}

static int s_wrong_data(err_code_t rc, const err_t *err)
{
    return command_fail(rc == ERR_NOT_FOUND || rc == ERR_CONFIG ? EXIT_WRONG : EXIT_FAILED, "node", "%s",
                        err->text);
}

typedef struct {
    launch_t *launch;
    size_t region;
} data_t;

static err_code_t s_open_dataset(void *hint, err_t *err)
{
    const data_t *self = hint;
    return launch_open_dataset(self->launch, self->region, err);
}

static int s_serve(launch_t *launch, serve_spec_t *spec)
{
    char role[TOPOLOGY_NAME_MAX + NODE_NAME_MAX + 16];
    const char *region = launch->topology->regions[spec->region_index].name;
    err_t err = {0};
    snprintf(role, sizeof role, "node-%s-%s", region, spec->node_name);
    err_code_t rc = await_room_join(launch, "node", role, true, &err);
    if (rc == ERR_IN_USE && strstr(err.text, role)) /* not the whole directory */
        return command_fail(EXIT_FAILED, "node",
                            "node %s of region %s runs here already; start this one with another --name",
                            spec->node_name, region);
    if (rc && rc != ERR_STOPPED)
        return command_fail(EXIT_WRONG, "node", "%s", err.text);
    spec->log_name = spec->role = role;
    data_t data = {launch, spec->region_index};
    await_room_t who = {.where = "node", .state_dir = launch->state_dir};
    if (!rc)
        rc = await_room(&who, s_open_dataset, &data, &err);
    if (rc && rc != ERR_STOPPED)
        return s_wrong_data(rc, &err);
    return rc ? EXIT_DONE : serve_run(launch, spec);
}

static int s_take_probe(const cli_args_t *args, int64_t *ret_us)
{
    const char *text = cli_value(args, "probe-time");
    *ret_us = SERVE_PROBE_US;
    if (text && (units_parse_duration(text, ret_us, NULL) || *ret_us < 0 || *ret_us > PROBE_MOST_US))
        return command_fail(EXIT_WRONG, "node",
                            "--probe-time %s: write a time up to 60s, such as 100ms, or 0 for none", text);
    return EXIT_DONE;
}

/* An offer is one of the region's. */
static int s_check_offer(const launch_t *launch, const serve_spec_t *spec)
{
    const topology_region_t *region = &launch->topology->regions[spec->region_index];
    for (size_t i = 0; i < region->offer_count; i++)
        if (spec->offer && !strcmp(region->offers[i].name, spec->offer))
            return EXIT_DONE;
    if (!spec->offer)
        return EXIT_DONE;
    return command_fail(EXIT_WRONG, "node",
                        "--offer %s: region %s has no such offer; name one of its offers, or leave it out",
                        spec->offer, region->name);
}

/* Before anything is created: what does not fit the model leaves nothing behind. */
static int s_check_data(launch_t *launch, size_t region)
{
    err_t err = {0};
    err_code_t rc = launch_look_dataset(launch, region, false, &err);
    return rc ? s_wrong_data(rc, &err) : EXIT_DONE;
}

static int s_run_node(const cli_args_t *args)
{
    char made_up[NODE_NAME_MAX];
    snprintf(made_up, sizeof made_up, "%08llx", (unsigned long long)(rng_entropy() & 0xffffffff));
    const char *name = cli_value(args, "name");
    if (name && !s_is_name(name))
        return command_fail(EXIT_WRONG, "node", "--name %s: write up to %d letters, digits, '-' or '_'", name,
                            NODE_NAME_MAX);
    serve_spec_t spec = {.where = "node", .node = true, .node_name = name ? name : made_up};
    int wrong = commands_isolate(args, "node", &spec.isolate);
    if (!wrong)
        wrong = s_take_probe(args, &spec.probe_us);
    if (wrong)
        return wrong;
    spec.offer = cli_value(args, "offer");
    launch_t launch;
    launch_init(&launch);
    int status = serve_prepare(&launch, "node", cli_value(args, "topology"), cli_value(args, "region"),
                               cli_value(args, "state"), &spec.region_index);
    if (!status)
        status = s_check_offer(&launch, &spec);
    if (!status)
        status = s_check_data(&launch, spec.region_index);
    if (!status)
        status = s_serve(&launch, &spec);
    launch_fini(&launch);
    return status;
}

const cli_command_t command_node = {
    .name = "node",
    .summary =
        "A machine of a region: hosts the workers, shards and synchronizers that the scheduler places on it.",
    .example = "cloudless node --topology job.yaml --region shanghai --name rack1",
    .notes = COMMANDS_RESUME,
    .run = s_run_node,
    .computes = true,
    .waits = true,
    .options = {
        {"topology", 't', "FILE", "the same file as everywhere in the job"},
        {"region", 'r', "NAME", "where this machine is"},
        {"isolate", 0, "WHAT", COMMANDS_ISOLATE},
        {"name", 0, "NAME", "of this node, unique in its region (default: made up)"},
        {"offer", 0, "NAME", "the offer of its region that this machine is a unit of (default: of none)"},
        {"probe-time", 0, "TIME",
         "how long it measures what one core computes before it comes (default: 50ms; 0: not at all)"},
        {"state", 's', "DIR", "keep snapshots here (default: ~/.local/state/cloudless/JOB)"}}};
