#include "deploy/launch/serve.h"

#include "actors/kit/clock.h"
#include "actors/kit/process.h"
#include "actors/node/node_actor.h"
#include "actors/scheduler/region/region_actor.h"
#include "actors/model/kernel.h"
#include "actors/model/model.h"
#include "actors/worker/probe.h"
#include "brokers/broker.h"
#include "codec/base/log.h"
#include "codec/base/outlet.h"
#include "codec/base/run_id.h"
#include "codec/wire/actor_name.h"
#include "deploy/launch/await_room.h"
#include "deploy/launch/command.h"
#include "deploy/launch/control.h"
#include "deploy/launch/host.h"
#include "deploy/launch/renter.h"
#include "deploy/launch/starts.h"
#include "deploy/launch/watch.h"

#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define SERVE_SETTLE_US 2000000 /* places when no further node came for so long */
#define SERVE_FAREWELL_US                                                                                    \
    5000000 /* how long the node may stay when the scheduler has ended, and the other way round */
#define SERVE_BYE_US 300000 /* within which a node that its scheduler knew has ended, too */
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
    double samples_per_s; /* of one core */
    atomic_bool started;  /* `where` is final */
    int first_signal;
    int64_t half_ended_us; /* one of two actors has ended since */
    bool dismissed;        /* the node, by this process */
    bool leaves;           /* a signal: the run goes on */
    process_lines_t told;  /* by the parent */
    char host_topology[STATEDIR_PATH_MAX + 32], host_parent[16], host_samples[24], host_pace[32];
    const char *host_arguments[19];
    renter_t *renter; /* NULL: nothing is rented here */
    uint64_t least;   /* starts of this node that are known */
    err_t failure;
} serve_t;

/* ---- start ---- */

/* Every unit that is for rent is a node; a region without offers takes the nodes that come. */
static size_t s_nodes_expected(const topology_region_t *region)
{
    uint64_t units = 0;
    for (size_t i = 0; i < region->offer_count; i++)
        units += region->offers[i].count;
    return units ? (size_t)units : SIZE_MAX;
}

/* The pace of a core of the node: of an offer its power, where speeds are emulated. */
static double s_pace(const serve_t *self)
{
    const topology_t *topology = self->launch->topology;
    const topology_region_t *region = &topology->regions[self->spec->region_index];
    double power = 1;
    for (size_t i = 0; self->spec->offer && i < region->offer_count; i++)
        if (!strcmp(region->offers[i].name, self->spec->offer))
            power = region->offers[i].power;
    return topology->plan.emulate * power;
}

static err_code_t s_start_broker(void *hint, err_t *err)
{
    serve_t *self = hint;
    const topology_t *topology = self->launch->topology;
    broker_spec_t spec = {.topology = topology,
                          .region_index = self->spec->region_index,
                          .run_dir = self->launch->run_dir,
                          .state_dir = self->launch->state_dir,
                          .seed = topology->job.seed};
    statedir_run_t run;
    err_code_t rc = statedir_run(self->launch->state_dir, &run, err);
    spec.run = rc ? RUN_ID_NONE : run.id;
    if (!rc)
        rc = broker_start(&spec, &self->broker, err);
    if (!rc)
        self->where.inproc = broker_inproc(self->broker);
    return rc;
}

static void s_rent(void *hint, const rent_command_t *command)
{
    renter_want(hint, command);
}

static err_code_t s_start_scheduler(void *hint, err_t *err)
{
    serve_t *self = hint;
    const topology_t *topology = self->launch->topology;
    const topology_region_t *region = &topology->regions[self->spec->region_index];
    shell_destroy(&self->scheduler); /* one that found no room */
    if (topology->plan.apply && self->spec->rents && !self->renter) {
        renter_spec_t renter = {.launch = self->launch,
                                .region_index = self->spec->region_index,
                                .isolate = self->spec->isolate,
                                .command = self->spec->rents_here ? "" : topology->plan.rent,
                                .notify_fd = self->host.notify_fd};
        self->renter = renter_new(&renter);
    }
    region_actor_t actor = {.topology = topology,
                            .rent = self->renter ? s_rent : NULL,
                            .rent_hint = self->renter,
                            .units_outlive =
                                self->renter && !self->spec->rents_here && topology->plan.rent[0],
                            .state_dir = self->launch->state_dir,
                            .region_index = self->spec->region_index,
                            .nodes_expected = self->spec->parent ? 1 : s_nodes_expected(region),
                            .settle_us = SERVE_SETTLE_US};
    message_set_name(self->scheduler_name, actor_name(ROLE_SCHEDULER, region->name).text);
    shell_spec_t shell = {.name = self->scheduler_name,
                          .find = launch_find_broker,
                          .find_hint = &self->where,
                          .notify_fd = self->host.notify_fd};
    region_actor_fill(&actor, &shell);
    self->scheduler = shell_start(&shell);
    return shell_wait_ready(self->scheduler, err);
}

