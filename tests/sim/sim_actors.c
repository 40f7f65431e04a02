/* The actors of a world: starting and killing them, what they have done outside their cores, and the node. */
#include "tests/sim/sim_internal.h"

#include <stdlib.h>
#include <string.h>

size_t sim_find(const sim_t *self, const char *name)
{
    for (size_t i = 0; i < self->actor_count; i++)
        if (!strcmp(self->actors[i].name, name))
            return i;
    return SIZE_MAX;
}

static sim_actor_t *s_slot(sim_t *self, const char *name, size_t region)
{
    size_t index = sim_find(self, name);
    if (index == SIZE_MAX) {
        CHECK(self->actor_count < SIM_ACTORS_MAX);
        index = self->actor_count++;
        message_set_name(self->actors[index].name, name);
    }
    sim_actor_t *actor = &self->actors[index];
    if (actor->core)
        actor->role->destroy(&actor->core);
    actor->region = region;
    actor->alive = true;
    actor->life++;
    actor->computing = false;
    return actor;
}

static void s_begin(sim_t *self, sim_actor_t *actor, const role_t *role, void *core, uint64_t incarnation)
{
    actor->role = role;
    actor->core = core;
    actor->incarnation = incarnation;
    role->tick(core, self->now_us);
    sim_after(self, (size_t)(actor - self->actors));
}

void sim_start_all(sim_t *self)
{
    uint64_t term = self->spec.term ? self->spec.term : 1;
    global_spec_t global = {.topology = self->topology, .incarnation = term};
    sim_actor_t *actor = s_slot(self, "scheduler/global", 0);
    s_begin(self, actor, &global_role, global_core_new(&global, 0), term);
    for (size_t r = 0; r < self->topology->region_count; r++) {
        wire_name_t name;
        snprintf(name, sizeof name, "scheduler/%s", self->topology->regions[r].name);
        region_spec_t spec = {.topology = self->topology,
                              .region_index = r,
                              .term = term,
                              .nodes_expected = 1,
                              .settle_us = 1000000,
                              .evaluates = false};
        actor = s_slot(self, name, r);
        s_begin(self, actor, &region_role, region_core_new(&spec, 0), term << 32);
        snprintf(name, sizeof name, "node/%s/n0", self->topology->regions[r].name);
        actor = s_slot(self, name, r);
        s_begin(self, actor, &sim_node_role, sim_node_new(self, r), 0);
    }
}

void sim_take_disks(sim_t *self, sim_t *from)
{
    for (size_t i = 0; i < from->actor_count; i++) {
        sim_actor_t *before = &from->actors[i];
        if (!before->committed)
            continue;
        CHECK(sim_find(self, before->name) == SIZE_MAX && self->actor_count < SIM_ACTORS_MAX);
        sim_actor_t *actor = &self->actors[self->actor_count++];
        message_set_name(actor->name, before->name);
        actor->region = before->region;
        actor->committed = before->committed;
        before->committed = NULL;
    }
}

static void *s_new_worker(sim_t *self, size_t region, size_t index, uint64_t incarnation)
{
    worker_spec_t spec = {.topology = self->topology,
                          .job = &self->job,
                          .region_index = region,
                          .worker_index = index,
                          .incarnation = incarnation,
                          .shard_count = self->topology->regions[region].shards,
                          .shard_first = self->shard_first,
                          .chunk_bytes = self->spec.chunk_bytes,
                          .checksums = true};
    return worker_core_new(&spec);
}

static void *s_new_shard(sim_t *self, sim_actor_t *actor, size_t index, uint64_t incarnation)
{
    shard_spec_t spec = {.topology = self->topology,
                         .job = &self->job,
                         .region_index = actor->region,
                         .shard_index = index,
                         .incarnation = incarnation,
                         .elements = self->shard_first[index + 1] - self->shard_first[index],
                         .layout = layout_digest(&self->layout),
                         .chunk_bytes = self->spec.chunk_bytes,
                         .history = rng_u64(&self->rng) | 1,
                         .checksums = true,
                         .break_dedup = self->spec.break_dedup};
    if (!actor->committed) {
        buf_t *initial = buf_new_zero(spec.elements * sizeof(float));
        return shard_core_new(&spec, &initial);
    }
    shard_core_t *core = NULL;
    err_t err = {0};
    err_code_t code = shard_core_restore(&spec, actor->committed, &core, &err);
    if (code)
        fprintf(stderr, "sim: restore %s: %s\n", actor->name, err.text);
    CHECK(!code);
    return core;
}

