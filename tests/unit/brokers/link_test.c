/* Two links over a scripted wire in virtual time. CLOUDLESS_SEED replays a run. */
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

static uint64_t s_seed(void)
{
    const char *text = getenv("CLOUDLESS_SEED");
    return text ? strtoull(text, NULL, 10) : 1;
}

static link_spec_t s_spec(const char *local, const char *remote, uint64_t session)
{
    link_spec_t spec = {.session = session, .connections = 2, .seed = s_seed() + session};
    strcpy(spec.local, local);
    strcpy(spec.remote, remote);
    strcpy(spec.digest, "0123456789abcdef");
    return spec;
}

static void s_init(world_t *w, const link_spec_t *change)
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

static void s_connect(world_t *w)
{
    for (int i = 0; i < 2; i++)
        for (uint64_t c = 0; c <= w->specs[i].connections; c++)
            link_connected(w->ends[i], c, w->now_us);
}

static void s_fini(world_t *w)
{
    for (size_t i = 0; i < w->count; i++)
        message_destroy(&w->items[i].message);
    free(w->items);
    link_destroy(&w->ends[0]);
    link_destroy(&w->ends[1]);
}

/* ---- messages
 * ------------------------------------------------------------------------------------------------ */

static unsigned char s_byte(uint64_t class, uint64_t number, size_t i)
{
    return (unsigned char)(class * 31 + number * 7 + i * 13 + i / 251);
}

static frames_t s_frames(uint64_t class, uint64_t number, size_t map_bytes, size_t data_bytes)
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

static void s_send(world_t *w, int from, message_class_t class, size_t map_bytes, size_t data_bytes)
{
    frames_t frames = s_frames(class, ++w->sent[!from][class], map_bytes, data_bytes);
    cr_assert_eq(link_send(w->ends[from], class, &frames, w->now_us), ERR_OK);
}

static void s_check(world_t *w, int at, frames_t *frames)
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

/* ---- the wire
 * ------------------------------------------------------------------------------------------------ */

static void s_carry(world_t *w, int from, uint64_t connection, message_t *message)
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

static void s_drain(world_t *w)
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

static size_t s_earliest(const world_t *w)
{
    size_t found = 0;
    for (size_t i = 1; i < w->count; i++)
        if (w->items[i].at_us < w->items[found].at_us ||
            (w->items[i].at_us == w->items[found].at_us && w->items[i].order < w->items[found].order))
            found = i;
    return found;
}

static void s_step(world_t *w, int64_t end_us)
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

static void s_run(world_t *w, int64_t for_us)
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

static bool s_run_until_idle(world_t *w, int64_t at_most_us)
{
    int64_t end_us = w->now_us + at_most_us;
    s_drain(w);
    while (w->now_us < end_us && !(link_idle(w->ends[0]) && link_idle(w->ends[1])))
        s_step(w, end_us);
    return link_idle(w->ends[0]) && link_idle(w->ends[1]);
}

static void s_assert_all_arrived(const world_t *w)
{
    for (int i = 0; i < 2; i++)
        for (size_t class = 0; class < CLASS_COUNT; class ++)
            cr_assert_eq(w->arrived[i][class], w->sent[i][class], "end %d class %zu: %llu of %llu", i, class,
                         (unsigned long long)w->arrived[i][class], (unsigned long long)w->sent[i][class]);
}

static void s_send_mix(world_t *w, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        message_class_t class = (message_class_t)rng_below(&w->rng, CLASS_COUNT);
        size_t map = rng_below(&w->rng, 40) == 0 ? 200000 : 1 + rng_below(&w->rng, 200);
        size_t data = rng_below(&w->rng, 3) == 0 ? 0 : 1 + rng_below(&w->rng, 300000);
        s_send(w, (int)rng_below(&w->rng, 2), class, map, class == CLASS_CONTROL ? 0 : data);
    }
}

/* ---- tests
 * --------------------------------------------------------------------------------------------------- */

Test(link, delivers_each_class_in_order)
{
    world_t w;
    s_init(&w, NULL);
    s_connect(&w);
    s_send_mix(&w, 100);
    cr_assert(s_run_until_idle(&w, 10 * SECOND));
    s_assert_all_arrived(&w);
    cr_assert_eq(link_stats(w.ends[0]).resent_bytes, 0);
    cr_assert_eq(link_stats(w.ends[0]).refused + link_stats(w.ends[1]).refused, 0);
    s_fini(&w);
}

