/* Deltas that are encoded: what the other regions get, what stays behind, and that all of it has come at the
 * end. Counts, as the ledger's, must be exact then; and bytes that no encoder writes change nothing. */
#include "tests/unit/actors/shard/world.h"

#include "codec/base/rng.h"
#include "codec/compress/encoding.h"
#include "codec/compress/patched.h"
#include "tests/unit/codec/base/seed.h"

#include <math.h>

#define ELEMENTS 600
#define SAMPLES 240

static const char *const s_encodings[] = {"fp16", "bf16", "int8", "int4", "topk"};
#define ENCODINGS (sizeof s_encodings / sizeof *s_encodings)

/* Returns whether one delta carries integers of up to 7 bits whole. */
static bool s_exact(const char *encoding)
{
    return strcmp(encoding, "topk") != 0 && strcmp(encoding, "int4") != 0;
}

/* Of so many rows of 16 one has counts in a batch. Where that is few, rows travel alone. */
static uint64_t s_rare = 1;

/* Gradients are counts: sgd with a rate of 1 adds them up. */
static world_t *s_world(size_t regions, strategy_name_t strategy, uint64_t every, const char *encoding)
{
    topology_t *t = world_topology(regions, strategy, every, 1);
    t->job.optimizer.lr = 1;
    snprintf(t->job.data.kind, sizeof t->job.data.kind, "counter");
    snprintf(t->job.sync.encoding, sizeof t->job.sync.encoding, "%s", encoding);
    snprintf(t->job.sync.topk_values, sizeof t->job.sync.topk_values, "int8");
    t->job.sync.topk_ratio = 0.01;
    t->job.sync.threshold = 0.3;
    t->job.sync.outer_lr = 2; /* of two equal regions: the mean of differences becomes their sum */
    t->job.sync.outer_momentum = 0;
    if (strategy == STRATEGY_SSGD)
        t->job.sync.inside = INSIDE_SYNC;
    world_t *w = world_new(t, ELEMENTS);
    w->patches = s_rare > 1;
    world_start(w, SAMPLES);
    world_run(w);
    return w;
}

/* Counts of batch b: other ones each time, some too large for 8 bits. */
static void s_counts(size_t r, uint64_t b, float *ret_g)
{
    for (size_t i = 0; i < ELEMENTS; i++) {
        uint64_t x = (i * 7919 + b * 104729 + r * 31) % 977;
        ret_g[i] = x % 3 ? (float)(x % 17) : (float)x * 3 + 1;
        if ((i / 16 + b) % s_rare)
            ret_g[i] = 0;
    }
}

/* Pushes what each shard lacks below batch `end`; a shard that came back may lack more than another. */
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
                s_counts(r, b, g);
                world_push_shard(w, r, 0, k, b, g);
                world_run(w);
            }
        world_tick(w, 1000);
    }
}

/* The sum of everything that all regions have counted up to batch `end`. */
static void s_expected(const world_t *w, uint64_t end, float *ret)
{
    float g[ELEMENTS];
    memset(ret, 0, ELEMENTS * sizeof *ret);
    for (size_t r = 0; r < w->topology->region_count; r++)
        for (uint64_t b = 0; b < end && b < w->job.regions[r].batches; b++) {
            s_counts(r, b, g);
            for (size_t i = 0; i < ELEMENTS; i++)
                ret[i] -= g[i];
        }
}

static size_t s_wrong(const world_t *w, size_t r, const float *expected)
{
    float have[ELEMENTS];
    size_t wrong = 0;
    world_replica(w, r, have);
    for (size_t i = 0; i < ELEMENTS; i++)
        wrong += have[i] < expected[i] || have[i] > expected[i];
    return wrong;
}

