/* slowmo: ama with a slow momentum. Models are averaged on arrival as under ama; at each own cut, with s
 * where the last one was:
 *
 *     v <- mu v + (s - w);   w <- s - lr v;   s <- w
 *     lr, mu: job.sync.outer_lr (1) and outer_momentum (0.3)
 *
 * and that w is what is cut. With mu = 0 and lr = 1 it is ama. The local optimizer's
 * momentum stays in its region.
 *
 * Source: SlowMo, arXiv 1910.00643, algorithm 1, with v = gamma u; there all workers average
 * exactly before it, here with what has come. No fused multiply-add: replicas that start equal stay
 * as equal as under ama. */
#include "actors/model/exact.h"

#include "actors/shard/replica/strategy/difference.h"
#include "actors/shard/replica/strategy/model.h"

static void s_derive_slowmo(replica_t *self)
{
    difference_derive(self);
    self->outer.on = false; /* a cut is a model, which nothing is taken from */
}

/* Room for the next parameters, and the momentum nobody else's, so that a cut cannot fail. */
static bool s_ready_slowmo(replica_t *self)
{
    outer_t *outer = &self->outer;
    if (!outer->starts)
        return true;
    if (!outer->room)
        outer->room = version_fresh(self);
    bool ready = outer->room && (!outer->momentum || buf_make_unique(&outer->momentum));
    self->base->short_of_memory = self->base->short_of_memory || !ready;
    return ready;
}

/* Averages have no momentum, nor has what is fixed. */
static void s_move_span(const outer_t *outer, const span_t *span, const float *s, const float *w, float *to,
                        float *v)
{
    for (size_t i = span->first; i < span->end; i++) {
        float d = s[i] - w[i];
        if (v && span->rule == TENSOR_OPTIMIZER)
            d = v[i] = outer->mu * v[i] + d;
        to[i] = span->rule == TENSOR_OPTIMIZER ? s[i] - outer->lr * d : w[i];
    }
}

static void s_move(replica_t *self)
{
    outer_t *outer = &self->outer;
    const float *s = buf_peek(outer->start), *w = buf_peek(self->parameters);
    float *to = buf_data(outer->room), *v = outer->momentum ? buf_data(outer->momentum) : NULL;
    for (size_t k = 0; k < self->spans.count; k++)
        s_move_span(outer, &self->spans.items[k], s, w, to, v);
    if (v)
        buf_touch(outer->momentum);
    version_release(self, &self->parameters);
    self->parameters = outer->room;
    outer->room = NULL;
    start_here(self);
}

static buf_t *s_cut(replica_t *self, bool whole)
{
    if (self->open_steps)
        s_move(self);
    return model_cut(self, whole);
}

const exchange_t exchange_slowmo = {
    .id = STRATEGY_SLOWMO,
    .derive = s_derive_slowmo,
    .ready = s_ready_slowmo,
    .whole = model_whole,
    .cut = s_cut,
    .made = exchange_made_nothing,
    .own = exchange_own_never,
    .take = model_take,
    .again = model_again,
    .open_again = model_open_again,
    EXCHANGE_WITHOUT_ROUNDS,
    .scale = exchange_scale_none,
};
