/* The disks of a world's nodes: what shards and keepers have stored there, and nodes that are lost with
 * them or without. */
#include "deploy/simulate/sim_internal.h"

#include "actors/shard/durable/carry.h"
#include "codec/base/grow.h"
#include "codec/wire/actor_name.h"

#include <stdlib.h>
#include <string.h>

sim_copy_t *sim_copy(sim_t *self, const char *node, const char *shard, bool kept)
{
    for (size_t i = 0; i < self->copy_count; i++) {
        sim_copy_t *copy = self->copies[i];
        if (copy->kept == kept && !strcmp(copy->node, node) && !strcmp(copy->shard, shard))
            return copy;
    }
    self->copies = grow(self->copies, self->copy_count, &self->copy_capacity, sizeof(sim_copy_t *));
    sim_copy_t *copy = self->copies[self->copy_count++] = calloc(1, sizeof *copy);
    CHECK(copy);
    message_set_name(copy->node, node);
    message_set_name(copy->shard, shard);
    copy->kept = kept;
    return copy;
}

static snapshot_t *s_share(const snapshot_t *snapshot)
{
    snapshot_t *copy = snapshot_share(snapshot, NULL, NULL);
    CHECK(copy);
    return copy;
}

static void s_keep_marked(sim_copy_t *copy)
{
    if (copy->kept || !snapshot_is_mark(copy->snapshot->id.tag))
        return;
    if (copy->marked_count == SIM_MARKS_MAX) {
        snapshot_destroy(&copy->marked[0]);
        memmove(copy->marked, copy->marked + 1, --copy->marked_count * sizeof *copy->marked);
    }
    copy->marked[copy->marked_count++] = s_share(copy->snapshot);
}

void sim_copy_set(sim_copy_t *copy, snapshot_t **snapshot_p)
{
    snapshot_destroy(&copy->snapshot);
    copy->snapshot = *snapshot_p;
    *snapshot_p = NULL;
    s_keep_marked(copy);
}

void sim_copy_clear(sim_copy_t *copy)
{
    snapshot_destroy(&copy->snapshot);
    while (copy->marked_count)
        snapshot_destroy(&copy->marked[--copy->marked_count]);
    for (size_t i = 0; i < SIM_OLDER; i++)
        snapshot_destroy(&copy->older[i]);
    snapshot_destroy(&copy->damaged);
    copy->skipped = 0;
    copy->seal = 0;
}

void sim_disks_destroy(sim_t *self)
{
    for (size_t i = 0; i < self->copy_count; i++) {
        sim_copy_clear(self->copies[i]);
        free(self->copies[i]);
    }
    free(self->copies);
    self->copies = NULL;
    self->copy_count = self->copy_capacity = 0;
}

bool sim_is_newer(const snapshot_t *a, const snapshot_t *b)
{
    return incarnation_compare(a->id.incarnation, a->id.number, b->id.incarnation, b->id.number) > 0;
}

const sim_copy_t *sim_newest_copy(const sim_t *self, const char *node, const char *shard)
{
    const sim_copy_t *best = NULL;
    for (size_t i = 0; i < self->copy_count; i++) {
        const sim_copy_t *copy = self->copies[i];
        if (copy->snapshot && !strcmp(copy->node, node) && !strcmp(copy->shard, shard) &&
            (!best || sim_is_newer(copy->snapshot, best->snapshot)))
            best = copy;
    }
    return best;
}

void sim_wipe(sim_t *self, const char *node)
{
    for (size_t i = 0; i < self->copy_count; i++)
        if (!strcmp(self->copies[i]->node, node))
            sim_copy_clear(self->copies[i]);
}

static void s_shard_name(const sim_t *self, size_t region, uint64_t shard, wire_name_t ret_name)
{
    message_set_name(ret_name,
                     actor_name_numbered(ROLE_SHARD, self->topology->regions[region].name, shard).text);
}

size_t sim_newest_node(const sim_t *self, size_t region, const char *shard)
{
    const sim_copy_t *best = NULL;
    wire_name_t name;
    sim_node_name(self, region, 0, name);
    for (size_t i = 0; i < self->copy_count; i++) {
        const sim_copy_t *copy = self->copies[i];
        size_t node = sim_find(self, copy->node);
        if (copy->snapshot && !strcmp(copy->shard, shard) && self->actors[node].region == region &&
            (!best || sim_is_newer(copy->snapshot, best->snapshot)))
            best = copy;
    }
    return sim_find(self, best ? best->node : name);
}