/* Trains to the end; all shards start again from what they committed after half of it. */
static void s_check_exact(size_t regions, strategy_name_t strategy, uint64_t every, const char *encoding)
{
    float expected[ELEMENTS];
    world_t *w = s_world(regions, strategy, every, encoding);
    uint64_t batches = 0;
    for (size_t r = 0; r < regions; r++)
        batches = w->job.regions[r].batches > batches ? w->job.regions[r].batches : batches;
    s_train(w, batches / 2);
    world_settle(w, 500000);
    s_expected(w, batches / 2, expected);
    cr_assert(s_rare > 1 || s_wrong(w, 0, expected) > 0, "%s: nothing was left behind, so nothing is shown",
              encoding);
    for (size_t r = 0; r < regions; r++)
        for (size_t k = 0; k < w->shards; k++)
            world_crash(w, r, k);
    world_settle(w, 500000);
    s_train(w, batches);
    world_finish(w);
    s_expected(w, batches, expected);
    for (size_t r = 0; r < regions; r++)
        cr_assert_eq(s_wrong(w, r, expected), 0, "%s, region %zu: %zu counts are wrong", encoding, r,
                     s_wrong(w, r, expected));
    world_destroy(w);
}

Test(encode, counts_are_exact_at_the_end)
{
    for (size_t e = 0; e < ENCODINGS; e++) {
        s_check_exact(2 + e % 2, STRATEGY_ASP, 1 + e,
                      strcmp(s_encodings[e], "topk") ? s_encodings[e] : "none");
        s_check_exact(2, STRATEGY_ASGD, 1, s_encodings[e]);
        s_check_exact(3, STRATEGY_ASGD_GA, 4, s_encodings[e]);
        s_check_exact(2, STRATEGY_SSGD, 1, s_encodings[e]);
        s_check_exact(2, STRATEGY_DILOCO, 3, s_encodings[e]);
        s_check_exact(2, STRATEGY_DILOCO_ASYNC, 3, s_encodings[e]);
    }
}

/* Under waiting strategies a region adds what the others got of it, not what it has itself. */
/* Also of the last cut, which is sent whole. */
Test(encode, counts_of_few_rows_are_exact_at_the_end)
{
    static const char *const encodings[] = {"none", "fp16", "bf16", "int8", "int4"};
    s_rare = 7;
    for (size_t e = 0; e < 5; e++) {
        s_check_exact(2, STRATEGY_ASGD, 1, encodings[e]);
        s_check_exact(3, STRATEGY_ASGD_GA, 4, encodings[e]);
        s_check_exact(2, STRATEGY_SSGD, 1, encodings[e]);
        s_check_exact(2, STRATEGY_DILOCO, 3, encodings[e]);
        s_check_exact(2, STRATEGY_DILOCO_ASYNC, 3, encodings[e]);
        s_check_exact(3, STRATEGY_ASP, 2, encodings[e]);
    }
}

static void s_check_equal(strategy_name_t strategy, const char *encoding)
{
    float have[3][ELEMENTS], g[ELEMENTS];
    world_t *w = s_world(3, strategy, 1, encoding);
    rng_t rng;
    rng_init(&rng, test_seed());
    for (uint64_t b = 0; b < 10; b++) {
        for (size_t r = 0; r < 3; r++) {
            for (size_t i = 0; i < ELEMENTS; i++)
                g[i] = (float)rng_normal(&rng);
            world_push(w, r, 0, b, g);
        }
        world_tick(w, 1000);
        cr_assert_eq(shard_core_round(w->shard[0][0]), b + 1);
        for (size_t r = 0; r < 3; r++)
            world_replica(w, r, have[r]);
        size_t moved = 0;
        for (size_t i = 0; i < ELEMENTS; i++)
            moved += have[0][i] > 0 || have[0][i] < 0;
        cr_assert_gt(moved, 0);
        cr_assert_eq(memcmp(have[0], have[1], sizeof *have), 0, "%s after %d", encoding, (int)b);
        cr_assert_eq(memcmp(have[0], have[2], sizeof *have), 0);
    }
    world_destroy(w);
}

Test(encode, replicas_stay_equal_where_regions_wait)
{
    for (size_t e = 0; e < ENCODINGS; e++) {
        s_check_equal(STRATEGY_SSGD, s_encodings[e]);
        s_check_equal(STRATEGY_DILOCO, s_encodings[e]);
        if (strcmp(s_encodings[e], "topk") != 0)
            s_check_equal(STRATEGY_SMA, s_encodings[e]);
    }
}

/* Steps of 1/1000 of a weight are below the last bit of bf16: without a residual the mean would never
 * move. */
