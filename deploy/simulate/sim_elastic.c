/* Nodes that come and go while a world trains: machines of different sizes that join, and are told to end. */
#include "deploy/simulate/sim_internal.h"

#include <stdlib.h>
#include <string.h>

#define BACK_MOST_US 20000000 /* a node that took what its region needs comes back */

/* The kind of machine that a name stands for: the same whenever it is started. */
static uint64_t s_kind(const sim_t *self, const char *node, uint64_t below)
{
    rng_t rng;
    rng_init_for(&rng, self->spec.seed, "machine", sim_node_number(node), 0);
    return rng_below(&rng, below);
}

uint64_t sim_cores(const sim_t *self, const char *node)
{
    return self->spec.uneven ? 1 + s_kind(self, node, 3) : 4;
}

int64_t sim_slowness(const sim_t *self, const char *node)
{
    return self->spec.uneven ? 1 + (int64_t)s_kind(self, node, 12) / 3 : 1;
}

static void s_schedule(sim_t *self, sim_event_kind_t kind, double per_s)
{
    if (per_s > 0)
        sim_schedule(self, (sim_event_t){.at_us = self->now_us + sim_random_us(self, (int64_t)(1e6 / per_s)),
                                         .kind = kind});
}

void sim_elastic_new(sim_t *self)
{
    s_schedule(self, SIM_JOIN, self->spec.join_per_s);
    s_schedule(self, SIM_LEAVE, self->spec.leave_per_s);
}

static bool s_is_busy(const sim_t *self)
{
    return sim_state(self) == RUN_TRAINING && self->now_us < self->spec.kill_until_us;
}

/* A machine that never was there, with an empty disk. */
void sim_join(sim_t *self)
{
    size_t region = rng_below(&self->rng, self->topology->region_count);
    s_schedule(self, SIM_JOIN, self->spec.join_per_s);
    if (!s_is_busy(self))
        return;
    for (size_t n = 0; n < self->spec.nodes_most; n++) {
        wire_name_t name;
        sim_node_name(self, region, n, name);
        if (sim_find(self, name) != SIZE_MAX)
            continue;
        self->stats.joined++;
        sim_start_node(self, name, region, 0);
        return;
    }
}

/* Copies need another node: where they are asked for, two stay. */
static bool s_may_leave(const sim_t *self, size_t node)
{
    size_t staying = 0;
    for (size_t i = 0; i < self->actor_count; i++) {
        const sim_actor_t *actor = &self->actors[i];
        staying += actor->role == &node_role && actor->region == self->actors[node].region && i != node &&
                   actor->alive && !actor->leaves;
    }
    return !self->topology->checkpoint.replicas || staying >= 2;
}

static void s_tell_to_leave(sim_t *self, size_t node)
{
    self->actors[node].leaves = true;
    self->stats.told_to_leave++;
    node_core_leave(self->actors[node].core, self->now_us);
    sim_after(self, node);
}

void sim_leave(sim_t *self)
{
    size_t node = rng_below(&self->rng, self->actor_count);
    s_schedule(self, SIM_LEAVE, self->spec.leave_per_s);
    sim_actor_t *actor = &self->actors[node];
    if (!s_is_busy(self) || actor->role != &node_role || !actor->alive || actor->leaves ||
        !s_may_leave(self, node))
        return;
    s_tell_to_leave(self, node);
}

/* Units that are to be rented are there from the beginning; units that are returned leave. */
void sim_rent(sim_t *self, size_t region_scheduler)
{
    const sim_actor_t *scheduler = &self->actors[region_scheduler];
    rent_command_t command;
    while (region_core_take_command(scheduler->core, &command)) {
        wire_name_t name;
        sim_unit_name(self, scheduler->region, command.name, name);
        size_t node = sim_find(self, name);
        if (command.verb == RENT_RETURN && node != SIZE_MAX && self->actors[node].alive)
            s_tell_to_leave(self, node);
    }
}

/* Returns whether a shard would go on from there: it ran there to the end, or no other node that is there has
 * as much of it. */
static bool s_is_needed(const sim_t *self, const char *node, const sim_copy_t *copy)
{
    size_t shard = sim_find(self, copy->shard);
    if (shard != SIZE_MAX && self->actors[shard].node == sim_find(self, node))
        return true;
    for (size_t i = 0; i < self->copy_count; i++) {
        const sim_copy_t *other = self->copies[i];
        if (!other->snapshot || strcmp(other->shard, copy->shard) != 0 || !strcmp(other->node, node))
            continue;
        const snapshot_id_t *a = &other->snapshot->id, *b = &copy->snapshot->id;
        if (incarnation_compare(a->incarnation, a->number, b->incarnation, b->number) >= 0)
            return false;
    }
    return true;
}

/* A machine that is given back is gone with its disk; one that was drained because there was no other
 * comes back with it. */
void sim_node_ended(sim_t *self, size_t index)
{
    sim_actor_t *node = &self->actors[index];
    node->alive = false;
    self->stats.ended_alone += self->stats.cut_nodes && index == self->cut_node;
    if (sim_state(self) >= RUN_STOPPING)
        return;
    bool needed = false;
    for (size_t i = 0; i < self->copy_count; i++)
        needed = needed || (self->copies[i]->snapshot && !strcmp(self->copies[i]->node, node->name) &&
                            s_is_needed(self, node->name, self->copies[i]));
    if (!needed) {
        node->left = true;
        self->stats.left++;
        sim_wipe(self, node->name);
        return;
    }
    self->stats.drained++;
    sim_schedule(self,
                 (sim_event_t){.at_us = self->now_us + 1000000 + (int64_t)rng_below(&self->rng, BACK_MOST_US),
                               .kind = SIM_RETURN,
                               .actor = index});
}
