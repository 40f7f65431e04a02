/* Links whose peer is wrong, foreign or new. */
#include "tests/unit/brokers/link_world.h"

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
        m->link_data.sequence = 0;
        break;
    case 1:
        m->link_data.class = CLASS_COUNT;
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

Test(link_peer, malformed_pieces_are_counted_and_change_nothing)
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

Test(link_peer, bytes_beyond_a_gap_are_bounded)
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

Test(link_peer, an_acknowledgement_of_what_was_never_sent_is_refused)
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

Test(link_peer, a_peer_of_another_job_run_or_region_is_refused)
{
    for (int how = 0; how < 3; how++) {
        world_t w;
        s_init(&w, NULL);
        link_spec_t spec = w.specs[1];
        if (how == 2)
            spec.run = w.specs[0].run + 1;
        else
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

/* Two ends of which none, or one, knows its run yet, and what becomes of it. */
static void s_init_unnamed(world_t *w, uint64_t first, uint64_t second)
{
    s_init(w, NULL);
    for (int i = 0; i < 2; i++) {
        w->specs[i].run = i ? second : first;
        link_destroy(&w->ends[i]);
        w->ends[i] = link_new(&w->specs[i], w->now_us);
    }
    s_connect(w);
    s_send(w, 0, CLASS_CONTROL, 10, 0);
    s_send(w, 1, CLASS_CONTROL, 10, 0);
    s_run(w, SECOND);
    s_assert_all_arrived(w);
    for (int i = 0; i < 2; i++)
        cr_assert_not(link_is_of_run(w->ends[i]));
}

Test(link_peer, ends_that_learn_of_the_same_run_tell_each_other)
{
    world_t w;
    s_init_unnamed(&w, 0, 0);
    link_set_run(w.ends[0], 5, w.now_us);
    s_run(&w, SECOND);
    cr_assert_not(link_is_of_run(w.ends[0]), "the other one does not know");
    link_set_run(w.ends[1], 5, w.now_us);
    s_run(&w, SECOND);
    for (int i = 0; i < 2; i++)
        cr_assert(link_is_of_run(w.ends[i]));
    s_send(&w, 0, CLASS_DELTA, 10, 1000);
    cr_assert(s_run_until_idle(&w, SECOND));
    s_assert_all_arrived(&w);
    cr_assert_eq(link_stats(w.ends[0]).reconnects, 0, "it is the same session");
    s_fini(&w);
}

Test(link_peer, ends_that_learn_of_different_runs_part)
{
    for (int knew = 0; knew < 2; knew++) { /* one of them from the start */
        world_t w;
        s_init_unnamed(&w, 0, knew ? 6 : 0);
        link_set_run(w.ends[0], 5, w.now_us);
        if (!knew) {
            s_run(&w, SECOND);
            link_set_run(w.ends[1], 6, w.now_us);
        }
        for (int i = 0; i < 2; i++) {
            frames_t frames = s_frames(CLASS_DELTA, 1, 10, 1000);
            cr_assert_eq(link_send(w.ends[i], CLASS_DELTA, &frames, w.now_us), ERR_OK);
        }
        s_run(&w, 10 * SECOND);
        for (int i = 0; i < 2; i++) {
            cr_assert_not(link_is_of_run(w.ends[i]));
            cr_assert(link_stats(w.ends[i]).foreign);
            cr_assert_not(link_stats(w.ends[i]).up);
            cr_assert_eq(w.arrived[i][CLASS_DELTA], 0);
        }
        s_fini(&w);
    }
}

Test(link_peer, a_restarted_peer_gets_the_rest_from_the_start_of_its_messages)
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

Test(link_peer, a_session_that_is_over_does_not_come_back)
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

/* ---- two brokers of a region ------------------------------------------------------------------------- */

static message_t *s_hello_of(const world_t *w, uint64_t session)
{
    message_t *m = message_new(KIND_link_hello, "broker/eu", "broker/us");
    strcpy(m->link_hello.region, "us");
    strcpy(m->link_hello.digest, w->specs[0].digest);
    m->link_hello.session = session;
    return m;
}

static message_t *s_refusal(uint64_t session, err_code_t code)
{
    message_t *m = message_new(KIND_refused, "broker/us", "broker/eu");
    m->refused.kind = KIND_link_hello;
    m->refused.code = code;
    m->refused.incarnation = session;
    return m;
}

Test(link_peer, of_two_brokers_the_one_that_is_there_stays)
{
    world_t w;
    s_init(&w, NULL);
    cr_assert_eq(link_contend(w.ends[0], 555, w.now_us), ERR_OK, "nobody is there yet");
    s_connect(&w);
    s_run(&w, SECOND);
    cr_assert_eq(link_contend(w.ends[0], w.specs[1].session, w.now_us), ERR_OK, "itself");
    cr_assert_eq(link_contend(w.ends[0], 555, w.now_us), ERR_TIMEOUT);
    w.delay_us[0] = 100;
    message_t *probe = link_probe(w.ends[0]);
    link_message(w.ends[1], 0, &probe, w.now_us);
    s_run(&w, 1000);
    cr_assert_eq(link_contend(w.ends[0], 555, w.now_us), ERR_IN_USE, "it answers at once");
    w.cut[1][0] = w.cut[1][1] = w.cut[1][2] = true;
    s_run(&w, LINK_DEAD_US - SECOND);
    cr_assert_eq(link_contend(w.ends[0], 666, w.now_us), ERR_TIMEOUT, "it may be slow");
    s_run(&w, SECOND);
    cr_assert_eq(link_contend(w.ends[0], 666, w.now_us), ERR_OK, "it is silent");
    s_fini(&w);
}

Test(link_peer, the_place_of_a_broker_whose_connection_is_closed_is_free_at_once)
{
    world_t w;
    s_init(&w, NULL);
    s_connect(&w);
    s_run(&w, SECOND);
    cr_assert_eq(link_contend(w.ends[0], 555, w.now_us), ERR_TIMEOUT);
    link_disconnected(w.ends[0], 0, w.now_us);
    cr_assert_eq(link_contend(w.ends[0], 555, w.now_us), ERR_OK);
    s_fini(&w);
}

Test(link_peer, one_that_was_replaced_comes_back_with_another_session)
{
    world_t w;
    s_init(&w, NULL);
    w.lenient = true;
    s_connect(&w);
    s_send_mix(&w, 20);
    s_run(&w, SECOND);
    message_t *m = s_hello_of(&w, 555);
    link_message(w.ends[0], 0, &m, w.now_us);
    cr_assert_eq(link_contend(w.ends[0], w.specs[1].session, w.now_us), ERR_STALE);
    m = s_refusal(7, ERR_STALE);
    link_refused(w.ends[1], 0, m, 888, w.now_us);
    cr_assert_not(link_stats(w.ends[1]).turned_away, "about another session");
    message_destroy(&m);
    m = s_refusal(w.specs[1].session, ERR_STALE);
    for (uint64_t c = 0; c <= w.specs[1].connections; c++)
        link_refused(w.ends[1], c, m, 999 + c, w.now_us);
    message_destroy(&m);
    link_tick(w.ends[1], w.now_us);
    cr_assert(link_stats(w.ends[1]).turned_away);
    cr_assert_not(link_stats(w.ends[1]).up);
    for (uint64_t c = 0; c <= w.specs[0].connections; c++)
        link_connected(w.ends[0], c, w.now_us);
    s_send_mix(&w, 20);
    cr_assert(s_run_until_idle(&w, 20 * SECOND));
    s_assert_all_arrived(&w);
    cr_assert_eq(link_contend(w.ends[0], 999, w.now_us), ERR_OK, "the first of the fresh ones is its own");
    s_run(&w, SECOND);
    cr_assert(link_stats(w.ends[1]).up);
    cr_assert_not(link_stats(w.ends[1]).turned_away);
    s_fini(&w);
}

Test(link_peer, one_that_is_refused_greets_again_less_and_less_often)
{
    world_t w;
    s_init(&w, NULL);
    link_connected(w.ends[1], 0, w.now_us);
    unsigned hellos = 0;
    int64_t last_us = 0, longest_us = 0;
    for (int64_t end_us = w.now_us + 60 * SECOND; w.now_us < end_us; w.now_us += 10000) {
        uint64_t connection;
        link_tick(w.ends[1], w.now_us);
        message_t *m = link_take_outgoing(w.ends[1], &connection);
        if (!m)
            continue;
        longest_us = last_us && w.now_us - last_us > longest_us ? w.now_us - last_us : longest_us;
        last_us = w.now_us;
        hellos++;
        message_destroy(&m);
        m = s_refusal(w.specs[1].session, ERR_IN_USE);
        link_refused(w.ends[1], 0, m, 999, w.now_us);
        message_destroy(&m);
    }
    cr_assert_lt(hellos, 15);
    cr_assert_gt(longest_us, LINK_REFUSED_MOST_US - SECOND);
    cr_assert_lt(longest_us, LINK_REFUSED_MOST_US + SECOND, "and takes over within seconds");
    s_fini(&w);
}
