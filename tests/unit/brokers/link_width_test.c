/* The number of connections that a link finds, on paths that differ in what each flow may carry. */
#include "brokers/link_core.h"

#include <criterion/criterion.h>
#include <string.h>

#define TICK_US 100000
#define SECOND 1000000

typedef struct {
    link_t *link;
    uint64_t flow_bytes_per_s, path_bytes_per_s;
    uint64_t open; /* connections that the shell has made */
    uint64_t most; /* that were in use at a time */
} world_t;

static void s_init(world_t *w, uint64_t connections, bool measure)
{
    link_spec_t spec = {
        .session = 1, .connections = connections, .measure = measure, .local = "eu", .remote = "us"};
    *w = (world_t){.link = link_new(&spec, 0), .flow_bytes_per_s = 1000000, .path_bytes_per_s = 9500000};
    w->link->stats.up = true;
    w->link->estimate.rtt_us = 30000;
}

/* `idle_every` ticks there is nothing to send. */
static void s_run(world_t *w, int64_t duration_us, unsigned idle_every)
{
    link_t *link = w->link;
    unsigned ticks = 0;
    for (int64_t end_us = link->now_us + duration_us; link->now_us < end_us; ticks++) {
        link->now_us += TICK_US;
        for (; w->open < link_wanted(link); w->open++)
            link->connections[w->open + 1].greeted = true;
        uint64_t used = link_stats(link).connections < w->open ? link_stats(link).connections : w->open;
        uint64_t rate = used * w->flow_bytes_per_s;
        link->estimate.delivered_bytes +=
            (rate < w->path_bytes_per_s ? rate : w->path_bytes_per_s) * TICK_US / SECOND;
        if (idle_every && ticks % idle_every == 0)
            link_width_idle(link);
        link_width_tick(link);
        if (used > w->most)
            w->most = used;
    }
}

Test(link_width, grows_while_more_carry_more)
{
    world_t w;
    s_init(&w, 16, true);
    cr_assert_eq(link_stats(w.link).connections, LINK_CONNECTIONS_FIRST);
    s_run(&w, 20 * SECOND, 0);
    cr_assert_eq(link_stats(w.link).connections, 16, "8 carry 8, 16 carry 9.5");
    link_destroy(&w.link);
}

Test(link_width, stays_where_more_bring_nothing)
{
    world_t w;
    s_init(&w, 16, true);
    w.flow_bytes_per_s = w.path_bytes_per_s;
    s_run(&w, 5 * SECOND, 0);
    cr_assert_eq(w.most, 4, "it has tried");
    cr_assert_eq(link_stats(w.link).connections, 2);
    w.flow_bytes_per_s = 1000000; /* the path has changed: a later try finds it */
    s_run(&w, 60 * SECOND, 0);
    cr_assert_eq(link_stats(w.link).connections, 16);
    link_destroy(&w.link);
}

Test(link_width, a_link_with_little_to_say_is_left_alone)
{
    world_t w;
    s_init(&w, 16, true);
    s_run(&w, 60 * SECOND, 5);
    cr_assert_eq(w.most, 2);
    link_destroy(&w.link);
}

Test(link_width, a_number_that_was_written_is_kept)
{
    world_t w;
    s_init(&w, 3, false);
    s_run(&w, 30 * SECOND, 0);
    cr_assert_eq(w.most, 3);
    cr_assert_eq(link_wanted(w.link), 3);
    link_destroy(&w.link);
}

Test(link_width, opens_what_the_other_end_wishes)
{
    world_t w;
    s_init(&w, 16, true);
    link_width_wish(w.link, 8);
    cr_assert_eq(link_wanted(w.link), 8);
    cr_assert_eq(link_stats(w.link).connections, 2, "what it uses itself it finds itself");
    link_width_wish(w.link, 4);
    link_width_wish(w.link, UINT64_MAX);
    cr_assert_eq(link_wanted(w.link), 16);
    link_destroy(&w.link);
}