Test(link, survives_loss_duplication_and_reordering)
{
    for (uint64_t round = 0; round < 20; round++) {
        world_t w;
        s_init(&w, NULL);
        rng_init(&w.rng, s_seed() + round);
        w.loss = 0.2;
        w.duplicate = 0.2;
        w.delay_us[0] = 10000;
        w.delay_us[1] = 45000;
        w.delay_us[2] = 5000;
        s_connect(&w);
        s_send_mix(&w, 60);
        cr_assert(s_run_until_idle(&w, 300 * SECOND), "round %llu", (unsigned long long)round);
        s_assert_all_arrived(&w);
        cr_assert_gt(w.dropped, 0);
        cr_assert_gt(w.doubled, 0);
        cr_assert_gt(link_stats(w.ends[0]).resent_bytes, 0);
        s_fini(&w);
    }
}

Test(link, survives_reconnects)
{
    world_t w;
    s_init(&w, NULL);
    for (int c = 0; c < 3; c++)
        w.delay_us[c] = 20000;
    s_connect(&w);
    for (int i = 0; i < 30; i++) {
        s_send_mix(&w, 10);
        s_run(&w, 50000);
        uint64_t connection = rng_below(&w.rng, 3);
        for (size_t k = w.count; k-- > 0;) {
            if (w.items[k].connection != connection)
                continue;
            message_destroy(&w.items[k].message);
            w.items[k] = w.items[--w.count];
            w.dropped++;
        }
        link_connected(w.ends[0], connection, w.now_us);
        link_connected(w.ends[1], connection, w.now_us);
    }
    cr_assert(s_run_until_idle(&w, 60 * SECOND));
    s_assert_all_arrived(&w);
    cr_assert_gt(w.dropped, 0);
    cr_assert_eq(link_stats(w.ends[0]).reconnects, 30);
    s_fini(&w);
}

Test(link, goes_around_a_connection_that_is_dead_one_way)
{
    for (int from = 0; from < 2; from++) {
        world_t w;
        s_init(&w, NULL);
        for (int c = 0; c < 3; c++)
            w.delay_us[c] = 20000;
        s_connect(&w);
        s_run(&w, SECOND);
        w.cut[from][1] = true;
        s_send_mix(&w, 100);
        cr_assert(s_run_until_idle(&w, 60 * SECOND));
        s_assert_all_arrived(&w);
        cr_assert_gt(w.dropped, 0);
        w.cut[from][1] = false;
        s_run(&w, 2 * SECOND);
        uint64_t resent = link_stats(w.ends[from]).resent_bytes;
        s_send_mix(&w, 100);
        cr_assert(s_run_until_idle(&w, 10 * SECOND));
        s_assert_all_arrived(&w);
        cr_assert_eq(link_stats(w.ends[from]).resent_bytes, resent, "the connection is used again");
        s_fini(&w);
    }
}

Test(link, is_down_while_cut_and_up_again_after)
{
    world_t w;
    s_init(&w, NULL);
    cr_assert_not(link_stats(w.ends[0]).up);
    s_connect(&w);
    s_run(&w, SECOND);
    cr_assert(link_stats(w.ends[0]).up && link_stats(w.ends[1]).up);
    link_outage(w.ends[0], INT64_MAX);
    s_run(&w, LINK_DEAD_US - SECOND);
    cr_assert(link_stats(w.ends[0]).up, "not given up early");
    s_run(&w, 2 * SECOND);
    cr_assert_not(link_stats(w.ends[0]).up);
    cr_assert_not(link_stats(w.ends[1]).up);
    s_send(&w, 0, CLASS_BULK, 10, 1000000);
    s_send(&w, 1, CLASS_CONTROL, 10, 0);
    s_run(&w, 20 * SECOND);
    cr_assert_eq(w.arrived[1][CLASS_BULK] + w.arrived[0][CLASS_CONTROL], 0);
    link_outage(w.ends[0], 0);
    cr_assert(s_run_until_idle(&w, 10 * SECOND));
    s_assert_all_arrived(&w);
    s_run(&w, SECOND);
    cr_assert(link_stats(w.ends[0]).up && link_stats(w.ends[1]).up);
    s_fini(&w);
}

static void s_keep_full(world_t *w, int64_t for_us)
{
    int64_t end_us = w->now_us + for_us;
    while (w->now_us < end_us) {
        while (link_stats(w->ends[0]).queued_bytes < 8u << 20)
            s_send(w, 0, CLASS_BULK, 100, 1 << 20);
        s_run(w, 20000);
    }
}

