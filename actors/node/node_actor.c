#include "actors/node/node_actor.h"

#include "actors/kit/clock.h"
#include "actors/model/model.h"
#include "codec/base/log.h"
#include "codec/base/machine.h"
#include "store/statedir.h"
#include "store/statedir_latest.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define NODE_ALONE_TIMES 10 /* of what a region may be away */

typedef struct {
    node_host_t with;
    shell_find_fn *find;
    void *find_hint;
    node_core_t *core;  /* the shell's */
    statedir_run_t run; /* of the directory */
    const hosting_ops_t *ops;
    void *hosting; /* NULL: not open */
} node_hint_t;

/* ---- life ---- */

/* A store that cannot be read for want of room is not told to be lacking. Errors: ERR_FULL. */
static err_code_t s_find_held(const node_hint_t *self, node_spec_t *spec, err_t *err)
{
    const topology_region_t *region = &self->with.topology->regions[self->with.region_index];
    for (uint64_t k = 0; k < region->shards && spec->held_count < NODE_HELD_MAX; k++) {
        statedir_latest_t latest;
        err_code_t rc = statedir_shard_latest(self->with.state_dir, region->name, (uint32_t)k, &latest, err);
        if (rc == ERR_FULL)
            return rc;
        if (rc)
            continue;
        spec->held[spec->held_count++] = (announce_held_t){k, latest.incarnation, latest.number};
    }
    return ERR_OK;
}

uint64_t node_cores(const topology_region_t *region, const char *offer)
{
    for (size_t i = 0; offer && i < region->offer_count; i++)
        if (!strcmp(region->offers[i].name, offer))
            return region->offers[i].cores;
    long cores = sysconf(_SC_NPROCESSORS_ONLN);
    return cores > 0 ? (uint64_t)cores : 1;
}

static err_code_t s_open_node(void *hint, uint64_t *incarnation, void **ret_core, err_t *err)
{
    node_hint_t *self = hint;
    const node_host_t *with = &self->with;
    hosting_spec_t hosting = {.topology = with->topology,
                              .job = with->job,
                              .dataset = with->dataset,
                              .state_dir = with->state_dir,
                              .node = with->name,
                              .host_arguments = with->host_arguments,
                              .region_index = with->region_index,
                              .isolate = with->isolate,
                              .checksums = with->checksums,
                              .pace = with->pace,
                              .find = self->find,
                              .find_hint = self->find_hint};
    err_code_t rc = statedir_run(with->state_dir, &self->run, err);
    if (!rc)
        rc = self->ops->open(&hosting, &self->hosting, err);
    if (rc)
        return rc;
    char host[MACHINE_NAME_MAX], digest[17], kernel[MODEL_KERNEL_MAX];
    machine_name(host);
    topology_digest(self->with.topology, digest);
    node_spec_t *spec = calloc(1, sizeof *spec);
    CHECK(spec);
    *spec = (node_spec_t){
        .name = self->with.name,
        .region = self->with.topology->regions[self->with.region_index].name,
        .host = host,
        .digest = digest,
        .pid = (uint64_t)getpid(),
        .process = machine_process(),
        .cores = node_cores(&self->with.topology->regions[self->with.region_index], self->with.offer),
        .samples = self->with.job->samples,
        .incarnation = *incarnation,
        .run = self->run.id,
        .alone_us = NODE_ALONE_TIMES * with->topology->job.sync.away_after_us,
        .offer = self->with.offer,
        .samples_per_s = self->with.samples_per_s,
        .kernel = model_kernel(kernel),
        .age_us = self->with.age_us};
    rc = s_find_held(self, spec, err);
    if (!rc)
        *ret_core = self->core = node_core_new(spec);
    free(spec);
    return rc;
}

static void s_close_node(void *hint)
{
    node_hint_t *self = hint;
    self->ops->close(&self->hosting);
    free(self);
}

/* ---- hosted actors ---- */

static void s_tell_core(node_hint_t *self, const hosting_event_t *event, int64_t now_us)
{
    if (!event->ended) {
        node_core_ready(self->core, event->actor, event->incarnation, now_us);
        return;
    }
    if (event->why.code && !node_core_stopping(self->core))
        log_event(LEVEL_WARN, event->actor, "ended", "code=%s reason=\"%s\"; the scheduler is told",
                  err_name(event->why.code), event->why.text);
    node_core_ended(self->core, event->actor, event->incarnation, &event->why, now_us);
}

/* Nothing is started before the directory is of the run. */
static void s_command(node_hint_t *self, const node_command_t *command, int64_t now_us)
{
    err_t err = {0};
    statedir_run_t run = {.id = command->run};
    if (command->verb == NODE_START && self->run.id != run.id) {
        if (statedir_join_run(self->with.state_dir, &run, &err)) {
            node_core_ended(self->core, command->actor, command->incarnation, &err, now_us);
            return;
        }
        self->run = run;
    }
    self->ops->command(self->hosting, command, now_us);
}

/* News of actors lead to commands, and commands may come true at once. */
static int64_t s_work_node(void *hint, void *core, int64_t now_us)
{
    (void)core;
    node_hint_t *self = hint;
    node_command_t command;
    hosting_event_t event;
    bool any;
    do {
        any = false;
        while (self->ops->take(self->hosting, &event, now_us)) {
            s_tell_core(self, &event, now_us);
            any = true;
        }
        while (node_core_take_command(self->core, &command)) {
            s_command(self, &command, now_us);
            any = true;
        }
    } while (any);
    return self->ops->due(self->hosting);
}

static int s_fd_node(void *hint)
{
    const node_hint_t *self = hint;
    return self->ops->fd(self->hosting);
}

static void s_heard(void *hint, void *core, int64_t now_us)
{
    (void)hint;
    node_core_heard(core, now_us);
}

static err_code_t s_failure_node(void *hint, void *core, err_t *err)
{
    (void)core;
    const node_hint_t *self = hint;
    const char *reason = "";
    err_code_t rc = node_core_failure(self->core, &reason);
    return rc ? err_set(err, rc, "%s", reason) : ERR_OK;
}

void node_actor_fill(const node_host_t *self, shell_spec_t *spec)
{
    static const shell_ops_t ops = {.open = s_open_node,
                                    .work = s_work_node,
                                    .fd = s_fd_node,
                                    .heard = s_heard,
                                    .failure = s_failure_node,
                                    .close = s_close_node};
    node_hint_t *hint = calloc(1, sizeof *hint);
    CHECK(hint);
    hint->with = *self;
    hint->find = spec->find;
    hint->find_hint = spec->find_hint;
    hint->ops = hosting_ops(self->isolate);
    spec->name = self->name;
    spec->role = &node_role;
    spec->ops = &ops;
    spec->hint = hint;
}

static void s_leave(void *core, void *arg, int64_t now_us)
{
    (void)arg;
    node_core_leave(core, now_us);
}

void node_actor_drain(shell_t *shell)
{
    shell_call(shell, s_leave, NULL, NULL);
}
