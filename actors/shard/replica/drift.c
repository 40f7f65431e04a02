/* Late gradients, compensated: actors/synchronizer/strategy.h has the formula and why it is this one.
 *
 * The drift of this region against a delta's origin is what its own steps have done since the number that the origin had
 * taken. `others` holds what all deltas have added to the parameters, so own = parameters - others moves with own steps
 * alone and costs them nothing; it is written out at each cut, one base a number, until no region can name that number any
 * more: a region never names a smaller one than before.
 *
 * Bases are not stored. After a restart, or with another region's state, the first base is the newest number that lies
 * at the present parameters, if there is one; deltas that name an older number are applied as they are, and counted. */

#include "actors/shard/shard_internal.h"

#include <stdlib.h>
#include <string.h>

#define DRIFT_BASES_LEAST 2u

/* -- life -------------------------------------------------------------------------------------------------
 */

/* Counts are added as they are, whatever the topology says. */
void drift_derive(shard_core_t *self)
{
    drift_t *drift = &self->replica->drift;
    const topology_t *topology = self->base->spec.topology;
    drift->lambda = (float)topology->job.sync.compensate;
    drift->on = drift->lambda > 0 && base_regions(self->base) > 1 &&
                self->base->rules.strategy->cuts == DELTA_GRADIENT && !self->base->rules.strategy->waits &&
                !self->base->rules.plain_sum;
    size_t bytes = shard_encoded_bytes(self);
    uint64_t under_way = topology->job.sync.window_bytes / (bytes ? bytes : 1);
    if (under_way > topology->job.sync.staleness)
        under_way = topology->job.sync.staleness;
    drift->most = under_way + 1 < DRIFT_BASES_LEAST ? DRIFT_BASES_LEAST
                  : under_way + 1 > SHARD_KEPT_MAX  ? SHARD_KEPT_MAX
                                                    : (size_t)under_way + 1;
}

static void s_drop(shard_core_t *self, size_t count)
{
    drift_t *drift = &self->replica->drift;
    for (size_t i = 0; i < count; i++)
        version_release(self, &drift->bases[i].own);
    drift->count -= count;
    memmove(drift->bases, drift->bases + count, drift->count * sizeof *drift->bases);
}

void drift_begin(shard_core_t *self)
{
    drift_t *drift = &self->replica->drift;
    if (!drift->on || self->entry->visits)
        return;
    if (!drift->bases) {
        drift->bases = calloc(drift->most, sizeof *drift->bases);
        drift->block = malloc(2 * SHARD_BLOCK * sizeof *drift->block);
        drift->others = buf_new_zero(base_bytes(self->base));
        CHECK(drift->bases && drift->block && drift->others);
    }
    if (drift->count)
        s_drop(self, drift->count);
    memset(drift->named, 0, sizeof drift->named);
    if (self->replica->open_steps == 0)
        drift_keep(self);
}

void drift_fini(shard_core_t *self)
{
    drift_t *drift = &self->replica->drift;
    for (size_t i = 0; i < drift->count; i++)
        buf_destroy(&drift->bases[i].own);
    free(drift->bases);
    free(drift->block);
    buf_destroy(&drift->others);
}

/* -- own cuts ---------------------------------------------------------------------------------------------
 */

buf_t *drift_seen(const shard_core_t *self)
{
    if (!self->replica->drift.on)
        return NULL;
    uint64_t items[2 * TOPOLOGY_REGIONS_MAX];
    size_t count = base_regions(self->base);
    for (size_t r = 0; r < count; r++) {
        items[2 * r] = self->stream->origins[r].history;
        items[2 * r + 1] = self->stream->origins[r].taken;
    }
    buf_t *seen = buf_new_copy(items, 2 * count * sizeof *items);
    CHECK(seen);
    return seen;
}

/* Whether any delta can still come that has to be compensated. */
static bool s_some_come(const shard_core_t *self)
{
    for (size_t r = 0; r < base_regions(self->base); r++)
        if (r != self->base->spec.region_index && !self->stream->origins[r].final)
            return true;
    return false;
}

