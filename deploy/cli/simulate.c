#include "deploy/cli/commands.h"

#include "codec/base/json.h"
#include "codec/base/outlet.h"
#include "codec/base/units.h"
#include "deploy/launch/host.h"
#include "deploy/launch/planning.h"
#include "deploy/simulate/predict.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define MEASURE_US 2000000
#define SHOW_EVERY_S 2

typedef struct {
    launch_t launch;
    global_plan_with_t with; /* of an objective */
    predict_spec_t spec;
    predict_units_t units[TOPOLOGY_REGIONS_MAX];
    const char *objective; /* NULL: units were given, or the topology's workers run */
    plan_t plan;
    prediction_t result;
    bool json, shows;
    host_t host;
    time_t began_s, shown_s;
} simulation_t;

/* ---- input ---- */

static err_code_t s_parse_hours(const char *text, int64_t *ret_us, err_t *err)
{
    char *end = NULL;
    double hours = text ? strtod(text, &end) : 0;
    *ret_us = INT64_MAX;
    if (!text)
        return ERR_OK;
    if (end == text || *end || !(hours > 0) || hours > 1e6)
        return err_set(err, ERR_USAGE, "--hours %s: is no number of hours; write one above 0, such as 1.5",
                       text);
    *ret_us = (int64_t)(hours * 3600e6);
    return ERR_OK;
}

static err_code_t s_parse_whole(const char *option, const char *text, uint64_t otherwise, uint64_t *ret,
                                err_t *err)
{
    *ret = otherwise;
    if (text && units_parse_u64(text, ret, NULL))
        return err_set(err, ERR_USAGE, "--%s %s: is no whole number; write one, such as 2", option, text);
    return ERR_OK;
}

/* REGION.OFFER=COUNT */
static err_code_t s_parse_units(simulation_t *self, const char *text, err_t *err)
{
    const topology_t *topology = self->launch.topology;
    char region[TOPOLOGY_NAME_MAX], offer[TOPOLOGY_NAME_MAX], number[24];
    uint64_t count;
    if (sscanf(text, "%31[^.=].%31[^.=]=%23s", region, offer, number) != 3 ||
        units_parse_u64(number, &count, NULL))
        return err_set(err, ERR_USAGE, "--units %s: write REGION.OFFER=COUNT, such as eu.small=4", text);
    size_t r = topology_region_index(topology, region);
    if (r == SIZE_MAX)
        return err_set(err, ERR_USAGE, "--units %s: the topology has no region %s; write one of its regions",
                       text, region);
    const topology_region_t *with = &topology->regions[r];
    for (size_t i = 0; i < with->offer_count; i++) {
        if (strcmp(with->offers[i].name, offer))
            continue;
        if (count > with->offers[i].count)
            return err_set(err, ERR_USAGE, "--units %s: there are %llu of them; write no more", text,
                           (unsigned long long)with->offers[i].count);
        self->units[r][i] = count;
        return ERR_OK;
    }
    return err_set(err, ERR_USAGE, "--units %s: region %s offers no %s; write one of its offers", text,
                   region, offer);
}

static err_code_t s_find_objective(simulation_t *self, const char *name, objective_t *ret, err_t *err)
{
    for (size_t i = 0; i < TOPOLOGY_OBJECTIVES; i++)
        if (!strcmp(plan_objective_name((objective_t)i), name)) {
            *ret = (objective_t)i;
            self->objective = plan_objective_name(*ret);
            return ERR_OK;
        }
    return err_set(err, ERR_USAGE,
                   "--objective %s: is not known; write everything, match, fastest, cheapest, deadline, "
                   "budget or until-done",
                   name);
}

static err_code_t s_need_limit(const topology_t *topology, objective_t objective, err_t *err)
{
    bool limited = objective == OBJECTIVE_DEADLINE || objective == OBJECTIVE_BUDGET;
    const char *name = plan_objective_name(objective);
    if (!limited || planning_limit(topology, objective) > 0)
        return ERR_OK;
    return err_set(err, ERR_USAGE, "--objective %s: needs a limit; write --set plan.%s=VALUE too", name,
                   name);
}

