/* Faults of disks, payloads and pauses: what is lost with a shard, and who wakes up beside a successor. */
#include "tests/sim/sim_internal.h"

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

void sim_commit(sim_t *self, size_t index, snapshot_t **snapshot_p)
{
    sim_actor_t *actor = &self->actors[index];
    snapshot_destroy(&actor->older[SIM_OLDER - 1]);
    memmove(&actor->older[1], &actor->older[0], (SIM_OLDER - 1) * sizeof actor->older[0]);
    actor->older[0] = actor->committed;
    actor->committed = *snapshot_p;
    *snapshot_p = NULL;
    actor->newest = actor->committed->id;
    actor->newest_batches = s_batches(actor->committed);
}

void sim_disk_fini(sim_actor_t *actor)
{
    snapshot_destroy(&actor->committed);
    for (size_t i = 0; i < SIM_OLDER; i++)
        snapshot_destroy(&actor->older[i]);
    while (actor->marked_count)
        snapshot_destroy(&actor->marked[--actor->marked_count]);
}

uint64_t sim_lost_batches(const sim_actor_t *actor)
{
    uint64_t has = actor->committed ? s_batches(actor->committed) : 0;
    return actor->newest_batches > has ? actor->newest_batches - has : 0;
}

/* A disk that is lost when the whole run is over cannot be made good by training. */
bool sim_may_lose(const sim_t *self)
{
    return sim_batches_applied(self) < sim_batches(self);
}

/* Emptied, or as it was some snapshots ago. What is newer is gone. */
void sim_lose_disk(sim_t *self, size_t index)
{
    sim_actor_t *actor = &self->actors[index];
    if (actor->role != &shard_role || actor->alive || !actor->committed || !sim_may_lose(self))
        return;
    size_t depth = rng_below(&self->rng, SIM_OLDER + 1);
    snapshot_t *found = depth < SIM_OLDER ? actor->older[depth] : NULL;
    if (found)
        actor->older[depth] = NULL;
    sim_disk_fini(actor);
    actor->committed = found;
    *(found ? &self->stats.disks_rolled_back : &self->stats.disks_emptied) += 1;
}

void sim_wipe(sim_t *self)
{
    if (sim_state(self) != RUN_TRAINING || !sim_may_lose(self))
        return;
    self->stats.regions_wiped++;
    for (size_t i = 0; i < self->actor_count; i++) {
        sim_actor_t *actor = &self->actors[i];
        bool hosted =
            actor->role == &worker_role || actor->role == &shard_role || actor->role == &synchronizer_role;
        if (!hosted || actor->zombie || actor->region != self->spec.wipe_region)
            continue;
        sim_kill(self, i, false);
        sim_disk_fini(actor);
    }
}

/* ---- zombies: an actor that hung, and goes on beside its successor for a while ---- */

static size_t s_free_slot(sim_t *self)
{
    for (size_t i = 0; i < self->actor_count; i++)
        if (self->actors[i].zombie && !self->actors[i].core)
            return i;
    CHECK(self->actor_count < SIM_ACTORS_MAX);
    return self->actor_count++;
}

void sim_raise_zombie(sim_t *self, size_t index)
{
    sim_actor_t *actor = &self->actors[index];
    bool may =
        actor->core && actor->hangs && (actor->role == &shard_role || actor->role == &synchronizer_role);
    if (!may || rng_unit(&self->rng) >= self->spec.zombie)
        return;
    size_t slot = s_free_slot(self);
    sim_actor_t *zombie = &self->actors[slot];
    uint64_t life = zombie->life + 1;
    *zombie = (sim_actor_t){.region = actor->region,
                            .role = actor->role,
                            .core = actor->core,
                            .life = life,
                            .incarnation = actor->incarnation,
                            .zombie = true};
    message_set_name(zombie->name, actor->name);
    actor->core = NULL;
    int64_t wake_us = self->now_us + 200000 + (int64_t)rng_below(&self->rng, 2000000);
    sim_schedule(self, (sim_event_t){.at_us = wake_us, .kind = SIM_WAKE, .actor = slot, .life = life});
}

void sim_wake(sim_t *self, size_t index)
{
    sim_actor_t *zombie = &self->actors[index];
    zombie->alive = true;
    self->stats.zombies++;
    sim_schedule(self, (sim_event_t){.at_us = self->now_us + (int64_t)rng_below(&self->rng, 4000000),
                                     .kind = SIM_SLEEP,
                                     .actor = index,
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
    sim_disk_fini(zombie);
}

size_t sim_zombie_of(const sim_t *self, const char *name)
{
    for (size_t i = 0; i < self->actor_count; i++)
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
