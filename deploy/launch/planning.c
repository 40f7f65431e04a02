#include "deploy/launch/planning.h"

#include "actors/model/model.h"
#include "actors/worker/probe.h"

#include <stdio.h>
#include <stdlib.h>

#define PLANNING_PROBE_US 300000

/* The objectives of the topology and of the planner are one list. */
_Static_assert((int)OBJECTIVE_UNTIL_DONE == (int)OBJECTIVE_UNTIL_DONE &&
                   (int)OBJECTIVE_MATCH == (int)OBJECTIVE_MATCH,
               "one list of objectives");

static err_code_t s_derive(launch_t *launch, job_t *ret_job, err_t *err)
{
    err_code_t rc = launch->job.samples ? ERR_OK : launch_try_dataset(launch, err);
    if (!rc)
        *ret_job = launch->job;
    return rc;
}

static err_code_t s_measure(const topology_t *topology, double core, double *ret_samples_per_s, err_t *err)
{
    double part = topology->plan.emulate > 0 ? topology->plan.emulate : 1;
    *ret_samples_per_s = core > 0 ? core : topology->plan.samples_per_s;
    err_code_t rc = ERR_OK;
    if (*ret_samples_per_s <= 0)
        rc = probe_measure(&topology->job.model, (size_t)topology->job.batch, 1, PLANNING_PROBE_US,
                           ret_samples_per_s, err);
    *ret_samples_per_s *= part;
    return rc;
}

err_code_t planning_prepare(launch_t *launch, double core_samples_per_s, global_plan_with_t *ret_with,
                            bool *ret_measured, err_t *err)
{
    const topology_t *topology = launch->topology;
    *ret_with = (global_plan_with_t){.start_s = PLAN_START_S};
    err_code_t rc = plan_check(topology, err);
    if (!rc)
        rc = s_derive(launch, &ret_with->job, err);
    layout_t *layout = calloc(1, sizeof *layout);
    CHECK(layout);
    if (!rc)
        rc = model_layout_of(&topology->job.model, layout, err);
    if (!rc) {
        ret_with->delta_bytes = plan_delta_bytes(topology, layout->count);
        ret_with->last_bytes = layout->count * sizeof(float);
        rc = s_measure(topology, core_samples_per_s, &ret_with->samples_per_s, err);
    }
    free(layout);
    if (ret_measured)
        *ret_measured = topology->plan.samples_per_s <= 0;
    return rc;
}

plan_input_t planning_input(const launch_t *launch, const global_plan_with_t *with)
{
    return (plan_input_t){.topology = launch->topology,
                          .job = &with->job,
                          .samples_per_s = with->samples_per_s,
                          .delta_bytes = with->delta_bytes,
                          .last_bytes = with->last_bytes,
                          .start_s = with->start_s};
}

double planning_limit(const topology_t *topology, objective_t objective)
{
    if (objective == OBJECTIVE_DEADLINE)
        return (double)topology->plan.deadline_us / 1e6;
    return objective == OBJECTIVE_BUDGET ? topology->plan.budget : 0;
}

const char *planning_print_units(const topology_region_t *region, const uint64_t units[TOPOLOGY_OFFERS_MAX],
                                 char out[PLANNING_UNITS_MAX])
{
    size_t length = 0;
    out[0] = '\0';
    for (size_t i = 0; i < region->offer_count && length < PLANNING_UNITS_MAX; i++)
        if (units[i])
            length += (size_t)snprintf(out + length, PLANNING_UNITS_MAX - length, "%s%llu of %llu %s",
                                       length ? ", " : "", (unsigned long long)units[i],
                                       (unsigned long long)region->offers[i].count, region->offers[i].name);
    return out;
}

err_code_t planning_check(launch_t *launch, err_t *err)
{
    global_plan_with_t *with = calloc(1, sizeof *with);
    plan_t *plan = calloc(1, sizeof *plan);
    CHECK(with && plan);
    err_code_t rc = planning_prepare(launch, 0, with, NULL, err);
    plan_input_t input = planning_input(launch, with);
    topology_t *topology = launch->topology;
    objective_t objective = topology->plan.objective;
    if (!rc)
        rc = plan_make(&input, objective, planning_limit(topology, objective), plan, err);
    if (!rc)
        topology->plan.samples_per_s =
            with->samples_per_s / (topology->plan.emulate > 0 ? topology->plan.emulate : 1);
    free(with);
    free(plan);
    return rc;
}
