#include "actors/shard/base/base.h"

#include <stdio.h>
#include <string.h>

size_t base_regions(const base_t *self)
{
    return self->spec.topology->region_count;
}

size_t base_bytes(const base_t *self)
{
    return self->spec.elements * sizeof(float);
}

uint64_t base_members(const base_t *self)
{
    size_t regions = base_regions(self);
    return regions >= 64 ? UINT64_MAX : (UINT64_C(1) << regions) - 1;
}

void base_changed(base_t *self)
{
    self->changes++;
    self->report_soon = true;
}

void base_tell_soon(base_t *self)
{
    if (self->told_us == ROLE_NEVER)
        self->told_us = self->core.now_us;
}

/* -- life */

/* Shards cut in turn, so that the link carries one after the other, when local steps
 * need not wait for that. */
static uint64_t s_first(const base_t *self)
{
    size_t shards = self->spec.topology->regions[self->spec.region_index].shards;
    uint64_t turn = self->rules.overlap ? self->spec.shard_index * self->rules.every / shards : 0;
    return turn ? turn : self->rules.every;
}

static void s_derive(base_t *self)
{
    const topology_t *topology = self->spec.topology;
    bool several = topology->region_count > 1;
    rules_t *rules = &self->rules;
    rules->strategy = strategy_find(topology->job.sync.strategy);
    rules->kind = rules->strategy->cuts;
    rules->merges = rules->strategy->merges;
    rules->accumulates = several && rules->kind == DELTA_GRADIENT;
    bool single = rules->strategy->every_step;
    rules->automatic = !single && topology->job.sync.every == 0;
    rules->every = single ? 1 : rules->automatic ? topology->job.sync.every_most : topology->job.sync.every;
    rules->waits = rules->strategy->waits && several;
    rules->votes = rules->waits && topology->job.sync.quorum < 1;
    rules->overlap = rules->waits && rules->strategy->overlaps ? topology->job.sync.overlap : 0;
    rules->first = s_first(self);
    rules->sees_own = several && (rules->waits || rules->strategy->sees_own);
    rules->in_order = rules->waits || topology->job.sync.inside == INSIDE_SYNC;
    rules->steps_alone = rules->strategy->local_step || !several;
    rules->plain_sum = strcmp(topology->job.data.kind, "counter") == 0;
}

void base_init(base_t *self, const shard_spec_t *spec)
{
    *self = (base_t){.spec = *spec,
                     .region = &spec->job->regions[spec->region_index],
                     .told_us = ROLE_NEVER,
                     .report_soon = true};
    gate_init(&self->gate, spec->breaks);
    s_derive(self);
    const char *region = spec->topology->regions[spec->region_index].name;
    core_init(&self->core, actor_name_numbered(ROLE_SHARD, region, spec->shard_index).text, spec->incarnation,
              spec->topology);
    message_set_name(self->synchronizer, base_name_of(self, ROLE_SYNCHRONIZER, spec->region_index).text);
    message_set_name(self->scheduler, actor_name(ROLE_SCHEDULER, region).text);
}

void base_fini(base_t *self)
{
    core_fini(&self->core);
}

void base_refused(base_t *self, err_code_t code)
{
    self->counts.refusals++;
    self->counts.not_finite += code == ERR_NUMBER;
}

/* -- names */

size_t base_region_of(const base_t *self, actor_role_t role, const char *from)
{
    actor_parts_t parts;
    if (!actor_split(from, strlen(from), &parts) || parts.role != role ||
        parts.number != self->spec.shard_index)
        return SIZE_MAX;
    size_t region = topology_region_of(self->spec.topology, &parts);
    return region == self->spec.region_index ? SIZE_MAX : region;
}

actor_name_t base_name_of(const base_t *self, actor_role_t role, size_t region)
{
    return actor_name_numbered(role, core_region_name(&self->core, region), self->spec.shard_index);
}