/* Without memory there is no base: deltas that name it are counted. */
void drift_keep(shard_core_t *self)
{
    drift_t *drift = &self->replica->drift;
    if (!drift->on || !drift->bases || !s_some_come(self))
        return;
    if (drift->count == drift->most)
        s_drop(self, 1);
    drift_base_t base = {.own = version_fresh(self)};
    if (!base.own)
        return;
    shard_line_position(self, &base.history, &base.number);
    vector_subtract(self->base->spec.elements, buf_data(base.own), buf_peek(self->replica->parameters),
                    buf_peek(drift->others));
    drift->bases[drift->count++] = base;
}

/* -- others' deltas ---------------------------------------------------------------------------------------
 */

static const drift_base_t *s_find(const drift_t *drift, const incoming_t *incoming)
{
    for (size_t i = drift->count; incoming->tells && i > 0; i--) {
        const drift_base_t *base = &drift->bases[i - 1];
        if (base->history == incoming->seen_history && base->number == incoming->seen)
            return base;
    }
    return NULL;
}

/* What lies before the least number that any region may name goes. */
void drift_trim(shard_core_t *self)
{
    drift_t *drift = &self->replica->drift;
    uint64_t least = UINT64_MAX;
    size_t gone = 0;
    if (!drift->count)
        return;
    for (size_t r = 0; r < base_regions(self->base); r++)
        if (r != self->base->spec.region_index && !self->stream->origins[r].final && drift->named[r] < least)
            least = drift->named[r];
    while (gone < drift->count && drift->bases[gone].number < least)
        gone++;
    s_drop(self, gone);
}

/* The sum of `steps` gradients has `steps` times the curvature of their mean, not the square of that. */
static float s_factor(const drift_t *drift, uint64_t steps)
{
    return drift->lambda / (steps > 1 ? (float)steps : 1.0f);
}

static void s_block(shard_core_t *self, const pass_t *pass, const target_t *others, const drift_base_t *base,
                    float factor, size_t first, size_t count, const float *g)
{
    float *late = self->replica->drift.block, *before = late + SHARD_BLOCK;
    memcpy(before, pass->w.from + first, count * sizeof *before); /* the step may be made in place */
    if (base) {
        vector_compensate(count, late, factor, g, before, others->from + first,
                          (const float *)buf_peek(base->own) + first);
        g = late;
    }
    version_pass_block(self, pass, first, count, g);
    if (others->next)
        memcpy(others->to + first, others->from + first, count * sizeof *others->to);
    vector_add_difference(count, others->to + first, pass->w.to + first, before);
}

static bool s_step(shard_core_t *self, const drift_base_t *base, float factor, const blend_t *gradient)
{
    pass_t pass;
    target_t others = {0};
    if (!version_pass_open(self, true, false, false, &pass) ||
        !version_open(self, &others, &self->replica->drift.others, false)) {
        version_pass_drop(self, &pass);
        self->base->short_of_memory = true;
        return false;
    }
    for (size_t i = 0; i < self->base->spec.elements; i += SHARD_BLOCK) {
        size_t n = self->base->spec.elements - i < SHARD_BLOCK ? self->base->spec.elements - i : SHARD_BLOCK;
        s_block(self, &pass, &others, base, factor, i, n, blend_read(gradient, i, n));
    }
    version_pass_commit(self, &pass);
    version_commit(self, &others);
    return true;
}

bool drift_step(shard_core_t *self, size_t origin, const incoming_t *incoming, const blend_t *gradient)
{
    drift_t *drift = &self->replica->drift;
    if (!drift->on)
        return version_step(self, gradient, true, false);
    const drift_base_t *base = s_find(drift, incoming);
    if (!s_step(self, base, s_factor(drift, incoming->head.steps), gradient))
        return false;
    self->base->counts.uncompensated += !base;
    if (base)
        drift->named[origin] = base->number;
    return true;
}