void sim_start_actor(sim_t *self, const char *name, size_t region, uint64_t incarnation)
{
    sim_actor_t *actor = s_slot(self, name, region);
    size_t index = strtoul(strrchr(name, '/') + 1, NULL, 10);
    if (!strncmp(name, "worker/", 7)) {
        s_begin(self, actor, &worker_role, s_new_worker(self, region, index, incarnation), incarnation);
    } else if (!strncmp(name, "shard/", 6)) {
        s_begin(self, actor, &shard_role, s_new_shard(self, actor, index, incarnation), incarnation);
    } else {
        CHECK(!strncmp(name, "synchronizer/", 13));
        synchronizer_spec_t spec = {.topology = self->topology,
                                    .region_index = region,
                                    .shard_index = index,
                                    .incarnation = incarnation};
        s_begin(self, actor, &synchronizer_role, synchronizer_core_new(&spec), incarnation);
    }
}

/* The core stays in memory until its successor starts, as a checker may still look at it. */
void sim_kill(sim_t *self, size_t index)
{
    sim_actor_t *actor = &self->actors[index];
    if (!actor->alive)
        return;
    actor->alive = false;
    self->stats.killed_workers += actor->role == &worker_role;
    self->stats.killed_shards += actor->role == &shard_role;
    self->stats.killed_synchronizers += actor->role == &synchronizer_role;
    wire_name_t node;
    snprintf(node, sizeof node, "node/%s/n0", self->topology->regions[actor->region].name);
    size_t host = sim_find(self, node);
    sim_node_ended(self->actors[host].core, actor->name, actor->incarnation);
    sim_after(self, host);
}

void sim_kill_some(sim_t *self)
{
    if (self->now_us >= self->spec.kill_until_us)
        return;
    size_t index = rng_below(&self->rng, self->actor_count);
    const role_t *role = self->actors[index].role;
    if (sim_state(self) == RUN_TRAINING &&
        (role == &worker_role || role == &shard_role || role == &synchronizer_role))
        sim_kill(self, index);
    int64_t pause = sim_random_us(self, (int64_t)(1e6 / self->spec.kill_per_s));
    sim_schedule(self, (sim_event_t){.at_us = self->now_us + pause, .kind = SIM_KILL});
}

/* ---- what cores want done ---- */

static void s_take_task(sim_t *self, size_t index)
{
    sim_actor_t *actor = &self->actors[index];
    if (actor->computing || !worker_core_take_task(actor->core, &actor->task))
        return;
    actor->computing = true;
    sim_schedule(self, (sim_event_t){.at_us = self->now_us + sim_random_us(self, self->spec.step_us),
                                     .kind = SIM_COMPUTED,
                                     .actor = index,
                                     .life = actor->life});
}

static void s_take_snapshot(sim_t *self, size_t index)
{
    sim_actor_t *actor = &self->actors[index];
    snapshot_t *snapshot = shard_core_take_snapshot(actor->core, self->now_us);
    if (!snapshot)
        return;
    bool fails = rng_unit(&self->rng) < self->spec.commit_failure;
    self->stats.snapshots++;
    self->stats.snapshot_failures += fails;
    sim_schedule(self, (sim_event_t){.at_us = self->now_us + sim_random_us(self, self->spec.commit_us),
                                     .kind = SIM_COMMITTED,
                                     .actor = index,
                                     .life = actor->life,
                                     .snapshot = snapshot,
                                     .code = fails ? ERR_FULL : ERR_OK});
}

void sim_effects(sim_t *self, size_t index)
{
    sim_actor_t *actor = &self->actors[index];
    if (actor->role == &worker_role)
        s_take_task(self, index);
    if (actor->role == &shard_role)
        s_take_snapshot(self, index);
}

void sim_compute(sim_t *self, size_t index)
{
    sim_actor_t *actor = &self->actors[index];
    CHECK(!actor->task.evaluate);
    uint64_t first, end;
    const job_region_t *region = &self->job.regions[actor->region];
    job_batch_samples(region, actor->task.batch, &first, &end);
    for (uint64_t i = first; i < end; i++)
        self->indices[i - first] = (uint32_t)i;
    dataset_gather(self->datasets[actor->region], self->indices, end - first, self->x, self->labels);
    double loss;
    model_gradient(self->model, actor->task.params, self->x, self->labels, end - first, actor->task.gradient,
                   &loss);
    actor->computing = false;
    worker_core_computed(actor->core, loss, self->now_us);
}

/* ---- the node: announces itself, starts what is placed, stops it ---- */

typedef struct {
    sim_t *world;
    size_t region;
    wire_name_t name, scheduler;
    outbox_t outbox;
    int64_t announce_at_us;
    bool stopping, told, ended;
    bool shards_told;
} sim_node_t;