Test(encode, models_move_by_less_than_their_last_bit)
{
    float g[ELEMENTS], have[ELEMENTS];
    world_t *w = s_world(2, STRATEGY_SMA, 1, "bf16");
    for (size_t i = 0; i < ELEMENTS; i++)
        g[i] = -1;
    for (uint64_t b = 0; b < 25; b++) {
        for (size_t r = 0; r < 2; r++)
            world_push(w, r, 0, b, g);
        world_tick(w, 1000);
        for (size_t i = 0; b == 0 && i < ELEMENTS; i++)
            g[i] = -0.001f;
    }
    world_replica(w, 1, have);
    for (size_t i = 0; i < ELEMENTS; i++)
        cr_assert(fabsf(have[i] - 1.024f) < 1.0f / 128, "%g", (double)have[i]);
    world_destroy(w);
}

/* -- bytes of others --------------------------------------------------------------------------------------
 */

#define CHUNKS_MOST 64

static float s_some[ELEMENTS];

/* The chunks of the first delta of shard 0, addressed to the receiver. */
static size_t s_delta(world_t *w, message_t **ret_items)
{
    size_t count = 0;
    message_t *m;
    for (size_t i = 0; i < ELEMENTS; i++)
        s_some[i] = i / 16 % s_rare ? 0 : (float)(i % 50) - (s_rare > 1 ? -1.0F : 20.0F);
    world_push_shard(w, 0, 0, 0, 0, s_some);
    world_run(w);
    while ((m = outbox_take(&w->wan))) {
        if (m->kind == KIND_delta && m->delta.shard == 0) {
            cr_assert_lt(count, CHUNKS_MOST);
            message_set_name(m->to, "shard/region1/0");
            message_set_name(m->from, "synchronizer/region0/0");
            ret_items[count++] = m;
        } else {
            message_destroy(&m);
        }
    }
    return count;
}

static world_t *s_sender(const char *encoding)
{
    world_t *w = s_world(2, STRATEGY_ASGD, 1, encoding);
    for (size_t r = 0; r < 2; r++)
        for (size_t k = 0; k < w->shards; k++) {
            shard_role.destroy((void **)&w->shard[r][k]);
            shard_spec_t spec = world_spec(w, r, k);
            spec.chunk_bytes = 100;
            buf_t *zero = buf_new_zero(world_size(w, k) * sizeof(float));
            w->shard[r][k] = shard_core_new(&spec, &zero);
        }
    w->no_sync = true;
    world_run(w);
    return w;
}

/* Gives all chunks to the receiver; returns the code of the answer to the last one. */
static err_code_t s_give(world_t *w, message_t **items, size_t count)
{
    uint64_t code = UINT64_MAX;
    for (size_t i = 0; i < count; i++) {
        items[i]->delta.checksum = hash_checksum(slice_peek(&items[i]->data), items[i]->data.size_bytes);
        world_deliver(w, &items[i]);
        message_t *m;
        while ((m = outbox_take(shard_role.outbox(w->shard[1][0])))) {
            if (m->kind == KIND_delta_ack)
                code = m->delta_ack.code;
            message_destroy(&m);
        }
    }
    return (err_code_t)code;
}

static bool s_untouched(const world_t *w)
{
    const float *p = shard_core_parameters(w->shard[1][0]);
    for (size_t i = 0; i < world_size(w, 0); i++)
        if (p[i] < 0 || p[i] > 0)
            return false;
    return true;
}

static void s_set_byte(message_t *m, size_t at, uint8_t byte)
{
    buf_t *copy = buf_new_copy(slice_peek(&m->data), m->data.size_bytes);
    ((uint8_t *)buf_data(copy))[at] = byte;
    slice_fini(&m->data);
    m->data = slice_of(copy, 0, buf_size(copy));
    buf_destroy(&copy);
}

