#include "actors/keeper/transfer.h"

#include "actors/kit/role.h"
#include "codec/base/hash.h"
#include "codec/base/rng.h"
#include "tests/unit/codec/base/seed.h"

#include <criterion/criterion.h>

#include <string.h>

#define TRIP_US 1000
#define GIVER "shard/eu/1"
#define TAKER "keeper/us/a"

/* The faults of the network, in percent, and how many of them have really happened. */
typedef struct {
    unsigned lose, twice, late, damage;
    size_t lost, doubled, delayed, damaged;
} weather_t;

typedef struct {
    message_t *m;
    int64_t at_us;
} flight_t;

typedef struct {
    snapshot_t *snapshot;
    giver_t *giver; /* NULL: it is gone, and nobody answers */
    taker_t *taker;
    taker_spec_t spec;
    taker_state_t state;
    outbox_t out;
    flight_t *flights;
    size_t count, capacity;
    weather_t weather;
    rng_t rng;
    int64_t now_us;
    size_t fetches, most_open;
    uint64_t asked_bytes;
    err_t err;
} world_t;

/* ---- a world of two actors and a network between them ---- */

static snapshot_t *s_snapshot(const size_t *sizes, size_t count, uint64_t seed)
{
    snapshot_id_t id = {.history = 77, .number = 5, .incarnation = 3, .tag = "cut"};
    snapshot_t *snapshot = snapshot_new(&id);
    rng_t rng;
    rng_init(&rng, seed);
    for (size_t i = 0; i < count; i++) {
        buf_t *buf = buf_new(sizes[i]);
        for (size_t j = 0; j < sizes[i]; j++)
            ((unsigned char *)buf_data(buf))[j] = (unsigned char)rng_u64(&rng);
        char name[32];
        snprintf(name, sizeof name, "value/%zu", i);
        cr_assert_eq(snapshot_add(snapshot, name, &buf, NULL), ERR_OK);
    }
    return snapshot;
}

static message_t *s_offer(world_t *w)
{
    giver_offer(w->giver, TAKER, 0, &w->out);
    message_t *offer = outbox_take(&w->out);
    cr_assert_eq(offer->kind, KIND_snapshot_offer);
    return offer;
}

static world_t s_world(const size_t *sizes, size_t count, size_t piece_bytes)
{
    uint64_t seed = test_seed();
    world_t w = {.snapshot = s_snapshot(sizes, count, seed), .now_us = 1000};
    w.spec = (taker_spec_t){.name = TAKER,
                            .incarnation = 9,
                            .piece_bytes = piece_bytes,
                            .window = 4,
                            .most_bytes = 1 << 20,
                            .patience_us = 20000};
    rng_init_for(&w.rng, seed, "network", 0, 0);
    cr_assert_eq(giver_new(w.snapshot, "eu", 1, GIVER, 3, &w.giver, NULL), ERR_OK);
    return w;
}

static void s_begin(world_t *w)
{
    message_t *offer = s_offer(w);
    cr_assert_eq(taker_new(&w->spec, offer, w->now_us, &w->taker, &w->err), ERR_OK, "%s", w->err.text);
    message_destroy(&offer);
}

static bool s_chance(world_t *w, unsigned percent)
{
    return percent && rng_below(&w->rng, 100) < percent;
}

static void s_fly(world_t *w, message_t *m, int64_t trip_us)
{
    if (w->count == w->capacity) {
        w->capacity = w->capacity ? 2 * w->capacity : 64;
        w->flights = realloc(w->flights, w->capacity * sizeof *w->flights);
    }
    w->flights[w->count++] = (flight_t){m, w->now_us + trip_us};
}

static void s_damage(world_t *w, message_t *m)
{
    buf_t *copy = buf_new_copy(slice_peek(&m->data), m->data.size_bytes);
    ((char *)buf_data(copy))[rng_below(&w->rng, m->data.size_bytes)] ^= 4;
    slice_t data = slice_of(copy, 0, m->data.size_bytes);
    buf_destroy(&copy);
    slice_fini(&m->data);
    m->data = data;
    w->weather.damaged++;
}

