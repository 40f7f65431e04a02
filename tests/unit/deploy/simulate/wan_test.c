/* Links of a timed world: what is on a line waits its turn, control goes first, and a third region relays. */
#include "deploy/simulate/wan.h"

#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

static topology_t *s_topology(const char *links)
{
    char text[1024];
    int n =
        snprintf(text, sizeof text,
                 "job: {name: t, model: lenet, data: {dir: /data}}\n"
                 "regions: [{name: a, data_share: 1}, {name: b, data_share: 1}, {name: c, data_share: 1}]\n"
                 "links: [%s]\n",
                 links);
    topology_t *topology = NULL;
    err_t err = {0};
    cr_assert_eq(topology_parse("t", text, (size_t)n, NULL, 0, &topology, &err), ERR_OK, "%s", err.text);
    return topology;
}

#define MEGABYTE 1000000u

Test(wan, bytes_take_their_time_one_after_the_other_and_half_a_round_trip)
{
    topology_t *topology = s_topology("{between: all, rate: 1MB, rtt: 40ms}");
    wan_t wan;
    wan_init(&wan, topology, 1);
    int64_t first_us = wan_arrives(&wan, 0, 1, MEGABYTE, false, 0);
    cr_assert(first_us >= 1020000 && first_us < 1030000, "%lld", (long long)first_us);
    int64_t second_us = wan_arrives(&wan, 0, 1, MEGABYTE, false, 0);
    cr_assert(second_us >= first_us + 1000000 && second_us < first_us + 1010000);
    cr_assert(wan_arrives(&wan, 1, 0, MEGABYTE, false, 0) < first_us + 10000,
              "the other way is another line");
    cr_assert(wan_arrives(&wan, 0, 2, MEGABYTE, false, 0) < first_us + 10000,
              "and another region another link");
    cr_assert(wan_sent(&wan, 0) >= 3 * MEGABYTE && wan_sent(&wan, 0) < 3 * MEGABYTE + 20000);
    cr_assert(wan_received(&wan, 1) >= 2 * MEGABYTE);
    wan_fini(&wan);
    topology_destroy(&topology);
}

Test(wan, control_waits_for_one_piece_alone)
{
    topology_t *topology = s_topology("{between: all, rate: 1MB, rtt: 0}");
    wan_t wan;
    wan_init(&wan, topology, 1);
    int64_t data_us = wan_arrives(&wan, 0, 1, 10 * MEGABYTE, false, 0);
    int64_t control_us = wan_arrives(&wan, 0, 1, 200, true, 1000);
    cr_assert_gt(data_us, 9000000);
    cr_assert_lt(control_us, 30000);
    cr_assert_geq(wan_arrives(&wan, 0, 1, 200, true, 1000), control_us, "control keeps its order");
    wan_fini(&wan);
    topology_destroy(&topology);
}

/* The thinner of the two hops decides; the other one adds a chunk, not the whole again. */
Test(wan, a_region_without_a_link_is_reached_over_a_third)
{
    topology_t *topology =
        s_topology("{between: [a, b], rate: 10MB, rtt: 20ms}, {between: [b, c], rate: 1MB, rtt: 20ms}");
    wan_t wan;
    wan_init(&wan, topology, 1);
    int64_t at_us = wan_arrives(&wan, 0, 2, 20 * MEGABYTE, false, 0);
    cr_assert(at_us >= 20020000 && at_us < 20400000, "%lld", (long long)at_us);
    cr_assert_geq(wan_sent(&wan, 1), 20 * MEGABYTE, "the region that relays sends as well");
    wan_fini(&wan);
    topology_destroy(&topology);
}

Test(wan, what_is_lost_costs_bytes_and_what_is_sent_costs_money)
{
    topology_t *topology = s_topology("{between: all, rate: 1MB, rtt: 0, loss: 20%, price_per_gb: 5}");
    wan_t wan;
    wan_init(&wan, topology, 1);
    int64_t at_us = wan_arrives(&wan, 0, 1, MEGABYTE, false, 0);
    cr_assert(at_us >= 1250000 && at_us < 1260000, "%lld", (long long)at_us);
    double cost = wan_cost(&wan, 0);
    cr_assert(cost > 0.00625 && cost < 0.0064, "%g", cost);
    wan_fini(&wan);
    topology_destroy(&topology);
}
