#include "deploy/cli/commands.h"

#include "actors/kit/clock.h"
#include "actors/kit/process.h"
#include "actors/node/hosting.h"
#include "codec/base/log.h"
#include "codec/wire/actor_name.h"
#include "deploy/launch/await_room.h"
#include "deploy/launch/host.h"
#include "deploy/launch/launch.h"

#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

#define HOST_LOOK_MS 500

typedef struct {
    pid_t parent;
    process_lines_t lines;
    void *hosting;
    host_t host;
    bool one;   /* hosts one actor ... */
    bool ended; /* ... which has ended */
} host_command_t;

/* ---- start ---- */

/* One that reads no samples needs to know how many there are, which the node knows. */
static err_code_t s_prepare_job(launch_t *launch, const cli_args_t *args, size_t region, err_t *err)
{
    const char *hosts = cli_value(args, "hosts"), *samples = cli_value(args, "samples");
    actor_role_t role = strchr(hosts, '/') ? actor_role_of(hosts) : actor_role_find(hosts);
    if (role_row(role)->reads_samples)
        return launch_open_dataset(launch, region, err);
    return job_derive(launch->topology, strtoull(samples, NULL, 10), &launch->job, err);
}

typedef struct {
    launch_t *launch;
    const cli_args_t *args;
    size_t region;
} preparation_t;

static err_code_t s_prepare_state(void *hint, err_t *err)
{
    const preparation_t *self = hint;
    err_code_t rc = launch_share_state(self->launch, err);
    if (!rc && cli_has(self->args, "log"))
        rc = launch_open_log(self->launch, cli_value(self->args, "log"), true, err);
    return rc ? rc : s_prepare_job(self->launch, self->args, self->region, err);
}

static err_code_t s_prepare_host(launch_t *launch, const cli_args_t *args, size_t *ret_region, err_t *err)
{
    err_code_t rc = launch_read(launch, cli_value(args, "topology"), NULL, 0, NULL, err);
    if (rc)
        return rc;
    *ret_region = topology_region_index(launch->topology, cli_value(args, "region"));
    if (*ret_region == SIZE_MAX)
        return err_set(err, ERR_CONFIG, "there is no region %s", cli_value(args, "region"));
    rc = launch_choose_state(launch, cli_value(args, "state"), err);
    preparation_t preparation = {launch, args, *ret_region};
    await_room_t who = {.where = cli_value(args, "hosts"), .state_dir = launch->state_dir};
    return rc ? rc : await_room(&who, s_prepare_state, &preparation, err);
}

/* ---- run ---- */

static void s_tell_parent(host_command_t *self, int64_t now_us)
{
    hosting_event_t event;
    while (hosting_threads.take(self->hosting, &event, now_us)) {
        char line[PROCESS_LINE_MAX];
        hosting_print_event(&event, line, sizeof line);
        if (process_lines_say(&self->lines, "%s", line))
            _exit(EXIT_FAILED); /* a node that does not hear would believe the wrong thing */
        self->ended = self->ended || event.ended;
    }
}

static void s_loop_host(host_command_t *self)
{
    char line[PROCESS_LINE_MAX];
    node_command_t command;
    while (!self->lines.ended && !process_is_orphan(self->parent)) {
        int64_t now_us = clock_now_us();
        while (process_lines_take(&self->lines, line))
            if (hosting_parse_command(line, &command))
                hosting_threads.command(self->hosting, &command, now_us);
        s_tell_parent(self, now_us);
        if (self->one && self->ended)
            return;
        host_event_t event = host_wait(&self->host, HOST_LOOK_MS);
        if (event.signal == SIGTERM)
            _exit(128 + SIGTERM); /* who wants a drain asks the node */
    }
}

static int s_watch(host_command_t *self)
{
    int fd = epoll_create1(EPOLL_CLOEXEC);
    struct epoll_event interest = {.events = EPOLLIN};
    CHECK(fd >= 0 && epoll_ctl(fd, EPOLL_CTL_ADD, STDIN_FILENO, &interest) == 0 &&
          epoll_ctl(fd, EPOLL_CTL_ADD, hosting_threads.fd(self->hosting), &interest) == 0);
    return fd;
}

static int s_host(launch_t *launch, const cli_args_t *args, size_t region)
{
    err_t err = {0};
    launch_where_t where = {launch, region, NULL};
    host_command_t self = {.parent = (pid_t)strtol(cli_value(args, "parent"), NULL, 10),
                           .one = strchr(cli_value(args, "hosts"), '/') != NULL};
    hosting_spec_t spec = {.topology = launch->topology,
                           .job = &launch->job,
                           .dataset = launch->dataset,
                           .state_dir = launch->state_dir,
                           .node = cli_value(args, "node"),
                           .region_index = region,
                           .checksums = true,
                           .pace = cli_has(args, "pace") ? strtod(cli_value(args, "pace"), NULL) : 0,
                           .find = launch_find_broker,
                           .find_hint = &where};
    if (hosting_threads.open(&spec, &self.hosting, &err))
        return command_fail(EXIT_FAILED, "host", "%s", err.text);
    process_lines_init(&self.lines, STDIN_FILENO);
    host_init(&self.host);
    self.host.watch_fd = s_watch(&self);
    int watch_fd = self.host.watch_fd;
    s_loop_host(&self);
    hosting_threads.close(&self.hosting);
    close(watch_fd);
    host_fini(&self.host);
    return EXIT_DONE;
}

static int s_run_host(const cli_args_t *args)
{
    static const char *const needed[] = {"topology", "region", "state", "parent", "node", "samples", "hosts"};
    for (size_t i = 0; i < sizeof needed / sizeof *needed; i++)
        if (!cli_has(args, needed[i]))
            return command_fail(EXIT_WRONG, "host", "this command is for a node alone");
    launch_t launch;
    size_t region;
    err_t err = {0};
    launch_init(&launch);
    int status = s_prepare_host(&launch, args, &region, &err)
                     ? command_fail(EXIT_FAILED, "host", "%s", err.text)
                     : s_host(&launch, args, region);
    launch_fini(&launch);
    return status;
}

const cli_command_t command_host = {
    .name = "host",
    .summary = "Hosts actors of a node in a process of their own; started by a node alone.",
    .example = "cloudless node --isolate actor",
    .run = s_run_host,
    .computes = true,
    .waits = true,
    .hidden = true,
    .options = {{"topology", 0, "FILE", "as of the node"},
                {"region", 0, "NAME", "as of the node"},
                {"state", 0, "DIR", "held by the node or its parent"},
                {"parent", 0, "PID", "ends when this is no longer its parent"},
                {"node", 0, "NAME", "the node's whole name"},
                {"samples", 0, "N", "of all regions"},
                {"hosts", 0, "WHAT", "the actor, or the role of the actors"},
                {"pace", 0, "PART", "of a core that a worker computes with"},
                {"log", 0, "NAME", "log to a file of the state directory, not to standard error"}}};