Test(link, keeps_the_emulated_rate)
{
    uint64_t rates[] = {10 * MBIT, 100 * MBIT, 1000 * MBIT};
    for (size_t i = 0; i < 3; i++) {
        link_spec_t spec = {
            .emulate = true, .rate_bytes_per_s = rates[i], .rtt_us = 30000, .jitter_us = 2000};
        world_t w;
        s_init(&w, &spec);
        s_connect(&w);
        s_keep_full(&w, 2 * SECOND);
        uint64_t sent = link_stats(w.ends[0]).sent_bytes, arrived = link_stats(w.ends[1]).received_bytes;
        int64_t seconds = i == 2 ? 2 : 10;
        s_keep_full(&w, seconds * SECOND);
        double rate = (double)(link_stats(w.ends[0]).sent_bytes - sent) / (double)seconds;
        cr_assert_lt(rate, 1.03 * (double)rates[i]);
        cr_assert_gt(rate, 0.97 * (double)rates[i], "%g of %g", rate, (double)rates[i]);
        rate = (double)(link_stats(w.ends[1]).received_bytes - arrived) / (double)seconds;
        cr_assert_lt(rate, 1.03 * (double)rates[i]);
        cr_assert_gt(rate, 0.97 * (double)rates[i]);
        double estimate = (double)link_stats(w.ends[0]).rate_bytes_per_s;
        cr_assert_lt(estimate, 1.15 * (double)rates[i]);
        cr_assert_gt(estimate, 0.85 * (double)rates[i], "%g of %g", estimate, (double)rates[i]);
        cr_assert_eq(link_stats(w.ends[0]).resent_bytes, 0);
        s_fini(&w);
    }
}

Test(link, fills_a_long_path)
{
    link_spec_t spec = {.emulate = true, .rate_bytes_per_s = 100 * MBIT, .rtt_us = 300000};
    world_t w;
    s_init(&w, &spec);
    s_connect(&w);
    s_keep_full(&w, 10 * SECOND);
    cr_assert_gt((double)w.arrived_bytes[1], 0.8 * 100 * MBIT * 10, "%llu",
                 (unsigned long long)w.arrived_bytes[1]);
    s_fini(&w);
}

Test(link, measures_the_round_trip)
{
    int64_t rtts[] = {1000, 30000, 300000};
    for (size_t i = 0; i < 3; i++) {
        link_spec_t spec = {.emulate = true, .rate_bytes_per_s = 100 * MBIT, .rtt_us = rtts[i]};
        world_t w;
        s_init(&w, &spec);
        s_connect(&w);
        s_run(&w, 5 * SECOND);
        cr_assert_geq(link_stats(w.ends[0]).rtt_us, rtts[i]);
        cr_assert_leq(link_stats(w.ends[0]).rtt_us, rtts[i] + 1000);
        s_fini(&w);
    }
}

Test(link, control_overtakes_a_saturated_queue)
{
    link_spec_t spec = {.emulate = true, .rate_bytes_per_s = MBIT, .rtt_us = 100000, .piece_bytes = 16384};
    world_t w;
    s_init(&w, &spec);
    s_connect(&w);
    s_keep_full(&w, 3 * SECOND);
    int64_t piece_us = (16384 + 1000) * (int64_t)SECOND / MBIT;
    for (int i = 0; i < 20; i++) {
        int64_t sent_us = w.now_us;
        s_send(&w, 0, CLASS_CONTROL, 100, 0);
        s_run(&w, 300000 + 7000 * i);
        cr_assert_eq(w.arrived[1][CLASS_CONTROL], w.sent[1][CLASS_CONTROL]);
        cr_assert_leq(w.arrived_us[CLASS_CONTROL] - sent_us, piece_us + spec.rtt_us);
    }
    cr_assert_gt(link_stats(w.ends[0]).queued_bytes, 1 << 20, "the queue was saturated");
    s_fini(&w);
}

Test(link, pieces_of_a_thin_link_are_short)
{
    link_spec_t spec = {.emulate = true, .rate_bytes_per_s = MBIT, .rtt_us = 10000};
    world_t w;
    s_init(&w, &spec);
    s_connect(&w);
    s_keep_full(&w, 2 * SECOND);
    int64_t sent_us = w.now_us;
    s_send(&w, 0, CLASS_CONTROL, 100, 0);
    s_run(&w, SECOND);
    cr_assert_eq(w.arrived[1][CLASS_CONTROL], 1);
    cr_assert_leq(w.arrived_us[CLASS_CONTROL] - sent_us, 50000);
    s_fini(&w);
}

