#include "deploy/launch/serve.h"

#include "actors/kit/clock.h"
#include "actors/node/node_actor.h"
#include "actors/scheduler/region_actor.h"
#include "brokers/broker.h"
#include "codec/base/log.h"
#include "codec/base/rng.h"
#include "deploy/cli/cli.h"
#include "deploy/launch/host.h"

#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define SERVE_SETTLE_US 2000000 /* places when no further node came for so long */
#define SERVE_FAREWELL_US                                                                                    \
    5000000 /* how long the node may stay when the scheduler has ended, and the other way round */
#define SERVE_LINGER_US 1000000
#define SERVE_LOOK_MS 500

typedef struct {
    launch_t *launch;
    const serve_spec_t *spec;
    host_t host;
    launch_where_t where;
    broker_t *broker;
    shell_t *scheduler;
    shell_t *node;
    char scheduler_name[WIRE_NAME_SIZE];
    char node_name[WIRE_NAME_SIZE];
    int first_signal;
    int64_t half_ended_us; /* one of two actors has ended since */
    err_t failure;
} serve_t;

/* ---- start
 * --------------------------------------------------------------------------------------------------- */

/* Every unit that is for rent is a node; a region without offers takes the nodes that come. */
static size_t s_nodes_expected(const topology_region_t *region)
{
    uint64_t units = 0;
    for (size_t i = 0; i < region->offer_count; i++)
        units += region->offers[i].count;
    return units ? (size_t)units : SIZE_MAX;
}

static err_code_t s_start_broker(serve_t *self, err_t *err)
{
    const topology_t *topology = self->launch->topology;
    broker_spec_t spec = {.topology = topology,
                          .region_index = self->spec->region_index,
                          .run_dir = self->launch->run_dir,
                          .seed = topology->job.seed};
    err_code_t rc = broker_start(&spec, &self->broker, err);
    if (rc)
        return rc;
    self->where.inproc = broker_inproc(self->broker);
    const topology_region_t *region = &topology->regions[self->spec->region_index];
    region_actor_t actor = {.topology = topology,
                            .state_dir = self->launch->state_dir,
                            .region_index = self->spec->region_index,
                            .nodes_expected = self->spec->node ? 1 : s_nodes_expected(region),
                            .settle_us = SERVE_SETTLE_US};
    snprintf(self->scheduler_name, sizeof self->scheduler_name, "scheduler/%s", region->name);
    shell_spec_t shell = {.name = self->scheduler_name,
                          .find = launch_find_broker,
                          .find_hint = &self->where,
                          .notify_fd = self->host.notify_fd};
    region_actor_fill(&actor, &shell);
    self->scheduler = shell_start(&shell);
    return shell_wait_ready(self->scheduler, err);
}

/* A node that is started again must come after the one that was killed, which the broker still knows for a while: the
 * time since the machine's start orders the two, whatever becomes of the date. Actors are fenced by the scheduler's
 * incarnations, never by this. */
static uint64_t s_node_incarnation(void)
{
    return (uint64_t)clock_now_us();
}

static err_code_t s_start_node(serve_t *self, err_t *err)
{
    const topology_t *topology = self->launch->topology;
    char made_up[24];
    snprintf(made_up, sizeof made_up, "%08llx", (unsigned long long)(rng_entropy() & 0xffffffff));
    snprintf(self->node_name, sizeof self->node_name, "node/%s/%s",
             topology->regions[self->spec->region_index].name,
             self->spec->node_name ? self->spec->node_name : made_up);
    node_host_t node = {.topology = topology,
                        .job = &self->launch->job,
                        .dataset = self->launch->dataset,
                        .state_dir = self->launch->state_dir,
                        .region_index = self->spec->region_index,
                        .name = self->node_name,
                        .checksums = !self->spec->broker};
    shell_spec_t shell = {.find = launch_find_broker,
                          .find_hint = &self->where,
                          .incarnation = s_node_incarnation(),
                          .notify_fd = self->host.notify_fd};
    node_actor_fill(&node, &shell);
    self->node = shell_start(&shell);
    return shell_wait_ready(self->node, err);
}

