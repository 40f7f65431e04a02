/* The actors of a world: starting and killing them, and what they have done outside their cores. */
#include "deploy/simulate/sim_internal.h"

#include "codec/wire/actor_name.h"

#include <stdlib.h>
#include <string.h>

#define NODE_LETTER "n" /* "node/eu/n3" */

size_t sim_find(const sim_t *self, const char *name)
{
    return names_find(&self->names, name);
}

static sim_actor_t *s_slot(sim_t *self, const char *name, size_t region)
{
    size_t index = sim_find(self, name);
    if (index == SIZE_MAX) {
        CHECK(self->actor_count < self->actor_capacity);
        index = self->actor_count++;
        self->actors[index].scheduler = SIZE_MAX;
        message_set_name(self->actors[index].name, name);
        names_set(&self->names, name, index);
    }
    sim_raise_zombie(self, index);
    sim_actor_t *actor = &self->actors[index];
    if (actor->core)
        actor->role->destroy(&actor->core);
    actor->hangs = false;
    actor->kind = actor_role_of(name);
    actor->says = says_of(name);
    actor->region = region;
    actor->alive = true;
    actor->life++;
    actor->computing = false;
    actor->tick_us = ROLE_NEVER;
    actor->spends = SPENDS_SCHEDULER;
    actor->spends_us = self->now_us;
    return actor;
}

static void s_begin_actor(sim_t *self, sim_actor_t *actor, const role_t *role, void *core,
                          uint64_t incarnation)
{
    actor->role = role;
    actor->core = core;
    actor->incarnation = incarnation;
    role->tick(core, self->now_us);
    sim_after(self, (size_t)(actor - self->actors));
}

static void *s_new_node(const sim_t *self, size_t region, const char *name, size_t place, uint64_t pid)
{
    node_spec_t spec = {.name = name,
                        .region = self->topology->regions[region].name,
                        .host = "sim",
                        .offer = self->spec.node_list ? self->spec.node_list[place].offer : NULL,
                        .digest = self->digest,
                        .pid = pid,
                        .cores =
                            self->spec.node_list ? self->spec.node_list[place].cores : sim_cores(self, name),
                        .samples = self->spec.samples,
                        .alone_us = self->spec.alone_us,
                        .announce_us = self->spec.beat_us};
    sim_find_held(self, region, name, &spec);
    spec.run = spec.held_count ? SIM_RUN : RUN_ID_NONE;
    return node_core_new(&spec);
}

void sim_put(sim_t *self, const char *name, size_t region, const role_t *role, void *core,
             uint64_t incarnation)
{
    s_begin_actor(self, s_slot(self, name, region), role, core, incarnation);
}

/* Another process in each life of the job, and with each start. */
void sim_start_node(sim_t *self, const char *name, size_t region, size_t place)
{
    sim_actor_t *actor = s_slot(self, name, region);
    uint64_t pid = ((self->spec.term + 1) << 16) + actor->life;
    actor->place = place;
    actor->leaves = false;
    actor->slow = sim_slowness(self, name);
    s_begin_actor(self, actor, &node_role, s_new_node(self, region, name, place, pid), 0);
}

void sim_unit_name(const sim_t *self, size_t region, const char *unit, wire_name_t ret_name)
{
    message_set_name(ret_name, actor_name_called(ROLE_NODE, self->topology->regions[region].name, unit).text);
}

void sim_node_name(const sim_t *self, size_t region, size_t number, wire_name_t ret_name)
{
    char part[24];
    snprintf(part, sizeof part, NODE_LETTER "%zu", number);
    sim_unit_name(self, region, part, ret_name);
}

uint64_t sim_node_number(const char *name)
{
    actor_parts_t node;
    bool named = actor_split(name, strlen(name), &node) && node.rest_length > 0;
    return named ? strtoull(node.rest + strlen(NODE_LETTER), NULL, 10) : 0;
}

