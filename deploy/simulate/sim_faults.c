/* Faults of disks, payloads and pauses: what is lost with a shard, and who wakes up beside a successor. */
#include "deploy/simulate/sim_internal.h"

#include <stdlib.h>
#include <string.h>

/* ---- disks ---- */

static uint64_t s_batches(const snapshot_t *snapshot)
{
    uint64_t batches = 0;
    err_t err = {0};
    CHECK(shard_core_count(snapshot_peek(snapshot, "state"), &batches, &err) == ERR_OK);
    return batches;
}

sim_copy_t *sim_disk(sim_t *self, const sim_actor_t *shard)
{
    return sim_copy(self, self->actors[shard->node].name, shard->name, false);
}

/* A zombie's snapshot lies in a directory of its own, which is never gone on from. */
void sim_commit(sim_t *self, size_t index, snapshot_t **snapshot_p)
{
    sim_actor_t *actor = &self->actors[index];
    if (actor->zombie) {
        snapshot_destroy(snapshot_p);
        return;
    }
    sim_copy_t *disk = sim_disk(self, actor);
    snapshot_destroy(&disk->older[SIM_OLDER - 1]);
    memmove(&disk->older[1], &disk->older[0], (SIM_OLDER - 1) * sizeof disk->older[0]);
    disk->older[0] = disk->snapshot;
    disk->snapshot = NULL;
    disk->skipped = 0;
    snapshot_destroy(&disk->damaged);
    sim_copy_set(disk, snapshot_p);
}

static start_disk_t s_found(const sim_copy_t *copy)
{
    if (!copy)
        return START_NOTHING;
    return copy->kept ? START_COPY : START_OWN;
}

/* The facts are those that lie on the disk of its node, and what its scheduler has said. */
start_t sim_start(sim_t *self, const sim_actor_t *shard, const node_command_t *command)
{
    const sim_copy_t *disk = sim_disk(self, shard);
    const sim_copy_t *copy = sim_newest_copy(self, self->actors[shard->node].name, shard->name);
    start_facts_t facts = {.topology = self->topology,
                           .disk = s_found(copy),
                           .newest_incarnation = command->newest_incarnation,
                           .newest_number = command->newest_number,
                           .handed = command->handed};
    if (copy) {
        facts.incarnation = copy->snapshot->id.incarnation;
        facts.number = copy->snapshot->id.number;
        facts.uncovered = !copy->kept && disk->exposed;
        facts.batches = s_batches(copy->snapshot);
    }
    if (copy && disk->damaged && sim_is_newer(disk->damaged, copy->snapshot)) {
        facts.skipped = disk->skipped;
        facts.damaged_number = disk->damaged->id.number;
        facts.damaged_batches = s_batches(disk->damaged);
    }
    return shard_start_decide(&facts);
}

/* A disk that is lost when the whole run is over cannot be made good by training. */
bool sim_may_lose(const sim_t *self)
{
    return sim_batches_applied(self) < sim_batches(self);
}

/* Newer snapshots lie there damaged, or are gone without a trace as in a power cut: then more than one is, so
 * that the scheduler knows of something that is missing. */
static void s_go_back(sim_copy_t *disk, size_t depth)
{
    snapshot_t *found = disk->older[depth], *newest = disk->snapshot;
    bool traceless = depth % 2 == 1;
    disk->older[depth] = disk->snapshot = NULL;
    sim_copy_clear(disk);
    disk->snapshot = found;
    if (traceless) {
        snapshot_destroy(&newest);
        return;
    }
    disk->damaged = newest;
    disk->skipped = (uint32_t)depth + 1;
}

void sim_lose_disk(sim_t *self, size_t index)
{
    sim_actor_t *actor = &self->actors[index];
    if (actor->role != &shard_role || actor->alive || !sim_disk(self, actor)->snapshot || !sim_may_lose(self))
        return;
    sim_copy_t *disk = sim_disk(self, actor);
    size_t depth = rng_below(&self->rng, SIM_OLDER + 1);
    if (depth < SIM_OLDER && disk->older[depth]) {
        s_go_back(disk, depth);
        self->stats.disks_rolled_back++;
    } else {
        sim_copy_clear(disk);
        self->stats.disks_emptied++;
    }
}

