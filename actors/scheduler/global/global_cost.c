#include "actors/scheduler/global/global_cost.h"

region_report_offers_t global_report_offer(const message_t *report, size_t offer)
{
    bool told = offer < report->region_report.offers.count;
    return told ? report->region_report.offers.items[offer] : (region_report_offers_t){0};
}

region_report_links_t global_report_link(const message_t *report, size_t region)
{
    bool told = region < report->region_report.links.count;
    return told ? report->region_report.links.items[region] : (region_report_links_t){0};
}

/* A count that went back begins anew: it is of a region whose state is gone. */
static double s_since(uint64_t now, uint64_t before)
{
    return (double)(now >= before ? now - before : now);
}

static double s_rent(const topology_region_t *region, const global_paid_t *paid, const message_t *report)
{
    double rent = paid->rent;
    for (size_t i = 0; i < region->offer_count; i++)
        rent += s_since(global_report_offer(report, i).rented_us, paid->rented_us[i]) / 1e6 *
                region->offers[i].price_per_s;
    return rent;
}

static double s_wan(const topology_t *prices, size_t region, const global_paid_t *paid,
                    const message_t *report)
{
    double wan = paid->wan;
    for (size_t other = 0; other < prices->region_count; other++) {
        const topology_link_t *link = other == region ? NULL : topology_link(prices, region, other);
        double bytes = s_since(global_report_link(report, other).sent_bytes, paid->sent_bytes[other]);
        wan += link ? bytes / 1e9 * link->price_per_gb : 0;
    }
    return wan;
}

global_cost_t global_cost(const topology_t *prices, size_t region, const global_paid_t *paid,
                          const message_t *report)
{
    global_cost_t cost = {.rent = paid->rent, .wan = paid->wan};
    if (report) {
        cost.rent = s_rent(&prices->regions[region], paid, report);
        cost.wan = s_wan(prices, region, paid, report);
        for (size_t i = 0; i < report->region_report.offers.count; i++)
            cost.rented_s += (double)report->region_report.offers.items[i].rented_us / 1e6;
    }
    cost.total = cost.rent + cost.wan;
    return cost;
}

void global_cost_settle(const topology_t *prices, size_t region, global_paid_t *paid, const message_t *report)
{
    if (!report)
        return;
    global_cost_t cost = global_cost(prices, region, paid, report);
    paid->rent = cost.rent;
    paid->wan = cost.wan;
    for (size_t i = 0; i < TOPOLOGY_OFFERS_MAX; i++)
        paid->rented_us[i] = global_report_offer(report, i).rented_us;
    for (size_t other = 0; other < TOPOLOGY_REGIONS_MAX; other++)
        paid->sent_bytes[other] = global_report_link(report, other).sent_bytes;
}

/* ---- for a successor ---- */

static void s_put_region(const global_paid_t *paid, size_t region, message_t *state)
{
    state->global_state.regions.items[region].rent = paid->rent;
    state->global_state.regions.items[region].wan = paid->wan;
    for (size_t i = 0; i < TOPOLOGY_OFFERS_MAX; i++)
        if (paid->rented_us[i])
            state->global_state.rented.items[state->global_state.rented.count++] =
                (global_state_rented_t){region, i, paid->rented_us[i]};
    for (size_t other = 0; other < TOPOLOGY_REGIONS_MAX; other++)
        if (paid->sent_bytes[other])
            state->global_state.sent.items[state->global_state.sent.count++] =
                (global_state_sent_t){region, other, paid->sent_bytes[other]};
}

void global_cost_put(const global_paid_t *paid, message_t *state)
{
    size_t count = state->global_state.regions.count;
    message_set_rows(&state->global_state.rented, count * TOPOLOGY_OFFERS_MAX);
    message_set_rows(&state->global_state.sent, count * TOPOLOGY_REGIONS_MAX);
    state->global_state.rented.count = state->global_state.sent.count = 0;
    for (size_t region = 0; region < count; region++)
        s_put_region(&paid[region], region, state);
}

void global_cost_take(global_paid_t *paid, size_t region_count, const message_t *state)
{
    for (size_t region = 0; region < region_count && region < state->global_state.regions.count; region++) {
        paid[region].rent = state->global_state.regions.items[region].rent;
        paid[region].wan = state->global_state.regions.items[region].wan;
    }
    for (size_t i = 0; i < state->global_state.rented.count; i++) {
        const global_state_rented_t *row = &state->global_state.rented.items[i];
        if (row->region < region_count && row->offer < TOPOLOGY_OFFERS_MAX)
            paid[row->region].rented_us[row->offer] = row->us;
    }
    for (size_t i = 0; i < state->global_state.sent.count; i++) {
        const global_state_sent_t *row = &state->global_state.sent.items[i];
        if (row->from < region_count && row->to < TOPOLOGY_REGIONS_MAX)
            paid[row->from].sent_bytes[row->to] = row->bytes;
    }
}
