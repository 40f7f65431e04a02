#include "actors/scheduler/region/renting/renting.h"

#include "codec/wire/actor_name.h"

#include <string.h>

#define UNITS_SETTLE_US (3 * SECOND_US) /* nodes announce themselves every second */

/* A unit that a predecessor has rented is known when it outlives that; else it has gone, or is there soon. */
void renting_init(renting_t *self, region_base_t *base, nodes_t *nodes, actors_t *actors, shards_t *shards,
                  moving_t *moving, int64_t now_us)
{
    bool settles = base->saved && base->saved->region_state.units.count && !base->spec.units_outlive;
    region_rent_spec_t spec = {.region = base->region,
                               .patience_us = base->spec.topology->plan.rent_patience_us,
                               .settle_us = settles ? UNITS_SETTLE_US : 0,
                               .outlive = base->spec.units_outlive};
    *self = (renting_t){.base = base,
                        .nodes = nodes,
                        .actors = actors,
                        .shards = shards,
                        .moving = moving,
                        .rent = region_rent_new(&spec, now_us)};
}

void renting_fini(renting_t *self)
{
    region_rent_destroy(&self->rent);
}

/* One that is not placed may have its newest snapshot on the disk of any node that says it has one. */
static bool s_may_need(const renting_t *self, size_t shard, size_t node)
{
    const region_actor_t *actor = &self->actors->list[shard];
    const message_t *announce = self->nodes->list[node].announce;
    if (moving_has_handed(self->moving, shard))
        return false;
    bool holds = actor->node == node;
    for (size_t i = 0; actor->state == PLACE_NONE && i < announce->announce.held.count; i++)
        holds |= announce->announce.held.items[i].shard == shard;
    return holds;
}

/* Shards that are there, or cannot go on without it. */
static size_t s_shards_on(const renting_t *self, size_t node)
{
    if (!self->actors->list)
        return self->nodes->list[node].announce->announce.held.count;
    size_t count = 0;
    for (size_t shard = 0; shard < self->actors->shard_count; shard++)
        count += s_may_need(self, shard, node);
    return count;
}

static bool s_works(const renting_t *self, const region_node_t *node)
{
    return node->trained_us || (shards_known(self->shards) && !lease_table_free(self->shards->leases));
}

void renting_seen(renting_t *self, size_t index, int64_t now_us)
{
    const region_node_t *node = &self->nodes->list[index];
    const message_t *announce = node->announce;
    region_rent_node_t unit = {.offer = announce->announce.offer,
                               .name = nodes_last_part(node->name),
                               .shards = s_shards_on(self, index),
                               .works = s_works(self, node),
                               .age_us = announce->announce.age_us > 0 ? announce->announce.age_us : 0};
    if (unit.offer[0] && !node->stopped)
        region_rent_seen(self->rent, &unit, now_us);
}

static region_node_t *s_node_of(renting_t *self, const char *unit)
{
    return nodes_find(self->nodes, actor_name_called(ROLE_NODE, self->base->region->name, unit).text);
}

/* It has ended: what was not handed over is still there, and comes back with it alone. */
static void s_note_left(renting_t *self, const char *unit)
{
    const region_node_t *node = s_node_of(self, unit);
    if (node && node->announce)
        region_rent_hosts(self->rent, unit, s_shards_on(self, nodes_index(self->nodes, node)));
}

/* Shards that waited for a unit may run elsewhere by now. */
static void s_note_missed(renting_t *self)
{
    char name[2 * TOPOLOGY_NAME_MAX];
    bool all = self->actors->list && actors_ready(self->actors, ROLE_SHARD) == self->actors->shard_count;
    for (size_t at = 0; region_rent_missed(self->rent, &at, name);) {
        if (s_node_of(self, name))
            s_note_left(self, name);
        else if (all)
            region_rent_hosts(self->rent, name, 0);
    }
}

void renting_gone(renting_t *self, size_t index, int64_t now_us)
{
    const region_node_t *node = &self->nodes->list[index];
    if (!node->announce->announce.offer[0])
        return;
    s_note_left(self, nodes_last_part(node->name));
    region_rent_gone(self->rent, nodes_last_part(node->name), now_us);
}

void renting_plan(renting_t *self, const message_t *plan, int64_t now_us)
{
    if (plan->plan.units.count)
        region_rent_want(self->rent, plan->plan.units.items, plan->plan.units.count, plan->plan.stay, now_us);
}

/* Nodes begin to host shards, and to compute, between announcements. */
static void s_note_nodes(renting_t *self, int64_t now_us)
{
    for (size_t index = 0; index < self->nodes->count; index++) {
        const region_node_t *node = &self->nodes->list[index];
        if (node->lost || node->stopped || !node->announce->announce.offer[0])
            continue;
        region_rent_hosts(self->rent, nodes_last_part(node->name), s_shards_on(self, index));
        if (s_works(self, node))
            region_rent_works(self->rent, nodes_last_part(node->name), now_us);
    }
}

/* A successor must know of a unit before it is rented. */
static void s_note_commands(renting_t *self)
{
    if (region_rent_issued(self->rent) == self->noted)
        return;
    self->noted = region_rent_issued(self->rent);
    region_decide(self->base);
}

static void s_tick_units(renting_t *self, int64_t now_us)
{
    if (region_stops(self->base)) {
        region_rent_stop(self->rent, now_us);
        return;
    }
    bool done = shards_all_applied(self->shards);
    if (done || region_rent_swaps(self->rent))
        s_note_nodes(self, now_us);
    s_note_missed(self);
    region_rent_work_done(self->rent, done);
    region_rent_tick(self->rent, now_us);
}