/* Puts what was said on its way. */
static void s_send(world_t *w)
{
    message_t *m;
    while ((m = outbox_take(&w->out))) {
        if (m->kind == KIND_snapshot_fetch) {
            w->fetches++;
            w->asked_bytes += m->snapshot_fetch.length;
            cr_assert_leq(m->snapshot_fetch.length, w->spec.piece_bytes);
        }
        if (s_chance(w, w->weather.lose)) {
            w->weather.lost++;
            message_destroy(&m);
            continue;
        }
        if (s_chance(w, w->weather.twice)) {
            w->weather.doubled++;
            s_fly(w, message_dup(m), 3 * TRIP_US);
        }
        if (m->data.buf && s_chance(w, w->weather.damage))
            s_damage(w, m);
        bool late = s_chance(w, w->weather.late);
        w->weather.delayed += late;
        s_fly(w, m, late ? 15 * TRIP_US : TRIP_US);
    }
}

static void s_deliver(world_t *w, message_t *m)
{
    if (m->kind == KIND_snapshot_fetch && w->giver)
        giver_serve(w->giver, m, &w->out);
    else if (m->kind == KIND_snapshot_piece)
        w->state = taker_piece(w->taker, m, w->now_us, &w->out, &w->err);
    message_destroy(&m);
    s_send(w);
}

/* Index of what arrives next, count when nothing is under way. */
static size_t s_next(const world_t *w)
{
    size_t next = w->count;
    for (size_t i = 0; i < w->count; i++) {
        if (next == w->count || w->flights[i].at_us < w->flights[next].at_us)
            next = i;
    }
    return next;
}

/* One event; false when nothing will ever happen again. */
static bool s_step(world_t *w)
{
    size_t next = s_next(w);
    int64_t due = taker_due(w->taker);
    if (next == w->count && due == ROLE_NEVER)
        return false;
    size_t open = w->count;
    w->most_open = open > w->most_open ? open : w->most_open;
    if (next < w->count && w->flights[next].at_us <= due) {
        flight_t flight = w->flights[next];
        memmove(&w->flights[next], &w->flights[next + 1], (w->count - next - 1) * sizeof *w->flights);
        w->count--;
        w->now_us = flight.at_us > w->now_us ? flight.at_us : w->now_us;
        s_deliver(w, flight.m);
    } else {
        w->now_us = due > w->now_us ? due : w->now_us;
        taker_tick(w->taker, w->now_us, &w->out);
        s_send(w);
    }
    return true;
}

static void s_run(world_t *w)
{
    for (size_t i = 0; i < 200000 && w->state == TAKER_RUNS; i++)
        cr_assert(s_step(w), "the transfer stands still");
}

static void s_expect_whole(world_t *w)
{
    cr_assert_eq(w->state, TAKER_WHOLE, "state %d: %s", (int)w->state, w->err.text);
    cr_assert_eq(taker_have_bytes(w->taker), taker_total_bytes(w->taker));
    cr_assert_eq(taker_due(w->taker), ROLE_NEVER);
    snapshot_t *got = taker_take(w->taker);
    cr_assert_eq(got->count, w->snapshot->count);
    cr_assert_eq(got->id.history, 77);
    cr_assert_eq(got->id.number, 5);
    cr_assert_eq(got->id.incarnation, 3);
    cr_assert_str_eq(got->id.tag, "cut");
    for (size_t i = 0; i < got->count; i++) {
        const snapshot_value_t *a = &got->values[i], *b = &w->snapshot->values[i];
        cr_assert_str_eq(a->name, b->name);
        cr_assert_eq(buf_size(a->buf), buf_size(b->buf));
        cr_assert_eq(memcmp(buf_peek(a->buf), buf_peek(b->buf), buf_size(a->buf)), 0);
    }
    snapshot_destroy(&got);
    cr_assert_null(taker_take(w->taker));
}