/* Makes the plan that `plan` prints for an objective. */
static err_code_t s_plan(simulation_t *self, const char *name, err_t *err)
{
    const topology_t *topology = self->launch.topology;
    objective_t objective = OBJECTIVE_EVERYTHING;
    err_code_t rc = s_find_objective(self, name, &objective, err);
    if (!rc)
        rc = s_need_limit(topology, objective, err);
    if (!rc)
        rc = planning_prepare(&self->launch, self->spec.pace.samples_per_s, &self->with, NULL, err);
    plan_input_t input = planning_input(&self->launch, &self->with);
    if (!rc)
        rc = plan_make(&input, objective, planning_limit(topology, objective), &self->plan, err);
    self->spec.stay = objective == OBJECTIVE_EVERYTHING;
    for (size_t r = 0; r < topology->region_count && !rc; r++)
        memcpy(self->units[r], self->plan.regions[r].units, sizeof self->units[r]);
    return rc;
}

/* Samples of the job and its test set: of the data set, else as the topology says. */
static err_code_t s_measure_data(simulation_t *self, err_t *err)
{
    err_code_t rc = launch_try_dataset(&self->launch, err);
    if (rc)
        return rc;
    self->spec.samples = self->launch.job.samples;
    if (!self->launch.topology->job.data.samples)
        self->spec.tests = self->launch.facts.tests;
    return ERR_OK;
}

/* How many cores compute at once on one machine: all of the one that the regions share, or those of the
 * largest unit. */
static uint64_t s_together(const simulation_t *self)
{
    const topology_t *topology = self->launch.topology;
    uint64_t most = 1, workers = 0;
    for (size_t r = 0; r < topology->region_count; r++) {
        const topology_region_t *region = &topology->regions[r];
        workers += region->workers;
        for (size_t i = 0; i < region->offer_count; i++)
            most = region->offers[i].cores > most ? region->offers[i].cores : most;
    }
    uint64_t cores = self->spec.machine_cores;
    return !cores ? most : workers && workers < cores ? workers : cores;
}

static err_code_t s_prepare_simulate(simulation_t *self, const cli_args_t *args, err_t *err)
{
    const topology_t *topology = self->launch.topology;
    size_t unit_count;
    const char *const *units = cli_values(args, "units", &unit_count);
    const char *objective = cli_value(args, "objective");
    self->spec.topology = topology;
    err_code_t rc = s_parse_hours(cli_value(args, "hours"), &self->spec.limit_us, err);
    if (!rc)
        rc = s_parse_whole("seed", cli_value(args, "seed"), topology->job.seed, &self->spec.seed, err);
    if (!rc)
        rc = s_parse_whole("cores", cli_value(args, "cores"), 0, &self->spec.machine_cores, err);
    if (!rc && objective && unit_count)
        rc = err_set(err, ERR_USAGE, "--objective and --units both say what is rented; write one of them");
    if (!rc)
        rc = s_measure_data(self, err);
    if (!rc && topology->plan.samples_per_s > 0)
        self->spec.pace = pace_given(topology);
    else if (!rc)
        rc = pace_measure(topology, s_together(self), MEASURE_US, &self->spec.pace, err);
    for (size_t i = 0; i < unit_count && !rc; i++)
        rc = s_parse_units(self, units[i], err);
    if (!rc && objective)
        rc = s_plan(self, objective, err);
    if (objective || unit_count)
        self->spec.units = (const predict_units_t *)self->units;
    return rc;
}

/* ---- progress ---- */

/* A signal ends it, and what it has come to is told. */
static bool s_progress(void *hint, const predict_progress_t *progress)
{
    simulation_t *self = hint;
    time_t now_s = time(NULL);
    if (host_wait(&self->host, 0).signal)
        return false;
    if (!self->shows || now_s - self->shown_s < SHOW_EVERY_S)
        return true;
    self->shown_s = now_s;
    char at[UNITS_TEXT_MAX];
    outlet_say("simulated %s, %.1f %% of the samples, %.1f million events in %.0f s\n",
               units_print_duration(progress->virtual_us, at), 100 * progress->done,
               (double)progress->events / 1e6, difftime(now_s, self->began_s));
    return true;
}

/* ---- for people ---- */

static const char *s_time(double seconds, char out[UNITS_TEXT_MAX])
{
    return units_print_duration((int64_t)(seconds * 1e6), out);
}

static void s_print_row(const char *name, const predict_region_t *row)
{
    char time[UNITS_TEXT_MAX], sent[UNITS_TEXT_MAX], received[UNITS_TEXT_MAX];
    printf("  %-12.12s %7llu %12llu %10s %6.1f %% %6.1f %% %6.1f %% %6.1f %% %9s %9s %12.6g\n", name,
           (unsigned long long)row->workers, (unsigned long long)row->samples, s_time(row->train_s, time),
           100 * row->computed, 100 * row->waited_shard, 100 * row->waited_scheduler, 100 * row->evaluated,
           units_print_size(row->sent_bytes, sent), units_print_size(row->received_bytes, received),
           row->cost);
}