void renting_tick(renting_t *self, int64_t now_us)
{
    s_tick_units(self, now_us);
    s_note_commands(self);
}

/* How many nodes are to be there before placing begins; SIZE_MAX: as the driver says. */
size_t renting_expected(const renting_t *self)
{
    return region_rent_wants(self->rent) ? (size_t)region_rent_wanted_all(self->rent) : SIZE_MAX;
}

int64_t renting_due(const renting_t *self)
{
    return region_stops(self->base) ? ROLE_NEVER : region_rent_due(self->rent);
}

/* ---- figures ---- */

static const topology_offer_t *s_offer_of(const renting_t *self, const region_node_t *node)
{
    for (size_t i = 0; i < self->base->region->offer_count; i++)
        if (!strcmp(self->base->region->offers[i].name, node->announce->announce.offer))
            return &self->base->region->offers[i];
    return NULL;
}

/* Samples that a worker has computed since it told the last time. */
void renting_computed(renting_t *self, const region_actor_t *worker, computed_t computed)
{
    const topology_offer_t *offer =
        worker->node == NOWHERE ? NULL : s_offer_of(self, &self->nodes->list[worker->node]);
    self->computed += computed.samples;
    self->core_s += (double)computed.took_us / 1e6 * (offer ? offer->power : 1);
}

static double s_free_power(const renting_t *self)
{
    double power = 0;
    for (size_t index = 0; index < self->nodes->count; index++) {
        const region_node_t *node = &self->nodes->list[index];
        if (!node->lost && !node->stopped && !node->announce->announce.offer[0])
            power += (double)node->announce->announce.cores;
    }
    return power;
}

void renting_report(const renting_t *self, message_t *report, int64_t now_us)
{
    size_t count = self->base->region->offer_count;
    region_report_offers_t *offers = message_set_rows(&report->region_report.offers, count);
    for (size_t i = 0; i < count; i++)
        offers[i] = (region_report_offers_t){.units = region_rent_present(self->rent, i),
                                             .rented_us = (uint64_t)region_rent_us(self->rent, i, now_us)};
    report->region_report.rent_start_us = region_rent_start_us(self->rent);
    report->region_report.rent_failures = region_rent_failures(self->rent);
    report->region_report.computed = self->computed;
    report->region_report.core_s = self->core_s;
    report->region_report.free_power = s_free_power(self);
}

/* ---- for a successor ---- */

void renting_put(const renting_t *self, message_t *state, int64_t now_us)
{
    uint64_t units[TOPOLOGY_OFFERS_MAX], rented[TOPOLOGY_OFFERS_MAX];
    for (size_t i = 0; i < self->base->region->offer_count; i++) {
        units[i] = region_rent_wanted(self->rent, i);
        rented[i] = (uint64_t)region_rent_us(self->rent, i, now_us);
    }
    if (region_rent_wants(self->rent))
        message_set_u64s(&state->region_state.units, units, self->base->region->offer_count);
    message_set_u64s(&state->region_state.rented, rented, self->base->region->offer_count);
    region_rent_put(self->rent, state, now_us);
    state->region_state.rent_failures = region_rent_failures(self->rent);
    state->region_state.computed = self->computed;
    state->region_state.core_s = self->core_s;
    state->region_state.stay = region_rent_stays(self->rent);
}

static void s_load_rented(renting_t *self, const message_t *saved)
{
    region_rent_restore(self->rent, saved->region_state.rented.items, saved->region_state.rented.count,
                        saved->region_state.rent_failures);
}

void renting_load_figures(renting_t *self, const message_t *saved)
{
    s_load_rented(self, saved);
    self->computed = saved->region_state.computed;
    self->core_s = saved->region_state.core_s;
}

/* The plan that runs goes on, also while the global scheduler cannot be heard. */
void renting_load_plan(renting_t *self, const message_t *saved, int64_t now_us)
{
    if (saved->region_state.units.count)
        region_rent_want(self->rent, saved->region_state.units.items, saved->region_state.units.count,
                         saved->region_state.stay, now_us);
}

/* They are there, and are paid for, whether anything was trained on them or not. */
void renting_load_units(renting_t *self, const message_t *saved, int64_t now_us)
{
    if (!saved->region_state.rented_units.count)
        return;
    s_load_rented(self, saved);
    region_rent_take(self->rent, saved, now_us);
}

/* ---- commands ---- */

bool renting_take_command(renting_t *self, rent_command_t *ret_command)
{
    return region_rent_take_command(self->rent, ret_command);
}

void renting_unit_ended(renting_t *self, const char *name, rent_end_t end, int64_t now_us)
{
    static void (*const tell[])(region_rent_t *, const char *, int64_t) = {
        [RENT_END_NODE] = region_rent_ended,
        [RENT_END_REFUSED] = region_rent_refused,
        [RENT_END_GIVEN_BACK] = region_rent_given_back,
    };
    if (end == RENT_END_NODE)
        s_note_left(self, name);
    tell[end](self->rent, name, now_us);
    s_note_commands(self);
    self->base->report_soon = true;
}

bool renting_is_coming(const renting_t *self)
{
    return region_rent_coming(self->rent);
}

void renting_want(renting_t *self, const uint64_t *units, bool stay, int64_t now_us)
{
    region_rent_want(self->rent, units, self->base->region->offer_count, stay, now_us);
}
