/* A synchronizer of region0 with two destinations; the test is its shard, the network and the destinations.
 */
#include "actors/synchronizer/synchronizer_core.h"
#include "codec/base/hash.h"

#include "codec/base/hash.h"
#include "codec/base/rng.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define CHUNKS 2
#define CHUNK_BYTES 16
#define DELTA_BYTES (CHUNKS * CHUNK_BYTES)
#define HISTORY 99

static topology_t s_topology;
static synchronizer_core_t *s_core;
static int64_t s_now;

static void s_start(uint64_t window_bytes)
{
    s_topology = (topology_t){.region_count = 3};
    for (size_t r = 0; r < 3; r++)
        snprintf(s_topology.regions[r].name, sizeof s_topology.regions[r].name, "region%zu", r);
    s_topology.job.sync.window_bytes = window_bytes;
    s_topology.job.sync.away_after_us = 60000000;
    synchronizer_spec_t spec = {.topology = &s_topology, .incarnation = 5};
    s_core = synchronizer_core_new(&spec);
    s_now = 1000000;
}

static void s_end(void)
{
    synchronizer_role.destroy((void **)&s_core);
}

static void s_say(message_t *m)
{
    synchronizer_role.message(s_core, &m, s_now);
}

static message_t *s_chunk(uint64_t first, uint64_t last, uint64_t chunk)
{
    message_t *m = message_new(KIND_delta, "synchronizer/region0/0", "shard/region0/0");
    message_set_name(m->delta.origin, "region0");
    m->incarnation = 1;
    m->number = last;
    m->delta.history = HISTORY;
    m->delta.first = first;
    m->delta.last = last;
    m->delta.chunk = chunk;
    m->delta.chunk_count = CHUNKS;
    m->delta.offset = chunk * CHUNK_BYTES;
    m->delta.total = DELTA_BYTES;
    buf_t *buf = buf_new_zero(CHUNK_BYTES);
    m->data = slice_of(buf, 0, CHUNK_BYTES);
    m->delta.checksum = hash_checksum(buf_peek(buf), CHUNK_BYTES);
    buf_destroy(&buf);
    return m;
}

static void s_delta(uint64_t first, uint64_t last)
{
    for (uint64_t chunk = 0; chunk < CHUNKS; chunk++)
        s_say(s_chunk(first, last, chunk));
}

static void s_head(uint64_t oldest, uint64_t last)
{
    message_t *m = message_new(KIND_stream_head, "synchronizer/region0/0", "shard/region0/0");
    m->incarnation = 1;
    m->stream_head.history = HISTORY;
    m->stream_head.oldest = oldest;
    m->stream_head.last = last;
    s_say(m);
}

static void s_ack_from(const char *region, uint64_t incarnation, uint64_t applied, uint64_t durable,
                       err_code_t code)
{
    char from[64];
    snprintf(from, sizeof from, "shard/%s/0", region);
    message_t *m = message_new(KIND_delta_ack, "synchronizer/region0/0", from);
    m->incarnation = incarnation;
    message_set_name(m->delta_ack.origin, "region0");
    m->delta_ack.history = HISTORY;
    m->delta_ack.applied = applied;
    m->delta_ack.durable = durable;
    m->delta_ack.code = (uint64_t)code;
    s_say(m);
}

static void s_ack(const char *region, uint64_t applied, uint64_t durable)
{
    s_ack_from(region, 1, applied, durable, ERR_OK);
}

/* Messages since the last look: deltas to region1 as "1 2 3 ", whole ones only; others are counted. */
typedef struct {
    char deltas[256];
    size_t chunks;
    uint64_t fetch_from;
    size_t streams;
    uint64_t stream_durable; /* of the last one about region1 */
    bool away;               /* as well */
    size_t gaps;             /* said to region1 */
    char state[64], waits_for[64];
} sent_t;

