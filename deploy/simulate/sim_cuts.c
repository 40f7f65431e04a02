/* Finds who cannot be heard: regions of each other, for a while; the global scheduler, by anybody, for a
 * while; and a node that is cut off for good when the job ends. */
#include "deploy/simulate/sim_internal.h"

#include <string.h>

#define LOOK_US 20000 /* whether the job ends */

static bool s_regions_are_cut(const sim_t *self, size_t from, size_t to)
{
    for (size_t i = 0; i < self->spec.partition_count; i++) {
        const sim_partition_t *p = &self->spec.partitions[i];
        if (self->now_us < p->from_us || self->now_us >= p->until_us)
            continue;
        if ((p->from_region == from && p->to_region == to) ||
            (!p->one_way && p->from_region == to && p->to_region == from))
            return true;
    }
    return false;
}

static bool s_global_is_cut(const sim_t *self, const sim_actor_t *from, const sim_actor_t *to)
{
    bool global = from->role == &global_role || to->role == &global_role;
    return global && self->now_us >= self->spec.cut_global_us &&
           self->now_us < self->spec.cut_global_until_us;
}

/* Every message passes a region's broker: those of one node that is cut off hear nothing of each other
 * either. */
static bool s_is_off(const sim_t *self, const sim_actor_t *actor)
{
    bool schedules = actor->role == &region_role || actor->role == &global_role;
    size_t node = actor->role == &node_role ? (size_t)(actor - self->actors) : actor->node;
    return self->stats.cut_nodes && !schedules && node == self->cut_node;
}

bool sim_is_cut(sim_t *self, const sim_actor_t *from, const sim_actor_t *to)
{
    bool global = s_global_is_cut(self, from, to);
    bool cut = global || s_regions_are_cut(self, from->region, to->region) || s_is_off(self, from) ||
               s_is_off(self, to);
    self->stats.cut_global += global;
    self->stats.cut += cut;
    return cut;
}

void sim_node_hears(sim_t *self, size_t node)
{
    if (!s_is_off(self, &self->actors[node]))
        node_core_heard(self->actors[node].core, self->now_us);
}

void sim_cuts_new(sim_t *self)
{
    if (self->spec.cut_global_until_us)
        sim_schedule(self, (sim_event_t){.at_us = self->spec.cut_global_until_us, .kind = SIM_HEARD});
    if (self->spec.alone_us)
        sim_schedule(self, (sim_event_t){.at_us = LOOK_US, .kind = SIM_CUT});
}

void sim_heard(sim_t *self)
{
    self->stats.done_unheard += sim_batches_applied(self) == sim_batches(self);
}

/* Near the end, at it, or while all are being stopped. */
static bool s_is_time(const sim_t *self)
{
    uint64_t have = sim_batches_applied(self), all = sim_batches(self);
    if (self->spec.seed % 3 == 0)
        return sim_state(self) >= RUN_STOPPING;
    return self->spec.seed % 3 == 1 ? have == all : 10 * have >= 9 * all;
}

void sim_cut_node(sim_t *self)
{
    size_t node = rng_below(&self->rng, self->actor_count);
    bool fits = s_is_time(self) && self->actors[node].role == &node_role && self->actors[node].alive;
    if (!fits && sim_state(self) < RUN_DONE) {
        sim_schedule(self, (sim_event_t){.at_us = self->now_us + LOOK_US, .kind = SIM_CUT});
        return;
    }
    self->cut_node = node;
    self->stats.cut_nodes += fits;
}