/* How a process that hosts actors for this node is started. */
static void s_fill_host_arguments(serve_t *self)
{
    const launch_t *launch = self->launch;
    snprintf(self->host_topology, sizeof self->host_topology, "%s/" LAUNCH_TOPOLOGY_FILE, launch->state_dir);
    snprintf(self->host_parent, sizeof self->host_parent, "%d", (int)getpid());
    snprintf(self->host_samples, sizeof self->host_samples, "%llu", (unsigned long long)launch->job.samples);
    snprintf(self->host_pace, sizeof self->host_pace, "%.17g", s_pace(self));
    const char *const arguments[] = {"cloudless",
                                     "host",
                                     "--topology",
                                     self->host_topology,
                                     "--region",
                                     launch->topology->regions[self->spec->region_index].name,
                                     "--state",
                                     launch->state_dir,
                                     "--parent",
                                     self->host_parent,
                                     "--node",
                                     self->node_name,
                                     "--samples",
                                     self->host_samples,
                                     "--pace",
                                     self->host_pace,
                                     self->spec->log_name ? "--log" : NULL,
                                     self->spec->log_name,
                                     NULL};
    memcpy(self->host_arguments, arguments, sizeof arguments);
}

/* A node that is started again must come after the one that was killed, which the broker still knows for a
 * while, and before which one that was stopped may wake up. Its starts are counted on its disk; where another
 * disk counted further, `least` says so. The lower half is that of the disk: by it a broker tells a node that
 * comes back from another one to which a mistake gave its name. Actors are fenced by the scheduler's
 * incarnations, never by this. */
static err_code_t s_node_incarnation(serve_t *self, uint64_t least, uint64_t *ret_incarnation, err_t *err)
{
    uint64_t count;
    char name[STATEDIR_NAME_MAX];
    snprintf(name, sizeof name, "node-%s-%s", self->launch->topology->regions[self->spec->region_index].name,
             self->spec->node_name);
    uint32_t disk = 0;
    err_code_t rc = starts_disk(self->launch->run_dir, &disk, err);
    if (!rc)
        rc = starts_count(self->launch->run_dir, name, least >> 32, &count, err);
    if (!rc)
        *ret_incarnation = count << 32 | disk;
    return rc;
}

/* Plans rest on what this machine does, not on what its name promises. */
static err_code_t s_probe(serve_t *self, err_t *err)
{
    const topology_t *topology = self->launch->topology;
    double pace = s_pace(self);
    if (!self->spec->probe_us)
        return ERR_OK;
    self->samples_per_s = topology->plan.samples_per_s;
    bool known = pace > 0 && self->samples_per_s > 0; /* of an emulated core the topology says it */
    uint64_t cores = node_cores(&topology->regions[self->spec->region_index], self->spec->offer);
    err_code_t rc = known ? ERR_OK
                          : probe_measure(&topology->job.model, (size_t)topology->job.batch, cores,
                                          self->spec->probe_us, &self->samples_per_s, err);
    self->samples_per_s *= pace > 0 ? pace : 1;
    return rc ? err_prefix(err, rc, "the probe of what this machine computes") : ERR_OK;
}

static err_code_t s_start_node(void *hint, err_t *err)
{
    serve_t *self = hint;
    const topology_t *topology = self->launch->topology;
    shell_destroy(&self->node); /* one that found no room, or was outbid */
    const char *region = topology->regions[self->spec->region_index].name;
    message_set_name(self->node_name, actor_name_called(ROLE_NODE, region, self->spec->node_name).text);
    s_fill_host_arguments(self);
    node_host_t node = {.topology = topology,
                        .job = &self->launch->job,
                        .dataset = self->launch->dataset,
                        .state_dir = self->launch->state_dir,
                        .region_index = self->spec->region_index,
                        .name = self->node_name,
                        .isolate = self->spec->isolate,
                        .host_arguments = self->host_arguments,
                        .offer = self->spec->offer,
                        .pace = s_pace(self),
                        .samples_per_s = self->samples_per_s,
                        .age_us = clock_process_age_us(),
                        .checksums = !self->spec->broker};
    shell_spec_t shell = {
        .find = launch_find_broker, .find_hint = &self->where, .notify_fd = self->host.notify_fd};
    err_code_t rc = s_node_incarnation(self, self->least, &shell.incarnation, err);
    if (rc)
        return rc;
    node_actor_fill(&node, &shell);
    const kernel_t *kernel = kernel_chosen();
    char name[MODEL_KERNEL_MAX];
    log_event(kernel->wrong ? LEVEL_WARN : LEVEL_INFO, self->node_name, "kernel", "kernel=%s reason=\"%s\"",
              model_kernel(name), kernel->why);
    self->node = shell_start(&shell);
    return shell_wait_ready(self->node, err);
}

