/* Tensors with rules, under every strategy and encoding: counts of the optimizer's are exact, running
 * averages lie between what was seen, and fixed ones stay. */
#include "actors/shard/replica/exchange.h"
#include "tests/unit/actors/shard/alone.h"

#include <math.h>

/* Shards begin at 0 and 300, amidst the average. */
#define ELEMENTS 600
#define AVERAGE_FIRST 250
#define AVERAGE_END 350
#define FIXED_FIRST 550
#define SAMPLES 240
#define SEEN_LEAST 4
#define SEEN_MOST 6

static void s_add(layout_t *layout, const char *name, size_t count, tensor_rule_t rule)
{
    cr_assert(!layout_add(layout, name, 1, &count, NULL));
    layout_last(layout)->rule = rule;
    layout_last(layout)->rate = rule == TENSOR_AVERAGE ? 0.2f : 0;
}

static const layout_t *s_layout(void)
{
    static layout_t layout;
    layout = (layout_t){0};
    s_add(&layout, "a", AVERAGE_FIRST, TENSOR_OPTIMIZER);
    s_add(&layout, "variance", AVERAGE_END - AVERAGE_FIRST, TENSOR_AVERAGE);
    s_add(&layout, "b", FIXED_FIRST - AVERAGE_END, TENSOR_OPTIMIZER);
    s_add(&layout, "c", ELEMENTS - FIXED_FIRST, TENSOR_FIXED);
    return &layout;
}

static world_t *s_world(size_t regions, strategy_name_t strategy, uint64_t every, const char *encoding,
                        size_t overlap)
{
    topology_t *t = world_topology(regions, strategy, every, 1);
    t->job.optimizer.lr = 1;
    snprintf(t->job.data.kind, sizeof t->job.data.kind, "counter");
    snprintf(t->job.sync.encoding, sizeof t->job.sync.encoding, "%s", encoding);
    snprintf(t->job.sync.topk_values, sizeof t->job.sync.topk_values, "int8");
    t->job.sync.topk_ratio = 0.01;
    t->job.sync.threshold = 0.3;
    t->job.sync.outer_lr = (double)regions; /* of equal regions: the mean of differences becomes their sum */
    t->job.sync.outer_momentum = 0;
    t->job.sync.overlap = overlap;
    if (strategy == STRATEGY_SSGD)
        t->job.sync.inside = INSIDE_SYNC;
    world_t *w = world_new(t, ELEMENTS);
    w->tensors = s_layout();
    world_start(w, SAMPLES);
    world_run(w);
    return w;
}

static float s_seen(size_t r, uint64_t b, size_t i)
{
    return SEEN_LEAST + (SEEN_MOST - SEEN_LEAST) * (float)((i * 31 + b * 17 + r * 7) % 101) / 100;
}

/* Counts, what was seen, and where nothing may change, something. */
static void s_push(size_t r, uint64_t b, float *ret_g)
{
    for (size_t i = 0; i < ELEMENTS; i++) {
        bool average = i >= AVERAGE_FIRST && i < AVERAGE_END;
        ret_g[i] = i >= FIXED_FIRST ? 9
                   : average        ? s_seen(r, b, i)
                                    : (float)((i * 7919 + b * 104729 + r) % 17);
    }
}

static void s_expect_between(const world_t *w, float least)
{
    float have[ELEMENTS];
    for (size_t r = 0; r < w->topology->region_count; r++) {
        world_replica(w, r, have);
        for (size_t i = AVERAGE_FIRST; i < AVERAGE_END; i++)
            cr_assert(have[i] >= least && have[i] <= SEEN_MOST + 1e-5f, "%s: an average is %g",
                      w->topology->job.sync.encoding, (double)have[i]);
        for (size_t i = FIXED_FIRST; i < ELEMENTS; i++)
            cr_assert(have[i] >= 0 && have[i] <= 0, "what is fixed is %g", (double)have[i]);
    }
}