static void s_fini(world_t *w)
{
    for (size_t i = 0; i < w->count; i++)
        message_destroy(&w->flights[i].m);
    free(w->flights);
    outbox_fini(&w->out);
    taker_destroy(&w->taker);
    giver_destroy(&w->giver);
    snapshot_destroy(&w->snapshot);
}

static const size_t s_sizes[] = {5000, 0, 700, 1, 699, 0, 2100, 0};
#define COUNT (sizeof s_sizes / sizeof *s_sizes)

/* ---- what arrives ---- */

Test(transfer, a_snapshot_arrives_bit_for_bit_and_every_piece_is_asked_for_once)
{
    world_t w = s_world(s_sizes, COUNT, 700);
    s_begin(&w);
    cr_assert_null(taker_take(w.taker));
    s_run(&w);
    s_expect_whole(&w);
    cr_assert_eq(w.asked_bytes, taker_total_bytes(w.taker));
    s_fini(&w);
}

Test(transfer, a_snapshot_of_nothing_but_empty_values_arrives)
{
    world_t w = s_world((size_t[]){0, 0}, 2, 700);
    s_begin(&w);
    s_run(&w);
    s_expect_whole(&w);
    s_fini(&w);
}

Test(transfer, lost_doubled_late_and_damaged_pieces_change_nothing_in_the_end)
{
    world_t w = s_world(s_sizes, COUNT, 50);
    w.weather = (weather_t){.lose = 20, .twice = 15, .late = 20, .damage = 15};
    s_begin(&w);
    s_run(&w);
    s_expect_whole(&w);
    cr_assert_gt(w.weather.lost, 5);
    cr_assert_gt(w.weather.doubled, 5);
    cr_assert_gt(w.weather.delayed, 5);
    cr_assert_gt(w.weather.damaged, 5);
    s_fini(&w);
}

/* As many pieces as 300 MB have at the usual size. */
Test(transfer, hundreds_of_pieces_of_one_value_keep_the_window)
{
    world_t w = s_world((size_t[]){300 * 64, 30}, 2, 64);
    w.spec.window = 8;
    s_begin(&w);
    s_run(&w);
    s_expect_whole(&w);
    cr_assert_geq(w.fetches, 300);
    cr_assert_eq(w.most_open, 8);
    s_fini(&w);
}

/* LeNet's 61,706 parameters with their momentum, in pieces of a chunk: one each. */
Test(transfer, a_shard_of_lenet_needs_one_piece_per_value)
{
    world_t w = s_world((size_t[]){61706 * 4, 61706 * 4, 900}, 3, MESSAGE_CHUNK_BYTES);
    s_begin(&w);
    s_run(&w);
    s_expect_whole(&w);
    cr_assert_eq(w.fetches, 4);
    s_fini(&w);
}

/* ---- what is refused ---- */

static void s_expect_bad(world_t *w, err_code_t code, const char *text)
{
    cr_assert_eq(w->state, TAKER_BAD);
    cr_assert_eq(w->err.code, code, "%s", w->err.text);
    cr_assert(strstr(w->err.text, text), "%s", w->err.text);
    cr_assert_null(taker_take(w->taker));
    cr_assert_eq(taker_due(w->taker), ROLE_NEVER);
}

/* The giver's own memory goes bad: pieces are sent as they are, so only the value's checksum tells. */
static void s_spoil(world_t *w, const char *name)
{
    buf_t *buf = snapshot_peek(w->snapshot, name);
    ((char *)buf_data(buf))[3] ^= 1;
}

Test(transfer, a_value_that_is_not_what_the_manifest_says_is_refused)
{
    world_t w = s_world(s_sizes, COUNT, 700);
    s_begin(&w);
    s_spoil(&w, "value/2");
    s_run(&w);
    s_expect_bad(&w, ERR_CHECKSUM, "value/2");
    s_fini(&w);
}

