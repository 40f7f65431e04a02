/* No message, whatever its fields, may crash a shard, or change a parameter to what is not a number. */
#include "tests/unit/actors/shard/world.h"

#include "actors/synchronizer/strategy.h"
#include "codec/base/rng.h"
#include "codec/compress/encoding.h"
#include "codec/compress/patched.h"

#include <math.h>

#define ELEMENTS 24

static uint64_t s_number(rng_t *rng)
{
    static const uint64_t edges[] = {
        0, 1, 2, 3, 4, 16, 24, 48, UINT32_MAX, UINT64_MAX, UINT64_MAX - 1, UINT64_MAX / 4};
    uint64_t pick = rng_below(rng, 16);
    return pick < 12 ? edges[pick] : rng_below(rng, 32);
}

/* Pairs that may be the index of a patch, in front. */
static void s_index(rng_t *rng, char *data, size_t size)
{
    uint32_t pair[2] = {0, 1};
    for (size_t i = 0; i + sizeof pair <= size && rng_below(rng, 4); i += sizeof pair) {
        pair[0] += pair[1] + (uint32_t)rng_below(rng, 3);
        pair[1] = rng_below(rng, 16) ? (uint32_t)rng_below(rng, 5) : (uint32_t)s_number(rng);
        memcpy(data + i, pair, sizeof pair);
    }
}

static void s_data(rng_t *rng, message_t *m, uint64_t *ret_checksum)
{
    static const float values[] = {0, 1, -1, 1e38f, NAN, INFINITY};
    size_t size = (size_t)rng_below(rng, 64);
    buf_t *buf = buf_new_zero(size + 4);
    for (size_t i = 0; i + 4 <= size; i += 4)
        memcpy((char *)buf_data(buf) + i, &values[rng_below(rng, rng_below(rng, 4) ? 3 : 6)], 4);
    if (rng_below(rng, 2))
        s_index(rng, buf_data(buf), size);
    if (rng_below(rng, 8))
        m->data = slice_of(buf, rng_below(rng, 8) ? 0 : 1, size);
    buf_destroy(&buf);
    *ret_checksum =
        rng_below(rng, 8) ? hash_checksum(slice_peek(&m->data), m->data.buf ? size : 0) : s_number(rng);
}

static message_t *s_push(const world_t *w, rng_t *rng)
{
    char from[64];
    snprintf(from, sizeof from, "worker/region0/%d", (int)rng_below(rng, 3));
    message_t *m = message_new(KIND_push, "shard/region0/0", from);
    m->incarnation = rng_below(rng, 2);
    m->push.batch = rng_below(rng, 4) ? rng_below(rng, w->job.regions[0].batches) : s_number(rng);
    m->push.samples = rng_below(rng, 4) ? 4 : s_number(rng);
    m->push.chunk_count = rng_below(rng, 4) ? 1 + rng_below(rng, 3) : s_number(rng);
    m->push.chunk =
        rng_below(rng, 4) && m->push.chunk_count ? rng_below(rng, m->push.chunk_count) : s_number(rng);
    m->push.offset = rng_below(rng, 4) ? 4 * m->push.chunk : s_number(rng);
    m->push.total = rng_below(rng, 8) ? world_size(w, 0) : s_number(rng);
    m->push.pull = s_number(rng);
    m->push.pull_batch = s_number(rng);
    if (rng_below(rng, 2)) {
        m->push.patch = rng_below(rng, 8) ? 1 + rng_below(rng, 4) : s_number(rng);
        m->push.words = rng_below(rng, 4) ? rng_below(rng, 16) : s_number(rng);
    }
    s_data(rng, m, &m->push.checksum);
    if (m->push.patch && m->data.buf && rng_below(rng, 4)) { /* the first of one alone may be whole */
        m->push.words = m->data.size_bytes / 4;
        m->push.chunk = m->push.offset = 0;
        m->push.chunk_count = 1;
    }
    return m;
}

