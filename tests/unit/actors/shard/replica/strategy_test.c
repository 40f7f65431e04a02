/* Strategies without a shard: what each row cuts, and what it does with what others cut,
 * element by element. */
#include "actors/shard/replica/strategy/rows.h"
#include "tests/unit/actors/shard/alone.h"

#include <math.h>

#define N 4

static alone_t *s_alone(strategy_name_t strategy)
{
    topology_t *topology = world_topology(2, strategy, 2, 1);
    topology->job.optimizer.lr = 0.5;
    topology->job.sync.outer_lr = 1;
    topology->job.sync.outer_momentum = 0.5;
    return alone_new(topology, 64,
                     (shard_spec_t){.incarnation = 1, .elements = N, .chunk_bytes = 16, .history = 1});
}

static buf_t *s_values(float first)
{
    float values[N];
    for (size_t i = 0; i < N; i++)
        values[i] = first + (float)i;
    return buf_new_copy(values, sizeof values);
}

static blend_t s_blend(alone_t *a, part_t *part, buf_t *values)
{
    *part = (part_t){.buf = values, .weight = 1};
    return (blend_t){
        .parts = part, .count = 1, .divisor = 1, .scratch = a->replica.scratch, .sums = a->replica.sums};
}

/* A local step with a gradient of `first` and up. */
static void s_step(alone_t *a, float first)
{
    replica_t *self = &a->replica;
    buf_t *gradient = s_values(first);
    part_t part;
    blend_t blend = s_blend(a, &part, gradient);
    cr_assert(self->exchange->ready(self));
    cr_assert(version_step(self, &blend, a->intake.terms.steps, a->intake.terms.sums));
    self->open_steps++;
    buf_destroy(&gradient);
}

static buf_t *s_cut(alone_t *a, bool whole)
{
    replica_t *self = &a->replica;
    cr_assert(!whole || self->exchange->whole(self));
    cr_assert(self->exchange->ready(self));
    buf_t *cut = self->exchange->cut(self, whole);
    self->exchange->made(self, &(encoded_t){.data = cut});
    self->open_steps = self->open_samples = 0;
    return cut;
}

static bool s_take(alone_t *a, float first)
{
    buf_t *values = s_values(first);
    part_t part;
    blend_t blend = s_blend(a, &part, values);
    late_t late = {.origin = 1};
    bool taken = a->replica.exchange->take(&a->replica, &late, &blend);
    buf_destroy(&values);
    return taken;
}

static void s_expect(const buf_t *buf, const float *want)
{
    cr_assert_not_null(buf);
    const float *have = buf_peek(buf);
    for (size_t i = 0; i < N; i++)
        cr_assert(fabsf(have[i] - want[i]) < 1e-6F, "%zu: %f, not %f", i, (double)have[i], (double)want[i]);
}

Test(strategy, gradients_are_summed_and_act_as_one_step)
{
    alone_t *a = s_alone(STRATEGY_ASGD_GA);
    s_step(a, 1);
    s_step(a, 2);
    buf_t *cut = s_cut(a, false);
    s_expect(cut, (float[]){3, 5, 7, 9});
    s_expect(a->replica.parameters, (float[]){-1.5F, -2.5F, -3.5F, -4.5F});
    cr_assert(s_take(a, 2));
    s_expect(a->replica.parameters, (float[]){-2.5F, -4, -5.5F, -7});
    buf_destroy(&cut);
    cr_assert_null(s_cut(a, false), "nothing is open");
    alone_free(a);
}

Test(strategy, models_are_averaged_by_their_regions_share)
{
    alone_t *a = s_alone(STRATEGY_AMA);
    s_step(a, 2);
    buf_t *cut = s_cut(a, false);
    s_expect(cut, (float[]){-1, -1.5F, -2, -2.5F});
    cr_assert(s_take(a, 1));
    s_expect(a->replica.parameters, (float[]){0, 0.25F, 0.5F, 0.75F});
    s_expect(cut, (float[]){-1, -1.5F, -2, -2.5F});
    buf_destroy(&cut);
    alone_free(a);
}

