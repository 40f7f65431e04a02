/* The outer optimizer of diloco, and the differences of asp: `start` is where the local steps since the last cut began, and what deltas act on; the
 * formulas are in actors/synchronizer/strategy.h. Local steps never change it, so a difference holds what they gained
 * and nothing else. The local optimizer's momentum stays in its region.
 *
 * While nothing is open, start and parameters are one buffer: the next step copies it as it writes.
 *
 * With overlap local steps go on after a cut, from where it was made: `base`. What its round does takes the place of what
 * was cut, and what came after the cut stays: w <- s + (w - base). The next cut has that and what follows, once.
 *
 * Without rounds the own delta waits in `pending` like others' until it is taken, which needs memory and may come
 * later; it acts as others see it, and what its encoding left out is in the residual alone.
 *
 * Under asp the own difference stays in the parameters, so that start follows them at each cut; what others send is added
 * to both. What of a difference was not significant is in the residual, and in the parameters, and nowhere else.
 *
 * Of models (sma) whose rounds need not all regions, start is the last mean: a region whose model came late goes back to it.
 *
 * No fused multiply-add here: regions apply rounds to the same bits. */
#if defined(__GNUC__) && !defined(__clang__)
#pragma GCC optimize("fp-contract=off")
#else
#pragma STDC FP_CONTRACT OFF
#endif

#include "actors/shard/replica/replica.h"

#include <string.h>

/* What one delta, or the mean of a round's, does. */
typedef struct {
    float lr, mu;
    float share;   /* of the delta */
    bool nesterov; /* of a round: the momentum acts with the delta itself */
    bool turn;     /* of the late momentum: it acts now */
    target_t start, momentum, gathered, parameters;
    const float *gathered_from; /* NULL: nothing is gathered */
    const float *base;          /* where open steps began, when not at start */
} act_t;

/* -- life -------------------------------------------------------------------------------------------------
 */

void outer_derive(replica_t *self)
{
    const topology_t *topology = self->base->spec.topology;
    self->outer.on = self->base->rules.strategy->outer && base_regions(self->base) > 1;
    self->outer.lr = self->base->rules.strategy->adds ? 1 : (float)topology->job.sync.outer_lr;
    self->outer.mu = self->base->rules.strategy->adds ? 0 : (float)topology->job.sync.outer_momentum;
    self->outer.keeps = self->base->rules.votes && self->base->rules.strategy->cuts == DELTA_MODEL;
}

void outer_begin(replica_t *self)
{
    if (!(self->outer.on || self->outer.keeps) || self->outer.start)
        return;
    self->outer.start = buf_ref(self->parameters);
    if (self->outer.on && self->outer.mu > 0) {
        self->outer.momentum = buf_new_zero(base_bytes(self->base));
        CHECK(self->outer.momentum);
    }
}

void outer_fini(replica_t *self)
{
    buf_destroy(&self->outer.start);
    buf_destroy(&self->outer.base);
    buf_destroy(&self->outer.momentum);
    buf_destroy(&self->outer.gathered);
    buf_destroy(&self->outer.room);
}

static void s_start_here(replica_t *self)
{
    version_release(self, &self->outer.start);
    self->outer.start = buf_ref(self->parameters);
}

void outer_keep(replica_t *self)
{
    if (self->outer.keeps)
        s_start_here(self);
}

void outer_go_on(replica_t *self, bool refused)
{
    if (!self->outer.on || !self->base->rules.strategy->adds)
        return;
    if (refused)
        outer_return(self);
    else
        s_start_here(self);
}

void outer_return(replica_t *self)
{
    CHECK(self->outer.start);
    if (self->parameters == self->outer.start)
        return;
    version_release(self, &self->parameters);
    self->parameters = buf_ref(self->outer.start);
}

/* -- the own difference -----------------------------------------------------------------------------------
 */

bool outer_ready(replica_t *self)
{
    if (!self->outer.on)
        return true;
    if (self->pending_count && !self->base->rules.waits)
        return false; /* the own delta is not taken yet */
    if (!self->outer.room)
        self->outer.room = version_fresh(self);
    self->base->short_of_memory = self->base->short_of_memory || !self->outer.room;
    return self->outer.room != NULL;
}

