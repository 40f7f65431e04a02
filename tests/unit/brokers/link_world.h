/* link_world - two links over a scripted wire in virtual time, and what was sent and arrived. For
 * link*_test.c.
 *
 * CLOUDLESS_SEED replays a run.
 */
#ifndef TESTS_UNIT_BROKERS_LINK_WORLD_H
#define TESTS_UNIT_BROKERS_LINK_WORLD_H

#include "brokers/link.h"
#include "codec/base/rng.h"

#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

#define MBIT 125000u
#define SECOND 1000000

typedef struct {
    int64_t at_us;
    uint64_t order;
    int to;
    uint64_t connection;
    message_t *message;
} item_t;

typedef struct {
    link_t *ends[2];
    link_spec_t specs[2];
    int64_t now_us;
    rng_t rng;
    /* knobs of the wire */
    double loss, duplicate;
    int64_t delay_us[8];
    bool cut[2][8]; /* by sender and connection */
    /* what is under way, unordered */
    item_t *items;
    size_t count, capacity;
    uint64_t order;
    int64_t last_us[2][8];
    /* what was sent and arrived, per receiving end and class */
    uint64_t sent[2][CLASS_COUNT], arrived[2][CLASS_COUNT];
    uint64_t arrived_bytes[2];
    bool lenient; /* repeats from a message's start are allowed (sessions change) */
    uint64_t repeats;
    uint64_t dropped, doubled;
    int64_t arrived_us[CLASS_COUNT]; /* when the last one of a class arrived */
} world_t;

static inline uint64_t s_seed(void)
{
    const char *text = getenv("CLOUDLESS_SEED");
    return text ? strtoull(text, NULL, 10) : 1;
}

static inline link_spec_t s_spec(const char *local, const char *remote, uint64_t session)
{
    link_spec_t spec = {.session = session, .run = 0xab, .connections = 2, .seed = s_seed() + session};
    strcpy(spec.local, local);
    strcpy(spec.remote, remote);
    strcpy(spec.digest, "0123456789abcdef");
    return spec;
}

static inline void s_init(world_t *w, const link_spec_t *change)
{
    memset(w, 0, sizeof *w);
    cr_log_info("CLOUDLESS_SEED=%llu", (unsigned long long)s_seed());
    w->now_us = 1000;
    rng_init(&w->rng, s_seed());
    for (int i = 0; i < 2; i++) {
        link_spec_t spec = s_spec(i ? "us" : "eu", i ? "eu" : "us", 100 + (uint64_t)i);
        if (change) {
            spec.emulate = change->emulate;
            spec.rate_bytes_per_s = change->rate_bytes_per_s;
            spec.rtt_us = change->rtt_us;
            spec.jitter_us = change->jitter_us;
            spec.loss = change->loss;
            spec.queue_max_bytes = change->queue_max_bytes;
            spec.piece_bytes = change->piece_bytes;
            spec.window_bytes = change->window_bytes;
        }
        w->specs[i] = spec;
        w->ends[i] = link_new(&spec, w->now_us);
    }
}

static inline void s_connect(world_t *w)
{
    for (int i = 0; i < 2; i++)
        for (uint64_t c = 0; c <= w->specs[i].connections; c++)
            link_connected(w->ends[i], c, w->now_us);
}

static inline void s_fini(world_t *w)
{
    for (size_t i = 0; i < w->count; i++)
        message_destroy(&w->items[i].message);
    free(w->items);
    link_destroy(&w->ends[0]);
    link_destroy(&w->ends[1]);
}

/* ---- messages ---------------------------------------------------------------------------------------- */

static inline unsigned char s_byte(uint64_t class, uint64_t number, size_t i)
{
    return (unsigned char)(class * 31 + number * 7 + i * 13 + i / 251);
}

static inline frames_t s_frames(uint64_t class, uint64_t number, size_t map_bytes, size_t data_bytes)
{
    char text[64];
    int length = snprintf(text, sizeof text, "%llu %llu %zu %zu", (unsigned long long)class,
                          (unsigned long long)number, map_bytes, data_bytes);
    frames_t frames = {0};
    frames.envelope = (slice_t){buf_new_copy(text, (size_t)length + 1), 0, (size_t)length + 1};
    frames.map = (slice_t){buf_new(map_bytes), 0, map_bytes};
    memset(buf_data(frames.map.buf), 'm', map_bytes);
    if (data_bytes) {
        frames.data = (slice_t){buf_new(data_bytes + 8), 8, data_bytes};
        unsigned char *data = (unsigned char *)buf_data(frames.data.buf) + 8;
        for (size_t i = 0; i < data_bytes; i++)
            data[i] = s_byte(class, number, i);
    }
    return frames;
}

static inline void s_send(world_t *w, int from, message_class_t class, size_t map_bytes, size_t data_bytes)
{
    frames_t frames = s_frames(class, ++w->sent[!from][class], map_bytes, data_bytes);
    cr_assert_eq(link_send(w->ends[from], class, &frames, w->now_us), ERR_OK);
}

