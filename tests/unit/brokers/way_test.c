#include "brokers/way.h"

#include <criterion/criterion.h>
#include <stdlib.h>

enum { A, B, C, D };

typedef struct {
    size_t a, b;
    uint64_t rate_bytes_per_s;
    int64_t rtt_us;
} line_t;

static topology_t *s_topology(const line_t *lines, size_t count)
{
    topology_t *t = calloc(1, sizeof *t);
    cr_assert_not_null(t);
    t->region_count = 4;
    for (; t->link_count < count; t->link_count++, lines++)
        t->links[t->link_count] = (topology_link_t){.between = {lines->a, lines->b},
                                                    .rate_bytes_per_s = lines->rate_bytes_per_s,
                                                    .rtt_us = lines->rtt_us};
    return t;
}

static const bool NONE[TOPOLOGY_REGIONS_MAX], ALL[TOPOLOGY_REGIONS_MAX] = {true, true, true, true};

Test(way, own_link_while_it_works)
{
    topology_t *t = s_topology((line_t[]){{A, B, 1, 0}, {A, C, 9, 0}, {C, B, 9, 0}}, 3);
    cr_assert_eq(way_next(t, A, B, NULL), B);
    cr_assert_eq(way_next(t, A, B, ALL), B);
    cr_assert_eq(way_next(t, A, B, (bool[TOPOLOGY_REGIONS_MAX]){[C] = true}), C);
    cr_assert_eq(way_next(t, A, B, NONE), B, "its own link is what is waited for");
    topology_destroy(&t);
}

Test(way, over_a_region_that_both_are_linked_with)
{
    topology_t *t = s_topology((line_t[]){{A, C, 0, 0}, {B, C, 0, 0}, {C, D, 0, 0}}, 3);
    cr_assert_eq(way_next(t, A, B, NULL), C);
    cr_assert_eq(way_next(t, B, A, ALL), C);
    cr_assert_eq(way_next(t, A, B, NONE), C, "there is no other to wait for");
    topology_destroy(&t);
}

Test(way, two_hops_are_the_most)
{
    topology_t *t = s_topology((line_t[]){{A, B, 0, 0}, {B, C, 0, 0}, {C, D, 0, 0}}, 3);
    cr_assert_eq(way_next(t, A, C, NULL), B);
    cr_assert_eq(way_next(t, A, D, NULL), SIZE_MAX);
    cr_assert_eq(way_next(t, A, D, ALL), SIZE_MAX);
    topology_destroy(&t);
}

Test(way, the_relay_whose_slower_link_is_fastest)
{
    topology_t *t =
        s_topology((line_t[]){{A, C, 100, 10}, {C, B, 20, 10}, {A, D, 50, 90}, {D, B, 50, 90}}, 4);
    cr_assert_eq(way_next(t, A, B, NULL), D);
    t->links[1].rate_bytes_per_s = 0; /* not limited */
    cr_assert_eq(way_next(t, A, B, NULL), C);
    t->links[0].rate_bytes_per_s = 50; /* as fast: the shorter way */
    cr_assert_eq(way_next(t, A, B, NULL), C);
    t->links[0].rtt_us = 200;
    cr_assert_eq(way_next(t, A, B, NULL), D);
    cr_assert_eq(way_next(t, A, B, (bool[TOPOLOGY_REGIONS_MAX]){[C] = true}), C);
    topology_destroy(&t);
}

/* One rule, asked for one pair or for all. */
Test(way, the_table_of_all_pairs_says_the_same)
{
    static topology_t topologies[2];
    topologies[0].region_count = topologies[1].region_count = 6;
    for (size_t i = 0; i < 7; i++)
        topologies[0].links[topologies[0].link_count++] =
            (topology_link_t){.between = {i % 6, (i * i + 1) % 6 == i % 6 ? (i + 2) % 6 : (i * i + 1) % 6},
                              .rate_bytes_per_s = 1000 * (i % 3),
                              .rtt_us = (int64_t)(1000 * (i % 4))};
    for (size_t t = 0; t < 2; t++) {
        size_t next[36];
        way_table(&topologies[t], next);
        for (size_t here = 0; here < 6; here++)
            for (size_t to = 0; to < 6; to++)
                if (here != to)
                    cr_assert_eq(next[here * 6 + to], way_next(&topologies[t], here, to, NULL), "%zu %zu",
                                 here, to);
    }
}
