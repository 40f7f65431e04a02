#include "brokers/way.h"

#include <string.h>

/* Bytes per second, the round trip as the tie-break; a link without a rate is not limited. */
static bool s_better(const topology_link_t *const a[2], const topology_link_t *const b[2])
{
    uint64_t rate[2];
    int64_t rtt_us[2];
    const topology_link_t *const *ways[2] = {a, b};
    for (size_t i = 0; i < 2; i++) {
        rate[i] = UINT64_MAX;
        rtt_us[i] = ways[i][0]->rtt_us + ways[i][1]->rtt_us;
        for (size_t hop = 0; hop < 2; hop++)
            if (ways[i][hop]->rate_bytes_per_s && ways[i][hop]->rate_bytes_per_s < rate[i])
                rate[i] = ways[i][hop]->rate_bytes_per_s;
    }
    return rate[0] != rate[1] ? rate[0] > rate[1] : rtt_us[0] < rtt_us[1];
}

static size_t s_relay(const topology_t *topology, size_t here, size_t to, const bool *usable)
{
    size_t best = SIZE_MAX;
    const topology_link_t *best_hops[2];
    for (size_t relay = 0; relay < topology->region_count; relay++) {
        if (relay == here || relay == to || (usable && !usable[relay]))
            continue;
        const topology_link_t *hops[2] = {topology_link(topology, here, relay),
                                          topology_link(topology, relay, to)};
        if (!hops[0] || !hops[1] || (best != SIZE_MAX && !s_better(hops, best_hops)))
            continue;
        best = relay;
        best_hops[0] = hops[0];
        best_hops[1] = hops[1];
    }
    return best;
}

/* ---- all pairs ---- */

static size_t s_relay_of(const topology_link_t *const *links, size_t count, size_t here, size_t to)
{
    size_t best = SIZE_MAX;
    const topology_link_t *best_hops[2];
    for (size_t relay = 0; relay < count; relay++) {
        const topology_link_t *hops[2] = {links[here * count + relay], links[relay * count + to]};
        if (!hops[0] || !hops[1] || (best != SIZE_MAX && !s_better(hops, best_hops)))
            continue;
        best = relay;
        memcpy(best_hops, hops, sizeof hops);
    }
    return best;
}

void way_table(const topology_t *topology, size_t *ret_next)
{
    size_t count = topology->region_count;
    const topology_link_t *links[TOPOLOGY_REGIONS_MAX * TOPOLOGY_REGIONS_MAX];
    for (size_t i = 0; i < count * count; i++)
        links[i] = NULL;
    for (size_t i = topology->link_count; i-- > 0;) { /* the first named holds */
        const size_t *between = topology->links[i].between;
        links[between[0] * count + between[1]] = links[between[1] * count + between[0]] = &topology->links[i];
    }
    for (size_t here = 0; here < count; here++)
        for (size_t to = 0; to < count; to++)
            ret_next[here * count + to] =
                here == to || links[here * count + to] ? to : s_relay_of(links, count, here, to);
}

size_t way_next(const topology_t *topology, size_t here, size_t to, const bool *usable)
{
    bool linked = topology_link(topology, here, to) != NULL;
    if (linked && (!usable || usable[to]))
        return to;
    size_t relay = s_relay(topology, here, to, usable);
    if (relay != SIZE_MAX)
        return relay;
    return linked ? to : s_relay(topology, here, to, NULL);
}