/* ---- one life of a job after another ---- */

void sim_take_disks(sim_t *self, sim_t *from)
{
    sim_disks_destroy(self);
    self->copies = from->copies;
    self->copy_count = from->copy_count;
    self->copy_capacity = from->copy_capacity;
    from->copies = NULL;
    from->copy_count = from->copy_capacity = 0;
    sim_take_schedulers(self, from);
}

static bool s_may_carry(const sim_t *self, size_t region, const char *shard, const topology_t *next,
                        const job_t *job)
{
    const sim_copy_t *copy =
        sim_newest_copy(self, self->actors[sim_newest_node(self, region, shard)].name, shard);
    message_t *state = NULL;
    if (!copy)
        return true;
    CHECK(shard_core_decode(snapshot_peek(copy->snapshot, "state"), &state, NULL) == ERR_OK);
    bool may = shard_carry(next, job, region, state, NULL) == ERR_OK;
    message_destroy(&state);
    return may;
}

bool sim_may_carry(const sim_t *self, const topology_t *next)
{
    job_t job;
    bool may = job_derive(next, self->spec.samples, &job, NULL) == ERR_OK;
    for (size_t r = 0; r < self->topology->region_count; r++)
        for (uint64_t k = 0; k < self->topology->regions[r].shards; k++) {
            wire_name_t name;
            s_shard_name(self, r, k, name);
            may = may && s_may_carry(self, r, name, next, &job);
        }
    return may;
}

static size_t s_find_marked(const sim_copy_t *copy, const char *tag)
{
    size_t i = 0;
    while (i < copy->marked_count && strcmp(copy->marked[i]->id.tag, tag))
        i++;
    return i;
}

/* The disk of a shard that has such a snapshot; any when there is no tag. NULL: none. */
static sim_copy_t *s_with_mark(sim_t *self, const char *shard, const char *tag)
{
    for (size_t i = 0; i < self->copy_count; i++) {
        sim_copy_t *copy = self->copies[i];
        if (!copy->kept && !strcmp(copy->shard, shard) &&
            (!tag || s_find_marked(copy, tag) < copy->marked_count))
            return copy;
    }
    return NULL;
}

static bool s_all_have(sim_t *self, const char *tag)
{
    for (size_t r = 0; r < self->topology->region_count; r++)
        for (uint64_t k = 0; k < self->topology->regions[r].shards; k++) {
            wire_name_t name;
            s_shard_name(self, r, k, name);
            if (!s_with_mark(self, name, tag))
                return false;
        }
    return true;
}

size_t sim_marks(sim_t *self, wire_name_t *ret_tags, size_t max)
{
    size_t count = 0;
    wire_name_t name;
    s_shard_name(self, 0, 0, name);
    const sim_copy_t *some = s_with_mark(self, name, NULL);
    for (size_t m = 0; some && m < some->marked_count && count < max; m++)
        if (s_all_have(self, some->marked[m]->id.tag))
            message_set_name(ret_tags[count++], some->marked[m]->id.tag);
    return count;
}

void sim_take_mark(sim_t *self, sim_t *from, const char *tag)
{
    for (size_t r = 0; r < from->topology->region_count; r++)
        for (uint64_t k = 0; k < from->topology->regions[r].shards; k++) {
            wire_name_t name;
            s_shard_name(from, r, k, name);
            sim_copy_t *copy = s_with_mark(from, name, tag);
            CHECK(copy);
            snapshot_t **marked = &copy->marked[s_find_marked(copy, tag)], *newest = copy->snapshot;
            copy->snapshot = *marked;
            *marked = newest;
            /* above all that was known of, as `checkpoint restore` does */
            copy->snapshot->id.incarnation |= UINT32_MAX;
        }
    sim_take_disks(self, from);
}

