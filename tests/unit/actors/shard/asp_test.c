/* asp: what is significant is sent, what is not stays and comes later, and all of it is counted once. Changes
 * are counts, so that sums are exact. */
#include "tests/unit/actors/shard/world.h"

#include "actors/synchronizer/strategy.h"
#include "codec/base/rng.h"
#include "codec/compress/encoding.h"
#include "tests/unit/codec/base/seed.h"

#include <math.h>

#define ELEMENTS 12

static const char *const s_encodings[] = {"none", "fp16", "bf16", "int8"};
#define ENCODINGS (sizeof s_encodings / sizeof *s_encodings)

static world_t *s_world(size_t regions, uint64_t every, double threshold, const char *encoding)
{
    topology_t *t = world_topology(regions, STRATEGY_ASP, every, 1);
    t->job.optimizer.lr = 1;
    snprintf(t->job.data.kind, sizeof t->job.data.kind, "counter");
    snprintf(t->job.sync.encoding, sizeof t->job.sync.encoding, "%s", encoding);
    t->job.sync.threshold = threshold;
    t->checkpoint.every = 1;
    return world_new(t, ELEMENTS);
}

/* All elements change by as much. */
static void s_change(world_t *w, size_t r, uint64_t batch, float by)
{
    float g[ELEMENTS];
    for (size_t i = 0; i < ELEMENTS; i++)
        g[i] = -by;
    world_push(w, r, 0, batch, g);
    world_tick(w, 1000);
}

static void s_expect(const world_t *w, size_t r, float each)
{
    float have[ELEMENTS];
    world_replica(w, r, have);
    for (size_t i = 0; i < ELEMENTS; i++)
        cr_assert(have[i] == each, "region %zu has %g, not %g", r, (double)have[i], (double)each);
}

Test(asp, what_is_not_significant_stays_until_it_is)
{
    world_t *w = s_world(2, 1, 0.5, "none");
    world_start(w, 80);
    world_run(w);
    s_change(w, 0, 0, 100); /* 100 of 100 */
    s_expect(w, 1, 100);
    s_change(w, 0, 1, 10); /* 10 of 110 */
    s_change(w, 0, 2, 60); /* 70 of 170 */
    s_expect(w, 0, 170);
    s_expect(w, 1, 100);
    cr_assert_eq(shard_core_samples_applied(w->shard[1][0]), 12, "nothing to send, but the samples count");
    s_change(w, 0, 3, 60); /* 130 of 230 */
    s_expect(w, 1, 230);
    s_change(w, 1, 0, 1); /* what came of others is no change of its own: 1 of 231 */
    s_expect(w, 0, 230);
    s_change(w, 0, 4, -230); /* of 1 there, of 0 here: any change counts */
    s_expect(w, 0, 0);
    s_expect(w, 1, 1);
    world_destroy(w);
}

Test(asp, the_last_cut_takes_all_along)
{
    world_t *w = s_world(3, 2, 1, "int8");
    world_start(w, 120);
    world_run(w);
    for (uint64_t b = 0; b < 10; b++)
        for (size_t r = 0; r < 3; r++)
            s_change(w, r, b, (float)(r + 1) * (b == 0 ? 1000 : 3));
    for (size_t r = 0; r < 3; r++) {
        float have[ELEMENTS];
        world_replica(w, r, have);
        cr_assert(have[0] < 6 * (1000 + 9 * 3), "nothing was held back, so nothing is shown");
    }
    world_finish(w);
    for (size_t r = 0; r < 3; r++)
        s_expect(w, r, 6 * (1000 + 9 * 3));
    world_destroy(w);
}

/* -- against the formula ----------------------------------------------------------------------------------
 */

typedef struct {
    float w[ELEMENTS], rest[ELEMENTS];
    uint64_t open;
} naive_t;

static void s_naive_cut(const world_t *w, naive_t *all, size_t from, float difference[ELEMENTS],
                        uint64_t step)
{
    uint64_t pass = step / w->job.regions[from].steps_per_epoch + 1;
    float v = (float)(w->topology->job.sync.threshold / sqrt((double)pass));
    for (size_t i = 0; i < ELEMENTS; i++) {
        float x = all[from].rest[i] + difference[i];
        bool sent = fabsf(x) > v * fabsf(all[from].w[i]);
        all[from].rest[i] = sent ? 0 : x;
        for (size_t r = 0; sent && r < w->topology->region_count; r++)
            all[r].w[i] += r == from ? 0 : x;
    }
    memset(difference, 0, ELEMENTS * sizeof *difference);
}

