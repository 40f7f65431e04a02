/* planning - what plans are made with: the job, the speed of a core, the bytes of an exchange.
 *
 * Why      `plan`, `simulate`, `up` and the global scheduler must come to the same plan: nobody else fills in
 *          a plan_input_t.
 * Threads  the main thread.
 */
#ifndef DEPLOY_LAUNCH_PLANNING_H
#define DEPLOY_LAUNCH_PLANNING_H

#include "actors/scheduler/global/global_plan.h"
#include "deploy/launch/launch.h"

/* The number of samples comes from the data set that was looked at, else from a look at it, else from the
 * topology.
 *
 *   in   core_samples_per_s  of a whole core of this machine, where the caller has measured it; 0:
 *        plan.samples_per_s, else it is
 *                            measured here
 *   out  ret_measured        may be NULL
 *
 * Errors   those of plan_check, launch_try_dataset and probe_measure
 */
MUST_USE err_code_t planning_prepare(launch_t *launch, double core_samples_per_s,
                                     global_plan_with_t *ret_with, bool *ret_measured, err_t *err);

/* Of a whole run. */
plan_input_t planning_input(const launch_t *launch, const global_plan_with_t *with);

/* Seconds or cost of the topology, as the objective needs; 0: none. */
double planning_limit(const topology_t *topology, objective_t objective);

/* "4 of 12 small, 1 of 2 gpu". Returns out. */
#define PLANNING_UNITS_MAX 512
const char *planning_print_units(const topology_region_t *region, const uint64_t units[TOPOLOGY_OFFERS_MAX],
                                 char out[PLANNING_UNITS_MAX]);

/* Checks whether nodes can be rented by plan for what the topology asks. What was measured is put into the
 * topology, so that all processes of the run plan with it. Errors: as above; ERR_LIMIT with what is
 * possible. */
MUST_USE err_code_t planning_check(launch_t *launch, err_t *err);

#endif
