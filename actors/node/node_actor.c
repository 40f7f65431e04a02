#include "actors/node/node_actor.h"

#include "actors/kit/clock.h"
#include "actors/shard/shard_actor.h"
#include "actors/synchronizer/synchronizer_actor.h"
#include "actors/worker/worker_actor.h"
#include "codec/base/log.h"
#include "store/statedir.h"

#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

typedef struct {
    char name[WIRE_NAME_SIZE];
    uint64_t incarnation;
    shell_t *shell; /* NULL: the place is free */
    bool ready;     /* the core was told */
} hosted_t;

typedef struct {
    node_host_t with;
    shell_find_fn *find;
    void *find_hint;
    node_core_t *core; /* the shell's */
    int event_fd;      /* an actor's state has changed */
    hosted_t hosted[NODE_ACTORS_MAX];
} node_hint_t;

/* ---- life
 * ---------------------------------------------------------------------------------------------------- */

static void s_find_held(const node_hint_t *self, node_spec_t *spec)
{
    const topology_region_t *region = &self->with.topology->regions[self->with.region_index];
    for (uint64_t k = 0; k < region->shards && spec->held_count < NODE_HELD_MAX; k++) {
        statedir_latest_t latest;
        if (statedir_shard_latest(self->with.state_dir, region->name, (uint32_t)k, &latest, NULL))
            continue;
        spec->held_shards[spec->held_count] = k;
        spec->held_incarnations[spec->held_count] = latest.incarnation;
        spec->held_numbers[spec->held_count++] = latest.number;
    }
}

static err_code_t s_open(void *hint, uint64_t *incarnation, void **ret_core, err_t *err)
{
    node_hint_t *self = hint;
    self->event_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (self->event_fd < 0)
        return err_set(err, ERR_LIMIT, "no more descriptors; raise the limit of open files");
    char host[WIRE_NAME_SIZE] = "", digest[17];
    gethostname(host, sizeof host - 1);
    topology_digest(self->with.topology, digest);
    long cores = sysconf(_SC_NPROCESSORS_ONLN), pages = sysconf(_SC_PHYS_PAGES), page = sysconf(_SC_PAGESIZE);
    node_spec_t *spec = calloc(1, sizeof *spec);
    CHECK(spec);
    *spec = (node_spec_t){.name = self->with.name,
                          .region = self->with.topology->regions[self->with.region_index].name,
                          .host = host,
                          .digest = digest,
                          .pid = (uint64_t)getpid(),
                          .cores = cores > 0 ? (uint64_t)cores : 1,
                          .memory_bytes = pages > 0 && page > 0 ? (uint64_t)pages * (uint64_t)page : 0,
                          .samples = self->with.job->samples,
                          .incarnation = *incarnation};
    s_find_held(self, spec);
    *ret_core = self->core = node_core_new(spec);
    free(spec);
    return ERR_OK;
}

static void s_close(void *hint)
{
    node_hint_t *self = hint;
    for (size_t i = 0; i < NODE_ACTORS_MAX; i++)
        shell_destroy(&self->hosted[i].shell);
    if (self->event_fd >= 0)
        close(self->event_fd);
    free(self);
}

/* ---- hosted actors
 * ------------------------------------------------------------------------------------------- */

static hosted_t *s_hosted(node_hint_t *self, const char *name)
{
    for (size_t i = 0; i < NODE_ACTORS_MAX; i++)
        if (self->hosted[i].shell && !strcmp(self->hosted[i].name, name))
            return &self->hosted[i];
    return NULL;
}

static hosted_t *s_free_place(node_hint_t *self)
{
    for (size_t i = 0; i < NODE_ACTORS_MAX; i++)
        if (!self->hosted[i].shell)
            return &self->hosted[i];
    return NULL;
}

/* "shard/eu/2" is kind shard, region eu, index 2; false for anything else, or for another region. */
static bool s_parse(const node_hint_t *self, const char *name, char ret_kind[WIRE_NAME_SIZE],
                    size_t *ret_index)
{
    char region[WIRE_NAME_SIZE], rest;
    unsigned long index;
    if (sscanf(name, "%63[^/]/%63[^/]/%lu%c", ret_kind, region, &index, &rest) != 3)
        return false;
    *ret_index = index;
    return !strcmp(region, self->with.topology->regions[self->with.region_index].name);
}

/* Fills what the kind of actor needs; false when there is no such actor in this job. */
static bool s_fill(const node_hint_t *self, const node_command_t *command, shell_spec_t *spec)
{
    const char *name = command->actor;
    const node_host_t *with = &self->with;
    const topology_region_t *region = &with->topology->regions[with->region_index];
    char kind[WIRE_NAME_SIZE];
    size_t index;
    if (!s_parse(self, name, kind, &index))
        return false;
    if (!strcmp(kind, "worker")) {
        worker_actor_t worker = {with->topology,     with->job, with->dataset,
                                 with->region_index, index,     with->checksums};
        worker_actor_fill(&worker, spec);
    } else if (!strcmp(kind, "shard") && index < region->shards) {
        shard_actor_t shard = {.topology = with->topology,
                               .job = with->job,
                               .state_dir = with->state_dir,
                               .region_index = with->region_index,
                               .shard_index = index,
                               .checksums = with->checksums,
                               .newest_incarnation = command->newest_incarnation,
                               .newest_number = command->newest_number};
        shard_actor_fill(&shard, spec);
    } else if (!strcmp(kind, "synchronizer") && index < region->shards) {
        synchronizer_actor_t synchronizer = {
            .topology = with->topology, .region_index = with->region_index, .shard_index = index};
        synchronizer_actor_fill(&synchronizer, spec);
    } else {
        return false;
    }
    return true;
}