static void s_start_listed(sim_t *self)
{
    for (size_t n = 0; n < self->spec.node_count; n++) {
        const sim_node_t *node = &self->spec.node_list[n];
        wire_name_t name;
        sim_unit_name(self, node->region, node->name, name);
        sim_start_node(self, name, node->region, n);
    }
}

void sim_start_all(sim_t *self)
{
    sim_schedulers_new(self);
    s_start_listed(self);
    for (size_t r = 0; !self->spec.node_list && r < self->topology->region_count; r++) {
        wire_name_t name;
        for (size_t n = 0; n < (self->spec.nodes ? self->spec.nodes : 1); n++) {
            sim_node_name(self, r, n, name);
            sim_start_node(self, name, r, n);
        }
    }
}

static void s_gather(sim_t *self, size_t region, uint64_t first, uint64_t end);

static err_code_t s_touches(void *hint, uint64_t batch, ranges_t *ret_elements)
{
    const sim_touches_t *of = hint;
    uint64_t first, end;
    job_batch_samples(&of->sim->job.regions[of->region], batch, &first, &end);
    s_gather(of->sim, of->region, first, end);
    const tensor_t *counters = of->sim->layout.tensors;
    err_code_t code = ERR_OK;
    for (uint64_t i = 0; i < end - first && !code; i++) {
        size_t counter = of->sim->labels[i] % counters->count, row = counter - counter % counters->dims[1];
        code = ranges_add(ret_elements, row, row + counters->dims[1]);
    }
    return code;
}

static void *s_new_worker(sim_t *self, sim_actor_t *actor, size_t index, const node_command_t *command)
{
    worker_spec_t spec = {.topology = self->topology,
                          .job = &self->job,
                          .region_index = actor->region,
                          .worker_index = index,
                          .incarnation = command->incarnation,
                          .shard_count = self->topology->regions[actor->region].shards,
                          .shard_first = self->shard_first,
                          .layout = &self->layout,
                          .chunk_bytes = self->spec.chunk_bytes,
                          .checksums = !self->spec.pace,
                          .touches = self->spec.rows ? s_touches : NULL,
                          .touches_hint = &self->touches[actor->region],
                          .status_us = self->spec.beat_us};
    return worker_core_new(&spec);
}

static buf_t *s_initial(const sim_t *self, size_t first, size_t count)
{
    if (self->spec.pace) {
        buf_t *zero = buf_new_zero(count * sizeof(float));
        CHECK(zero);
        return zero;
    }
    float *w = malloc(self->layout.count * sizeof *w);
    CHECK(w);
    model_init(self->model, self->topology->job.seed, w);
    buf_t *initial = buf_new_copy(w + first, count * sizeof *w);
    CHECK(initial);
    free(w);
    return initial;
}

static void *s_new_shard(sim_t *self, sim_actor_t *actor, size_t index, const node_command_t *command)
{
    uint64_t incarnation = command->incarnation;
    const sim_copy_t *disk = sim_disk(self, actor);
    const sim_copy_t *copy = sim_newest_copy(self, self->actors[actor->node].name, actor->name);
    shard_spec_t spec = {.topology = self->topology,
                         .job = &self->job,
                         .region_index = actor->region,
                         .shard_index = index,
                         .incarnation = incarnation,
                         .elements = self->shard_first[index + 1] - self->shard_first[index],
                         .layout = layout_digest(&self->layout),
                         .tensors = &self->layout,
                         .first = self->shard_first[index],
                         .run = command->run,
                         .chunk_bytes = self->spec.chunk_bytes,
                         .history = rng_u64(&self->rng) | 1,
                         .patches = self->spec.rows,
                         .checksums = !self->spec.pace,
                         .breaks = self->spec.breaks};
    start_t start = sim_start(self, actor, command);
    shard_start_tell(&start, &spec);
    if (!copy) {
        buf_t *initial = s_initial(self, self->shard_first[index], spec.elements);
        return shard_core_new(&spec, &initial);
    }
    shard_core_t *core = NULL;
    err_t err = {0};
    self->stats.moved += copy->kept;
    self->stats.exposed += !copy->kept && disk->exposed;
    err_code_t code = shard_core_restore(&spec, copy->snapshot, &core, &err);
    if (code)
        fprintf(stderr, "sim: restore %s: %s\n", actor->name, err.text);
    CHECK(!code);
    return core;
}