static err_code_t s_with_room(serve_t *self, await_room_step_fn *step, err_t *err)
{
    await_room_t who = {
        .where = self->spec->where, .state_dir = self->launch->state_dir, .parent = self->spec->parent};
    return await_room(&who, step, self, err);
}

static err_code_t s_start(serve_t *self, err_t *err)
{
    process_lines_init(&self->told, STDIN_FILENO);
    err_code_t rc = self->spec->broker ? s_with_room(self, s_start_broker, err) : ERR_OK;
    if (!rc && self->spec->scheduler)
        rc = s_with_room(self, s_start_scheduler, err);
    if (!rc && self->spec->node)
        rc = s_probe(self, err);
    if (!rc && self->spec->node)
        rc = s_with_room(self, s_start_node, err);
    if (rc || !self->spec->parent)
        return rc;
    self->host.watch_fd = STDIN_FILENO;
    return process_lines_say(&self->told, "ready") ? err_set(err, ERR_STOPPED, "the parent is gone") : ERR_OK;
}

/* ---- run ---- */

/* A node gives away what it has; a scheduler and a broker have kept all that a successor needs, and go
 * last. */
static void s_leave(serve_t *self)
{
    self->leaves = true;
    if (self->node)
        node_actor_drain(self->node);
}

/* The whole run, by way of the scheduler; where there is none it can only leave. */
static void s_stop(serve_t *self)
{
    if (!self->scheduler) {
        s_leave(self);
        return;
    }
    message_t *stop = message_new(KIND_stop, self->scheduler_name, self->scheduler_name);
    shell_post(self->scheduler, &stop);
}

static void s_tell_leaving(const serve_t *self)
{
    const char *region = self->launch->topology->regions[self->spec->region_index].name;
    if (self->scheduler)
        outlet_say("the broker of %s ends, and the run goes on when it is started again; once more ends at "
                   "once; the "
                   "whole run is stopped by: cloudless stop --state %s\n",
                   region, self->launch->state_dir);
    else
        outlet_say("leaving the run after a last snapshot; once more ends at once\n");
}

static void s_take_signal(serve_t *self, int signal)
{
    if (signal > SIGRTMAX && self->first_signal)
        return;
    if (self->first_signal)
        _exit(128 + signal);
    self->first_signal = signal;
    bool stops = signal == HOST_STOP;
    log_event(LEVEL_INFO, self->spec->where, stops ? "stop" : "signal",
              "signal=%d; %s, a second one ends at once", signal, stops ? "stopping" : "leaving");
    if (!self->spec->parent && stops && self->scheduler)
        outlet_say("stopping the run after a last snapshot; Ctrl-C ends this at once\n");
    else if (!self->spec->parent)
        s_tell_leaving(self);
    if (stops)
        s_stop(self);
    else
        s_leave(self);
}

static void s_listen(serve_t *self)
{
    char line[PROCESS_LINE_MAX];
    while (process_lines_take(&self->told, line))
        if (!strcmp(line, "stop"))
            s_take_signal(self, HOST_STOP);
    if (self->told.ended || process_is_orphan(self->spec->parent))
        _exit(EXIT_FAILED);
}

/* Returns whether an actor has ended; the first failure is kept. */
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

/* Another disk has counted the starts of this node further: what it says holds. */
static void s_outbid(serve_t *self)
{
    uint64_t newest;
    err_t err = {0};
    if (!self->node || self->first_signal || !shell_outbid(self->node, &newest))
        return;
    log_event(LEVEL_WARN, self->node_name, "outbid",
              "reason=\"the broker knows a later start by this name\"; starting after it");
    self->least = newest;
    if (s_with_room(self, s_start_node, &err) && !self->failure.code)
        self->failure = err;
}

/* Links that are emulated here follow the file; what else may change is the global scheduler's. */
static void s_reread(serve_t *self)
{
    topology_t *changed = NULL;
    err_t err = {0};
    if (!self->broker || !self->spec->topology)
        return;
    if (launch_reread(self->launch, self->spec->topology, NULL, 0, NULL, &changed, &err)) {
        log_event(LEVEL_WARN, self->spec->where, "reread", "reason=\"%s\"; going on as before", err.text);
        return;
    }
    broker_change_links(self->broker, changed);
    topology_destroy(&changed);
}