void *sim_node_new(sim_t *world, size_t region)
{
    sim_node_t *self = calloc(1, sizeof *self);
    CHECK(self);
    self->world = world;
    self->region = region;
    snprintf(self->name, sizeof self->name, "node/%s/n0", world->topology->regions[region].name);
    snprintf(self->scheduler, sizeof self->scheduler, "scheduler/%s", world->topology->regions[region].name);
    outbox_init(&self->outbox);
    return self;
}

static void s_placed(sim_node_t *self, const char *actor, uint64_t incarnation, err_code_t code)
{
    message_t *message = message_new(KIND_placed, self->scheduler, self->name);
    message_set_name(message->placed.actor, actor);
    message->placed.incarnation = incarnation;
    message->placed.code = code;
    outbox_add(&self->outbox, &message);
}

void sim_node_ended(void *core, const char *name, uint64_t incarnation)
{
    s_placed(core, name, incarnation, ERR_STOPPED);
}

static void s_place(sim_node_t *self, const message_t *message)
{
    size_t index = sim_find(self->world, message->place.actor);
    const sim_actor_t *actor = index == SIZE_MAX ? NULL : &self->world->actors[index];
    if (self->stopping || (actor && actor->incarnation > message->place.incarnation))
        return;
    if (actor && actor->incarnation == message->place.incarnation) {
        s_placed(self, message->place.actor, message->place.incarnation, actor->alive ? ERR_OK : ERR_STOPPED);
        return;
    }
    sim_start_actor(self->world, message->place.actor, self->region, message->place.incarnation);
    s_placed(self, message->place.actor, message->place.incarnation, ERR_OK);
}

/* Hands `stop` to the region's actors of one role; true when all of them have finished. */
static bool s_stop_role(sim_node_t *self, const role_t *role, bool tell)
{
    bool all = true;
    for (size_t i = 0; i < self->world->actor_count; i++) {
        sim_actor_t *actor = &self->world->actors[i];
        if (actor->region != self->region || actor->role != role || !actor->alive)
            continue;
        if (tell) {
            message_t *stop = message_new(KIND_stop, actor->name, self->name);
            role->message(actor->core, &stop, self->world->now_us);
            sim_after(self->world, i);
        }
        all = all && role->finished(actor->core);
    }
    return all;
}

static void s_advance_stop(sim_node_t *self)
{
    if (!self->stopping || self->ended)
        return;
    bool workers = s_stop_role(self, &worker_role, !self->told);
    self->told = true;
    if (!workers)
        return;
    bool shards = s_stop_role(self, &shard_role, !self->shards_told);
    bool synchronizers = s_stop_role(self, &synchronizer_role, !self->shards_told);
    self->shards_told = true;
    self->ended = shards && synchronizers;
}

static void s_node_message(void *core, message_t **message_p, int64_t now_us)
{
    sim_node_t *self = core;
    (void)now_us;
    if ((*message_p)->kind == KIND_place)
        s_place(self, *message_p);
    if ((*message_p)->kind == KIND_stop)
        self->stopping = true;
    message_destroy(message_p);
}

static void s_node_tick(void *core, int64_t now_us)
{
    sim_node_t *self = core;
    s_advance_stop(self);
    if (now_us < self->announce_at_us)
        return;
    self->announce_at_us = now_us + (self->stopping ? 100000 : 1000000);
    if (self->ended) {
        message_t *stopped = message_new(KIND_stopped, self->scheduler, self->name);
        message_set_name(stopped->stopped.node, self->name);
        outbox_add(&self->outbox, &stopped);
        return;
    }
    message_t *message = message_new(KIND_announce, self->scheduler, self->name);
    char digest[17];
    topology_digest(self->world->topology, digest);
    message_set_name(message->announce.digest, digest);
    message_set_name(message->announce.host, "sim");
    message->announce.cores = 4;
    message->announce.memory_bytes = (uint64_t)1 << 30;
    message->announce.samples = self->world->topology->job.data.samples;
    outbox_add(&self->outbox, &message);
}

static int64_t s_node_due(const void *core)
{
    const sim_node_t *self = core;
    return self->stopping && self->announce_at_us > self->world->now_us + 10000 ? self->world->now_us + 10000
                                                                                : self->announce_at_us;
}

static outbox_t *s_node_outbox(void *core)
{
    return &((sim_node_t *)core)->outbox;
}

static bool s_node_finished(const void *core)
{
    return ((const sim_node_t *)core)->ended;
}

static void s_node_destroy(void **core_p)
{
    sim_node_t *self = *core_p;
    *core_p = NULL;
    if (!self)
        return;
    outbox_fini(&self->outbox);
    free(self);
}

const role_t sim_node_role = {"node",        s_node_message,  s_node_tick,   s_node_due,
                              s_node_outbox, s_node_finished, s_node_destroy};