void sim_find_held(const sim_t *self, size_t region, const char *node, node_spec_t *spec)
{
    for (uint64_t k = 0; k < self->topology->regions[region].shards; k++) {
        wire_name_t name;
        s_shard_name(self, region, k, name);
        const sim_copy_t *copy = sim_newest_copy(self, node, name);
        if (!copy)
            continue;
        spec->held[spec->held_count++] =
            (announce_held_t){k, copy->snapshot->id.incarnation, copy->snapshot->id.number};
    }
}

/* ---- keepers ---- */

void sim_find_kept(const sim_t *self, const char *node, keeper_core_t *core)
{
    for (size_t r = 0; r < self->topology->region_count; r++) {
        for (uint64_t k = 0; k < self->topology->regions[r].shards; k++) {
            wire_name_t name;
            s_shard_name(self, r, k, name);
            const sim_copy_t *copy = sim_copy((sim_t *)(uintptr_t)self, node, name, true);
            const snapshot_t *snapshot = copy->snapshot;
            keeper_core_held(core, r, k, snapshot ? snapshot->id.incarnation : 0,
                             snapshot ? snapshot->id.number : 0, copy->seal);
        }
    }
}

static void s_do(sim_t *self, size_t keeper, keeper_job_t *job, sim_copy_t *copy)
{
    err_t why = {.code = ERR_OK};
    if (job->verb == KEEPER_SEAL)
        copy->seal = job->incarnation;
    else if (copy->snapshot && copy->snapshot->id.incarnation == job->incarnation &&
             copy->snapshot->id.number == job->number)
        job->snapshot = s_share(copy->snapshot);
    else
        err_set(&why, ERR_NOT_FOUND, "it is not there");
    keeper_core_done(self->actors[keeper].core, job, &why, self->now_us);
}

void sim_take_jobs(sim_t *self, size_t keeper)
{
    sim_actor_t *actor = &self->actors[keeper];
    keeper_job_t job;
    while (keeper_core_take_job(actor->core, &job)) {
        wire_name_t name;
        s_shard_name(self, job.region, job.shard, name);
        if (job.verb != KEEPER_STORE) {
            s_do(self, keeper, &job, sim_copy(self, self->actors[actor->node].name, name, true));
            continue;
        }
        bool fails = rng_unit(&self->rng) < self->spec.commit_failure;
        keeper_job_t *kept = malloc(sizeof *kept);
        CHECK(kept);
        *kept = job;
        sim_schedule(self, (sim_event_t){.at_us = self->now_us + sim_commit_us(self),
                                         .kind = SIM_KEPT,
                                         .actor = (uint32_t)keeper,
                                         .life = actor->life,
                                         .what = kept,
                                         .code = fails ? ERR_FULL : ERR_OK});
    }
}

void sim_kept(sim_t *self, sim_event_t *event)
{
    sim_actor_t *actor = &self->actors[event->actor];
    keeper_job_t *job = event->what;
    snapshot_t *snapshot = job->snapshot;
    wire_name_t name;
    if (sim_is_full(self, actor->node))
        event->code = ERR_FULL;
    err_t why = {.code = (err_code_t)event->code};
    s_shard_name(self, job->region, job->shard, name);
    job->snapshot = NULL;
    if (!event->code) {
        self->stats.kept++;
        sim_copy_set(sim_copy(self, self->actors[actor->node].name, name, true), &snapshot);
    }
    snapshot_destroy(&snapshot);
    keeper_core_done(actor->core, job, &why, self->now_us);
}

/* ---- full disks ---- */

bool sim_is_full(const sim_t *self, size_t node)
{
    return self->now_us < self->actors[node].full_until_us;
}

void sim_fill(sim_t *self)
{
    sim_actor_t *node = &self->actors[rng_below(&self->rng, self->actor_count)];
    if (self->now_us >= self->spec.kill_until_us)
        return;
    if (node->role == &node_role && node->alive && node->full_until_us < self->now_us) {
        self->stats.full_disks++;
        node->full_until_us = self->now_us + 1 + (int64_t)rng_below(&self->rng, (uint64_t)self->spec.full_us);
    }
    if (node->scheduler != SIZE_MAX)
        sim_fill_scheduler(self, (size_t)(node - self->actors));
    int64_t pause_us = sim_random_us(self, (int64_t)(1e6 / self->spec.full_per_s));
    sim_schedule(self, (sim_event_t){.at_us = self->now_us + pause_us, .kind = SIM_FILL});
}

