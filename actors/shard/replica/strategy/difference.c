/* `start` is where the local steps since the last cut began, and what deltas act on; the formulas are in
 * actors/synchronizer/strategy.h. Local steps never change it, so a difference holds what they gained and
 * nothing else. The local optimizer's momentum stays in its region.
 *
 * While nothing is open, start and parameters are one buffer: the next step copies it as it writes.
 *
 * With overlap local steps go on after a cut, from where it was made: `base`. What its round does takes
 * the place of what was cut, and what came after the cut stays: w <- s + (w - base). The next cut has that
 * and what follows, once.
 *
 * Without rounds the own delta waits in `pending` like others' until it is taken, which needs memory and may
 * come later; it acts as others see it, and what its encoding left out is in the residual alone.
 *
 * Under asp the own difference stays in the parameters, so that start follows them at each cut; what others
 * send is added to both. What of a difference was not significant is in the residual, and in the
 * parameters, and nowhere else.
 *
 * Of averages a cut has the values, not what they gained: start and parameters go towards them. An outer
 * step, or differences of several regions added up, could take a variance below zero.
 *
 * No fused multiply-add here: regions apply rounds to the same bits. */
#include "actors/model/exact.h"

#include "actors/shard/replica/strategy/difference.h"

#include <string.h>

/* -- start */

void difference_derive(replica_t *self)
{
    const topology_t *topology = self->base->spec.topology;
    self->outer.on = self->outer.starts = base_regions(self->base) > 1;
    self->outer.lr = (float)topology->job.sync.outer_lr;
    self->outer.mu = self->outer.on ? (float)topology->job.sync.outer_momentum : 0;
}

/* -- the own difference -----------------------------------------------------------------------------------
 */

bool difference_ready(replica_t *self)
{
    if (!self->outer.on)
        return true;
    if (!self->outer.room)
        self->outer.room = version_fresh(self);
    self->base->short_of_memory = self->base->short_of_memory || !self->outer.room;
    return self->outer.room != NULL;
}

/* A difference takes the residual along as it is made. */
bool difference_whole(replica_t *self)
{
    (void)self;
    return true;
}

static void s_cut_averages(const replica_t *self, const float *w, float *d)
{
    for (size_t i = 0; i < self->spans.count; i++) {
        const span_t *span = &self->spans.items[i];
        if (span->rule != TENSOR_OPTIMIZER)
            memcpy(d + span->first, w + span->first, (span->end - span->first) * sizeof *w);
    }
}

buf_t *difference_cut(replica_t *self, bool whole)
{
    const buf_t *rest = whole ? self->residual : NULL;
    if (!self->open_steps && !rest)
        return NULL;
    buf_t *out = self->outer.room;
    self->outer.room = NULL;
    CHECK(out);
    const buf_t *from = self->outer.base ? self->outer.base : self->outer.start;
    const float *s = buf_peek(from), *w = buf_peek(self->parameters);
    const float *e = rest ? buf_peek(rest) : NULL;
    float *d = buf_data(out);
    for (size_t i = 0; i < self->base->spec.elements; i++)
        /* nothing open: w may still be what the last cut has taken */
        d[i] = self->open_steps ? s[i] - w[i] : 0;
    for (size_t i = 0; e && i < self->base->spec.elements; i++)
        d[i] += e[i];
    s_cut_averages(self, w, d);
    if (e)
        version_release(self, &self->residual);
    return out;
}

/* -- acting -----------------------------------------------------------------------------------------------
 */

static void s_drop_act(replica_t *self, act_t *act)
{
    version_drop(self, &act->start);
    version_drop(self, &act->momentum);
    version_drop(self, &act->gathered);
    version_drop(self, &act->parameters);
}

/* All the memory before the first element; nothing has changed when there is not enough. */
static bool s_open_act(replica_t *self, act_t *act)
{
    outer_t *outer = &self->outer;
    bool remembers = outer->mu > 0;
    bool good = version_open(self, &act->start, &outer->start, false);
    if (good && remembers && (act->nesterov || act->turn))
        good = version_open(self, &act->momentum, &outer->momentum, false);
    if (good && remembers && !act->nesterov && !act->turn)
        good = version_open(self, &act->gathered, &outer->gathered, false);
    if (good && self->open_steps)
        good = version_open(self, &act->parameters, &self->parameters, false);
    act->gathered_from = outer->gathered ? buf_peek(outer->gathered) : NULL;
    act->base = outer->base ? buf_peek(outer->base) : NULL;
    if (good)
        return true;
    s_drop_act(self, act);
    self->base->short_of_memory = true;
    return false;
}