Test(transfer, a_manifest_that_is_not_the_offered_one_is_refused)
{
    world_t w = s_world(s_sizes, COUNT, 700);
    message_t *offer = s_offer(&w);
    offer->snapshot_offer.manifest_checksum ^= 1;
    cr_assert_eq(taker_new(&w.spec, offer, 0, &w.taker, NULL), ERR_OK);
    message_destroy(&offer);
    s_run(&w);
    s_expect_bad(&w, ERR_CHECKSUM, "manifest");
    s_fini(&w);
}

/* Every bit of a manifest with a checksum made to fit: never more memory than offered, never a crash. */
Test(transfer, no_damaged_manifest_gets_through)
{
    world_t w = s_world((size_t[]){40, 0, 7}, 3, 4096);
    message_t *offer = s_offer(&w);
    for (size_t bit = 0; bit < 8 * offer->snapshot_offer.manifest_bytes; bit++) {
        taker_destroy(&w.taker);
        w.state = TAKER_RUNS;
        cr_assert_eq(taker_new(&w.spec, offer, 0, &w.taker, NULL), ERR_OK);
        message_t *fetch = NULL;
        taker_tick(w.taker, 0, &w.out);
        fetch = outbox_take(&w.out);
        giver_serve(w.giver, fetch, &w.out);
        message_destroy(&fetch);
        message_t *piece = outbox_take(&w.out);
        buf_t *copy = buf_new_copy(slice_peek(&piece->data), piece->data.size_bytes);
        ((char *)buf_data(copy))[bit / 8] ^= (char)(1 << bit % 8);
        slice_fini(&piece->data);
        piece->data = slice_of(copy, 0, buf_size(copy));
        piece->snapshot_piece.checksum = hash_checksum(buf_peek(copy), buf_size(copy));
        buf_destroy(&copy);
        w.state = taker_piece(w.taker, piece, 0, &w.out, &w.err);
        message_destroy(&piece);
        s_expect_bad(&w, ERR_CHECKSUM, "manifest");
    }
    message_destroy(&offer);
    s_fini(&w);
}

/* A manifest in order that belongs to another offer: lengths, number, history. */
Test(transfer, a_manifest_that_does_not_fit_its_offer_is_refused)
{
    for (int i = 0; i < 4; i++) {
        world_t w = s_world(s_sizes, COUNT, 700);
        message_t *offer = s_offer(&w);
        offer->snapshot_offer.total_bytes += i == 0 ? 1 : i == 1 ? (uint64_t)-1 : 0;
        offer->snapshot_offer.history += i == 2;
        if (i == 3) { /* the giver itself has another number in its manifest */
            snapshot_t *other = s_snapshot(s_sizes, COUNT, 4);
            other->id.history = 78;
            giver_t *giver = NULL;
            cr_assert_eq(giver_new(other, "eu", 1, GIVER, 3, &giver, NULL), ERR_OK);
            giver_destroy(&w.giver);
            w.giver = giver;
            snapshot_destroy(&other);
        }
        cr_assert_eq(taker_new(&w.spec, offer, 0, &w.taker, NULL), ERR_OK);
        message_destroy(&offer);
        s_run(&w);
        s_expect_bad(&w, i == 3 ? ERR_CHECKSUM : ERR_MALFORMED, "");
        s_fini(&w);
    }
}

