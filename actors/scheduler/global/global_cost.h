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

/* For a successor: GLOBAL_PAID_WORDS per region. */
#define GLOBAL_PAID_WORDS (2 + TOPOLOGY_OFFERS_MAX + TOPOLOGY_REGIONS_MAX)
void global_cost_put(const global_paid_t *paid, uint64_t ret_words[GLOBAL_PAID_WORDS]);
void global_cost_take(global_paid_t *paid, const uint64_t words[GLOBAL_PAID_WORDS]);

#endif