/* How far `start` goes along -lr for this element of a delta. */
static float s_way(const act_t *act, size_t i, float d)
{
    float g = act->share * d, way = g;
    if (act->momentum.slot) {
        float sum = act->nesterov ? g : (act->gathered_from ? act->gathered_from[i] + g : g);
        float m = act->mu * act->momentum.from[i] + sum;
        act->momentum.to[i] = m;
        way = g + act->mu * m;
    } else if (act->gathered.slot) {
        act->gathered.to[i] = act->gathered_from ? act->gathered_from[i] + g : g;
    }
    return act->lr * way;
}

static void s_go(const act_t *act, size_t first, size_t end, const float *d)
{
    const target_t *w = &act->parameters;
    for (size_t i = first; i < end; i++) {
        float way = s_way(act, i, d[i - first]);
        act->start.to[i] = act->start.from[i] - way;
        if (w->slot)
            w->to[i] = act->base ? act->start.to[i] + (w->from[i] - act->base[i]) : w->from[i] - way;
    }
}

/* Between what it was and what came; what is fixed stays. */
static void s_approach(const target_t *target, size_t first, size_t end, float share, const float *values)
{
    for (size_t i = first; target->slot && i < end; i++)
        target->to[i] =
            share > 0 ? (1 - share) * target->from[i] + share * values[i - first] : target->from[i];
}

/* The outer optimizer has no part in it. */
static void s_go_average(const act_t *act, size_t first, size_t end, float share, const float *values)
{
    s_approach(&act->start, first, end, share, values);
    s_approach(&act->parameters, first, end, share, values);
    s_approach(&act->momentum, first, end, 0, values);
    for (size_t i = first; act->gathered.slot && i < end; i++)
        act->gathered.to[i] = 0;
}

static void s_block(const replica_t *self, const act_t *act, size_t first, size_t count, const float *d)
{
    float averages[SHARD_BLOCK];
    for (span_part_t part = spans_part(&self->spans, first, first + count); part.span;
         part = spans_part(&self->spans, part.end, first + count)) {
        const float *at = d + (part.first - first);
        if (part.span->rule == TENSOR_OPTIMIZER) {
            s_go(act, part.first, part.end, at);
            continue;
        }
        for (size_t i = 0; i < part.end - part.first; i++)
            averages[i] = act->evened * at[i];
        s_go_average(act, part.first, part.end, part.span->rule == TENSOR_AVERAGE ? act->average : 0,
                     averages);
    }
}

bool difference_act(replica_t *self, const blend_t *delta, act_t *act)
{
    if (!s_open_act(self, act))
        return false;
    act->evened = blend_evened(delta);
    for (size_t i = 0; i < self->base->spec.elements; i += SHARD_BLOCK) {
        size_t n = self->base->spec.elements - i < SHARD_BLOCK ? self->base->spec.elements - i : SHARD_BLOCK;
        s_block(self, act, i, n, blend_read(delta, i, n));
    }
    version_commit(self, &act->start);
    version_commit(self, &act->momentum);
    version_commit(self, &act->gathered);
    version_commit(self, &act->parameters);
    if (act->turn && self->outer.gathered)
        version_release(self, &self->outer.gathered);
    start_drop_base(self);
    start_settle(self);
    return true;
}

/* -- upon another region's state */

/* Own differences that are not in it act later, as received ones; the open local steps lead on from
 * where its start is. */
void difference_again(replica_t *self, const delta_head_t *head, const buf_t *values)
{
    (void)values;
    self->samples_applied += head->samples;
}

void difference_open_again(replica_t *self, const former_t *former)
{
    self->samples_applied += self->open_samples;
    difference_go_on(self, former);
}

void difference_go_on(replica_t *self, const former_t *former)
{
    if (!self->open_steps) {
        start_return(self);
        return;
    }
    const float *w = buf_peek(former->parameters), *s = buf_peek(former->start);
    const float *start = buf_peek(self->outer.start);
    float *to = buf_data(self->parameters);
    for (size_t i = 0; i < self->base->spec.elements; i++)
        to[i] = start[i] + (w[i] - s[i]);
    s_cut_averages(self, w, to);
    buf_touch(self->parameters);
}
