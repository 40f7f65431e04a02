#include "deploy/cli/commands.h"

#include "actors/scheduler/plan/plan.h"
#include "codec/base/json.h"
#include "codec/base/units.h"
#include "deploy/launch/planning.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PLAN_CHOICES 12u

typedef struct {
    launch_t launch;
    global_plan_with_t with;
    plan_input_t input;
    bool measured;
    bool json;
} planner_t;

static err_code_t s_prepare_plan(planner_t *self, err_t *err)
{
    err_code_t rc = planning_prepare(&self->launch, 0, &self->with, &self->measured, err);
    self->input = planning_input(&self->launch, &self->with);
    return rc;
}

/* ---- for people ---- */

static const char *s_time(double seconds, char out[UNITS_TEXT_MAX])
{
    return units_print_duration((int64_t)(seconds * 1e6), out);
}

static void s_print_regions(const planner_t *self, const plan_t *plan)
{
    const topology_t *topology = self->launch.topology;
    printf("  %-16s %7s %6s %8s %10s %12s %12s %10s  %s\n", "region", "workers", "shards", "power",
           "load power", "computing", "WAN", "price/s", "rented");
    for (size_t r = 0; r < topology->region_count; r++) {
        const plan_region_t *region = &plan->regions[r];
        char compute[UNITS_TEXT_MAX], wan[UNITS_TEXT_MAX], rented[PLANNING_UNITS_MAX];
        printf("  %-16s %7llu %6llu %8.2f %10.2f %12s %12s %10.6g  %s%s\n", topology->regions[r].name,
               (unsigned long long)region->workers, (unsigned long long)topology->regions[r].shards,
               region->power, region->load_power, s_time(region->compute_s, compute),
               s_time(region->wan_s, wan), region->price_per_s,
               planning_print_units(&topology->regions[r], region->units, rented),
               r == plan->straggler ? "  <- slowest" : "");
    }
    char epoch[UNITS_TEXT_MAX], run[UNITS_TEXT_MAX];
    printf("  epoch %s, run %s, cost %.6g (rent %.6g, WAN %.6g)\n", s_time(plan->epoch_s, epoch),
           s_time(plan->run_s, run), plan->cost, plan->rent, plan->cost - plan->rent);
}

static void s_print_row(const char *name, const plan_t *plan, const plan_t *everything, const char *note)
{
    char run[UNITS_TEXT_MAX];
    printf("  %-16s %12s %12.6g %9.1f %% %9.1f %%  %s\n", name, s_time(plan->run_s, run), plan->cost,
           100 * (plan->run_s / everything->run_s - 1), 100 * (plan->cost / everything->cost - 1), note);
}

/* ---- for programs ---- */

static json_value_t *s_document_of(const planner_t *self, const plan_t *plan)
{
    json_value_t *row = json_new_object(), *regions = json_new_array();
    json_set_number(row, "epoch_s", plan->epoch_s);
    json_set_number(row, "run_s", plan->run_s);
    json_set_number(row, "cost", plan->cost);
    json_set_number(row, "rent", plan->rent);
    json_set_string(row, "straggler", self->launch.topology->regions[plan->straggler].name);
    for (size_t r = 0; r < self->launch.topology->region_count; r++) {
        const topology_region_t *with = &self->launch.topology->regions[r];
        const plan_region_t *region = &plan->regions[r];
        json_value_t *item = json_new_object(), *units = json_new_object();
        json_set_string(item, "name", with->name);
        for (size_t i = 0; i < with->offer_count; i++)
            json_set_u64(units, with->offers[i].name, region->units[i]);
        json_set_moved(item, "units", &units);
        json_set_u64(item, "workers", region->workers);
        json_set_u64(item, "shards", with->shards);
        json_set_number(item, "power", region->power);
        json_set_number(item, "load_power", region->load_power);
        json_set_number(item, "compute_s", region->compute_s);
        json_set_number(item, "rounds", region->rounds);
        json_set_number(item, "wan_s", region->wan_s);
        json_set_number(item, "epoch_s", region->epoch_s);
        json_set_number(item, "price_per_s", region->price_per_s);
        json_set_number(item, "sent_gb", region->sent_gb);
        json_set_number(item, "wan_cost", region->wan_cost);
        json_add_moved(regions, &item);
    }
    json_set_moved(row, "regions", &regions);
    return row;
}

/* ---- the objectives ---- */

static bool s_has_limit(const topology_t *topology, objective_t objective)
{
    bool limited = objective == OBJECTIVE_DEADLINE || objective == OBJECTIVE_BUDGET;
    return !limited || planning_limit(topology, objective) > 0;
}

/* Prints what every objective would choose; those that need a limit only where one is given. */
static err_code_t s_print_objectives(const planner_t *self, json_value_t *document, err_t *err)
{
    plan_t everything, plan;
    err_code_t rc = plan_make(&self->input, OBJECTIVE_EVERYTHING, 0, &everything, err);
    json_value_t *rows = json_new_object();
    if (!self->json)
        printf("\n  %-16s %12s %12s %11s %11s\n", "objective", "run", "cost", "time", "cost");
    for (size_t i = 0; i < TOPOLOGY_OBJECTIVES && !rc; i++) {
        objective_t objective = (objective_t)i;
        if (!s_has_limit(self->launch.topology, objective))
            continue;
        rc = plan_make(&self->input, objective, planning_limit(self->launch.topology, objective), &plan, err);
        bool impossible = rc == ERR_LIMIT;
        if (impossible)
            rc = ERR_OK;
        if (rc)
            break;
        if (!self->json)
            s_print_row(plan_objective_name(objective), &plan, &everything,
                        impossible ? "(the nearest possible)" : "");
        json_value_t *row = s_document_of(self, &plan);
        json_set_bool(row, "possible", !impossible);
        json_set_moved(rows, plan_objective_name(objective), &row);
    }
    json_set_moved(document, "objectives", &rows);
    return rc;
}