static void s_note(sent_t *sent, const message_t *m)
{
    if (m->kind == KIND_delta && strcmp(m->to, "shard/region1/0") == 0) {
        cr_assert_str_eq(m->from, "synchronizer/region0/0");
        cr_assert_eq(m->incarnation, 5);
        cr_assert_eq(m->data.size_bytes, CHUNK_BYTES);
        sent->chunks++;
        size_t length = strlen(sent->deltas);
        if (m->delta.chunk + 1 == CHUNKS)
            snprintf(sent->deltas + length, sizeof sent->deltas - length, "%d ", (int)m->delta.last);
    } else if (m->kind == KIND_stream_fetch) {
        sent->fetch_from = m->stream_fetch.from;
    } else if (m->kind == KIND_stream) {
        sent->streams++;
        if (strcmp(m->stream.region, "region1") == 0) {
            sent->stream_durable = m->stream.durable;
            sent->away = m->stream.away;
        }
    } else if (m->kind == KIND_stream_gap) {
        sent->gaps += strcmp(m->to, "shard/region1/0") == 0;
    } else if (m->kind == KIND_status) {
        snprintf(sent->state, sizeof sent->state, "%s", m->status.state);
        snprintf(sent->waits_for, sizeof sent->waits_for, "%s", m->status.waits_for);
    }
}

static sent_t s_sent(void)
{
    sent_t sent = {0};
    message_t *m;
    while ((m = outbox_take(synchronizer_role.outbox(s_core)))) {
        s_note(&sent, m);
        message_destroy(&m);
    }
    return sent;
}

static void s_expect_deltas(const char *expected)
{
    sent_t sent = s_sent();
    cr_assert_str_eq(sent.deltas, expected, "sent %s", sent.deltas);
}

static void s_wait(int64_t us)
{
    s_now += us;
    synchronizer_role.tick(s_core, s_now);
}

Test(synchronizer, sends_whole_deltas_in_order)
{
    s_start(1 << 20);
    s_say(s_chunk(1, 1, 1));
    s_delta(2, 2);
    s_expect_deltas("");
    s_say(s_chunk(1, 1, 0));
    s_expect_deltas("1 2 ");
    s_delta(3, 5);
    s_expect_deltas("5 ");
    s_end();
}

Test(synchronizer, keeps_to_the_window_and_goes_on_with_each_ack)
{
    s_start(2 * DELTA_BYTES);
    for (uint64_t n = 1; n < 6; n++)
        s_delta(n, n);
    s_expect_deltas("1 2 ");
    s_ack("region1", 1, 0);
    s_expect_deltas("3 ");
    s_ack("region2", 2, 2); /* another destination's affair */
    s_expect_deltas("");
    s_ack("region1", 3, 3);
    s_expect_deltas("4 5 ");
    s_end();
}

Test(synchronizer, sends_one_delta_however_small_the_window)
{
    s_start(1);
    s_delta(1, 1);
    s_delta(2, 2);
    s_expect_deltas("1 ");
    s_ack("region1", 1, 0);
    s_expect_deltas("2 ");
    s_end();
}

Test(synchronizer, tells_the_shard_each_advance)
{
    s_start(1 << 20);
    s_delta(1, 1);
    s_delta(2, 2);
    s_sent();
    s_ack("region1", 2, 0);
    cr_assert_eq(s_sent().streams, 1);
    s_ack("region1", 2, 0); /* nothing new */
    cr_assert_eq(s_sent().streams, 0);
    s_ack("region1", 2, 2);
    cr_assert_eq(s_sent().stream_durable, 2);
    cr_assert_eq(synchronizer_core_delivered(s_core), 0);
    s_head(1, 2); /* the shard asks by saying what it keeps */
    cr_assert_eq(s_sent().streams, 2);
    s_ack("region2", 2, 2);
    cr_assert_eq(synchronizer_core_delivered(s_core), 2);
    s_end();
}

Test(synchronizer, goes_back_at_a_gap_once_per_round_trip)
{
    s_start(1 << 20);
    for (uint64_t n = 1; n < 4; n++)
        s_delta(n, n);
    s_sent();
    s_ack_from("region1", 1, 1, 0, ERR_GAP);
    s_expect_deltas("2 3 ");
    s_ack_from("region1", 1, 1, 0, ERR_GAP);
    s_expect_deltas("");
    s_now += 200000;
    s_ack_from("region1", 1, 1, 0, ERR_CHECKSUM);
    s_expect_deltas("2 3 ");
    s_end();
}