static void *s_new_keeper(sim_t *self, sim_actor_t *actor, size_t index, const node_command_t *command)
{
    (void)index;
    keeper_spec_t spec = {.topology = self->topology,
                          .region_index = actor->region,
                          .name = actor->name,
                          .incarnation = command->incarnation,
                          .piece_bytes = 4 * self->spec.chunk_bytes};
    keeper_core_t *core = keeper_core_new(&spec);
    sim_find_kept(self, self->actors[actor->node].name, core);
    return core;
}

static void *s_new_synchronizer(sim_t *self, sim_actor_t *actor, size_t index, const node_command_t *command)
{
    synchronizer_spec_t spec = {.topology = self->topology,
                                .region_index = actor->region,
                                .shard_index = index,
                                .incarnation = command->incarnation,
                                .breaks = self->spec.breaks};
    return synchronizer_core_new(&spec);
}

/* ---- the roles that nodes host, each with a row ---- */

static void s_take_task(sim_t *self, size_t index);
static void s_take_snapshot(sim_t *self, size_t index);

static err_code_t s_worker_failure(const void *core)
{
    return worker_core_failure(core, NULL);
}

static const sim_role_t s_roles[ROLE_NONE + 1] = {
    [ROLE_WORKER] = {.role = &worker_role,
                     .make = s_new_worker,
                     .effects = s_take_task,
                     .failure = s_worker_failure},
    [ROLE_SHARD] = {.role = &shard_role, .make = s_new_shard, .effects = s_take_snapshot, .wakes = true},
    [ROLE_SYNCHRONIZER] = {.role = &synchronizer_role, .make = s_new_synchronizer, .wakes = true},
    [ROLE_KEEPER] = {.role = &keeper_role, .make = s_new_keeper, .effects = sim_take_jobs},
};

const sim_role_t *sim_role(const sim_actor_t *actor)
{
    return &s_roles[actor->kind];
}

void sim_start_actor(sim_t *self, const char *name, size_t node, const node_command_t *command)
{
    sim_actor_t *actor = s_slot(self, name, self->actors[node].region);
    const sim_role_t *role = sim_role(actor);
    actor->node = node;
    self->stats.starts++;
    actor_parts_t parts;
    CHECK(actor_split(name, strlen(name), &parts) && role->make);
    s_begin_actor(self, actor, role->role, role->make(self, actor, parts.number, command),
                  command->incarnation);
}

/* ---- the node: its core decides, this does ---- */

static void s_tell_node(sim_t *self, const sim_actor_t *actor, err_code_t code)
{
    size_t host = actor->node;
    err_t why = {.code = code};
    snprintf(why.text, sizeof why.text, "%s", err_meaning(code));
    node_core_ended(self->actors[host].core, actor->name, actor->incarnation, &why, self->now_us);
    sim_after(self, host);
}

/* The core stays in memory until its successor starts, as a checker may still look at it. A death in silence
 * is that of an actor that hangs: its node takes it for running. */
void sim_kill(sim_t *self, size_t index, bool silent)
{
    sim_actor_t *actor = &self->actors[index];
    if (!actor->alive)
        return;
    actor->alive = false;
    actor->hangs = silent;
    self->stats.killed[actor->kind]++;
    self->stats.killed_in_silence += silent;
    if (!silent)
        s_tell_node(self, actor, ERR_STOPPED);
}

/* A hosted actor that has finished ends, as its shell does. */
void sim_end_finished(sim_t *self, size_t index)
{
    sim_actor_t *actor = &self->actors[index];
    const sim_role_t *role = sim_role(actor);
    if (!actor->alive || !role->role || !actor->role->finished(actor->core))
        return;
    actor->alive = false;
    s_tell_node(self, actor, role->failure ? role->failure(actor->core) : ERR_OK);
}