/* How many values were held back. */
static size_t s_naive_held(const naive_t *all, size_t regions)
{
    size_t held = 0;
    for (size_t r = 0; r < regions; r++)
        for (size_t i = 0; i < ELEMENTS; i++)
            held += all[r].rest[i] < 0 || all[r].rest[i] > 0;
    return held;
}

/* Regions step in turn, so that deltas come while others are between two cuts. */
Test(asp, acts_as_the_formulas_say)
{
    const size_t regions = 3;
    naive_t all[3] = {0};
    float open[3][ELEMENTS] = {0}, have[ELEMENTS], g[ELEMENTS];
    size_t held = 0;
    rng_t rng;
    rng_init(&rng, test_seed());
    world_t *w = s_world(regions, 3, 0.4, "none");
    w->topology->job.epochs = 3;
    world_start(w, 120);
    world_run(w);
    for (uint64_t b = 0; b < w->job.regions[0].batches; b++) {
        for (size_t r = 0; r < regions; r++) {
            for (size_t i = 0; i < ELEMENTS; i++) {
                g[i] = (float)rng_below(&rng, 41) - 15;
                open[r][i] -= g[i];
                all[r].w[i] -= g[i];
            }
            world_push(w, r, 0, b, g);
            world_tick(w, 1000);
            if ((b + 1) % 3 == 0)
                s_naive_cut(w, all, r, open[r], b + 1);
            for (size_t q = 0; q < regions; q++) {
                world_replica(w, q, have);
                cr_assert_arr_eq(have, all[q].w, sizeof have, "region %zu after batch %d of %zu", q, (int)b,
                                 r);
            }
        }
        held += s_naive_held(all, regions);
    }
    cr_assert_gt(held, 20, "nothing was held back, so nothing is shown");
    world_destroy(w);
}

/* -- going on from a snapshot ------------------------------------------------------------------------------
 */

/* The rest that a region's snapshot has. */
static void s_residual(const world_t *w, size_t r, float *ret)
{
    memset(ret, 0, ELEMENTS * sizeof *ret);
    for (size_t k = 0; k < w->shards; k++) {
        const buf_t *buf = snapshot_peek(w->last[r][k], "residual");
        if (buf)
            memcpy(ret + world_first(w, k), buf_peek(buf), world_size(w, k) * sizeof(float));
    }
}

static size_t s_check_sum(const world_t *w)
{
    float here[ELEMENTS], there[ELEMENTS], rest[ELEMENTS];
    size_t held = 0;
    world_replica(w, 0, here);
    world_replica(w, 1, there);
    s_residual(w, 0, rest);
    for (size_t i = 0; i < ELEMENTS; i++) {
        cr_assert(there[i] - rest[i] == here[i], "%g was sent, %g rests, of %g", (double)there[i],
                  (double)-rest[i], (double)here[i]);
        held += rest[i] < 0 || rest[i] > 0;
    }
    return held;
}

static void s_check_restarts(const char *encoding)
{
    size_t held = 0;
    float g[ELEMENTS], plain[ELEMENTS], restarted[ELEMENTS];
    for (int restarts = 0; restarts < 2; restarts++) {
        rng_t rng;
        rng_init(&rng, test_seed());
        world_t *w = s_world(2, 1, 0.3, encoding);
        world_start(w, 160);
        world_run(w);
        for (uint64_t b = 0; b < w->job.regions[0].batches; b++) {
            for (size_t i = 0; i < ELEMENTS; i++)
                g[i] = (float)rng_below(&rng, 999) - 300;
            world_push(w, 0, 0, b, g);
            world_tick(w, 1000);
            for (size_t k = 0; restarts && b % 3 == 0 && k < w->shards; k++) {
                world_crash(w, 0, k);
                world_crash(w, 1, k);
            }
            world_settle(w, restarts ? 3000000 : 1000);
            held += s_check_sum(w);
        }
        world_replica(w, 1, restarts ? restarted : plain);
        world_destroy(w);
    }
    cr_assert_gt(held, 20, "%s: nothing was held back, so nothing is shown", encoding);
    cr_assert_arr_eq(plain, restarted, sizeof plain, "%s", encoding);
}

Test(asp, what_was_sent_and_what_rests_is_all_there_is_also_after_restarts)
{
    for (size_t e = 0; e < ENCODINGS; e++)
        s_check_restarts(s_encodings[e]);
}

/* -- what is wrong ----------------------------------------------------------------------------------------
 */