static void s_print_table(const simulation_t *self)
{
    const topology_t *topology = self->launch.topology;
    const prediction_t *result = &self->result;
    char virtual[UNITS_TEXT_MAX], run[UNITS_TEXT_MAX];
    printf("job %s: %s on %zu regions, %s%s; a core of power 1 computes %.0f samples/s (%s)\n",
           topology->job.name, topology->job.model.name, topology->region_count,
           self->spec.units ? "renting " : "with the topology's workers",
           !self->spec.units ? ""
           : self->objective ? self->objective
                             : "the units given",
           self->spec.pace.samples_per_s, self->spec.pace.measured ? "measured here" : "plan.samples_per_s");
    printf("  %-12s %7s %12s %10s %8s %8s %8s %8s %9s %9s %12s\n", "region", "workers", "samples", "time",
           "computed", "shards", "leases", "tests", "sent", "received", "cost");
    for (size_t r = 0; r < result->region_count; r++)
        s_print_row(topology->regions[r].name, &result->regions[r]);
    if (result->region_count > 1)
        s_print_row("all", &result->total);
    for (size_t r = 0; self->spec.units && r < result->region_count; r++) {
        char rented[PLANNING_UNITS_MAX];
        printf("  %s rents %s\n", topology->regions[r].name,
               planning_print_units(&topology->regions[r], self->units[r], rented));
    }
    printf("  computed: share of the workers' time; beside it what they waited for, or tested\n");
    if (!result->over)
        printf("  ended after %s with %.1f %% of the samples; ", s_time(result->virtual_s, virtual),
               100 * (double)result->total.samples / (double)result->total.samples_total);
    else
        printf("  ");
    printf("the run takes %s and costs %.6g (rent %.6g, WAN %.6g)\n", s_time(result->run_s, run),
           result->run_cost,
           result->run_cost * (result->total.cost > 0 ? result->total.rent / result->total.cost : 0),
           result->run_cost * (result->total.cost > 0 ? result->total.wan_cost / result->total.cost : 0));
}

/* ---- for programs ---- */

static json_value_t *s_document_of(const predict_region_t *row, const char *name)
{
    json_value_t *item = json_new_object();
    if (name)
        json_set_string(item, "name", name);
    json_set_u64(item, "workers", row->workers);
    json_set_u64(item, "nodes", row->nodes);
    json_set_u64(item, "samples", row->samples);
    json_set_u64(item, "samples_total", row->samples_total);
    json_set_u64(item, "rounds", row->rounds);
    json_set_u64(item, "restarts", row->restarts);
    json_set_number(item, "train_s", row->train_s);
    json_set_number(item, "computed", row->computed);
    json_set_number(item, "waited_for_shards", row->waited_shard);
    json_set_number(item, "waited_for_leases", row->waited_scheduler);
    json_set_number(item, "evaluated", row->evaluated);
    json_set_u64(item, "wan_sent_bytes", row->sent_bytes);
    json_set_u64(item, "wan_received_bytes", row->received_bytes);
    json_set_number(item, "rented_s", row->rented_s);
    json_set_number(item, "rent", row->rent);
    json_set_number(item, "wan_cost", row->wan_cost);
    json_set_number(item, "cost", row->cost);
    return item;
}

static void s_add_units(const simulation_t *self, size_t r, json_value_t *row)
{
    const topology_region_t *region = &self->launch.topology->regions[r];
    json_value_t *units = json_new_object();
    for (size_t i = 0; i < region->offer_count; i++)
        json_set_u64(units, region->offers[i].name, self->units[r][i]);
    json_set_moved(row, "units", &units);
}

static json_value_t *s_document_of_pace(const pace_t *pace)
{
    json_value_t *item = json_new_object();
    json_set_bool(item, "measured", pace->measured);
    json_set_number(item, "samples_per_s", pace->samples_per_s);
    json_set_number(item, "tests_per_s", pace->tests_per_s);
    json_set_number(item, "apply_bytes_per_s", pace->apply_bytes_per_s);
    json_set_number(item, "copy_bytes_per_s", pace->copy_bytes_per_s);
    json_set_number(item, "delta_bytes_per_s", pace->delta_bytes_per_s);
    json_set_number(item, "hop_s", pace->hop_us / 1e6);
    json_set_number(item, "commit_s", pace->commit_us / 1e6);
    json_set_number(item, "commit_bytes_per_s", pace->commit_bytes_per_s);
    return item;
}