Test(strategy, slow_momentum_goes_on_where_the_last_cut_led)
{
    alone_t *a = s_alone(STRATEGY_SLOWMO);
    s_step(a, 2); /* w = -(1, 1.5, 2, 2.5), v = -w */
    buf_t *cut = s_cut(a, false);
    s_expect(cut, (float[]){-1, -1.5F, -2, -2.5F});
    buf_destroy(&cut);
    cr_assert(s_take(a, 1)); /* as under ama */
    s_expect(a->replica.parameters, (float[]){0, 0.25F, 0.5F, 0.75F});
    s_step(a, 0);          /* w -= (0, 0.5, 1, 1.5) */
    cut = s_cut(a, false); /* v = v / 2 + s - w;  w = s - v */
    s_expect(a->replica.outer.momentum, (float[]){-0.5F, -0.5F, -0.5F, -0.5F});
    s_expect(cut, (float[]){-0.5F, -1, -1.5F, -2});
    s_expect(a->replica.parameters, (float[]){-0.5F, -1, -1.5F, -2});
    buf_destroy(&cut);
    alone_free(a);
}

Test(strategy, slow_momentum_of_zero_is_ama)
{
    alone_t *a = s_alone(STRATEGY_SLOWMO), *b = s_alone(STRATEGY_AMA);
    a->replica.outer.mu = 0;
    buf_destroy(&a->replica.outer.momentum);
    for (int i = 0; i < 5; i++) {
        s_step(a, (float)i);
        s_step(b, (float)i);
        buf_t *mine = s_cut(a, false), *its = s_cut(b, false);
        s_expect(mine, buf_peek(its));
        buf_destroy(&mine);
        buf_destroy(&its);
        cr_assert(s_take(a, (float)-i) && s_take(b, (float)-i));
        s_expect(a->replica.parameters, buf_peek(b->replica.parameters));
    }
    alone_free(a);
    alone_free(b);
}

Test(strategy, differences_act_on_where_local_steps_began)
{
    alone_t *a = s_alone(STRATEGY_DILOCO);
    s_step(a, 2);
    buf_t *cut = s_cut(a, false); /* s - w */
    s_expect(cut, (float[]){1, 1.5F, 2, 2.5F});
    a->replica.exchange->waits(&a->replica, true, true);
    part_t part;
    blend_t mean = s_blend(a, &part, cut);
    cr_assert(a->replica.exchange->round(&a->replica, &mean)); /* m = d;  s -= d + m / 2 */
    s_expect(a->replica.parameters, (float[]){-1.5F, -2.25F, -3, -3.75F});
    s_expect(a->replica.outer.momentum, (float[]){1, 1.5F, 2, 2.5F});
    buf_destroy(&cut);
    alone_free(a);
}

Test(strategy, significant_changes_stay_here_and_are_added_there)
{
    alone_t *a = s_alone(STRATEGY_ASP);
    s_step(a, 2);
    buf_t *cut = s_cut(a, false);
    s_expect(cut, (float[]){1, 1.5F, 2, 2.5F});
    s_expect(a->replica.parameters, (float[]){-1, -1.5F, -2, -2.5F});
    cr_assert(s_take(a, 1));
    s_expect(a->replica.parameters, (float[]){-2, -3.5F, -5, -6.5F});
    buf_destroy(&cut);
    cr_assert_null(s_cut(a, false), "what others sent is no change of this region's");
    alone_free(a);
}

Test(strategy, rows_are_found_by_their_names)
{
    for (size_t id = 0; id <= STRATEGY_ASP; id++) {
        const exchange_t *row = exchange_find((strategy_name_t)id);
        cr_assert_eq(row->id, id);
        cr_assert(row->derive && row->ready && row->whole && row->cut && row->made && row->waits &&
                  row->too_late);
        cr_assert(row->own && row->take && row->round && row->weight && row->counts && row->is_late);
        cr_assert(row->again && row->open_again && row->scale);
    }
}
