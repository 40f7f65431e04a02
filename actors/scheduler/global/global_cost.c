#include "actors/scheduler/global/global_cost.h"

#include <string.h>

static uint64_t s_item(const wire_u64s_t *items, size_t index)
{
    return index < items->count ? items->items[index] : 0;
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
        rent += s_since(s_item(&report->region_report.rented, i), paid->rented_us[i]) / 1e6 *
                region->offers[i].price_per_s;
    return rent;
}

static double s_wan(const topology_t *prices, size_t region, const global_paid_t *paid,
                    const message_t *report)
{
    double wan = paid->wan;
    for (size_t other = 0; other < prices->region_count; other++) {
        const topology_link_t *link = other == region ? NULL : topology_link(prices, region, other);
        double bytes = s_since(s_item(&report->region_report.link_sent, other), paid->sent_bytes[other]);
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
        for (size_t i = 0; i < report->region_report.rented.count; i++)
            cost.rented_s += (double)report->region_report.rented.items[i] / 1e6;
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
        paid->rented_us[i] = s_item(&report->region_report.rented, i);
    for (size_t other = 0; other < TOPOLOGY_REGIONS_MAX; other++)
        paid->sent_bytes[other] = s_item(&report->region_report.link_sent, other);
}

/* ---- for a successor ---- */

void global_cost_put(const global_paid_t *paid, uint64_t ret_words[GLOBAL_PAID_WORDS])
{
    memcpy(&ret_words[0], &paid->rent, sizeof paid->rent);
    memcpy(&ret_words[1], &paid->wan, sizeof paid->wan);
    memcpy(&ret_words[2], paid->rented_us, sizeof paid->rented_us);
    memcpy(&ret_words[2 + TOPOLOGY_OFFERS_MAX], paid->sent_bytes, sizeof paid->sent_bytes);
}

void global_cost_take(global_paid_t *paid, const uint64_t words[GLOBAL_PAID_WORDS])
{
    memcpy(&paid->rent, &words[0], sizeof paid->rent);
    memcpy(&paid->wan, &words[1], sizeof paid->wan);
    memcpy(paid->rented_us, &words[2], sizeof paid->rented_us);
    memcpy(paid->sent_bytes, &words[2 + TOPOLOGY_OFFERS_MAX], sizeof paid->sent_bytes);
}