Test(synchronizer, sends_again_after_silence_with_growing_pauses)
{
    s_start(1 << 20);
    s_delta(1, 1);
    s_sent();
    int64_t pauses[] = {1000000, 2000000, 4000000, 5000000, 5000000};
    for (size_t i = 0; i < 5; i++) {
        s_wait(pauses[i] - 1);
        s_expect_deltas("");
        cr_assert_leq(synchronizer_role.due(s_core), s_now + 1);
        s_wait(1);
        s_expect_deltas("1 ");
    }
    s_ack("region1", 1, 0);
    s_delta(2, 2);
    s_sent();
    s_wait(1000000);
    s_expect_deltas("2 ");
    s_end();
}

Test(synchronizer, asks_with_one_chunk_what_is_durable)
{
    s_start(1 << 20);
    s_delta(1, 1);
    s_ack("region1", 1, 0);
    s_sent();
    s_wait(1000000);
    cr_assert_eq(s_sent().chunks, 1);
    s_end();
}

static void s_link_holds(bool up, uint64_t rate_bytes_per_s, uint64_t rtt_us, uint64_t queued_bytes)
{
    message_t *m = message_new(KIND_link_state, "synchronizer/region0/0", "broker/region0");
    message_set_name(m->link_state.region, "region1");
    m->link_state.up = up;
    m->link_state.rate_bytes_per_s = rate_bytes_per_s;
    m->link_state.rtt_us = rtt_us;
    m->link_state.queued_bytes = queued_bytes;
    s_say(m);
}

static void s_link(bool up, uint64_t rate_bytes_per_s, uint64_t rtt_us)
{
    s_link_holds(up, rate_bytes_per_s, rtt_us, 0);
}

Test(synchronizer, is_patient_with_a_slow_link_and_silent_when_it_is_down)
{
    s_start(1 << 20);
    s_link(true, DELTA_BYTES, 2000000); /* a second per delta, two seconds around */
    s_delta(1, 1);
    s_sent();
    s_wait(7499999);
    s_expect_deltas("");
    s_wait(1);
    s_expect_deltas("1 ");
    s_link(false, 0, 0);
    s_wait(100000000);
    s_expect_deltas("");
    s_link(true, 0, 1000);
    s_wait(1);
    s_expect_deltas("1 ");
    s_end();
}

Test(synchronizer, sends_no_copy_of_what_the_link_still_holds)
{
    s_start(1 << 20);
    s_link(true, 1 << 20, 1000);
    s_delta(1, 1);
    s_expect_deltas("1 ");
    s_link(false, 0, 0);
    s_wait(10000000);
    for (size_t i = 0; i < 20; i++) {
        s_link_holds(true, 1 << 20, 1000, DELTA_BYTES / 2);
        s_wait(500000);
        s_expect_deltas("");
    }
    s_link_holds(true, 1 << 20, 1000, DELTA_BYTES / 2 - 1); /* it may have been lost behind the link */
    s_wait(1100000);
    s_expect_deltas("1 ");
    for (size_t i = 0; i < 100; i++) { /* a queue that stays may be of others */
        s_link_holds(true, 1 << 20, 1000, 1 << 20);
        s_wait(500000);
    }
    cr_assert_gt(s_sent().chunks, 0);
    s_end();
}

Test(synchronizer, fetches_what_it_lacks_after_a_restart)
{
    s_start(1 << 20);
    s_head(4, 7);
    cr_assert_eq(s_sent().fetch_from, 4);
    s_delta(4, 4);
    s_expect_deltas("4 ");
    s_head(4, 7);
    cr_assert_eq(s_sent().fetch_from, 0, "not at once again");
    s_wait(250000);
    cr_assert_eq(s_sent().fetch_from, 5);
    s_delta(5, 7);
    s_expect_deltas("7 ");
    s_ack("region1", 6, 6); /* it has most of it already */
    s_ack("region1", 7, 7);
    s_expect_deltas("");
    s_end();
}