Test(asp, steps_to_infinity_come_for_nothing)
{
    world_t *w = s_world(2, 2, 0.01, "none");
    world_start(w, 80);
    world_run(w);
    for (uint64_t b = 0; b < 2; b++)
        s_change(w, 0, b, 5);
    for (uint64_t b = 2; b < 4; b++)
        s_change(w, 0, b, 3e38f);
    for (size_t r = 0; r < 2; r++)
        s_expect(w, r, 10);
    for (uint64_t b = 4; b < 6; b++)
        s_change(w, 0, b, 7);
    for (size_t r = 0; r < 2; r++)
        s_expect(w, r, 24);
    world_destroy(w);
}

/* The first delta of shard 0 of region0, addressed to its receiver, and changed by the row. */
typedef struct {
    const char *what;
    uint64_t kind, encoding;
    size_t at; /* of the bytes; SIZE_MAX: none */
    uint8_t byte;
    err_code_t code;
} wrong_t;

/* A delta is one chunk. */
static void s_send_whole(world_t *w)
{
    for (size_t r = 0; r < 2; r++)
        for (size_t k = 0; k < w->shards; k++) {
            shard_role.destroy((void **)&w->shard[r][k]);
            shard_spec_t spec = world_spec(w, r, k);
            spec.chunk_bytes = 48;
            buf_t *zero = buf_new_zero(world_size(w, k) * sizeof(float));
            w->shard[r][k] = shard_core_new(&spec, &zero);
        }
}

static err_code_t s_give(world_t *w, const wrong_t *row)
{
    message_t *m, *delta = NULL;
    while ((m = outbox_take(&w->wan))) {
        if (!delta && m->kind == KIND_delta && m->delta.shard == 0)
            delta = m;
        else
            message_destroy(&m);
    }
    cr_assert_not_null(delta);
    cr_assert_eq(delta->delta.kind, DELTA_DIFFERENCE);
    cr_assert_eq(delta->delta.encoding, 4);
    cr_assert_eq(delta->delta.chunk_count, 1);
    message_set_name(delta->to, "shard/region1/0");
    message_set_name(delta->from, "synchronizer/region0/0");
    buf_t *copy = buf_new_copy(slice_peek(&delta->data), delta->data.size_bytes);
    if (row->at != SIZE_MAX)
        ((uint8_t *)buf_data(copy))[row->at] = row->byte;
    delta->delta.kind = row->kind;
    delta->delta.encoding = row->encoding;
    delta->delta.checksum = hash_checksum(buf_peek(copy), buf_size(copy));
    slice_fini(&delta->data);
    delta->data = slice_of(copy, 0, buf_size(copy));
    buf_destroy(&copy);
    world_deliver(w, &delta);
    err_code_t code = ERR_STATE;
    while ((m = outbox_take(shard_role.outbox(w->shard[1][0])))) {
        code = m->kind == KIND_delta_ack ? (err_code_t)m->delta_ack.code : code;
        message_destroy(&m);
    }
    return code;
}

Test(asp, what_is_wrong_is_refused_and_changes_nothing)
{
    static const wrong_t rows[] = {
        {"nothing", DELTA_DIFFERENCE, 4, SIZE_MAX, 0, ERR_OK},
        {"a gradient", DELTA_GRADIENT, 4, SIZE_MAX, 0, ERR_SHAPE},
        {"a model", DELTA_MODEL, 4, SIZE_MAX, 0, ERR_SHAPE},
        {"another encoding", DELTA_DIFFERENCE, 1, SIZE_MAX, 0, ERR_VERSION},
        {"bytes of no encoding", DELTA_DIFFERENCE, 0, SIZE_MAX, 0, ERR_SHAPE},
        {"unknown values", DELTA_DIFFERENCE, 4, 0, 9, ERR_MALFORMED},
        {"more values than elements", DELTA_DIFFERENCE, 4, 8, 200, ERR_MALFORMED},
        {"an index out of range", DELTA_DIFFERENCE, 4, 16, 0, ERR_MALFORMED},
        {"words that are not there", DELTA_DIFFERENCE, 4, 5, 1, ERR_SHAPE},
        {"infinity", DELTA_DIFFERENCE, 4, 23, 0x7f, ERR_NUMBER},
    };
    float g[ELEMENTS];
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        world_t *w = s_world(2, 1, 0.1, "none");
        world_start(w, 80);
        s_send_whole(w);
        w->no_sync = true;
        world_run(w);
        for (size_t e = 0; e < ELEMENTS; e++)
            g[e] = -384; /* the upper bits of its exponent are set */
        world_push(w, 0, 0, 0, g);
        err_code_t code = s_give(w, &rows[i]);
        cr_assert_eq(code, rows[i].code, "%s: %s", rows[i].what, err_name(code));
        s_expect(w, 0, 384);
        cr_assert(shard_core_parameters(w->shard[1][0])[0] == (rows[i].code ? 0 : 384), "%s", rows[i].what);
        world_destroy(w);
    }
}