static void s_print_document(const simulation_t *self)
{
    const prediction_t *result = &self->result;
    json_value_t *document = json_new_object(), *regions = json_new_array();
    json_value_t *pace = s_document_of_pace(&self->spec.pace), *total = s_document_of(&result->total, NULL);
    json_set_string(document, "job", self->launch.topology->job.name);
    json_set_string(document, "objective", self->objective);
    json_set_u64(document, "seed", self->spec.seed);
    json_set_bool(document, "over", result->over);
    json_set_number(document, "virtual_s", result->virtual_s);
    json_set_number(document, "run_s", result->run_s);
    json_set_number(document, "run_cost", result->run_cost);
    json_set_u64(document, "events", result->events);
    json_set_u64(document, "messages", result->messages);
    json_set_moved(document, "pace", &pace);
    json_set_moved(document, "total", &total);
    for (size_t r = 0; r < result->region_count; r++) {
        json_value_t *row = s_document_of(&result->regions[r], self->launch.topology->regions[r].name);
        if (self->spec.units)
            s_add_units(self, r, row);
        json_add_moved(regions, &row);
    }
    json_set_moved(document, "regions", &regions);
    char *text = json_print(document, false);
    fputs(text, stdout);
    free(text);
    json_destroy(&document);
}

/* ---- the command ---- */

static exit_status_t s_exit_status(err_code_t rc)
{
    bool wrong = rc == ERR_USAGE || rc == ERR_CONFIG || rc == ERR_NOT_FOUND;
    return wrong ? EXIT_WRONG : rc == ERR_LIMIT ? EXIT_PROBLEMS : EXIT_FAILED;
}

static int s_simulate(simulation_t *self, const cli_args_t *args)
{
    err_t err = {0};
    err_code_t rc = s_prepare_simulate(self, args, &err);
    self->spec.progress = s_progress;
    self->spec.hint = self;
    self->began_s = self->shown_s = time(NULL);
    if (!rc)
        rc = predict_run(&self->spec, &self->result, &err);
    if (rc)
        return command_fail(s_exit_status(rc), "simulate", "%s", err.text);
    if (self->json)
        s_print_document(self);
    else
        s_print_table(self);
    return EXIT_DONE;
}

static int s_run_simulate(const cli_args_t *args)
{
    err_t err = {0};
    size_t set_count;
    const char *const *sets = cli_values(args, "set", &set_count);
    if (!cli_positional(args))
        return command_fail(EXIT_WRONG, "simulate", "name a topology; see cloudless simulate --help");
    simulation_t *self = calloc(1, sizeof *self);
    CHECK(self);
    launch_init(&self->launch);
    host_init(&self->host);
    self->json = cli_has(args, "json");
    self->shows = !cli_has(args, "quiet");
    int status = launch_read(&self->launch, cli_positional(args), sets, set_count, NULL, &err)
                     ? launch_wrong(&self->launch, EXIT_WRONG, NULL, &err, true)
                     : s_simulate(self, args);
    host_fini(&self->host);
    launch_fini(&self->launch);
    free(self);
    return status;
}

const cli_command_t command_simulate = {
    .name = "simulate",
    .summary = "Predicts a run's time, cost and traffic before anything is rented.",
    .positional = "TOPOLOGY",
    .example = "cloudless simulate deploy/topologies/two-regions.yaml --set plan.samples_per_s=2000",
    .notes = "Without --objective and --units the topology's workers run, on machines of power 1.\n"
             "With plan.samples_per_s nothing is measured, and a seed gives the same prediction everywhere.",
    .run = s_run_simulate,
    .computes = true,
    .waits = true,
    .options = {
        {"objective", 0, "NAME", "rent what the plan for it would: everything, match, fastest ..."},
        {"units", 0, "REGION.OFFER=N", "rent so many units of an offer; may be repeated"},
        {"hours", 0, "H", "end after so many virtual hours, and tell what the whole run would come to"},
        {"seed", 0, "N", "what times vary by; default job.seed"},
        {"cores", 0, "N", "all regions are on one machine of so many cores, as with `up`"},
        {"set", 0, "KEY=VALUE", "change a key of the topology; may be repeated"},
        {"quiet", 'q', NULL, "no progress on standard error"},
        {"json", 0, NULL, "print all of it as JSON"}}};
