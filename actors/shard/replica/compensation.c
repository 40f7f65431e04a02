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

#define COMPENSATION_BASES_LEAST 2u

/* -- life -------------------------------------------------------------------------------------------------
 */

/* Counts are added as they are, whatever the topology says. */
void compensation_derive(replica_t *self)
{
    compensation_t *compensation = &self->compensation;
    const topology_t *topology = self->base->spec.topology;
    compensation->lambda = (float)topology->job.sync.compensate;
    compensation->on =
        compensation->lambda > 0 && base_regions(self->base) > 1 && !self->base->rules.plain_sum;
    size_t bytes = encode_bytes_most(self);
    uint64_t under_way = topology->job.sync.window_bytes / (bytes ? bytes : 1);
    if (under_way > topology->job.sync.staleness)
        under_way = topology->job.sync.staleness;
    compensation->most = under_way + 1 < COMPENSATION_BASES_LEAST ? COMPENSATION_BASES_LEAST
                         : under_way + 1 > SHARD_QUEUE_MAX        ? SHARD_QUEUE_MAX
                                                                  : (size_t)under_way + 1;
}

static void s_drop_bases(replica_t *self, size_t count)
{
    compensation_t *compensation = &self->compensation;
    for (size_t i = 0; i < count; i++)
        version_release(self, &compensation->bases[i].own);
    compensation->count -= count;
    memmove(compensation->bases, compensation->bases + count,
            compensation->count * sizeof *compensation->bases);
}

void compensation_begin(replica_t *self, const position_t *own, uint64_t going)
{
    compensation_t *compensation = &self->compensation;
    if (!compensation->on)
        return;
    if (!compensation->bases) {
        compensation->bases = calloc(compensation->most, sizeof *compensation->bases);
        compensation->block = malloc(2 * SHARD_BLOCK * sizeof *compensation->block);
        compensation->others = buf_new_zero(base_bytes(self->base));
        CHECK(compensation->bases && compensation->block && compensation->others);
    }
    if (compensation->count)
        s_drop_bases(self, compensation->count);
    memset(compensation->named, 0, sizeof compensation->named);
    compensation->going = going;
    if (self->open_steps == 0)
        compensation_note(self, own);
}

void compensation_fini(replica_t *self)
{
    compensation_t *compensation = &self->compensation;
    for (size_t i = 0; i < compensation->count; i++)
        buf_destroy(&compensation->bases[i].own);
    free(compensation->bases);
    free(compensation->block);
    buf_destroy(&compensation->others);
}

/* -- own cuts ---------------------------------------------------------------------------------------------
 */

/* Without memory there is no base: deltas that name it are counted. */
void compensation_note(replica_t *self, const position_t *own)
{
    compensation_t *compensation = &self->compensation;
    if (!compensation->on || !compensation->bases || !compensation->going)
        return;
    if (compensation->count == compensation->most)
        s_drop_bases(self, 1);
    compensation_base_t base = {.at = *own, .own = version_fresh(self)};
    if (!base.own)
        return;
    vector_subtract(self->base->spec.elements, buf_data(base.own), buf_peek(self->parameters),
                    buf_peek(compensation->others));
    compensation->bases[compensation->count++] = base;
}

/* -- others' deltas ---------------------------------------------------------------------------------------
 */

static const compensation_base_t *s_find_base(const compensation_t *compensation, const late_t *late)
{
    for (size_t i = compensation->count; late->tells && i > 0; i--) {
        const compensation_base_t *base = &compensation->bases[i - 1];
        if (base->at.history == late->seen.history && base->at.number == late->seen.number)
            return base;
    }
    return NULL;
}

/* Bases before the least number that any region may name go. */
void compensation_trim(replica_t *self, uint64_t going)
{
    compensation_t *compensation = &self->compensation;
    compensation->going = going;
    uint64_t least = UINT64_MAX;
    size_t gone = 0;
    if (!compensation->count)
        return;
    for (size_t r = 0; r < base_regions(self->base); r++)
        if ((compensation->going >> r & 1) && compensation->named[r] < least)
            least = compensation->named[r];
    while (gone < compensation->count && compensation->bases[gone].at.number < least)
        gone++;
    s_drop_bases(self, gone);
}

/* The sum of `steps` gradients has `steps` times the curvature of their mean, not the square of that. */
static float s_factor(const compensation_t *compensation, uint64_t steps)
{
    return compensation->lambda / (steps > 1 ? (float)steps : 1.0f);
}

static float s_share(const replica_t *self, const late_t *late)
{
    return (float)self->base->spec.job->regions[late->origin].share;
}

/* Averages are no gradients, and are left as they came. */
static const float *s_compensate(replica_t *self, const compensation_base_t *base, const float *others,
                                 float factor, size_t first, size_t count, const float *g)
{
    float *late = self->compensation.block, *before = late + SHARD_BLOCK;
    vector_compensate(count, late, factor, g, before, others + first,
                      (const float *)buf_peek(base->own) + first);
    for (span_part_t part = spans_part(&self->spans, first, first + count); part.span;
         part = spans_part(&self->spans, part.end, first + count))
        if (part.span->rule != TENSOR_OPTIMIZER)
            memcpy(late + (part.first - first), g + (part.first - first),
                   (part.end - part.first) * sizeof *late);
    return late;
}

static void s_block(replica_t *self, const pass_t *pass, const target_t *others,
                    const compensation_base_t *base, float factor, size_t first, size_t count, const float *g)
{
    float *before = self->compensation.block + SHARD_BLOCK;
    memcpy(before, pass->w.from + first, count * sizeof *before); /* the step may be made in place */
    if (base)
        g = s_compensate(self, base, others->from, factor, first, count, g);
    version_pass_block(self, pass, first, count, g);
    if (others->next)
        memcpy(others->to + first, others->from + first, count * sizeof *others->to);
    vector_add_difference(count, others->to + first, pass->w.to + first, before);
}

static bool s_step(replica_t *self, const compensation_base_t *base, const late_t *late,
                   const blend_t *gradient)
{
    float factor = s_factor(&self->compensation, late->steps);
    pass_t pass;
    target_t others = {0};
    if (!version_pass_open(self, true, false, false, &pass) ||
        !version_open(self, &others, &self->compensation.others, false)) {
        version_pass_drop(self, &pass);
        self->base->short_of_memory = true;
        return false;
    }
    pass.average = s_share(self, late);
    for (size_t i = 0, end; i < self->base->spec.elements; i = end) {
        end = version_block_end(self, i);
        s_block(self, &pass, &others, base, factor, i, end - i, blend_read(gradient, i, end - i));
    }
    version_pass_commit(self, &pass);
    version_commit(self, &others);
    return true;
}

bool compensation_step(replica_t *self, const late_t *late, const blend_t *gradient)
{
    compensation_t *compensation = &self->compensation;
    if (!compensation->on)
        return version_step_of(self, gradient, s_share(self, late));
    const compensation_base_t *base = s_find_base(compensation, late);
    if (!s_step(self, base, late, gradient))
        return false;
    self->base->counts.uncompensated += !base;
    if (base)
        compensation->named[late->origin] = base->at.number;
    return true;
}