Test(link, classes_go_by_priority)
{
    link_spec_t spec = {.emulate = true, .rate_bytes_per_s = MBIT, .rtt_us = 10000};
    world_t w;
    s_init(&w, &spec);
    s_connect(&w);
    s_run(&w, SECOND);
    s_send(&w, 0, CLASS_BULK, 100, 300000);
    s_send(&w, 0, CLASS_DELTA, 100, 300000);
    s_send(&w, 0, CLASS_PULL, 100, 300000);
    cr_assert(s_run_until_idle(&w, 60 * SECOND));
    s_assert_all_arrived(&w);
    cr_assert_lt(w.arrived_us[CLASS_PULL] + SECOND, w.arrived_us[CLASS_DELTA]);
    cr_assert_lt(w.arrived_us[CLASS_DELTA] + SECOND, w.arrived_us[CLASS_BULK]);
    s_fini(&w);
}

Test(link, emulated_loss_is_repaired)
{
    link_spec_t spec = {
        .emulate = true, .rate_bytes_per_s = 100 * MBIT, .rtt_us = 20000, .jitter_us = 5000, .loss = 0.05};
    world_t w;
    s_init(&w, &spec);
    s_connect(&w);
    s_send_mix(&w, 300);
    cr_assert(s_run_until_idle(&w, 100 * SECOND));
    s_assert_all_arrived(&w);
    cr_assert_gt(link_stats(w.ends[0]).resent_bytes, 0);
    cr_assert_lt(link_stats(w.ends[0]).resent_bytes, w.arrived_bytes[1] / 4, "only what was lost goes again");
    s_fini(&w);
}

Test(link, a_full_queue_says_so)
{
    link_spec_t spec = {.queue_max_bytes = 1 << 20};
    world_t w;
    s_init(&w, &spec);
    err_code_t code = ERR_OK;
    size_t taken = 0;
    for (; taken < 1000 && code == ERR_OK; taken++) {
        frames_t frames = s_frames(CLASS_BULK, taken + 1, 10, 100000);
        code = link_send(w.ends[0], CLASS_BULK, &frames, w.now_us);
        cr_assert_eq(frames.data.buf == NULL, code == ERR_OK, "taken on success alone");
        frames_fini(&frames);
    }
    cr_assert_eq(code, ERR_FULL);
    cr_assert_eq(taken, 11);
    cr_assert_leq(link_stats(w.ends[0]).queued_bytes, 1 << 20);
    w.sent[1][CLASS_BULK] = taken - 1;
    s_connect(&w);
    cr_assert(s_run_until_idle(&w, 10 * SECOND));
    s_assert_all_arrived(&w);
    cr_assert_eq(link_stats(w.ends[0]).queued_bytes, 0);
    s_send(&w, 0, CLASS_BULK, 10, 100000);
    s_fini(&w);
}

Test(link, frames_over_their_limits_are_refused_at_the_door)
{
    world_t w;
    s_init(&w, NULL);
    frames_t none = {0};
    cr_assert_eq(link_send(w.ends[0], CLASS_BULK, &none, w.now_us), ERR_LIMIT);
    frames_t large = s_frames(CLASS_BULK, 1, MESSAGE_MAP_MAX + 1, 0);
    cr_assert_eq(link_send(w.ends[0], CLASS_BULK, &large, w.now_us), ERR_LIMIT);
    frames_fini(&large);
    s_fini(&w);
}

Test(link, a_window_bounds_what_is_on_its_way)
{
    link_spec_t spec = {.window_bytes = 200000, .piece_bytes = 10000};
    world_t w;
    s_init(&w, &spec);
    s_connect(&w);
    s_run(&w, SECOND);
    w.cut[0][1] = w.cut[0][2] = true;
    uint64_t before = link_stats(w.ends[0]).sent_bytes;
    for (int i = 0; i < 10; i++)
        s_send(&w, 0, CLASS_BULK, 10, 1 << 20);
    s_drain(&w);
    cr_assert_leq(link_stats(w.ends[0]).sent_bytes - before, 220000);
    cr_assert_geq(link_stats(w.ends[0]).sent_bytes - before, 200000);
    s_fini(&w);
}

/* ---- what a bad or new peer does
 * ----------------------------------------------------------------------------- */

