/* plan_wan - what exchanges between regions take and cost, per region; for plan.c alone.
 *
 * Threads  any; nothing is kept.
 */
#ifndef ACTORS_SCHEDULER_PLAN_WAN_H
#define ACTORS_SCHEDULER_PLAN_WAN_H

#include "actors/scheduler/plan/plan.h"

typedef struct {
    double delta_s[TOPOLOGY_REGIONS_MAX]; /* one round's part of the slowest hop that its deltas take */
    double last_s;
    double rtt_s[TOPOLOGY_REGIONS_MAX]; /* of its longest way */
    double price[TOPOLOGY_REGIONS_MAX]; /* of one round of origin and GB, all payers */
    size_t count;
    struct {
        double hops, price; /* of one round of origin; the price per GB of them together */
    } by[];                 /* (count payers, count origins) */
} plan_wan_t;

plan_wan_t *plan_wan_new(const plan_input_t *input);

/* Rounds of one epoch that takes so long: of `every: auto` as many as go through, within its limits. */
double plan_wan_rounds(const plan_wan_t *self, const plan_input_t *input, size_t region, double epoch_s);

/* Time of one epoch that cannot be less, however much is rented. */
double plan_wan_least_s(const plan_wan_t *self, const plan_input_t *input, size_t region);

/* Cost of all regions' exchanges in one epoch that takes so long; and of the last one of the run. */
double plan_wan_cost(const plan_wan_t *self, const plan_input_t *input, double epoch_s);
double plan_wan_last_cost(const plan_wan_t *self, const plan_input_t *input);

/* Fills in rounds, wan_s, sent_gb and wan_cost of a region. */
void plan_wan_fill(const plan_wan_t *self, const plan_input_t *input, size_t region, double epoch_s,
                   plan_region_t *ret_region);

#endif