/* Of an actor that hangs nothing is left that could be saved. */
static void s_drain(sim_t *self, size_t index, const node_command_t *command)
{
    sim_actor_t *actor = &self->actors[index];
    if (!actor->alive) {
        s_tell_node(self, actor, ERR_OK);
        return;
    }
    wire_name_t node;
    sim_unit_name(self, actor->region, "host", node);
    message_t *stop = message_new(KIND_stop, actor->name, node);
    stop->stop.done = command->done;
    actor->role->message(actor->core, &stop, self->now_us);
    sim_after(self, index);
}

/* One that hangs, and whose successor was started on another node: nothing is left of it. */
static void s_bury(sim_t *self, size_t node, const node_command_t *command)
{
    err_t why = {.code = command->verb == NODE_DRAIN ? ERR_OK : ERR_STOPPED};
    node_core_ended(self->actors[node].core, command->actor, command->incarnation, &why, self->now_us);
}

/* One with a store opens it, in a directory of its own. */
static bool s_lacks_room(sim_t *self, size_t node, const node_command_t *command)
{
    if (!role_row(actor_role_of(command->actor))->stores || !sim_is_full(self, node))
        return false;
    err_t why = {.code = ERR_FULL};
    self->stats.without_room++;
    node_core_ended(self->actors[node].core, command->actor, command->incarnation, &why, self->now_us);
    return true;
}

static void s_take_commands(sim_t *self, size_t node)
{
    node_core_t *core = self->actors[node].core;
    node_command_t command;
    while (node_core_take_command(core, &command)) {
        if (command.verb == NODE_START && s_lacks_room(self, node, &command))
            continue;
        if (command.verb == NODE_START) {
            sim_start_actor(self, command.actor, node, &command);
            node_core_ready(core, command.actor, command.incarnation, self->now_us);
            continue;
        }
        size_t index = sim_find(self, command.actor);
        CHECK(index != SIZE_MAX);
        if (self->actors[index].incarnation != command.incarnation) {
            s_bury(self, node, &command);
            continue;
        }
        if (command.verb == NODE_DRAIN) {
            s_drain(self, index, &command);
        } else {
            self->actors[index].alive = false;
            s_tell_node(self, &self->actors[index], ERR_STOPPED);
        }
    }
}

/* ---- deaths ---- */

void sim_kill_some(sim_t *self)
{
    if (self->now_us >= self->spec.kill_until_us)
        return;
    size_t index = rng_below(&self->rng, self->actor_count);
    bool silent = rng_unit(&self->rng) < self->spec.kill_silent;
    bool hosted = role_is_hosted(self->actors[index].kind);
    if (sim_state(self) == RUN_TRAINING && hosted && !self->actors[index].zombie) {
        bool lose = self->spec.lose_disk > 0 && rng_unit(&self->rng) < self->spec.lose_disk;
        sim_kill(self, index, silent && !lose);
        if (lose)
            sim_lose_disk(self, index);
    }
    int64_t pause = sim_random_us(self, (int64_t)(1e6 / self->spec.kill_per_s));
    sim_schedule(self, (sim_event_t){.at_us = self->now_us + pause, .kind = SIM_KILL});
}

/* ---- what cores want done ---- */

static int64_t s_step_us(sim_t *self, const sim_actor_t *actor)
{
    if (!self->spec.pace)
        return sim_random_us(self, self->spec.step_us) * self->actors[actor->node].slow;
    uint64_t first = 0, end = 0;
    if (!actor->task.evaluate)
        job_batch_samples(&self->job.regions[actor->region], actor->task.batch, &first, &end);
    return self->spec.pace->computes(self->spec.pace->hint, self->actors[actor->node].place, end - first);
}

