/* diloco-async: as diloco, and nobody waits: each delta, also the own one, acts when it is taken, with its
 * region's share; the outer momentum comes late, once for a delta of each region on average.
 * Why: no region waits for a slower one. Source: delayed Nesterov, arXiv 2401.09135. */
#include "actors/shard/replica/strategy/difference.h"

#include <string.h>

/* The own delta must have been taken before the next is made. */
static bool s_ready_diloco_async(replica_t *self)
{
    return !self->pending_count && difference_ready(self);
}

static bool s_add_share(replica_t *self, size_t region, const blend_t *delta)
{
    float share = (float)self->base->spec.job->regions[region].share;
    act_t act = {.lr = self->outer.lr,
                 .mu = self->outer.mu,
                 .share = share,
                 .average = share,
                 .turn = self->outer.arrivals + 1 >= base_regions(self->base)};
    if (!difference_act(self, delta, &act))
        return false;
    self->outer.arrivals = act.turn ? 0 : self->outer.arrivals + 1;
    return true;
}

static bool s_take_diloco_async(replica_t *self, const late_t *late, const blend_t *delta)
{
    return s_add_share(self, late->origin, delta);
}

static bool s_own(replica_t *self)
{
    if (!self->outer.on || !self->pending_count || self->base->short_of_memory)
        return false;
    pending_t *own = &self->pending[0];
    part_t part = {.buf = own->data, .weight = 1};
    blend_t blend = {.parts = &part, .count = 1, .divisor = 1, .scratch = self->scratch, .sums = self->sums};
    if (own->data && !s_add_share(self, own->region, &blend))
        return false;
    start_settle(self); /* also what was refused for not being finite */
    if (own->data)
        version_release(self, &own->data);
    memmove(self->pending, self->pending + 1, --self->pending_count * sizeof *self->pending);
    self->version++;
    base_changed(self->base);
    return true;
}

const exchange_t exchange_diloco_async = {
    .id = STRATEGY_DILOCO_ASYNC,
    .derive = difference_derive,
    .ready = s_ready_diloco_async,
    .whole = difference_whole,
    .cut = difference_cut,
    .made = exchange_made_nothing,
    .own = s_own,
    .take = s_take_diloco_async,
    .again = difference_again,
    .open_again = difference_open_again,
    EXCHANGE_WITHOUT_ROUNDS,
    .scale = exchange_scale_none,
};