static message_t *s_piece(const world_t *w, uint64_t sequence)
{
    message_t *m = message_new(KIND_link_data, "broker/us", "broker/eu");
    m->link_data.session = w->specs[0].session;
    m->link_data.peer_session = w->specs[1].session;
    m->link_data.class = CLASS_BULK;
    m->link_data.sequence = sequence;
    m->link_data.envelope_bytes = 10;
    m->link_data.last = true;
    buf_t *buf = buf_new_zero(10);
    m->data = (slice_t){buf, 0, 10};
    return m;
}

static void s_spoil(message_t *m, int how)
{
    switch (how) {
    case 0:
        m->link_data.class = CLASS_COUNT;
        break;
    case 1:
        m->link_data.sequence = 0;
        break;
    case 2:
        m->link_data.envelope_bytes = MESSAGE_ENVELOPE_MAX + 1;
        break;
    case 3:
        m->link_data.map_bytes = UINT64_MAX - 5;
        break;
    case 4:
        m->link_data.data_bytes = (uint64_t)1 << 62;
        m->link_data.has_data = true;
        break;
    case 5:
        m->link_data.data_bytes = 5; /* without has_data */
        break;
    case 6:
        slice_fini(&m->data);
        break;
    case 7:
        m->link_data.session = 7;
        break;
    case 8:
        m->link_data.peer_session = 7;
        break;
    case 9:
        m->link_data.envelope_bytes = 0; /* goes on with a message that never began */
        break;
    case 10:
        m->link_data.map_bytes = 1; /* last, and not full */
        break;
    case 11:
        m->link_data.envelope_bytes = 5; /* more than declared */
        break;
    default:
        m->kind = KIND_push;
    }
}

Test(link, malformed_pieces_are_counted_and_change_nothing)
{
    for (int how = 0; how < 13; how++) {
        world_t w;
        s_init(&w, NULL);
        s_connect(&w);
        s_run(&w, SECOND);
        message_t *m = s_piece(&w, 1);
        s_spoil(m, how);
        link_message(w.ends[1], 1, &m, w.now_us);
        frames_t frames;
        cr_assert_not(link_take_delivered(w.ends[1], &frames), "case %d", how);
        cr_assert_eq(link_stats(w.ends[1]).refused, 1, "case %d", how);
        m = s_piece(&w, how < 9 || how == 12 ? 1 : 2);
        link_message(w.ends[1], 1, &m, w.now_us);
        cr_assert(link_take_delivered(w.ends[1], &frames), "case %d: goes on", how);
        cr_assert_eq(frames.envelope.size_bytes, 10);
        frames_fini(&frames);
        s_fini(&w);
    }
}

Test(link, bytes_beyond_a_gap_are_bounded)
{
    world_t w;
    s_init(&w, NULL);
    s_connect(&w);
    s_run(&w, SECOND);
    message_t *m = s_piece(&w, (uint64_t)1 << 60);
    link_message(w.ends[1], 1, &m, w.now_us);
    buf_t *large = buf_new_zero(LINK_PIECE_MAX);
    for (uint64_t i = 0; i < 200; i++) {
        m = s_piece(&w, 2 + i);
        slice_fini(&m->data);
        m->data = slice_of(large, 0, LINK_PIECE_MAX);
        link_message(w.ends[1], 1, &m, w.now_us);
    }
    message_t *ack = NULL;
    uint64_t connection;
    link_tick(w.ends[1], w.now_us + 10000);
    while ((m = link_take_outgoing(w.ends[1], &connection))) {
        if (m->kind == KIND_link_ack && !ack)
            ack = m;
        else
            message_destroy(&m);
    }
    cr_assert_not_null(ack);
    cr_assert_eq(ack->link_ack.beyond.count, 1);
    cr_assert_eq(ack->link_ack.beyond.items[0].first, 2);
    cr_assert_eq(ack->link_ack.beyond.items[0].end, 2 + LINK_HELD_MAX / LINK_PIECE_MAX);
    message_destroy(&ack);
    buf_destroy(&large);
    s_fini(&w);
}

Test(link, an_acknowledgement_of_what_was_never_sent_is_refused)
{
    world_t w;
    s_init(&w, NULL);
    s_connect(&w);
    s_run(&w, SECOND);
    s_send(&w, 0, CLASS_BULK, 10, 1000);
    message_t *m = message_new(KIND_link_ack, "broker/eu", "broker/us");
    m->link_ack.session = w.specs[0].session;
    m->link_ack.peer_session = w.specs[1].session;
    uint64_t next[CLASS_COUNT] = {1, 1, 1, 1000};
    message_set_u64s(&m->link_ack.next, next, CLASS_COUNT);
    link_message(w.ends[0], 0, &m, w.now_us);
    cr_assert_eq(link_stats(w.ends[0]).refused, 1);
    cr_assert(s_run_until_idle(&w, SECOND));
    s_assert_all_arrived(&w);
    s_fini(&w);
}

