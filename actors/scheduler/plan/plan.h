/* plan - what to rent in each region: offers, workers, time, cost.
 *
 * Why      a region that is faster than the slowest one only waits for it; renting less there
 *          costs nothing in time.
 * How      of each region's sets of units only those matter that no other beats in both power and price (its
 *          frontier). With all regions' frontier times in ascending order, one sweep meets every plan that
 *          can be best for any objective: at each time every region has its cheapest set that is not slower.
 * WAN      a region's deltas go to all others, to those without a link of their own over a third
 *          (brokers/way.h), which pays for its hop. Where nobody waits, sending hides behind computing or the
 *          other way round; `every: auto` sends as many as the links drain meanwhile, within its limits.
 *          Where regions wait, each round adds its way to the computing.
 * Source   load power = power / data, and a straggler that all others are matched to: Cloudless-Training
 *          (arXiv 2303.05330), section 3.2. The other objectives are ours.
 * Threads  any; nothing is kept.
 * Limits   exact while a region's frontier has at most PLAN_FRONTIER_MAX sets; beyond it sets whose powers
 *          differ by less than the 1 / PLAN_FRONTIER_MAX part of their range (as a ratio) stand for each
 *          other, the stronger one for both.
 */
#ifndef ACTORS_SCHEDULER_PLAN_H
#define ACTORS_SCHEDULER_PLAN_H

#include "brokers/job.h"

#define PLAN_FRONTIER_MAX 1024u
#define PLAN_START_S 2.0 /* start_s of nodes on the scheduler's machine, about */

typedef struct {
    const topology_t *topology; /* borrowed, as is job */
    const job_t *job;
    double samples_per_s;                    /* one core of power 1; above 0 */
    double speed[TOPOLOGY_REGIONS_MAX];      /* measured / assumed power of a region's cores; 0 is 1 */
    double free_power[TOPOLOGY_REGIONS_MAX]; /* of cores that are there and cost nothing */
    uint64_t delta_bytes;                    /* of one exchange to one region, encoded */
    uint64_t last_bytes;                     /* of the last exchange of the run, not encoded */
    double start_s; /* what is rented and does not train: from the command to the first batch, and the end */
} plan_input_t;

typedef struct {
    uint64_t units[TOPOLOGY_OFFERS_MAX]; /* rented of each offer */
    uint64_t workers;                    /* one per core */
    double power;                        /* sum of units x cores x power */
    double load_power;                   /* power / share of the data */
    double price_per_s;
    double compute_s; /* of one epoch */
    double rounds;    /* of one epoch */
    /* of one epoch: sending its deltas over its slowest link; with waiting: until all are there */
    double wan_s;
    double epoch_s;  /* what of both the strategy cannot hide */
    double sent_gb;  /* over its links, per epoch, what it relays for others included */
    double wan_cost; /* per epoch */
} plan_region_t;

typedef struct {
    plan_region_t regions[TOPOLOGY_REGIONS_MAX];
    size_t straggler; /* the region that takes longest */
    double epoch_s;   /* its time */
    double last_s;    /* the last exchange */
    double run_s;     /* start_s + epochs x epoch_s + last_s */
    double rent;      /* cost of the whole run: run_s x all regions' prices */
    double cost;      /* rent and WAN */
} plan_t;

/* "match", "deadline" ...; borrowed for ever. */
const char *plan_objective_name(objective_t objective);

/* A topology can be planned. Errors: ERR_CONFIG, one line with what to write (a region without offers, an
 * offer without a price). */
MUST_USE err_code_t plan_check(const topology_t *topology, err_t *err);

/* The best plan for an objective.
 *
 *   in   limit  seconds of the run (deadline) or cost of the run (budget); else ignored
 *
 * Errors   those of plan_check; ERR_LIMIT (impossible: the text names the nearest that is possible, and
 *          ret_plan is it); ERR_MEMORY
 */
MUST_USE err_code_t plan_make(const plan_input_t *input, objective_t objective, double limit,
                              plan_t *ret_plan, err_t *err);

/* The plans that no other beats in both time and cost, fastest first.
 *
 *   in   most       at most so many, spread evenly, the fastest and the cheapest among them; at least 2
 *   out  ret_plans  (ret_count) free() them
 */
MUST_USE err_code_t plan_choices(const plan_input_t *input, size_t most, plan_t **ret_plans,
                                 size_t *ret_count, err_t *err);

/* Bytes of one exchange of a model with so many parameters, as the topology has it encoded. */
uint64_t plan_delta_bytes(const topology_t *topology, size_t elements);

/* The figures of given units (regions[].units is read, the rest is filled in): what a change would cost. */
void plan_evaluate(const plan_input_t *input, plan_t *plan);

#endif
