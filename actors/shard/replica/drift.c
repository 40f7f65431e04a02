/* Late gradients, compensated: actors/synchronizer/strategy.h has the formula and why it is this one.
 *
 * The drift of this region against a delta's origin is what its own steps have done since the number that the
 * origin had taken. `others` holds what all deltas have added to the parameters, so own = parameters - others
 * moves with own steps alone and costs them nothing; it is written out at each cut, one base a number, until
 * no region can name that number any more: a region never names a smaller one than before.
 *
 * Bases are not stored. After a restart, or with another region's state, the first base is the newest
 * number that lies at the present parameters, if there is one; deltas that name an older number are applied
 * as they are, and counted. */

#include "actors/shard/replica/replica.h"

#include <stdlib.h>
#include <string.h>

#define DRIFT_BASES_LEAST 2u

/* -- life -------------------------------------------------------------------------------------------------
 */

/* Counts are added as they are, whatever the topology says. */
void drift_derive(replica_t *self)
{
    drift_t *drift = &self->drift;
    const topology_t *topology = self->base->spec.topology;
    drift->lambda = (float)topology->job.sync.compensate;
    drift->on = drift->lambda > 0 && base_regions(self->base) > 1 && !self->base->rules.plain_sum;
    size_t bytes = encode_bytes_most(self);
    uint64_t under_way = topology->job.sync.window_bytes / (bytes ? bytes : 1);
    if (under_way > topology->job.sync.staleness)
        under_way = topology->job.sync.staleness;
    drift->most = under_way + 1 < DRIFT_BASES_LEAST ? DRIFT_BASES_LEAST
                  : under_way + 1 > SHARD_KEPT_MAX  ? SHARD_KEPT_MAX
                                                    : (size_t)under_way + 1;
}

static void s_drop(replica_t *self, size_t count)
{
    drift_t *drift = &self->drift;
    for (size_t i = 0; i < count; i++)
        version_release(self, &drift->bases[i].own);
    drift->count -= count;
    memmove(drift->bases, drift->bases + count, drift->count * sizeof *drift->bases);
}

void drift_begin(replica_t *self, const position_t *own, uint64_t going)
{
    drift_t *drift = &self->drift;
    if (!drift->on)
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
    drift->going = going;
    if (self->open_steps == 0)
        drift_keep(self, own);
}

void drift_fini(replica_t *self)
{
    drift_t *drift = &self->drift;
    for (size_t i = 0; i < drift->count; i++)
        buf_destroy(&drift->bases[i].own);
    free(drift->bases);
    free(drift->block);
    buf_destroy(&drift->others);
}

/* -- own cuts ---------------------------------------------------------------------------------------------
 */

/* Without memory there is no base: deltas that name it are counted. */
void drift_keep(replica_t *self, const position_t *own)
{
    drift_t *drift = &self->drift;
    if (!drift->on || !drift->bases || !drift->going)
        return;
    if (drift->count == drift->most)
        s_drop(self, 1);
    drift_base_t base = {.at = *own, .own = version_fresh(self)};
    if (!base.own)
        return;
    vector_subtract(self->base->spec.elements, buf_data(base.own), buf_peek(self->parameters),
                    buf_peek(drift->others));
    drift->bases[drift->count++] = base;
}

/* -- others' deltas ---------------------------------------------------------------------------------------
 */

static const drift_base_t *s_find(const drift_t *drift, const late_t *late)
{
    for (size_t i = drift->count; late->tells && i > 0; i--) {
        const drift_base_t *base = &drift->bases[i - 1];
        if (base->at.history == late->seen.history && base->at.number == late->seen.number)
            return base;
    }
    return NULL;
}

/* Bases before the least number that any region may name go. */
void drift_trim(replica_t *self, uint64_t going)
{
    drift_t *drift = &self->drift;
    drift->going = going;
    uint64_t least = UINT64_MAX;
    size_t gone = 0;
    if (!drift->count)
        return;
    for (size_t r = 0; r < base_regions(self->base); r++)
        if ((drift->going >> r & 1) && drift->named[r] < least)
            least = drift->named[r];
    while (gone < drift->count && drift->bases[gone].at.number < least)
        gone++;
    s_drop(self, gone);
}

/* The sum of `steps` gradients has `steps` times the curvature of their mean, not the square of that. */
static float s_factor(const drift_t *drift, uint64_t steps)
{
    return drift->lambda / (steps > 1 ? (float)steps : 1.0f);
}

static void s_block(replica_t *self, const pass_t *pass, const target_t *others, const drift_base_t *base,
                    float factor, size_t first, size_t count, const float *g)
{
    float *late = self->drift.block, *before = late + SHARD_BLOCK;
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

static bool s_step(replica_t *self, const drift_base_t *base, float factor, const blend_t *gradient)
{
    pass_t pass;
    target_t others = {0};
    if (!version_pass_open(self, true, false, false, &pass) ||
        !version_open(self, &others, &self->drift.others, false)) {
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

bool drift_step(replica_t *self, const late_t *late, const blend_t *gradient)
{
    drift_t *drift = &self->drift;
    if (!drift->on)
        return version_step(self, gradient, true, false);
    const drift_base_t *base = s_find(drift, late);
    if (!s_step(self, base, s_factor(drift, late->steps), gradient))
        return false;
    self->base->counts.uncompensated += !base;
    if (base)
        drift->named[late->origin] = base->at.number;
    return true;
}