/* The taker is offered that snapshot, and what it asks for first is answered with this manifest. */
static void s_give_manifest(world_t *w, const manifest_t *manifest, const manifest_id_t *offered)
{
    buf_t *bytes = NULL;
    cr_assert_eq(manifest_encode(manifest, &bytes, NULL), ERR_OK);
    message_t *offer = s_offer(w);
    offer->snapshot_offer.number = offered->number;
    offer->snapshot_offer.incarnation = offered->incarnation;
    offer->snapshot_offer.manifest_bytes = buf_size(bytes);
    offer->snapshot_offer.manifest_checksum = buf_checksum(bytes);
    offer->snapshot_offer.total_bytes = 0;
    cr_assert_eq(taker_new(&w->spec, offer, 0, &w->taker, NULL), ERR_OK);
    taker_tick(w->taker, 0, &w->out);
    message_t *fetch = outbox_take(&w->out), *piece = message_new(KIND_snapshot_piece, TAKER, GIVER);
    message_set_name(piece->snapshot_piece.region, fetch->snapshot_fetch.region);
    piece->snapshot_piece.shard = fetch->snapshot_fetch.shard;
    piece->snapshot_piece.number = offered->number;
    piece->snapshot_piece.incarnation = offered->incarnation;
    piece->snapshot_piece.checksum = buf_checksum(bytes);
    piece->data = slice_of(bytes, 0, buf_size(bytes));
    w->state = taker_piece(w->taker, piece, 0, &w->out, &w->err);
    message_destroy(&offer);
    message_destroy(&fetch);
    message_destroy(&piece);
    buf_destroy(&bytes);
}

Test(transfer, a_manifest_of_another_number_or_incarnation_is_refused)
{
    for (int i = 0; i < 3; i++) {
        world_t w = s_world(s_sizes, COUNT, 4096);
        manifest_t manifest = {.id = w.snapshot->id};
        manifest_id_t offered = w.snapshot->id;
        offered.number += i == 1;
        offered.incarnation += i == 2;
        s_give_manifest(&w, &manifest, &offered);
        if (i)
            s_expect_bad(&w, ERR_MALFORMED, "another snapshot's");
        else
            cr_assert_eq(w.state, TAKER_WHOLE);
        s_fini(&w);
    }
}

/* Of an empty value no piece comes whose checksum would tell. */
Test(transfer, an_empty_value_has_the_checksum_of_nothing)
{
    for (uint64_t wrong = 0; wrong < 2; wrong++) {
        world_t w = s_world(s_sizes, COUNT, 4096);
        manifest_value_t value = {
            .name = "value/0", .checksum = hash_checksum("", 0) ^ wrong, .piece_bytes = MESSAGE_CHUNK_BYTES};
        manifest_t manifest = {.id = w.snapshot->id, .next_key = 1, .values = &value, .count = 1};
        s_give_manifest(&w, &manifest, &w.snapshot->id);
        if (wrong)
            s_expect_bad(&w, ERR_CHECKSUM, "value/0");
        else
            cr_assert_eq(w.state, TAKER_WHOLE);
        s_fini(&w);
    }
}

Test(transfer, a_piece_that_is_always_damaged_ends_the_transfer)
{
    world_t w = s_world(s_sizes, COUNT, 700);
    w.weather.damage = 100;
    s_begin(&w);
    s_run(&w);
    s_expect_bad(&w, ERR_CHECKSUM, "damaged");
    s_fini(&w);
}

Test(transfer, an_offer_over_a_limit_is_refused_before_anything_is_asked_for)
{
    world_t w = s_world(s_sizes, COUNT, 700);
    message_t *offer = s_offer(&w);
    w.spec.most_bytes = offer->snapshot_offer.total_bytes - 1;
    cr_assert_eq(taker_new(&w.spec, offer, 0, &w.taker, NULL), ERR_LIMIT);
    w.spec.most_bytes++;
    offer->snapshot_offer.manifest_bytes = TRANSFER_MANIFEST_MAX + 1;
    cr_assert_eq(taker_new(&w.spec, offer, 0, &w.taker, NULL), ERR_LIMIT);
    offer->snapshot_offer.manifest_bytes = 0;
    cr_assert_eq(taker_new(&w.spec, offer, 0, &w.taker, NULL), ERR_MALFORMED);
    cr_assert_null(w.taker);
    message_destroy(&offer);
    s_fini(&w);
}