static void s_take_task(sim_t *self, size_t index)
{
    sim_actor_t *actor = &self->actors[index];
    if (actor->computing || !worker_core_take_task(actor->core, &actor->task))
        return;
    actor->computing = true;
    int64_t begins_us = actor->free_us > self->now_us ? actor->free_us : self->now_us;
    int64_t took_us = s_step_us(self, actor);
    sim_schedule(self, (sim_event_t){.at_us = begins_us + took_us,
                                     .kind = SIM_COMPUTED,
                                     .actor = (uint32_t)index,
                                     .life = actor->life,
                                     .tick = (uint64_t)took_us});
}

/* ---- what a worker's time goes to ---- */

static sim_spends_t s_spends(const sim_actor_t *actor)
{
    if (actor->computing)
        return actor->task.evaluate ? SPENDS_EVALUATING : SPENDS_COMPUTING;
    bool shard = actor_role_of(worker_core_waits_for(actor->core, NULL)) == ROLE_SHARD;
    return shard ? SPENDS_SHARD : SPENDS_SCHEDULER;
}

void sim_spend(sim_t *self, size_t index)
{
    sim_actor_t *actor = &self->actors[index];
    if (!self->spec.pace || actor->role != &worker_role)
        return;
    sim_spends_t now = s_spends(actor);
    if (now == actor->spends)
        return;
    actor->spent.us[actor->spends] += self->now_us - actor->spends_us;
    actor->spends = now;
    actor->spends_us = self->now_us;
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
    sim_schedule(self, (sim_event_t){.at_us = self->now_us + sim_commit_us(self),
                                     .kind = SIM_COMMITTED,
                                     .actor = (uint32_t)index,
                                     .life = actor->life,
                                     .what = snapshot,
                                     .code = fails ? ERR_FULL : ERR_OK});
}

void sim_effects(sim_t *self, size_t index)
{
    sim_actor_t *actor = &self->actors[index];
    if (sim_role(actor)->effects)
        sim_role(actor)->effects(self, index);
    if (actor->role == &region_role || actor->role == &global_role)
        sim_keep(self, index);
    if (actor->role == &region_role)
        sim_rent(self, index);
    if (actor->role == &node_role)
        s_take_commands(self, index);
}

static void s_gather(sim_t *self, size_t region, uint64_t first, uint64_t end)
{
    for (uint64_t i = first; i < end; i++)
        self->indices[i - first] = (uint32_t)i;
    if (self->datasets[region]) {
        dataset_gather(self->datasets[region], self->indices, end - first, self->x, self->labels);
        return;
    }
    uint64_t before = 0;
    for (size_t r = 0; r < region; r++)
        before += self->job.regions[r].samples;
    size_t size = model_sample_size(self->model);
    for (uint64_t i = first; i < end; i++)
        sim_sample(self->topology->job.seed, before + i, size, self->x + (i - first) * size,
                   &self->labels[i - first]);
}

void sim_compute(sim_t *self, size_t index)
{
    sim_actor_t *actor = &self->actors[index];
    actor->computing = false;
    if (self->spec.pace) {
        for (size_t k = 0; k < self->shard_first[self->topology->regions[0].shards]; k++)
            actor->task.gradient[k] = 1; /* so that there is a change to send */
        worker_core_computed(actor->core, 0, self->now_us);
        return;
    }
    uint64_t first, end;
    const job_region_t *region = &self->job.regions[actor->region];
    job_batch_samples(region, actor->task.batch, &first, &end);
    s_gather(self, actor->region, first, end);
    double loss;
    model_gradient(self->model, actor->task.params, self->x, self->labels, end - first, actor->task.gradient,
                   &loss);
    worker_core_computed(actor->core, loss, self->now_us);
}

/* Only of a world that is timed: of the result nobody asks. */
void sim_evaluate(sim_t *self, size_t index, int64_t took_us)
{
    sim_actor_t *actor = &self->actors[index];
    actor->computing = false;
    worker_core_evaluated(actor->core, &(worker_result_t){0}, took_us, self->now_us);
}