buf_t *outer_cut(replica_t *self, bool whole)
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
    if (e)
        version_release(self, &self->residual);
    return out;
}

static void s_drop_base(replica_t *self)
{
    if (self->outer.base)
        version_release(self, &self->outer.base);
}

/* A difference that comes late acts in some later round: what it has must not be in the next one, too. One that is not
 * finite carries nothing, and nothing goes on from it. */
void outer_made(replica_t *self, bool carried, bool open)
{
    if (!self->outer.on || !self->base->rules.waits)
        return;
    s_drop_base(self);
    if (!open || (self->base->rules.overlap && !carried))
        outer_return(self);
    else if (self->base->rules.overlap)
        self->outer.base = buf_ref(self->parameters);
}

/* -- acting -----------------------------------------------------------------------------------------------
 */

static void s_drop(replica_t *self, act_t *act)
{
    version_drop(self, &act->start);
    version_drop(self, &act->momentum);
    version_drop(self, &act->gathered);
    version_drop(self, &act->parameters);
}

/* All the memory before the first element; nothing has changed when there is not enough. */
static bool s_open(replica_t *self, act_t *act)
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
    s_drop(self, act);
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

static void s_block(const act_t *act, size_t first, size_t count, const float *d)
{
    const target_t *w = &act->parameters;
    for (size_t i = first; i < first + count; i++) {
        float way = s_way(act, i, d[i - first]);
        act->start.to[i] = act->start.from[i] - way;
        if (w->slot)
            w->to[i] = act->base ? act->start.to[i] + (w->from[i] - act->base[i]) : w->from[i] - way;
    }
}

/* Local steps that are under way stay as they are, moved with their start. */
static void s_settle(replica_t *self)
{
    if (self->open_steps)
        return;
    s_drop_base(self);
    outer_return(self);
}

static bool s_act(replica_t *self, const blend_t *delta, act_t *act)
{
    if (!s_open(self, act))
        return false;
    for (size_t i = 0; i < self->base->spec.elements; i += SHARD_BLOCK) {
        size_t n = self->base->spec.elements - i < SHARD_BLOCK ? self->base->spec.elements - i : SHARD_BLOCK;
        s_block(act, i, n, blend_read(delta, i, n));
    }
    version_commit(self, &act->start);
    version_commit(self, &act->momentum);
    version_commit(self, &act->gathered);
    version_commit(self, &act->parameters);
    if (act->turn && self->outer.gathered)
        version_release(self, &self->outer.gathered);
    s_drop_base(self);
    s_settle(self);
    return true;
}

bool outer_round(replica_t *self, const blend_t *mean)
{
    if (!mean) {
        s_settle(self);
        return true;
    }
    act_t act = {.lr = self->outer.lr, .mu = self->outer.mu, .share = 1, .nesterov = true};
    return s_act(self, mean, &act);
}

bool outer_add(replica_t *self, size_t region, const blend_t *delta)
{
    act_t act = {
        .lr = self->outer.lr,
        .mu = self->outer.mu,
        .share = self->base->rules.strategy->adds ? 1 : (float)self->base->spec.job->regions[region].share,
        .turn = self->outer.arrivals + 1 >= base_regions(self->base)};
    if (!s_act(self, delta, &act))
        return false;
    self->outer.arrivals = act.turn ? 0 : self->outer.arrivals + 1;
    return true;
}

bool outer_try(replica_t *self)
{
    if (!self->outer.on || self->base->rules.waits || !self->pending_count || self->base->short_of_memory)
        return false;
    pending_t *own = &self->pending[0];
    part_t part = {.buf = own->data, .weight = 1};
    blend_t blend = {.parts = &part, .count = 1, .divisor = 1, .scratch = self->scratch, .sums = self->sums};
    if (own->data && !outer_add(self, own->region, &blend))
        return false;
    s_settle(self); /* also what was refused for not being finite */
    if (own->data)
        version_release(self, &own->data);
    memmove(self->pending, self->pending + 1, --self->pending_count * sizeof *self->pending);
    self->version++;
    base_changed(self->base);
    return true;
}
