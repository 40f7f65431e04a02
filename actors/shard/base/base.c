#include "actors/shard/base/base.h"

#include <stdio.h>
#include <string.h>

size_t base_regions(const base_t *self)
{
    return self->spec.topology->region_count;
}

size_t base_lanes(const base_t *self)
{
    return topology_lanes(self->spec.topology, self->spec.region_index);
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

static rules_t s_rules(const topology_t *topology)
{
    bool rounds = topology->region_count > 1 && topology_waits(topology);
    return (rules_t){.votes = rounds && topology->job.sync.quorum < 1,
                     .plain_sum = strcmp(topology->job.data.kind, "counter") == 0};
}

void base_init(base_t *self, const shard_spec_t *spec)
{
    *self = (base_t){.spec = *spec,
                     .region = &spec->job->regions[spec->region_index],
                     .rules = s_rules(spec->topology),
                     .told_us = ROLE_NEVER,
                     .report_soon = true};
    gate_init(&self->gate, spec->breaks);
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
