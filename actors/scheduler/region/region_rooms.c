/* The rooms joined: each is told of those below it. */
#include "actors/scheduler/region/region_rooms.h"

static void s_init_lower(region_core_t *self, const region_spec_t *spec, int64_t now_us)
{
    region_base_init(&self->base, spec, now_us);
    region_run_init(&self->run, &self->base);
    region_links_init(&self->links, &self->base);
    nodes_init(&self->nodes, &self->base, &self->run);
    actors_init(&self->actors, &self->base, &self->nodes);
    shards_init(&self->shards, &self->base, &self->run, &self->nodes, &self->actors);
    training_init(&self->training, &self->base, &self->run, &self->links, &self->nodes, &self->actors,
                  &self->shards);
    still_init(&self->still, &self->base, &self->actors, &self->shards, &self->training);
    keeping_init(&self->keeping, &self->base, &self->nodes, &self->actors, &self->shards);
}

static void s_init_upper(region_core_t *self, int64_t now_us)
{
    region_base_t *base = &self->base;
    moving_init(&self->moving, base, &self->nodes, &self->actors, &self->shards, &self->keeping);
    workers_init(&self->workers, base, &self->nodes, &self->actors, &self->shards, &self->training);
    adopting_init(&self->adopting, base, &self->nodes, &self->actors, &self->shards, &self->training,
                  &self->keeping);
    renting_init(&self->renting, base, &self->nodes, &self->actors, &self->shards, &self->moving, now_us);
    self->placing = (placing_t){.base = base,
                                .run = &self->run,
                                .nodes = &self->nodes,
                                .actors = &self->actors,
                                .shards = &self->shards,
                                .training = &self->training,
                                .keeping = &self->keeping,
                                .moving = &self->moving,
                                .workers = &self->workers,
                                .adopting = &self->adopting,
                                .renting = &self->renting};
    self->ending = (ending_t){.base = base,
                              .run = &self->run,
                              .nodes = &self->nodes,
                              .shards = &self->shards,
                              .training = &self->training,
                              .adopting = &self->adopting};
    self->reports = (region_reports_t){.report_us = now_us, .status_us = now_us, .waits_since_us = now_us};
}

void region_rooms_init(region_core_t *self, const region_spec_t *spec, int64_t now_us)
{
    s_init_lower(self, spec, now_us);
    s_init_upper(self, now_us);
}

void region_rooms_fini(region_core_t *self)
{
    placing_fini(&self->placing);
    renting_fini(&self->renting);
    adopting_fini(&self->adopting);
    moving_fini(&self->moving);
    keeping_fini(&self->keeping);
    training_fini(&self->training);
    shards_fini(&self->shards);
    actors_fini(&self->actors);
    nodes_fini(&self->nodes);
    region_links_fini(&self->links);
    region_base_fini(&self->base);
}