Test(synchronizer, follows_a_destination_that_went_back)
{
    s_start(1 << 20);
    for (uint64_t n = 1; n < 5; n++)
        s_delta(n, n);
    s_ack("region1", 4, 2);
    s_sent();
    s_ack_from("region1", 1, 3, 2, ERR_OK); /* late, of the same incarnation */
    s_expect_deltas("");
    s_ack_from("region1", 2, 2, 2, ERR_GAP);
    s_expect_deltas("3 4 ");
    s_ack_from("region1", 1, 4, 4, ERR_OK); /* of the one before: not listened to */
    s_wait(1100000);
    s_expect_deltas("3 4 ");
    s_end();
}

Test(synchronizer, says_whom_it_waits_for)
{
    s_start(1 << 20);
    s_wait(1);
    cr_assert_str_eq(s_sent().state, "running");
    s_delta(1, 1);
    s_ack("region1", 1, 1);
    s_wait(1000000);
    sent_t sent = s_sent();
    cr_assert_str_eq(sent.state, "waiting");
    cr_assert_str_eq(sent.waits_for, "region2");
    int64_t since;
    cr_assert_str_eq(synchronizer_core_waits_for(s_core, &since), "region2");
    s_ack("region2", 1, 1);
    s_wait(1000000);
    cr_assert_str_eq(s_sent().state, "running");
    s_say(message_new(KIND_stop, "synchronizer/region0/0", "node/x"));
    cr_assert(synchronizer_role.finished(s_core));
    s_end();
}

Test(synchronizer, listens_to_nobody_else)
{
    s_start(1 << 20);
    for (uint64_t chunk = 0; chunk < CHUNKS; chunk++) {
        message_t *m = s_chunk(1, 1, chunk);
        message_set_name(m->from, "shard/region1/0");
        s_say(m);
    }
    s_expect_deltas("");
    s_delta(1, 1);
    s_sent();
    s_ack_from("region0", 1, 1, 1, ERR_OK);
    s_ack_from("nowhere", 1, 1, 1, ERR_OK);
    cr_assert_eq(s_sent().streams, 0);
    cr_assert_eq(synchronizer_core_delivered(s_core), 0);
    s_end();
}

Test(synchronizer, more_than_was_ever_cut_is_for_the_shard_to_judge)
{
    s_start(1 << 20);
    s_delta(1, 1);
    s_sent();
    s_ack_from("region1", 1, 1000, 1000, ERR_OK);
    message_t *m = outbox_take(synchronizer_role.outbox(s_core));
    cr_assert_not_null(m);
    cr_assert_eq(m->kind, KIND_stream);
    cr_assert_eq(m->stream.code, ERR_STALE);
    cr_assert_eq(m->stream.applied, 1000);
    message_destroy(&m);
    cr_assert_eq(synchronizer_core_delivered(s_core), 0);
    s_end();
}

static uint64_t s_number(rng_t *rng)
{
    static const uint64_t edges[] = {0, 1, 2, 3, UINT32_MAX, UINT64_MAX, UINT64_MAX - 1};
    uint64_t pick = rng_below(rng, 14);
    return pick < 7 ? edges[pick] : rng_below(rng, 20);
}

Test(synchronizer, survives_any_fields)
{
    const char *text = getenv("CLOUDLESS_SEED");
    uint64_t seed = text ? strtoull(text, NULL, 10) : 3;
    printf("seed %llu\n", (unsigned long long)seed);
    rng_t rng;
    rng_init(&rng, seed);
    s_start(100);
    for (int i = 0; i < 5000; i++) {
        message_t *m = s_chunk(s_number(&rng), s_number(&rng), rng_below(&rng, 2));
        m->delta.chunk = rng_below(&rng, 4) ? m->delta.chunk : s_number(&rng);
        m->delta.chunk_count = rng_below(&rng, 4) ? CHUNKS : s_number(&rng);
        m->delta.total = s_number(&rng);
        m->delta.history = rng_below(&rng, 64) ? HISTORY : s_number(&rng);
        s_say(m);
        s_head(s_number(&rng) % 64, s_number(&rng));
        s_ack_from("region1", rng_below(&rng, 3), s_number(&rng), s_number(&rng),
                   (err_code_t)rng_below(&rng, 30));
        s_link(rng_below(&rng, 2), s_number(&rng), s_number(&rng));
        s_wait((int64_t)rng_below(&rng, 1000000));
        s_sent();
    }
    s_end();
}

