/* plan_frontier - a region's sets of units that no other set beats in both power and price; for plan.c alone.
 *
 * How      unit by unit, in packs of 1, 2, 4 ...: every set so far with and without the pack, merged
 *          by power, pruned from the strongest down. A set remembers the one it was made from, so that
 *          a step moves few bytes.
 * Threads  any.
 * Limits   PLAN_FRONTIER_MAX sets; beyond it sets of nearly equal power are one, the strongest.
 */
#ifndef ACTORS_SCHEDULER_PLAN_FRONTIER_H
#define ACTORS_SCHEDULER_PLAN_FRONTIER_H

#include "actors/scheduler/plan/plan.h"

typedef struct {
    double power, price; /* both ascend */
    uint32_t from;       /* twice the index in the step before, plus whether the pack was taken */
} plan_set_t;

typedef struct {
    size_t offer;
    uint64_t units;
    uint32_t *from; /* of each set after this step */
} plan_step_t;

typedef struct {
    plan_set_t *items;
    size_t count;
    size_t first; /* index of items[0] after the last step */
    plan_step_t *steps;
    size_t step_count;
} plan_frontier_t;

/* Errors: ERR_MEMORY. _fini in any case. */
MUST_USE err_code_t plan_frontier_init(plan_frontier_t *self, const topology_region_t *region,
                                       double free_power, err_t *err);
void plan_frontier_fini(plan_frontier_t *self);

/* The units that a set is made of. */
void plan_frontier_units(const plan_frontier_t *self, size_t set, uint64_t ret_units[TOPOLOGY_OFFERS_MAX]);

#endif