static void s_start(node_hint_t *self, const node_command_t *command, int64_t now_us)
{
    shell_spec_t spec = {.name = command->actor,
                         .incarnation = command->incarnation,
                         .find = self->find,
                         .find_hint = self->find_hint,
                         .notify_fd = self->event_fd};
    hosted_t *hosted = s_free_place(self);
    if (!hosted || !s_fill(self, command, &spec)) {
        err_t err = {0};
        err_set(&err, ERR_NOT_FOUND, "there is no actor %s in this job", command->actor);
        node_core_ended(self->core, command->actor, command->incarnation, &err, now_us);
        return;
    }
    *hosted = (hosted_t){.incarnation = command->incarnation};
    memcpy(hosted->name, command->actor, sizeof hosted->name);
    hosted->shell = shell_start(&spec);
}

static void s_drain(node_hint_t *self, const node_command_t *command)
{
    hosted_t *hosted = s_hosted(self, command->actor);
    if (!hosted || hosted->incarnation != command->incarnation)
        return;
    message_t *stop = message_new(KIND_stop, command->actor, self->with.name);
    stop->stop.done = command->done;
    shell_post(hosted->shell, &stop);
}

static void s_kill(node_hint_t *self, const node_command_t *command, int64_t now_us)
{
    hosted_t *hosted = s_hosted(self, command->actor);
    if (hosted && hosted->incarnation == command->incarnation)
        shell_destroy(&hosted->shell);
    err_t err = {0};
    err_set(&err, ERR_STOPPED, "ended where it stood");
    node_core_ended(self->core, command->actor, command->incarnation, &err, now_us);
}

/* Tells the core which actors have become READY or have ended. */
static void s_watch(node_hint_t *self, int64_t now_us)
{
    for (size_t i = 0; i < NODE_ACTORS_MAX; i++) {
        hosted_t *hosted = &self->hosted[i];
        if (!hosted->shell)
            continue;
        err_t why = {0};
        shell_state_t state = shell_state(hosted->shell, &why);
        if (state == SHELL_READY && !hosted->ready) {
            hosted->ready = true;
            node_core_ready(self->core, hosted->name, hosted->incarnation, now_us);
        } else if (state == SHELL_ENDED) {
            if (why.code && why.code != ERR_STOPPED)
                log_event(LEVEL_ERROR, hosted->name, "failed", "code=%s reason=\"%s\"", err_name(why.code),
                          why.text);
            shell_destroy(&hosted->shell);
            node_core_ended(self->core, hosted->name, hosted->incarnation, &why, now_us);
        }
    }
}

static int64_t s_work(void *hint, void *core, int64_t now_us)
{
    (void)core;
    node_hint_t *self = hint;
    eventfd_t ignored;
    if (!eventfd_read(self->event_fd, &ignored))
        s_watch(self, now_us);
    node_command_t command;
    while (node_core_take_command(self->core, &command)) {
        if (command.verb == NODE_START)
            s_start(self, &command, now_us);
        else if (command.verb == NODE_DRAIN)
            s_drain(self, &command);
        else
            s_kill(self, &command, now_us);
    }
    return ROLE_NEVER;
}

static int s_fd(void *hint)
{
    const node_hint_t *self = hint;
    return self->event_fd;
}

static err_code_t s_failure(void *hint, void *core, err_t *err)
{
    (void)core;
    const node_hint_t *self = hint;
    const char *reason = "";
    err_code_t rc = node_core_failure(self->core, &reason);
    return rc ? err_set(err, rc, "%s", reason) : ERR_OK;
}

void node_actor_fill(const node_host_t *self, shell_spec_t *spec)
{
    static const shell_ops_t ops = {
        .open = s_open, .work = s_work, .fd = s_fd, .failure = s_failure, .close = s_close};
    node_hint_t *hint = calloc(1, sizeof *hint);
    CHECK(hint);
    hint->with = *self;
    hint->find = spec->find;
    hint->find_hint = spec->find_hint;
    hint->event_fd = -1;
    spec->name = self->name;
    spec->role = &node_role;
    spec->ops = &ops;
    spec->hint = hint;
}

static void s_stop(void *core, void *arg, int64_t now_us)
{
    (void)arg;
    node_core_stop(core, now_us);
}

void node_actor_drain(shell_t *shell)
{
    shell_call(shell, s_stop, NULL, NULL);
}