void sim_wipe_region(sim_t *self)
{
    if (sim_state(self) != RUN_TRAINING || !sim_may_lose(self))
        return;
    self->stats.regions_wiped++;
    for (size_t i = 0; i < self->actor_count; i++) {
        sim_actor_t *actor = &self->actors[i];
        bool hosted = role_is_hosted(actor->kind) && role_row(actor->kind)->placed != PLACED_PER_NODE;
        if (!hosted || actor->zombie || actor->region != self->spec.wipe_region)
            continue;
        sim_kill(self, i, false);
    }
    for (size_t i = 0; i < self->actor_count; i++)
        if (self->actors[i].role == &node_role && self->actors[i].region == self->spec.wipe_region)
            sim_wipe(self, self->actors[i].name);
}

/* ---- zombies: an actor that hung, and goes on beside its successor for a while ---- */

static size_t s_free_slot(sim_t *self)
{
    for (size_t i = 0; i < self->actor_count; i++)
        if (self->actors[i].zombie && !self->actors[i].core)
            return i;
    CHECK(self->actor_count < self->actor_capacity);
    return self->actor_count++;
}

void sim_raise_zombie(sim_t *self, size_t index)
{
    sim_actor_t *actor = &self->actors[index];
    bool may = actor->core && actor->hangs && sim_role(actor)->wakes;
    if (!may || rng_unit(&self->rng) >= self->spec.zombie)
        return;
    size_t slot = s_free_slot(self);
    sim_actor_t *zombie = &self->actors[slot];
    uint64_t life = zombie->life + 1;
    *zombie = (sim_actor_t){.region = actor->region,
                            .kind = actor->kind,
                            .says = actor->says,
                            .role = actor->role,
                            .core = actor->core,
                            .life = life,
                            .incarnation = actor->incarnation,
                            .node = actor->node,
                            .zombie = true,
                            .tick_us = ROLE_NEVER,
                            .scheduler = SIZE_MAX};
    self->zombies++;
    message_set_name(zombie->name, actor->name);
    actor->core = NULL;
    int64_t wake_us = self->now_us + 200000 + (int64_t)rng_below(&self->rng, 2000000);
    sim_schedule(self,
                 (sim_event_t){.at_us = wake_us, .kind = SIM_WAKE, .actor = (uint32_t)slot, .life = life});
}

void sim_wake(sim_t *self, size_t index)
{
    sim_actor_t *zombie = &self->actors[index];
    zombie->alive = true;
    self->stats.zombies++;
    sim_schedule(self, (sim_event_t){.at_us = self->now_us + (int64_t)rng_below(&self->rng, 4000000),
                                     .kind = SIM_SLEEP,
                                     .actor = (uint32_t)index,
                                     .life = zombie->life});
    zombie->role->tick(zombie->core, self->now_us);
    sim_after(self, index);
}

void sim_sleep(sim_t *self, size_t index)
{
    sim_actor_t *zombie = &self->actors[index];
    zombie->alive = false;
    zombie->life++;
    zombie->role->destroy(&zombie->core);
}

size_t sim_zombie_of(const sim_t *self, const char *name)
{
    for (size_t i = 0; self->zombies && i < self->actor_count; i++)
        if (self->actors[i].zombie && self->actors[i].alive && !strcmp(self->actors[i].name, name))
            return i;
    return SIZE_MAX;
}

/* ---- payloads ---- */

/* One bit of one float changes: a zero becomes a two. */
void sim_damage(sim_t *self, message_t *message)
{
    size_t floats = message->data.buf ? message->data.size_bytes / sizeof(float) : 0;
    if (self->spec.damage <= 0 || floats == 0 || rng_unit(&self->rng) >= self->spec.damage)
        return;
    buf_t *bytes = buf_new_copy(slice_peek(&message->data), message->data.size_bytes);
    CHECK(bytes);
    char *at = buf_data(bytes);
    at[4 * rng_below(&self->rng, floats) + 3] ^= 0x40;
    slice_fini(&message->data);
    message->data = slice_of(bytes, 0, buf_size(bytes));
    buf_destroy(&bytes);
    self->stats.damaged++;
}