static void s_train(world_t *w, uint64_t end)
{
    float g[ELEMENTS];
    for (size_t pass = 0; pass < 2 * end; pass++) {
        for (size_t r = 0; r < w->topology->region_count; r++)
            for (size_t k = 0; k < w->shards; k++) {
                uint64_t b, gap_end, batches = w->job.regions[r].batches;
                if (!ranges_gap(shard_core_applied(w->shard[r][k]), 0, end < batches ? end : batches, &b,
                                &gap_end))
                    continue;
                s_push(r, b, g);
                world_push_shard(w, r, 0, k, b, g);
                world_run(w);
            }
        world_tick(w, 1000);
        s_expect_between(w, 0);
    }
}

static void s_expect_counts(const world_t *w)
{
    float have[ELEMENTS], g[ELEMENTS], expected[ELEMENTS] = {0};
    for (size_t r = 0; r < w->topology->region_count; r++)
        for (uint64_t b = 0; b < w->job.regions[r].batches; b++) {
            s_push(r, b, g);
            for (size_t i = 0; i < ELEMENTS; i++)
                expected[i] -= g[i];
        }
    for (size_t r = 0; r < w->topology->region_count; r++) {
        world_replica(w, r, have);
        for (size_t i = 0; i < FIXED_FIRST; i++)
            if (i < AVERAGE_FIRST || i >= AVERAGE_END)
                cr_assert_float_eq(have[i], expected[i], 1e-3, "element %zu: %g instead of %g", i,
                                   (double)have[i], (double)expected[i]);
    }
}

/* A shard that lost its disk takes another region's state, and what it knows of its own. */
static void s_lose(world_t *w, size_t r, size_t k)
{
    snapshot_destroy(&w->out[r][k]);
    shard_role.destroy((void **)&w->shard[r][k]);
    w->incarnation += 100;
    shard_spec_t spec = world_spec(w, r, k);
    spec.history += w->incarnation;
    spec.uncertain = true;
    cr_assert_eq(shard_core_restore(&spec, w->last[r][k], &w->shard[r][k], NULL), ERR_OK);
}

static void s_check(size_t regions, strategy_name_t strategy, uint64_t every, const char *encoding,
                    size_t overlap, bool counts)
{
    world_t *w = s_world(regions, strategy, every, encoding, overlap);
    uint64_t batches = w->job.regions[0].batches;
    s_train(w, batches / 2);
    world_settle(w, 500000);
    s_expect_between(w, 1);
    for (size_t r = 0; r < regions; r++)
        for (size_t k = 0; k < w->shards; k++)
            world_crash(w, r, k);
    world_settle(w, 500000);
    s_train(w, batches * 3 / 4);
    if (!topology_waits(w->topology))
        s_lose(w, 0, 0);
    world_settle(w, 1000000);
    s_train(w, batches);
    world_finish(w);
    s_expect_between(w, SEEN_LEAST - 0.5f);
    if (counts)
        s_expect_counts(w);
    world_destroy(w);
}

Test(rules, averages_lie_between_what_was_seen_whatever_crosses_and_counts_are_exact)
{
    static const char *const encodings[] = {"none", "fp16", "bf16", "int8", "int4", "topk"};
    for (size_t e = 0; e < sizeof encodings / sizeof *encodings; e++) {
        bool some = strcmp(encodings[e], "topk") == 0;
        s_check(2, STRATEGY_ASGD, 1, encodings[e], 0, true);
        s_check(3, STRATEGY_ASGD_GA, 4, encodings[e], 0, true);
        s_check(2, STRATEGY_SSGD, 1, encodings[e], 0, true);
        s_check(2, STRATEGY_DILOCO, 3, encodings[e], 0, true);
        s_check(2, STRATEGY_DILOCO, 4, encodings[e], 2, true);
        s_check(2, STRATEGY_DILOCO_ASYNC, 3, encodings[e], 0, true);
        s_check(2, STRATEGY_ASP, 2, some ? "none" : encodings[e], 0, true);
        if (some)
            continue;
        s_check(2, STRATEGY_AMA, 2, encodings[e], 0, false);
        s_check(3, STRATEGY_SMA, 2, encodings[e], 0, false);
        s_check(2, STRATEGY_SLOWMO, 2, encodings[e], 0, false);
    }
}