/* ---- run
 * ----------------------------------------------------------------------------------------------------- */

static void s_drain(serve_t *self)
{
    if (!self->scheduler) {
        node_actor_drain(self->node);
        return;
    }
    message_t *stop = message_new(KIND_stop, self->scheduler_name, self->scheduler_name);
    shell_post(self->scheduler, &stop);
}

static void s_take_signal(serve_t *self, int signal)
{
    if (self->first_signal)
        _exit(128 + signal);
    self->first_signal = signal;
    log_event(LEVEL_INFO, self->spec->where, "signal", "signal=%d; draining, a second one ends at once",
              signal);
    if (!self->spec->parent)
        fprintf(stderr, "stopping after a last snapshot; once more ends at once\n");
    s_drain(self);
}

/* Whether an actor has ended; the first failure is kept. */
static bool s_has_ended(serve_t *self, shell_t *shell)
{
    err_t failure = {0};
    if (!shell)
        return true;
    if (shell_state(shell, &failure) != SHELL_ENDED)
        return false;
    if (failure.code && !self->failure.code)
        self->failure = failure;
    return true;
}

static bool s_is_over(serve_t *self)
{
    bool scheduler_ended = s_has_ended(self, self->scheduler), node_ended = s_has_ended(self, self->node);
    if (scheduler_ended && node_ended)
        return true;
    bool half = self->scheduler && self->node && scheduler_ended != node_ended;
    if (!half)
        return false;
    if (!self->half_ended_us)
        self->half_ended_us = clock_now_us();
    return scheduler_ended && clock_now_us() - self->half_ended_us >= SERVE_FAREWELL_US;
}

static void s_loop(serve_t *self)
{
    while (!s_is_over(self)) {
        host_event_t event = host_wait(&self->host, SERVE_LOOK_MS);
        if (self->spec->parent && getppid() != self->spec->parent)
            _exit(EXIT_FAILED);
        if (event.signal == SIGTERM || (event.signal && !self->spec->parent))
            s_take_signal(self, event.signal);
    }
}

int serve_run(launch_t *launch, const serve_spec_t *spec)
{
    serve_t self = {.launch = launch, .spec = spec, .where = {launch, spec->region_index, NULL}};
    err_t err = {0};
    host_init(&self.host);
    err_code_t rc = spec->broker ? s_start_broker(&self, &err) : ERR_OK;
    if (!rc && spec->node)
        rc = s_start_node(&self, &err);
    if (!rc)
        s_loop(&self);
    shell_destroy(&self.node);
    shell_destroy(&self.scheduler);
    if (self.broker)
        broker_stop(&self.broker, SERVE_LINGER_US);
    host_fini(&self.host);
    if (rc)
        return cli_fail(EXIT_FAILED, spec->where, "%s", err.text);
    if (self.failure.code)
        return cli_fail(EXIT_FAILED, spec->where, "%s", self.failure.text);
    return EXIT_DONE;
}

int serve_prepare(launch_t *launch, const char *where, const char *topology, const char *region,
                  const char *state, size_t *ret_region)
{
    err_t err = {0};
    if (!topology || !region)
        return cli_fail(EXIT_WRONG, where, "%s is missing; see cloudless %s --help",
                        topology ? "--region" : "--topology", where);
    if (launch_read(launch, topology, NULL, 0, NULL, &err))
        return cli_fail(EXIT_WRONG, NULL, "%s", err.text);
    *ret_region = topology_region_index(launch->topology, region);
    if (*ret_region == SIZE_MAX)
        return cli_fail(EXIT_WRONG, where, "there is no region %s in %s; name one of its regions", region,
                        topology);
    if (launch_choose_state(launch, state, &err))
        return cli_fail(EXIT_WRONG, where, "%s", err.text);
    return EXIT_DONE;
}