/* A kept chunk is sent again and again: it must be what the shard meant. */
Test(synchronizer, drops_a_damaged_chunk_and_fetches_it_again)
{
    s_start(1 << 20);
    message_t *damaged = s_chunk(1, 1, 0);
    damaged->delta.checksum ^= 1;
    s_say(damaged);
    for (uint64_t chunk = 1; chunk < CHUNKS; chunk++)
        s_say(s_chunk(1, 1, chunk));
    s_expect_deltas("");
    s_wait(10000000);
    s_head(1, 1);
    cr_assert_eq(s_sent().fetch_from, 1);
    s_delta(1, 1);
    s_expect_deltas("1 ");
    s_end();
}

/* Its position is one of another line: it is told what is kept of this one, and nothing that it says of
 * its own counts here. */
Test(synchronizer, a_destination_on_another_lineage_is_told_and_has_taken_nothing)
{
    s_start(1 << 20);
    s_delta(1, 1);
    s_delta(2, 2);
    s_ack("region2", 2, 2);
    s_sent();
    message_t *m = message_new(KIND_delta_ack, "synchronizer/region0/0", "shard/region1/0");
    m->incarnation = 9;
    message_set_name(m->delta_ack.origin, "region0");
    m->delta_ack.history = HISTORY + 1;
    m->delta_ack.applied = m->delta_ack.durable = 2;
    m->delta_ack.generation = 9;
    s_say(m);
    sent_t sent = s_sent();
    cr_assert_eq(sent.gaps, 1);
    cr_assert_eq(sent.streams, 0);
    cr_assert_eq(synchronizer_core_delivered(s_core), 0);
    s_ack("region1", 1, 1); /* of an older incarnation and entry than it said, which nothing is kept of */
    cr_assert_eq(synchronizer_core_delivered(s_core), 1);
    s_end();
}

Test(synchronizer, an_entry_that_there_cannot_have_been_is_not_listened_to)
{
    s_start(1 << 20);
    s_delta(1, 1);
    message_t *m = message_new(KIND_delta_ack, "synchronizer/region0/0", "shard/region1/0");
    m->incarnation = 1;
    message_set_name(m->delta_ack.origin, "region0");
    m->delta_ack.history = HISTORY;
    m->delta_ack.generation = UINT64_MAX;
    s_say(m);
    s_sent();
    s_ack("region1", 1, 1); /* not one from before that entry */
    cr_assert_eq(s_sent().stream_durable, 1);
    s_end();
}

/* Words that no shard says begin no other stream, and make nothing late that it said before. */
Test(synchronizer, nothing_of_a_malformed_message_lasts)
{
    s_start(1 << 20);
    s_delta(1, 1);
    s_expect_deltas("1 ");
    message_t *head = message_new(KIND_stream_head, "synchronizer/region0/0", "shard/region0/0");
    head->incarnation = 9;
    head->stream_head.history = HISTORY + 1;
    s_say(head);
    message_t *delta = s_chunk(2, 1, 0);
    delta->incarnation = 9;
    delta->delta.history = HISTORY + 1;
    s_say(delta);
    s_delta(2, 2);
    s_expect_deltas("2 ");
    s_ack("region1", 2, 2);
    cr_assert_eq(s_sent().stream_durable, 2);
    s_end();
}

Test(synchronizer, a_destination_that_lacks_something_and_is_silent_is_away_until_it_is_heard)
{
    s_start(1 << 20);
    s_delta(1, 1);
    s_ack("region2", 1, 1);
    s_sent();
    s_wait(59000000);
    cr_assert_eq(s_sent().streams, 0);
    s_wait(2000000);
    sent_t sent = s_sent();
    cr_assert_eq(sent.streams, 1, "only of the one that is silent");
    cr_assert(sent.away);
    s_ack("region1", 0, 0);
    sent = s_sent();
    cr_assert_geq(sent.streams, 1);
    cr_assert_not(sent.away);
    s_end();
}
