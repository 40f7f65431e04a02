/* global_plan_state - what the files of global_plan.h share.
 *
 * Why      one thing in four files: global_plan.c (plans, and whether a new one pays), global_plan_swap.c
 *          (what going over to it takes), global_plan_measure.c (what is measured) and global_plan_stored.c
 *          (what a successor must know).
 * Not      for anybody else: the contract is global_plan.h.
 */
#ifndef ACTORS_SCHEDULER_GLOBAL_PLAN_STATE_H
#define ACTORS_SCHEDULER_GLOBAL_PLAN_STATE_H

#include "actors/scheduler/global/global_plan.h"

typedef struct {
    message_t *report; /* newest; NULL: none yet */
    int64_t since_us;  /* of the window */
    uint64_t computed; /* and what was counted at its beginning */
    double core_s;
    uint64_t sent[TOPOLOGY_REGIONS_MAX];
    double speed;                                /* measured / assumed, 0: not yet */
    double rates[TOPOLOGY_REGIONS_MAX];          /* measured bytes per second to each region, 0: as assumed */
    int64_t lacks_since_us[TOPOLOGY_OFFERS_MAX]; /* fewer are there than were rented; 0: not so */
    int64_t lack_until_us[TOPOLOGY_OFFERS_MAX];  /* fewer are to be had; 0: not so */
    uint64_t had[TOPOLOGY_OFFERS_MAX];
} measured_t;

/* The measures that the plan that runs was made for. */
typedef struct {
    double speed[TOPOLOGY_REGIONS_MAX], free_power[TOPOLOGY_REGIONS_MAX];
    double rates[TOPOLOGY_REGIONS_MAX]; /* least of a region's links / assumed */
    bool lacks[TOPOLOGY_REGIONS_MAX];
} made_for_t;

struct global_plan {
    const topology_t *topology;
    global_plan_with_t with;
    measured_t regions[TOPOLOGY_REGIONS_MAX];
    made_for_t made_for;
    topology_t *rest; /* the topology with what is to be had and measured */
    job_t rest_job;
    plan_input_t input; /* of the two */
    plan_t current, next;
    bool changed;
    double spent;
    int64_t began_us, look_us;
    uint64_t number;
    global_plan_entry_t *entries;
    size_t entry_count;
};

/* The rest of the run when it goes over from one plan to another now, both evaluated. */
typedef struct {
    double run_s, cost;
} swap_t;
swap_t global_plan_swap(const global_plan_t *self, const plan_t *from, const plan_t *to);

#endif
