/* The momentum of several asynchronous workers: steps take turns in its lanes. */
#include "tests/unit/actors/shard/alone.h"

#define N 4u
#define LR 0.05f
#define MU 0.9f

static alone_t *s_alone(uint64_t workers)
{
    topology_t *t = world_topology(1, STRATEGY_ASGD_GA, 1000, workers);
    t->job.optimizer.name = OPTIMIZER_MOMENTUM;
    t->job.optimizer.momentum = (double)MU;
    static layout_t layout;
    layout = (layout_t){0};
    cr_assert(!layout_add(&layout, "w", 1, (size_t[]){N}, NULL));
    return alone_new(
        t, 64,
        (shard_spec_t){.incarnation = 1, .elements = N, .tensors = &layout, .chunk_bytes = 16, .history = 1});
}

static void s_step(alone_t *a, float value)
{
    buf_t *buf = buf_new(N * sizeof(float));
    CHECK(buf);
    for (size_t i = 0; i < N; i++)
        ((float *)buf_data(buf))[i] = value;
    part_t part = {.buf = buf, .weight = 1};
    blend_t blend = {
        .parts = &part, .count = 1, .divisor = 1, .scratch = a->replica.scratch, .sums = a->replica.sums};
    cr_assert(version_step(&a->replica, &blend, true, false));
    buf_destroy(&buf);
}

/* One worker: one momentum, and PyTorch's plain step. Several: v <- m v + g in the step's lane alone, and
 * w <- w - lr (g + m v). */
Test(lanes, steps_take_turns_and_look_ahead)
{
    for (size_t workers = 1; workers <= 9; workers += 2) {
        alone_t *a = s_alone(workers);
        size_t lanes = workers < OPTIMIZER_LANES_MAX ? workers : OPTIMIZER_LANES_MAX;
        float w = 0, v[OPTIMIZER_LANES_MAX] = {0};
        cr_assert_eq(base_lanes(&a->base), lanes);
        for (size_t i = 0; i < 40; i++) {
            float g = (float)(i * 7 % 5) - 2;
            buf_t *held = i % 3 ? NULL : buf_ref(a->replica.parameters);
            s_step(a, g);
            buf_destroy(&held);
            v[i % lanes] = MU * v[i % lanes] + g;
            w -= LR * (lanes > 1 ? g + MU * v[i % lanes] : v[i % lanes]);
            const float *have = buf_peek(a->replica.parameters);
            cr_assert_float_eq(have[0], w, 1e-4, "%zu lanes, step %zu: %g for %g", lanes, i, (double)have[0],
                               (double)w);
            cr_assert_float_eq(have[N - 1], w, 1e-4);
        }
        alone_free(a);
    }
}

/* A snapshot of fewer workers, or of before there were lanes, is gone on from: other lanes begin at 0. */
Test(lanes, a_snapshot_has_as_many_as_there_were)
{
    stored_tensor_t one[REPLICA_TENSORS_MAX], three[REPLICA_TENSORS_MAX];
    alone_t *a = s_alone(1), *b = s_alone(3);
    size_t count_one = replica_tensors(&a->replica, one), count_three = replica_tensors(&b->replica, three);
    cr_assert_eq(count_three, count_one + 2);
    cr_assert_str_eq(three[1].name, "momentum");
    cr_assert_str_eq(three[3].name, "momentum_3");
    cr_assert(three[1].required && !three[2].required && !three[3].required);
    cr_assert(three[1].given && !three[2].given, "another region has workers of its own");
    cr_assert(!optimizer_foreign(optimizer_find(OPTIMIZER_MOMENTUM), "momentum_8"));
    cr_assert(optimizer_foreign(optimizer_find(OPTIMIZER_SGD), "momentum_8"));
    buf_destroy(&b->replica.state[1]);
    replica_begin_state(&b->replica);
    const float *begun = buf_peek(b->replica.state[1]);
    cr_assert(begun[0] <= 0 && begun[0] >= 0);
    alone_free(a);
    alone_free(b);
}

Test(lanes, there_is_one_where_nothing_comes_late)
{
    alone_t *a = s_alone(3);
    topology_t *t = alone_topology(a);
    cr_assert_eq(topology_lanes(t, 0), 3);
    cr_assert_float_eq(topology_clip_norm(t, 0), 2, 0);
    t->job.optimizer.clip_norm = 5;
    cr_assert_float_eq(topology_clip_norm(t, 0), 5, 0);
    t->job.optimizer.clip_norm = 0;
    snprintf(t->job.data.kind, sizeof t->job.data.kind, "counter");
    cr_assert_float_eq(topology_clip_norm(t, 0), 0, 0, "counts are counts");
    snprintf(t->job.data.kind, sizeof t->job.data.kind, "idx");
    t->regions[0].workers = 0;
    cr_assert_eq(topology_lanes(t, 0), 4, "as many as there will be cores");
    t->job.sync.inside = INSIDE_SYNC;
    cr_assert_eq(topology_lanes(t, 0), 1);
    cr_assert_float_eq(topology_clip_norm(t, 0), 0, 0);
    t->job.sync.inside = INSIDE_SSP;
    cr_assert_eq(topology_lanes(t, 0), 4);
    t->job.sync.strategy = STRATEGY_SSGD;
    cr_assert_eq(topology_lanes(t, 0), 1);
    t->job.sync.strategy = STRATEGY_AMA;
    t->job.optimizer.momentum = 0;
    cr_assert_eq(topology_lanes(t, 0), 1);
    t->job.optimizer.momentum = 0.9;
    t->job.optimizer.name = OPTIMIZER_ADAM;
    cr_assert_eq(topology_lanes(t, 0), 1);
    alone_free(a);
}