/* ---- a giver that goes ---- */

Test(transfer, it_goes_on_where_it_stood_when_the_giver_is_back)
{
    world_t w = s_world(s_sizes, COUNT, 100);
    s_begin(&w);
    while (taker_have_bytes(w.taker) < 3000)
        cr_assert(s_step(&w));
    giver_t *away = w.giver;
    w.giver = NULL;
    int64_t end_us = w.now_us + 3000000;
    size_t before = w.fetches;
    while (w.now_us < end_us)
        cr_assert(s_step(&w));
    cr_assert_eq(w.state, TAKER_RUNS);
    cr_assert_gt(end_us - taker_progress_us(w.taker), 2500000);
    /* patience grows: 4 pieces asked for again every 160 ms, not every 20 */
    cr_assert_leq(w.fetches - before, 4 * (3 + 3000000 / 160000 + 1));
    w.giver = away;
    w.asked_bytes = 0;
    s_run(&w);
    s_expect_whole(&w);
    cr_assert_leq(w.asked_bytes, taker_total_bytes(w.taker) - 3000);
    s_fini(&w);
}

Test(transfer, another_giver_of_the_same_bytes_is_followed_and_one_of_others_is_not)
{
    world_t w = s_world(s_sizes, COUNT, 100);
    s_begin(&w);
    while (taker_have_bytes(w.taker) < 3000)
        cr_assert(s_step(&w));
    giver_destroy(&w.giver);
    cr_assert_eq(giver_new(w.snapshot, "eu", 1, "keeper/eu/b", 12, &w.giver, NULL), ERR_OK);
    message_t *offer = s_offer(&w);
    offer->snapshot_offer.manifest_checksum++;
    cr_assert_not(taker_follow(w.taker, offer));
    offer->snapshot_offer.manifest_checksum--;
    cr_assert(taker_is_of(w.taker, offer));
    cr_assert(taker_follow(w.taker, offer));
    message_destroy(&offer);
    s_run(&w);
    s_expect_whole(&w);
    s_fini(&w);
}

Test(transfer, a_giver_that_has_another_snapshot_says_so)
{
    world_t w = s_world(s_sizes, COUNT, 700);
    s_begin(&w);
    snapshot_t *other = s_snapshot(s_sizes, COUNT, 2);
    other->id.number = 6;
    giver_destroy(&w.giver);
    cr_assert_eq(giver_new(other, "eu", 1, GIVER, 3, &w.giver, NULL), ERR_OK);
    s_run(&w);
    cr_assert_eq(w.state, TAKER_GONE);
    cr_assert_eq(w.err.code, ERR_NOT_FOUND);
    cr_assert_null(taker_take(w.taker));
    snapshot_destroy(&other);
    s_fini(&w);
}

Test(transfer, a_giver_answers_nonsense_with_an_error_and_no_data)
{
    world_t w = s_world(s_sizes, COUNT, 700);
    const struct {
        uint64_t value, offset, length;
    } rows[] = {{99, 0, 1},      {1, 4999, 2},       {1, 5000, 1},      {2, 0, 1},
                {1, 0, 1 << 21}, {1, UINT64_MAX, 2}, {1, 2, UINT64_MAX}};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        message_t *fetch = message_new(KIND_snapshot_fetch, GIVER, TAKER);
        fetch->snapshot_fetch =
            (snapshot_fetch_t_){"eu", 1, 3, 5, rows[i].value, rows[i].offset, rows[i].length, 0};
        giver_serve(w.giver, fetch, &w.out);
        message_destroy(&fetch);
        message_t *piece = outbox_take(&w.out);
        cr_assert_eq(piece->snapshot_piece.code, ERR_LIMIT, "row %zu", i);
        cr_assert_null(piece->data.buf);
        message_destroy(&piece);
    }
    s_fini(&w);
}

