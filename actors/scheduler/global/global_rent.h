/* global_rent - renting as the global scheduler sees it: plans for the regions, prices as they are now, what
 * it has cost.
 *
 * Owns     the plans, the topology with the prices of now, and what was paid before prices changed.
 * Reads    base, regions.
 * Threads  one owner.
 */
#ifndef ACTORS_SCHEDULER_GLOBAL_GLOBAL_RENT_H
#define ACTORS_SCHEDULER_GLOBAL_GLOBAL_RENT_H

#include "actors/scheduler/global/global_cost.h"
#include "actors/scheduler/global/global_regions.h"

typedef struct {
    global_base_t *base;
    global_regions_t *regions;
    topology_t *topology; /* the spec's, with the prices of now */
    global_plan_t *plan;  /* NULL: nothing is rented by plan */
    global_paid_t *paid;  /* (regions) */
    int64_t ended_us;     /* when everything rented was over; -1: not yet */
} global_rent_t;

void global_rent_init(global_rent_t *self, global_base_t *base, global_regions_t *regions, int64_t now_us);
void global_rent_fini(global_rent_t *self);
void global_rent_report(global_rent_t *self, size_t region, int64_t now_us); /* a newer one is there */
void global_rent_tick(global_rent_t *self, int64_t now_us);
int64_t global_rent_due(const global_rent_t *self);
void global_rent_reread(global_rent_t *self, const topology_t *changed, int64_t now_us);

uint64_t global_rent_number(const global_rent_t *self); /* of the newest plan; 1 when there are none */
void global_rent_send_plan(global_rent_t *self, size_t region);
global_cost_t global_rent_cost(const global_rent_t *self, size_t region);
int64_t global_rent_planned_us(const global_rent_t *self, int64_t now_us);

void global_rent_put(const global_rent_t *self, int64_t now_us, message_t *state);
void global_rent_take(global_rent_t *self, const message_t *state, int64_t now_us);

#endif