Test(link, a_peer_of_another_job_or_region_is_refused)
{
    for (int how = 0; how < 2; how++) {
        world_t w;
        s_init(&w, NULL);
        link_spec_t spec = w.specs[1];
        strcpy(how ? spec.digest : spec.local, "other");
        link_destroy(&w.ends[1]);
        w.ends[1] = link_new(&spec, w.now_us);
        s_connect(&w);
        s_send(&w, 0, CLASS_CONTROL, 10, 0);
        s_run(&w, 3 * SECOND);
        cr_assert_gt(link_stats(w.ends[0]).refused, 0);
        cr_assert(link_stats(w.ends[0]).foreign);
        cr_assert_not(link_stats(w.ends[0]).up);
        cr_assert_eq(w.arrived[1][CLASS_CONTROL], 0);
        s_fini(&w);
    }
}

Test(link, a_restarted_peer_gets_the_rest_from_the_start_of_its_messages)
{
    for (uint64_t round = 0; round < 30; round++) {
        world_t w;
        link_spec_t spec = {.emulate = round % 2 == 1, .rate_bytes_per_s = 100 * MBIT, .rtt_us = 20000};
        s_init(&w, &spec);
        rng_init(&w.rng, s_seed() + round);
        w.lenient = true;
        w.delay_us[1] = 3000;
        s_connect(&w);
        s_run(&w, 100000);
        s_send_mix(&w, 60);
        int restarted = (int)(round / 2 % 2);
        s_run(&w, 10000 * (int64_t)(round + 1));
        /* what the restarted one had taken to send is gone with it */
        link_destroy(&w.ends[restarted]);
        memcpy(w.sent[!restarted], w.arrived[!restarted], sizeof w.sent[0]);
        w.specs[restarted].session += 1000;
        w.ends[restarted] = link_new(&w.specs[restarted], w.now_us);
        for (size_t k = w.count;
             k-- > 0;) { /* what the old process sent may still arrive; what was sent to it not */
            if (w.items[k].to != restarted && rng_below(&w.rng, 2))
                continue;
            message_destroy(&w.items[k].message);
            w.items[k] = w.items[--w.count];
        }
        s_connect(&w);
        s_run(&w, 100000);
        memcpy(w.sent[!restarted], w.arrived[!restarted], sizeof w.sent[0]);
        s_send_mix(&w, 20);
        cr_assert(s_run_until_idle(&w, 60 * SECOND), "round %llu", (unsigned long long)round);
        s_assert_all_arrived(&w);
        cr_assert_gt(link_stats(w.ends[!restarted]).reconnects, 0);
        s_fini(&w);
    }
}

Test(link, a_session_that_is_over_does_not_come_back)
{
    world_t w;
    s_init(&w, NULL);
    s_connect(&w);
    s_run(&w, SECOND);
    link_destroy(&w.ends[1]);
    w.specs[1].session = 555;
    w.ends[1] = link_new(&w.specs[1], w.now_us);
    s_connect(&w);
    s_run(&w, SECOND);
    message_t *m = message_new(KIND_link_hello, "broker/eu", "broker/us");
    strcpy(m->link_hello.region, "us");
    strcpy(m->link_hello.digest, w.specs[0].digest);
    m->link_hello.session = 101;
    link_message(w.ends[0], 0, &m, w.now_us);
    cr_assert_eq(link_stats(w.ends[0]).refused, 1);
    s_send(&w, 0, CLASS_BULK, 10, 1000);
    s_send(&w, 1, CLASS_BULK, 10, 1000);
    cr_assert(s_run_until_idle(&w, SECOND));
    s_assert_all_arrived(&w);
    s_fini(&w);
}

Test(link, the_due_time_never_spins)
{
    link_spec_t spec = {.emulate = true, .rate_bytes_per_s = 10 * MBIT, .rtt_us = 30000};
    world_t w;
    s_init(&w, &spec);
    s_connect(&w);
    s_run(&w, SECOND);
    uint64_t steps = 0;
    for (int64_t end_us = w.now_us + 10 * SECOND; w.now_us < end_us; steps++)
        s_step(&w, end_us);
    cr_assert_lt(steps, 10 * 2 * 2 * 6, "%llu steps in 10 idle seconds", (unsigned long long)steps);
    s_fini(&w);
}
