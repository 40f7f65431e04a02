#include "actors/shard/durable/rooms.h"
#include "actors/shard/replica/strategy/rows.h"

#include <stdlib.h>

static intake_terms_t s_intake(const base_t *base, const strategy_t *strategy, bool rounds)
{
    bool several = base_regions(base) > 1;
    return (intake_terms_t){.steps = strategy->local_step || !several,
                            .sums = several && strategy->cuts == DELTA_GRADIENT,
                            .counts = !rounds,
                            .in_order = rounds || base->spec.topology->job.sync.inside == INSIDE_SYNC};
}

/* Shards cut in turn, so that the link carries one after the other, when local steps
 * need not wait for that. */
static uint64_t s_first(const base_t *base, uint64_t every, uint64_t way)
{
    size_t shards = base->spec.topology->regions[base->spec.region_index].shards;
    uint64_t turn = way ? base->spec.shard_index * every / shards : 0;
    return turn ? turn : every;
}

/* A region that lags is left out, or the round that is under way waits for it: what is kept is
 * limited in bytes alone then. */
static uint64_t s_lag(const base_t *base, uint64_t way)
{
    uint64_t staleness = base->spec.topology->job.sync.staleness;
    return base->rules.votes || way ? UINT64_MAX : staleness ? staleness : 1;
}

static stream_terms_t s_stream(const base_t *base, const strategy_t *strategy, const rounds_terms_t *rounds)
{
    const topology_t *topology = base->spec.topology;
    bool single = strategy->every_step, automatic = !single && topology->job.sync.every == 0;
    uint64_t every = single ? 1 : automatic ? topology->job.sync.every_most : topology->job.sync.every;
    return (stream_terms_t){.kind = strategy->cuts,
                            .every = every,
                            .first = s_first(base, every, rounds->way),
                            .automatic = automatic,
                            .merges = strategy->merges,
                            .hands = rounds->members || (base_regions(base) > 1 && strategy->sees_own),
                            .in_step = rounds->members != 0,
                            .spares_newest = rounds->way != 0,
                            .lag = s_lag(base, rounds->way)};
}

terms_t rooms_terms(const base_t *base)
{
    const topology_t *topology = base->spec.topology;
    const strategy_t *strategy = strategy_find(topology->job.sync.strategy);
    bool rounds = base_regions(base) > 1 && topology_waits(topology);
    terms_t terms = {.exchange = exchange_find(strategy->id),
                     .intake = s_intake(base, strategy, rounds),
                     .rounds = {.members = rounds ? base_regions(base) : 0,
                                .way = rounds && strategy->overlaps ? topology->job.sync.overlap : 0}};
    terms.stream = s_stream(base, strategy, &terms.rounds);
    return terms;
}

rooms_t *rooms_new(const shard_spec_t *spec, bool visits)
{
    CHECK(spec->region_index < spec->topology->region_count && spec->chunk_bytes >= 4 &&
          spec->chunk_bytes % 4 == 0);
    rooms_t *self = calloc(1, sizeof *self);
    CHECK(self);
    base_init(&self->base, spec);
    self->base.visits = visits;
    const terms_t terms = rooms_terms(&self->base);
    replica_init(&self->replica, &self->base, terms.exchange);
    intake_init(&self->intake, &self->base, &self->replica, &terms.intake);
    stream_init(&self->stream, &self->base, &self->replica, &terms.stream);
    rounds_init(&self->rounds, &self->base, &self->replica, &self->stream, &terms.rounds);
    durable_init(&self->durable, &self->base, &self->replica, &self->intake, &self->stream, &self->rounds);
    return self;
}

void rooms_destroy(rooms_t **self_p)
{
    rooms_t *self = *self_p;
    *self_p = NULL;
    if (!self)
        return;
    rounds_fini(&self->rounds);
    stream_fini(&self->stream);
    intake_fini(&self->intake);
    durable_fini(&self->durable);
    replica_fini(&self->replica);
    base_fini(&self->base);
    free(self);
}