Test(transfer, a_giver_can_be_asked_for_its_offer)
{
    world_t w = s_world(s_sizes, COUNT, 700);
    message_t *fetch = message_new(KIND_snapshot_fetch, GIVER, TAKER);
    fetch->snapshot_fetch = (snapshot_fetch_t_){"eu", 1, 3, 5, 0, 0, 0, 0};
    giver_serve(w.giver, fetch, &w.out);
    message_t *offer = outbox_take(&w.out), *same = s_offer(&w);
    cr_assert(message_equal(offer, same));
    message_destroy(&offer);
    message_destroy(&same);
    fetch->snapshot_fetch.number = 6;
    giver_serve(w.giver, fetch, &w.out);
    message_t *piece = outbox_take(&w.out);
    cr_assert_eq(piece->snapshot_piece.code, ERR_NOT_FOUND);
    message_destroy(&piece);
    message_destroy(&fetch);
    s_fini(&w);
}

Test(transfer, pieces_nobody_asked_for_are_passed_over)
{
    world_t w = s_world(s_sizes, COUNT, 700);
    s_begin(&w);
    taker_tick(w.taker, w.now_us, &w.out);
    message_t *fetch = outbox_take(&w.out);
    giver_serve(w.giver, fetch, &w.out);
    message_t *piece = outbox_take(&w.out), *m;
    for (int i = 0; i < 4; i++) {
        message_t *odd = message_dup(piece);
        odd->snapshot_piece.value += i == 0 ? 7 : 0;
        odd->snapshot_piece.offset += i == 1 ? 700 : i == 2 ? UINT64_MAX - 3 : 0;
        if (i == 3)
            message_set_name(odd->from, "shard/eu/2");
        cr_assert_eq(taker_piece(w.taker, odd, w.now_us, &w.out, NULL), TAKER_RUNS);
        cr_assert_eq(taker_have_bytes(w.taker), 0);
        message_destroy(&odd);
    }
    while ((m = outbox_take(&w.out)))
        message_destroy(&m);
    message_destroy(&piece);
    giver_serve(w.giver, fetch, &w.out);
    message_destroy(&fetch);
    s_send(&w);
    s_run(&w);
    s_expect_whole(&w);
    s_fini(&w);
}

/* ---- pace ---- */

Test(transfer, it_never_takes_more_than_its_rate_and_one_piece)
{
    world_t w = s_world((size_t[]){20000}, 1, 100);
    w.weather.lose = 10;
    w.spec.rate_bytes_per_s = 10000;
    s_begin(&w);
    int64_t start_us = w.now_us;
    while (w.state == TAKER_RUNS) {
        cr_assert(s_step(&w));
        double allowed = 10000.0 * (double)(w.now_us - start_us) / 1e6 + 100;
        cr_assert_leq((double)w.asked_bytes, allowed + 1);
    }
    s_expect_whole(&w);
    /* and it takes what it may: lost pieces included, it is at least half as fast as the rate */
    cr_assert_leq(w.now_us - start_us, 2 * (int64_t)(w.asked_bytes * 100));
    s_fini(&w);
}

Test(transfer, a_rate_can_be_taken_away_and_given_later)
{
    world_t w = s_world((size_t[]){20000}, 1, 100);
    s_begin(&w);
    while (taker_have_bytes(w.taker) < 10000)
        cr_assert(s_step(&w));
    taker_set_rate(w.taker, 1000);
    int64_t start_us = w.now_us;
    w.asked_bytes = 0;
    while (w.now_us < start_us + 1000000)
        cr_assert(s_step(&w));
    cr_assert_leq(w.asked_bytes, 1000 + 200);
    taker_set_rate(w.taker, 0);
    s_run(&w);
    s_expect_whole(&w);
    cr_assert_lt(w.now_us - start_us, 2000000);
    s_fini(&w);
}