static void s_look_after_units(serve_t *self)
{
    char name[2 * TOPOLOGY_NAME_MAX];
    rent_end_t end;
    while (self->renter && renter_look(self->renter, name, &end))
        region_actor_unit_ended(self->scheduler, name, end);
}

static bool s_is_over(serve_t *self)
{
    if (self->leaves)
        return !self->node || s_has_ended(self, self->node);
    if (!self->scheduler && !self->node)
        return false; /* a broker alone ends when it is told to */
    bool scheduler_ended = s_has_ended(self, self->scheduler), node_ended = s_has_ended(self, self->node);
    if (scheduler_ended && node_ended)
        return true;
    bool half = self->scheduler && self->node && scheduler_ended != node_ended;
    if (!half)
        return false;
    if (!self->half_ended_us)
        self->half_ended_us = clock_now_us();
    int64_t waited_us = clock_now_us() - self->half_ended_us;
    if (scheduler_ended && waited_us >= SERVE_BYE_US && !self->dismissed) {
        self->dismissed = true; /* it was stopped before it knew the node: nobody else says bye */
        node_actor_drain(self->node);
    }
    return scheduler_ended && waited_us >= SERVE_FAREWELL_US;
}

static void s_loop_node(serve_t *self)
{
    while (!s_is_over(self)) {
        host_event_t event = host_wait(&self->host, SERVE_LOOK_MS);
        s_outbid(self);
        s_look_after_units(self);
        if (self->spec->parent)
            s_listen(self);
        if (event.signal == SIGHUP)
            s_reread(self);
        bool parents = self->spec->parent && (event.signal == SIGINT || event.signal == HOST_HANGUP);
        if (event.signal && event.signal != SIGHUP && !parents)
            s_take_signal(self, event.signal);
    }
}

/* In control's thread, which ends before the broker does. */
static char *s_answer_status(void *hint, const char *rest)
{
    serve_t *self = hint;
    (void)rest;
    char *text =
        atomic_load(&self->started) ? watch_answer(&self->where) : strdup("!this process is starting");
    CHECK(text);
    return text;
}

static const control_word_t s_words[] = {
    {"stop", host_answer_stop}, {WATCH_WORD, s_answer_status}, {NULL, NULL}};

static void s_open_control(serve_t *self, control_t **ret_control)
{
    err_t err = {0};
    const char *role = self->spec->role;
    if (role && control_open(self->launch->state_dir, role, s_words, self, ret_control, &err))
        log_event(LEVEL_WARN, self->spec->where, "control",
                  "reason=\"%s\"; a signal can stop it, cloudless stop cannot", err.text);
}

int serve_run(launch_t *launch, const serve_spec_t *spec)
{
    serve_t self = {.launch = launch, .spec = spec, .where = {launch, spec->region_index, NULL}};
    err_t err = {0};
    control_t *control = NULL;
    host_init(&self.host);
    s_open_control(&self, &control);
    err_code_t rc = s_start(&self, &err);
    atomic_store(&self.started, !rc);
    if (!rc)
        s_loop_node(&self);
    shell_destroy(&self.node);
    shell_destroy(&self.scheduler);
    if (self.leaves)
        renter_destroy(&self.renter, 0); /* its successor takes over */
    renter_destroy(&self.renter, SERVE_FAREWELL_US);
    control_close(&control);
    if (self.broker)
        broker_stop(&self.broker, SERVE_LINGER_US);
    host_fini(&self.host);
    bool left = self.leaves || rc == ERR_STOPPED;
    if (left && spec->parent && process_lines_say(&self.told, "left"))
        return EXIT_FAILED;
    if (rc == ERR_STOPPED)
        return EXIT_DONE; /* it had not begun */
    if (rc)
        return command_fail(EXIT_FAILED, spec->where, "%s", err.text);
    if (self.failure.code)
        return command_fail(EXIT_FAILED, spec->where, "%s", self.failure.text);
    return EXIT_DONE;
}

int serve_prepare(launch_t *launch, const char *where, const char *topology, const char *region,
                  const char *state, size_t *ret_region)
{
    err_t err = {0};
    if (!topology || !region)
        return command_fail(EXIT_WRONG, where, "%s is missing; see cloudless %s --help",
                            topology ? "--region" : "--topology", where);
    if (launch_read(launch, topology, NULL, 0, NULL, &err))
        return launch_wrong(launch, EXIT_WRONG, NULL, &err, false);
    *ret_region = topology_region_index(launch->topology, region);
    if (*ret_region == SIZE_MAX)
        return command_fail(EXIT_WRONG, where, "there is no region %s in %s; name one of its regions", region,
                            topology);
    if (launch_choose_state(launch, state, &err))
        return command_fail(EXIT_WRONG, where, "%s", err.text);
    return EXIT_DONE;
}
