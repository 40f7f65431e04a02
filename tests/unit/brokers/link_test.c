/* How a link carries messages: order, loss, rate, priority, limits. */
#include "tests/unit/brokers/link_world.h"

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

Test(link, takes_on_another_rate_and_round_trip)
{
    struct {
        uint64_t from, to;
    } rows[] = {{100 * MBIT, 10 * MBIT}, {10 * MBIT, 100 * MBIT}, {MBIT, 0}, {0, 10 * MBIT}};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        link_spec_t spec = {.emulate = true, .rate_bytes_per_s = rows[i].from, .rtt_us = 10000};
        world_t w;
        s_init(&w, &spec);
        s_connect(&w);
        s_keep_full(&w, SECOND / 2);
        for (int end = 0; end < 2; end++)
            link_change(w.ends[end], rows[i].to, 200000);
        s_keep_full(&w, 6 * SECOND);
        uint64_t sent = link_stats(w.ends[0]).sent_bytes;
        s_keep_full(&w, 4 * SECOND);
        double rate = (double)(link_stats(w.ends[0]).sent_bytes - sent) / 4;
        if (rows[i].to)
            cr_assert_lt(rate, 1.03 * (double)rows[i].to, "row %zu: %g", i, rate);
        bool faster = rows[i].to > rows[i].from; /* which the window has to find out */
        double least = !rows[i].to ? 10 * MBIT : (faster ? 0.5 : 0.9) * (double)rows[i].to;
        cr_assert_gt(rate, least, "row %zu: %g", i, rate);
        cr_assert_gt(link_stats(w.ends[0]).rtt_us, 100000); /* smoothed */
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

/* Queues of data connections do not stand before control. */
Test(link, control_has_a_connection_of_its_own)
{
    world_t w;
    s_init(&w, NULL);
    s_connect(&w);
    s_run(&w, SECOND);
    w.delay_us[1] = w.delay_us[2] = SECOND / 2;
    s_send(&w, 0, CLASS_BULK, 100, 100000);
    s_send(&w, 0, CLASS_CONTROL, 100, 0);
    s_run(&w, SECOND / 10);
    cr_assert_eq(w.arrived[1][CLASS_BULK], 0);
    cr_assert_eq(w.arrived[1][CLASS_CONTROL], 1);
    cr_assert(s_run_until_idle(&w, 10 * SECOND));
    s_assert_all_arrived(&w);
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