/* With an outer step of four times the mean, and momentum, averages still lie between what was seen. */
Test(rules, outer_steps_leave_averages_alone)
{
    static const strategy_name_t strategies[] = {STRATEGY_DILOCO, STRATEGY_DILOCO_ASYNC, STRATEGY_SLOWMO};
    for (size_t i = 0; i < sizeof strategies / sizeof *strategies; i++) {
        world_t *w = s_world(2, strategies[i], 3, "int8", 0);
        w->topology->job.sync.outer_lr = 4;
        w->topology->job.sync.outer_momentum = 0.9;
        for (size_t r = 0; r < 2; r++)
            for (size_t k = 0; k < w->shards; k++) {
                shard_role.destroy((void **)&w->shard[r][k]);
                shard_spec_t spec = world_spec(w, r, k);
                buf_t *zero = buf_new_zero(world_size(w, k) * sizeof(float));
                w->shard[r][k] = shard_core_new(&spec, &zero);
            }
        world_run(w);
        s_train(w, w->job.regions[0].batches);
        s_expect_between(w, 1);
        world_destroy(w);
    }
}

#define N 8 /* two of the optimizer, four of an average, two fixed */

static layout_t s_small(void)
{
    layout_t layout = {0};
    s_add(&layout, "w", 4, TENSOR_OPTIMIZER);
    s_add(&layout, "mean", 4, TENSOR_AVERAGE);
    s_add(&layout, "c", 2, TENSOR_FIXED);
    return layout;
}

static alone_t *s_alone(const layout_t *layout, optimizer_name_t optimizer, size_t regions,
                        strategy_name_t strategy)
{
    topology_t *topology = world_topology(regions, strategy, 1, 1);
    snprintf(topology->job.sync.encoding, sizeof topology->job.sync.encoding, "int4");
    topology->job.optimizer.name = optimizer;
    topology->job.optimizer.lr = 0.5;
    topology->job.optimizer.momentum = 0.9;
    topology->job.optimizer.weight_decay = 0.1;
    topology->job.optimizer.schedule = SCHEDULE_LINEAR;
    return alone_new(
        topology, 64,
        (shard_spec_t){
            .incarnation = 1, .elements = N, .tensors = layout, .first = 2, .chunk_bytes = 16, .history = 1});
}

static void s_apply(alone_t *a, const float *values)
{
    buf_t *gradient = buf_new_copy(values, N * sizeof *values);
    part_t part = {.buf = gradient, .weight = 1};
    blend_t blend = {
        .parts = &part, .count = 1, .divisor = 1, .scratch = a->replica.scratch, .sums = a->replica.sums};
    cr_assert(version_step(&a->replica, &blend, true, false));
    buf_destroy(&gradient);
}

/* No momentum, no decay, no schedule, whatever the optimizer has. */
Test(rules, an_average_knows_neither_rate_nor_momentum_nor_decay_of_the_optimizer)
{
    static const optimizer_name_t optimizers[] = {OPTIMIZER_SGD, OPTIMIZER_MOMENTUM, OPTIMIZER_ADAM,
                                                  OPTIMIZER_ADAMW, OPTIMIZER_ADAGRAD};
    layout_t layout = s_small();
    for (size_t o = 0; o < sizeof optimizers / sizeof *optimizers; o++) {
        alone_t *a = s_alone(&layout, optimizers[o], 1, STRATEGY_ASGD);
        float expected = 0;
        for (int i = 0; i < 10; i++) {
            buf_t *held = buf_ref(a->replica.parameters); /* every second one is not made in place */
            if (i % 2)
                buf_destroy(&held);
            s_apply(a, (float[]){1, -1, 3, 3, 3, 3, 7, 7});
            a->replica.samples_applied = 64; /* where a linear schedule has come to nothing */
            buf_destroy(&held);
            expected = 0.8f * expected + 0.2f * 3;
            const float *w = buf_peek(a->replica.parameters);
            for (size_t k = 2; k < 6; k++)
                cr_assert_float_eq(w[k], expected, 1e-6);
            cr_assert(fabsf(w[0]) > 0 && w[6] <= 0 && w[6] >= 0 && w[7] <= 0 && w[7] >= 0);
            for (size_t s = 0; s < optimizer_tensors(optimizer_find(optimizers[o])); s++) {
                const float *state = buf_peek(a->replica.state[s]);
                for (size_t k = 2; k < N; k++)
                    cr_assert(state[k] <= 0 && state[k] >= 0, "the optimizer remembers what is not its own");
            }
        }
        alone_free(a);
    }
}