static err_code_t s_print_choices(const planner_t *self, json_value_t *document, err_t *err)
{
    plan_t *plans = NULL, everything;
    size_t count = 0;
    err_code_t rc = plan_make(&self->input, OBJECTIVE_EVERYTHING, 0, &everything, err);
    if (!rc)
        rc = plan_choices(&self->input, PLAN_CHOICES, &plans, &count, err);
    if (rc)
        return rc;
    json_value_t *rows = json_new_array();
    if (!self->json)
        printf("\n  choices that no other beats in both time and cost\n");
    for (size_t i = 0; i < count; i++) {
        if (!self->json)
            s_print_row("", &plans[i], &everything, "");
        json_value_t *row = s_document_of(self, &plans[i]);
        json_add_moved(rows, &row);
    }
    json_set_moved(document, "choices", &rows);
    free(plans);
    return ERR_OK;
}

static void s_print_heading(const planner_t *self, json_value_t *document, objective_t objective,
                            const plan_t *plan)
{
    json_set_string(document, "job", self->launch.topology->job.name);
    json_set_string(document, "objective", plan_objective_name(objective));
    json_set_number(document, "samples_per_s", self->input.samples_per_s);
    json_set_bool(document, "measured", self->measured);
    json_set_number(document, "emulate", self->launch.topology->plan.emulate);
    json_value_t *row = s_document_of(self, plan);
    json_set_moved(document, "plan", &row);
    if (self->json)
        return;
    char emulated[64] = "";
    if (self->launch.topology->plan.emulate > 0)
        snprintf(emulated, sizeof emulated, ", %.4g of a core of this machine",
                 self->launch.topology->plan.emulate);
    printf("job %s: %llu samples, %llu epochs; a core of power 1 computes %.0f samples/s (%s%s)\n",
           self->launch.topology->job.name, (unsigned long long)self->with.job.samples,
           (unsigned long long)self->with.job.epochs, self->input.samples_per_s,
           self->measured ? "measured here; plan.samples_per_s sets it" : "plan.samples_per_s", emulated);
    printf("objective %s\n", plan_objective_name(objective));
    s_print_regions(self, plan);
}

static int s_plan(planner_t *self)
{
    err_t err = {0}, impossible = {0};
    plan_t *plan = malloc(sizeof *plan);
    CHECK(plan);
    json_value_t *document = json_new_object();
    objective_t objective = self->launch.topology->plan.objective;
    err_code_t rc = plan_make(&self->input, objective, planning_limit(self->launch.topology, objective), plan,
                              &impossible);
    if (rc && rc != ERR_LIMIT)
        err = impossible;
    else
        rc = ERR_OK;
    if (!rc) {
        s_print_heading(self, document, objective, plan);
        rc = s_print_objectives(self, document, &err);
    }
    if (!rc)
        rc = s_print_choices(self, document, &err);
    if (!rc && self->json) {
        char *text = json_print(document, false);
        fputs(text, stdout);
        free(text);
    }
    json_destroy(&document);
    free(plan);
    if (rc)
        return command_fail(EXIT_FAILED, "plan", "%s", err.text);
    return impossible.code ? command_fail(EXIT_PROBLEMS, "plan", "%s", impossible.text) : EXIT_DONE;
}

static int s_run_plan(const cli_args_t *args)
{
    err_t err = {0};
    size_t set_count;
    const char *const *sets = cli_values(args, "set", &set_count);
    if (!cli_positional(args))
        return command_fail(EXIT_WRONG, "plan", "name a topology; see cloudless plan --help");
    planner_t *self = calloc(1, sizeof *self);
    CHECK(self);
    launch_init(&self->launch);
    self->json = cli_has(args, "json");
    int status = EXIT_DONE;
    err_code_t rc = launch_read(&self->launch, cli_positional(args), sets, set_count, NULL, &err);
    if (rc)
        status = launch_wrong(&self->launch, EXIT_WRONG, NULL, &err, true);
    else if ((rc = s_prepare_plan(self, &err)))
        status = command_fail(rc == ERR_NOT_FOUND || rc == ERR_CONFIG ? EXIT_WRONG : EXIT_FAILED, "plan",
                              "%s", err.text);
    if (!status)
        status = s_plan(self);
    launch_fini(&self->launch);
    free(self);
    return status;
}

const cli_command_t command_plan = {
    .name = "plan",
    .summary =
        "Says what would be rented in each region, how long the run would take and what it would cost.",
    .positional = "TOPOLOGY",
    .example = "cloudless plan deploy/topologies/two-regions.yaml --set plan.objective=match",
    .run = s_run_plan,
    .computes = true,
    .options = {{"set", 0, "KEY=VALUE",
                 "change a key of the topology, as in plan.objective=deadline; may be repeated"},
                {"json", 0, NULL, "print all of it as JSON"}}};