static message_t *s_delta(const world_t *w, rng_t *rng)
{
    message_t *m = message_new(KIND_delta, "shard/region0/0", "synchronizer/region1/0");
    message_set_name(m->delta.origin, rng_below(rng, 8)   ? "region1"
                                      : rng_below(rng, 2) ? "region0"
                                                          : "nowhere");
    m->delta.history = rng_below(rng, 8) ? 1010 : s_number(rng);
    m->delta.first = rng_below(rng, 4) ? 1 + rng_below(rng, 8) : s_number(rng);
    m->delta.last = rng_below(rng, 2) ? m->delta.first : s_number(rng);
    m->delta.kind = s_number(rng);
    m->delta.samples = rng_below(rng, 4) ? 4 : s_number(rng);
    m->delta.final = rng_below(rng, 64) == 0;
    encoding_setting_t setting;
    const encoding_t *encoding = strategy_encoding(w->topology, &setting);
    if (rng_below(rng, 4) == 0)
        encoding = encoding_find(0);
    m->delta.encoding = rng_below(rng, 8) ? encoding->number : s_number(rng);
    m->delta.layout = rng_below(rng, 8) ? WORLD_LAYOUT : s_number(rng);
    m->delta.elements = rng_below(rng, 8) ? world_size(w, 0) : s_number(rng);
    m->delta.total =
        rng_below(rng, 8) ? encoding_size_most(encoding, &setting, world_size(w, 0)) : s_number(rng);
    if (rng_below(rng, 4) == 0) {
        m->delta.encoding |= PATCHED;
        m->delta.total = 4 * rng_below(rng, 16);
    }
    m->delta.chunk_count = rng_below(rng, 4) ? 1 + rng_below(rng, 3) : s_number(rng);
    m->delta.chunk =
        rng_below(rng, 4) && m->delta.chunk_count ? rng_below(rng, m->delta.chunk_count) : s_number(rng);
    m->delta.offset = rng_below(rng, 4) ? 16 * m->delta.chunk : s_number(rng);
    m->delta.shard = rng_below(rng, 16) == 0;
    m->delta.stable = s_number(rng);
    s_data(rng, m, &m->delta.checksum);
    return m;
}

static message_t *s_other(rng_t *rng)
{
    static const message_kind_t kinds[] = {KIND_pull,   KIND_stream,      KIND_stream_fetch, KIND_close,
                                           KIND_params, KIND_unreachable, KIND_hello,        KIND_delta_ack};
    static const char *const names[] = {"worker/region0/0", "synchronizer/region0/0", "scheduler/region0", "",
                                        "x"};
    message_t *m = message_new(kinds[rng_below(rng, 8)], "shard/region0/0", names[rng_below(rng, 5)]);
    m->number = s_number(rng);
    if (m->kind == KIND_pull) {
        m->pull.batch = s_number(rng);
        m->pull.newest = rng_below(rng, 2) && m->from[0];
        m->pull.some = rng_below(rng, 2);
        m->pull.after = s_number(rng);
        s_data(rng, m, &m->pull.checksum);
    } else if (m->kind == KIND_stream) {
        message_set_name(m->stream.region, rng_below(rng, 2) ? "region1" : "region0");
        m->stream.history = rng_below(rng, 4) ? 1000 : s_number(rng);
        m->stream.durable = s_number(rng);
    } else if (m->kind == KIND_stream_fetch) {
        m->stream_fetch.history = rng_below(rng, 4) ? 1000 : s_number(rng);
        m->stream_fetch.from = s_number(rng);
    }
    return m;
}

static void s_check_finite(const world_t *w)
{
    const float *p = shard_core_parameters(w->shard[0][0]);
    for (size_t i = 0; i < world_size(w, 0); i++)
        cr_assert(isfinite(p[i]));
}

/* Returns how many batches got through. */
static uint64_t s_world_of_noise(strategy_name_t strategy, inside_t inside, uint64_t seed)
{
    topology_t *t = world_topology(2, strategy, 2, inside == INSIDE_SYNC ? 2 : 1);
    t->job.sync.inside = inside;
    t->job.sync.staleness = 1 + seed % 7;
    t->job.sync.window_bytes = seed % 3 * 48;
    t->job.optimizer.lr = 1e-30;
    t->job.sync.topk_ratio = 0.3;
    snprintf(t->job.sync.topk_values, sizeof t->job.sync.topk_values, "fp16");
    snprintf(t->job.sync.encoding, sizeof t->job.sync.encoding, "%s", encoding_at(seed % 6)->name);
    world_t *w = world_new(t, ELEMENTS);
    w->no_sync = true;
    w->checksums = seed % 2;
    w->patches = seed / 2 % 2;
    world_start(w, 160);
    rng_t rng;
    rng_init(&rng, seed);
    for (int i = 0; i < 600; i++) {
        uint64_t pick = rng_below(&rng, 8);
        message_t *m = pick < 4 ? s_push(w, &rng) : pick < 7 ? s_delta(w, &rng) : s_other(&rng);
        shard_role.message(w->shard[0][0], &m, w->now);
        if (i % 50 == 0)
            world_tick(w, 40000);
        if (i % 300 == 299)
            world_crash(w, 0, 0);
    }
    s_check_finite(w);
    uint64_t applied = ranges_size(shard_core_applied(w->shard[0][0]));
    world_destroy(w);
    return applied;
}

Test(fuzz, any_fields_at_all)
{
    const char *text = getenv("CLOUDLESS_SEED");
    uint64_t base = text ? strtoull(text, NULL, 10) : 1;
    printf("seed %llu\n", (unsigned long long)base);
    uint64_t applied = 0;
    for (uint64_t seed = base; seed < base + 10; seed++)
        for (int strategy = STRATEGY_ASGD; strategy <= STRATEGY_ASP; strategy++)
            for (int inside = INSIDE_ASYNC; inside <= INSIDE_SSP; inside++)
                applied += s_world_of_noise((strategy_name_t)strategy, (inside_t)inside, seed);
    cr_assert_gt(applied, 100, "the noise must have some sense in it");
}
