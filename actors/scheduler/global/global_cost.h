/* global_cost - what a run has cost so far: seconds rented x price, and GB sent x price, per region.
 *
 * Why      prices may change while a job runs: what was used before is paid at the price of that time.
 * Threads  one at a time.
 */
#ifndef ACTORS_SCHEDULER_GLOBAL_COST_H
#define ACTORS_SCHEDULER_GLOBAL_COST_H

#include "brokers/topology.h"
#include "codec/wire/message.h"

/* Use of a region's offers and links up to a report, and the money paid for it up to the
 * newest change of prices. */
typedef struct {
    double rent, wan;
    uint64_t rented_us[TOPOLOGY_OFFERS_MAX];
    uint64_t sent_bytes[TOPOLOGY_REGIONS_MAX];
} global_paid_t;

typedef struct {
    double rent, wan, total;
    double rented_s; /* of all units of all offers */
} global_cost_t;

/* NULL as report: it never came. A region that tells of no offer has rented nothing. */
global_cost_t global_cost(const topology_t *prices, size_t region, const global_paid_t *paid,
                          const message_t *report);

/* Pays what was used until now, before prices change. */
void global_cost_settle(const topology_t *prices, size_t region, global_paid_t *paid,
                        const message_t *report);

/* A row of a report; all zero, where it does not tell of so many. */
region_report_offers_t global_report_offer(const message_t *report, size_t offer);
region_report_links_t global_report_link(const message_t *report, size_t region);

/* For a successor: of all regions, whose rows are there (global_state.regions). */
void global_cost_put(const global_paid_t *paid, message_t *state);
void global_cost_take(global_paid_t *paid, size_t region_count, const message_t *state);

#endif