static inline void s_check(world_t *w, int at, frames_t *frames)
{
    unsigned long long class, number;
    size_t map_bytes, data_bytes;
    cr_assert_eq(
        sscanf(slice_peek(&frames->envelope), "%llu %llu %zu %zu", &class, &number, &map_bytes, &data_bytes),
        4);
    if (w->lenient && number <= w->arrived[at][class])
        w->repeats++;
    else
        cr_assert_eq(number, ++w->arrived[at][class], "class %llu: %llu instead of %llu", class, number,
                     (unsigned long long)w->arrived[at][class]);
    w->arrived_us[class] = w->now_us;
    cr_assert_eq(frames->map.size_bytes, map_bytes);
    cr_assert_eq(frames->data.size_bytes, data_bytes);
    cr_assert_eq(frames->data.buf != NULL, data_bytes != 0);
    w->arrived_bytes[at] += frames_size(frames);
    const unsigned char *data = slice_peek(&frames->data);
    size_t wrong = 0;
    for (size_t i = 0; i < data_bytes; i++)
        wrong += data[i] != s_byte(class, number, i);
    cr_assert_eq(wrong, 0);
    frames_fini(frames);
}

/* ---- the wire ---------------------------------------------------------------------------------------- */

static inline void s_carry(world_t *w, int from, uint64_t connection, message_t *message)
{
    if (w->cut[from][connection] || rng_unit(&w->rng) < w->loss) {
        w->dropped++;
        message_destroy(&message);
        return;
    }
    int64_t at_us = w->now_us + w->delay_us[connection];
    if (at_us < w->last_us[from][connection])
        at_us = w->last_us[from][connection];
    w->last_us[from][connection] = at_us;
    int copies = rng_unit(&w->rng) < w->duplicate ? 2 : 1;
    w->doubled += copies == 2;
    for (int i = 0; i < copies; i++) {
        if (w->count == w->capacity) {
            w->capacity = w->capacity ? 2 * w->capacity : 64;
            w->items = realloc(w->items, w->capacity * sizeof *w->items);
        }
        item_t item = {at_us, ++w->order, !from, connection, i ? message_dup(message) : message};
        w->items[w->count++] = item;
    }
}

static inline void s_drain(world_t *w)
{
    for (int i = 0; i < 2; i++) {
        uint64_t connection;
        message_t *message;
        frames_t frames;
        link_tick(w->ends[i], w->now_us);
        while ((message = link_take_outgoing(w->ends[i], &connection)))
            s_carry(w, i, connection, message);
        while (link_take_delivered(w->ends[i], &frames))
            s_check(w, i, &frames);
    }
}

static inline size_t s_earliest(const world_t *w)
{
    size_t found = 0;
    for (size_t i = 1; i < w->count; i++)
        if (w->items[i].at_us < w->items[found].at_us ||
            (w->items[i].at_us == w->items[found].at_us && w->items[i].order < w->items[found].order))
            found = i;
    return found;
}

static inline void s_step(world_t *w, int64_t end_us)
{
    int64_t at_us = end_us;
    for (int i = 0; i < 2; i++)
        if (link_due(w->ends[i]) < at_us)
            at_us = link_due(w->ends[i]);
    if (w->count && w->items[s_earliest(w)].at_us < at_us)
        at_us = w->items[s_earliest(w)].at_us;
    if (at_us > w->now_us)
        w->now_us = at_us;
    while (w->count) {
        size_t i = s_earliest(w);
        if (w->items[i].at_us > w->now_us)
            break;
        item_t item = w->items[i];
        w->items[i] = w->items[--w->count];
        link_message(w->ends[item.to], item.connection, &item.message, w->now_us);
    }
    s_drain(w);
}

static inline void s_run(world_t *w, int64_t for_us)
{
    int64_t end_us = w->now_us + for_us;
    s_drain(w);
    uint64_t steps = 0;
    while (w->now_us < end_us) {
        int64_t before = w->now_us;
        s_step(w, end_us);
        steps = w->now_us == before ? steps + 1 : 0;
        cr_assert_lt(steps, 1000, "time stands still at %lld", (long long)w->now_us);
    }
}

static inline bool s_run_until_idle(world_t *w, int64_t at_most_us)
{
    int64_t end_us = w->now_us + at_most_us;
    s_drain(w);
    while (w->now_us < end_us && !(link_idle(w->ends[0]) && link_idle(w->ends[1])))
        s_step(w, end_us);
    return link_idle(w->ends[0]) && link_idle(w->ends[1]);
}

static inline void s_assert_all_arrived(const world_t *w)
{
    for (int i = 0; i < 2; i++)
        for (size_t class = 0; class < CLASS_COUNT; class ++)
            cr_assert_eq(w->arrived[i][class], w->sent[i][class], "end %d class %zu: %llu of %llu", i, class,
                         (unsigned long long)w->arrived[i][class], (unsigned long long)w->sent[i][class]);
}

static inline void s_send_mix(world_t *w, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        message_class_t class = (message_class_t)rng_below(&w->rng, CLASS_COUNT);
        size_t map = rng_below(&w->rng, 40) == 0 ? 200000 : 1 + rng_below(&w->rng, 200);
        size_t data = rng_below(&w->rng, 3) == 0 ? 0 : 1 + rng_below(&w->rng, 300000);
        s_send(w, (int)rng_below(&w->rng, 2), class, map, class == CLASS_CONTROL ? 0 : data);
    }
}

#endif