/* All of a replica's elements. */
static void s_set(alone_t *a, float value)
{
    CHECK(buf_make_unique(&a->replica.parameters));
    float *w = buf_data(a->replica.parameters);
    for (size_t i = 0; i < N; i++)
        w[i] = value;
}

static void s_expect_rest(alone_t *a, float average, float fixed)
{
    const float *w = buf_peek(a->replica.parameters);
    for (size_t i = 2; i < 6; i++)
        cr_assert_float_eq(w[i], average, 1e-6, "an average is %g", (double)w[i]);
    for (size_t i = 6; i < N; i++)
        cr_assert(w[i] <= fixed && w[i] >= fixed, "what is fixed is %g", (double)w[i]);
}

Test(rules, what_is_fixed_is_no_part_of_a_model_that_comes)
{
    layout_t layout = s_small();
    alone_t *a = s_alone(&layout, OPTIMIZER_SGD, 2, STRATEGY_AMA);
    s_set(a, 3);
    buf_t *model = buf_new_zero(N * sizeof(float));
    part_t part = {.buf = model, .weight = 1};
    blend_t blend = {
        .parts = &part, .count = 1, .divisor = 1, .scratch = a->replica.scratch, .sums = a->replica.sums};
    cr_assert(a->replica.exchange->take(&a->replica, &(late_t){.origin = 1}, &blend));
    s_expect_rest(a, 1.5f, 3);
    cr_assert(version_set(&a->replica, &blend));
    s_expect_rest(a, 0, 3);
    buf_destroy(&model);
    alone_free(a);
}

Test(rules, what_an_encoding_left_out_has_no_averages)
{
    layout_t layout = s_small();
    alone_t *a = s_alone(&layout, OPTIMIZER_SGD, 2, STRATEGY_ASGD_GA);
    buf_t *values = buf_new_copy((float[]){1, 0.3f, 5, 5, 5, 5, 0.7f, 0.7f}, N * sizeof(float));
    buf_t *view = buf_new(N * sizeof(float));
    encoded_t encoded = encode_cut(&a->replica, &values, false, false);
    cr_assert(encode_fits(&a->replica, encoded.encoding, buf_size(encoded.data)));
    cr_assert(!encode_fits(&a->replica, encoded.encoding, buf_size(encoded.data) - 4));
    cr_assert(!encode_view(&a->replica, encoded.encoding, encoded.data, view));
    const float *seen = buf_peek(view), *rest = buf_peek(a->replica.residual);
    cr_assert(fabsf(rest[1]) > 0, "int4 has two digits");
    for (size_t i = 2; i < N; i++) {
        cr_assert_float_eq(seen[i], i < 6 ? 5 : 0, 0);
        cr_assert_float_eq(rest[i], 0, 0);
    }
    s_set(a, 3);
    a->replica.exchange->open_again(&a->replica, &(former_t){.some = true});
    s_expect_rest(a, 3, 3);
    buf_destroy(&encoded.data);
    buf_destroy(&view);
    alone_free(a);
}

Test(rules, late_averages_are_not_compensated)
{
    topology_t *t = world_topology(2, STRATEGY_ASGD_GA, 2, 1);
    t->job.sync.compensate = 2;
    world_t *w = world_new(t, ELEMENTS);
    w->tensors = s_layout();
    world_start(w, SAMPLES);
    world_run(w);
    s_train(w, w->job.regions[0].batches);
    world_finish(w);
    s_expect_between(w, SEEN_LEAST - 0.5f);
    world_destroy(w);
}