Test(encode, a_delta_of_many_chunks_is_decoded_to_what_was_sent)
{
    for (size_t e = 0; e < ENCODINGS; e++) {
        world_t *w = s_sender(s_encodings[e]);
        message_t *items[CHUNKS_MOST];
        size_t count = s_delta(w, items);
        cr_assert(count > (strcmp(s_encodings[e], "topk") ? 1 : 0));
        cr_assert_eq(items[0]->delta.encoding, encoding_named(s_encodings[e])->number);
        cr_assert_eq(s_give(w, items, count), ERR_OK);
        const float *p = shard_core_parameters(w->shard[1][0]);
        size_t same = 0;
        for (size_t i = 0; i < world_size(w, 0); i++)
            same += p[i] == -s_some[i];
        cr_assert(s_exact(s_encodings[e]) ? same == world_size(w, 0) : !s_untouched(w), "%s", s_encodings[e]);
        world_destroy(w);
    }
}

/* Two rows of 16 in 300 elements. */
Test(encode, a_delta_of_few_rows_is_a_patch_of_them)
{
    static const char *const encodings[] = {"none", "fp16", "bf16", "int8", "int4"};
    s_rare = 10;
    for (size_t e = 0; e < 5; e++) {
        world_t *w = s_sender(encodings[e]);
        message_t *items[CHUNKS_MOST];
        size_t count = s_delta(w, items);
        const encoding_t *values = encoding_named(encodings[e]);
        cr_assert_eq(items[0]->delta.encoding, PATCHED | values->number);
        cr_assert_eq(items[0]->delta.total, 4 + 2 * 8 + encoding_size_most(values, NULL, 32));
        cr_assert_eq(s_give(w, items, count), ERR_OK);
        const float *p = shard_core_parameters(w->shard[1][0]);
        for (size_t i = 0; i < world_size(w, 0); i++)
            cr_assert(s_exact(encodings[e]) ? p[i] == 0 - s_some[i] : s_some[i] > 0 || p[i] == 0);
        world_destroy(w);
    }
}

Test(encode, what_is_wrong_is_refused_and_changes_nothing)
{
    static const struct {
        const char *encoding, *what;
        size_t chunk, at;
        uint8_t byte;
        err_code_t code;
    } rows[] = {
        {"fp16", "infinity", 1, 1, 0x7c, ERR_NUMBER},
        {"bf16", "NaN", 0, 1, 0xff, ERR_NUMBER},
        {"int8", "a scale too large", 0, 0, 255, ERR_NUMBER},
        {"int8", "a scale of zero", 0, 0, 0, ERR_MALFORMED},
        {"int4", "a scale too large", 0, 1, 0x7f, ERR_NUMBER},
        {"int4", "a scale too small", 0, 1, 0, ERR_MALFORMED},
        {"topk", "unknown values", 0, 0, 9, ERR_MALFORMED},
        {"topk", "too many values", 0, 15, 1, ERR_MALFORMED},
        {"topk", "words that are not there", 0, 7, 1, ERR_SHAPE},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        world_t *w = s_sender(rows[i].encoding);
        message_t *items[CHUNKS_MOST];
        size_t count = s_delta(w, items);
        s_set_byte(items[rows[i].chunk], rows[i].at, rows[i].byte);
        if (strcmp(rows[i].encoding, "bf16") == 0)
            s_set_byte(items[0], 0, 0xc0);
        err_code_t code = s_give(w, items, count);
        cr_assert_eq(code, rows[i].code, "%s, %s: %s", rows[i].encoding, rows[i].what, err_name(code));
        cr_assert(s_untouched(w));
        world_destroy(w);
    }
}

Test(encode, another_encoding_and_another_length_are_refused)
{
    for (uint64_t encoding = 0; encoding < 8; encoding++) {
        world_t *w = s_sender("fp16");
        message_t *items[CHUNKS_MOST];
        size_t count = s_delta(w, items);
        if (encoding == 1) {
            items[0]->delta.total += 4;
            cr_assert_eq(s_give(w, items, 1), ERR_SHAPE);
        } else {
            items[0]->delta.encoding = encoding == 7 ? UINT64_MAX : encoding;
            cr_assert_eq(s_give(w, items, 1), encoding ? ERR_VERSION : ERR_SHAPE);
        }
        cr_assert(s_untouched(w));
        while (count > 1)
            message_destroy(&items[--count]);
        world_destroy(w);
    }
}