/* Notes on the disk, before anything leaves that is not on it, and until all of it is. */
void sim_uncover(sim_t *self, size_t index)
{
    const sim_actor_t *shard = &self->actors[index];
    if (shard->zombie)
        return; /* its store is none that anybody goes on from */
    sim_copy_t *disk = sim_disk(self, shard);
    if (shard_core_may_go_on(shard->core)) {
        self->stats.went_on += !shard_core_uncovered(shard->core);
        disk->exposed = !(self->spec.breaks & BREAK_COVER);
        shard_core_go_on(shard->core, self->now_us);
    } else if (!shard_core_uncovered(shard->core) && disk->snapshot &&
               disk->snapshot->id.incarnation == shard->incarnation) {
        disk->exposed = false;
    }
}

/* ---- nodes that go ---- */

/* Returns whether a node other than `without` has a copy of what a shard's present incarnation has stored. */
static bool s_is_elsewhere(const sim_t *self, const sim_actor_t *shard, const char *without)
{
    for (size_t i = 0; i < self->copy_count; i++) {
        const sim_copy_t *copy = self->copies[i];
        size_t node = sim_find(self, copy->node);
        if (copy->snapshot && !strcmp(copy->shard, shard->name) && strcmp(copy->node, without) != 0 &&
            copy->snapshot->id.incarnation == shard->incarnation && self->actors[node].alive)
            return true;
    }
    return false;
}

void sim_check_move(sim_t *self, const message_t *hand_over)
{
    const sim_actor_t *shard = &self->actors[sim_find(self, hand_over->to)];
    if (shard->incarnation == hand_over->hand_over.incarnation &&
        !s_is_elsewhere(self, shard, self->actors[shard->node].name))
        self->stats.moved_blind++;
}

/* One loss at a time is what one copy makes good: every node of the region is there, and every shard runs and
 * lies on two nodes, of which one may be of another region. */
static bool s_may_lose(const sim_t *self, size_t node)
{
    const sim_actor_t *victim = &self->actors[node];
    if (!self->topology->checkpoint.replicas) /* it comes back with its disk */
        return victim->role == &node_role && victim->alive;
    for (size_t i = 0; i < self->actor_count; i++) {
        const sim_actor_t *actor = &self->actors[i];
        bool gone = !actor->alive || actor->leaves;
        if (actor->role == &node_role && actor->region == victim->region && gone && !actor->left)
            return false;
        if (actor->role == &shard_role &&
            (!actor->alive || !s_is_elsewhere(self, actor, self->actors[actor->node].name) ||
             !s_is_elsewhere(self, actor, victim->name)))
            return false;
    }
    return victim->role == &node_role;
}

void sim_lose_node(sim_t *self)
{
    size_t node = rng_below(&self->rng, self->actor_count);
    int64_t pause_us = sim_random_us(self, (int64_t)(1e6 / self->spec.lose_node_per_s));
    bool fits = sim_state(self) == RUN_TRAINING && s_may_lose(self, node);
    if (self->now_us >= self->spec.kill_until_us)
        return;
    sim_schedule(self,
                 (sim_event_t){.at_us = self->now_us + (fits ? pause_us : 20000), .kind = SIM_LOSE_NODE});
    if (!fits)
        return;
    self->stats.lost_nodes++;
    for (size_t i = 0; i < self->actor_count; i++)
        if (i == node || (self->actors[i].role != &node_role && self->actors[i].node == node))
            self->actors[i].alive = false;
    if (self->topology->checkpoint.replicas && rng_unit(&self->rng) < self->spec.lose_node_disk) {
        self->stats.lost_disks++;
        sim_wipe(self, self->actors[node].name);
    }
    sim_schedule(self,
                 (sim_event_t){.at_us = self->now_us + 1000000 + (int64_t)rng_below(&self->rng, 20000000),
                               .kind = SIM_RETURN,
                               .actor = (uint32_t)node});
}

void sim_return(sim_t *self, size_t node)
{
    if (!self->actors[node].alive &&
        sim_state(self) < RUN_STOPPING) /* a global scheduler's successor may still start */
        sim_start_node(self, self->actors[node].name, self->actors[node].region, self->actors[node].place);
}
