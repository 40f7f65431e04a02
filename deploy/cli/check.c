#include "deploy/cli/commands.h"

#include "actors/model/blas.h"
#include "actors/model/kernel.h"
#include "actors/model/model.h"
#include "actors/synchronizer/strategy.h"
#include "codec/base/json.h"
#include "codec/base/units.h"
#include "deploy/launch/dial.h"
#include "deploy/launch/dial_way.h"
#include "deploy/launch/launch.h"

#include <stdio.h>
#include <stdlib.h>

/* ---- problems: nothing wrong with the file, but not what one wants ---- */

static size_t s_problem(FILE *out, const char *region, double value, const char *what, const char *remedy)
{
    fprintf(out, "  problem: region %s: %.0f%s; %s\n", region, value, what, remedy);
    return 1;
}

/* Workers that find nothing to do, and regions that wait for others most of the time. */
static size_t s_find_problems(const topology_t *topology, const job_t *job, FILE *out)
{
    size_t problems = 0;
    if (kernel_chosen()->wrong)
        problems += (size_t)fprintf(out, "  problem: kernel %s %s; unset " BLAS_KERNEL_VARIABLE "\n",
                                    kernel_chosen()->name, kernel_chosen()->why) > 0;
    double longest = 0, load[TOPOLOGY_REGIONS_MAX];
    for (size_t r = 0; r < topology->region_count; r++) {
        const topology_region_t *region = &topology->regions[r];
        if (region->workers > job->regions[r].batches_per_epoch)
            problems +=
                s_problem(out, region->name, (double)(region->workers - job->regions[r].batches_per_epoch),
                          " workers find no batch in an epoch", "use fewer workers or a smaller job.batch");
        if (!region->workers)
            return problems; /* how many there are is seen when nodes are there */
        load[r] = (double)job->regions[r].samples / (double)region->workers;
        longest = load[r] > longest ? load[r] : longest;
    }
    for (size_t r = 0; r < topology->region_count; r++)
        if (load[r] < longest / 4)
            problems += s_problem(out, topology->regions[r].name, 100 * (1 - load[r] / longest),
                                  "% of the time its workers have no data left",
                                  "give it fewer workers, or other regions more");
    return problems;
}

/* Prints what the topology says that comes to nothing. */
static size_t s_print_notes(const mistakes_t *mistakes, FILE *out)
{
    for (size_t i = 0; i < mistakes->note_count; i++)
        fprintf(out, "  problem: %s\n", mistakes->notes[i]);
    return mistakes->note_count;
}

/* ---- summary ---- */

/* Of a model with embeddings: what of them is sent. */
static void s_print_rows(const topology_t *topology, const layout_t *layout)
{
    if (!layout->count || !layout_is_sparse(layout))
        return;
    printf(
        "  %-16s %s\n", "embeddings",
        job_sends_rows(topology, layout)
            ? "of a batch its rows are sent, not the tables"
            : "sent whole, as the optimizer changes rows that a batch does not have; sgd without momentum, "
              "and adagrad, without weight decay, do not");
}

static void s_print_summary(const topology_t *topology, const job_t *job)
{
    layout_t *layout = calloc(1, sizeof *layout);
    CHECK(layout);
    if (model_layout_of(&topology->job.model, layout, NULL))
        layout->count = 0;
    printf("job %s: model %s (%zu parameters), %llu samples, %llu epochs\n", topology->job.name,
           topology->job.model.name, layout->count, (unsigned long long)job->samples,
           (unsigned long long)job->epochs);
    s_print_rows(topology, layout);
    free(layout);
    const strategy_t *strategy = strategy_find(topology->job.sync.strategy);
    if (strategy->differs)
        printf("  %-16s %s\n", strategy->name, strategy->differs);
    printf("  %-16s %s: %s\n", "kernel", kernel_chosen()->name, kernel_chosen()->why);
    for (size_t r = 0; r < topology->region_count; r++) {
        const job_region_t *region = &job->regions[r];
        char workers[32] = "a worker for each core";
        if (topology->regions[r].workers)
            snprintf(workers, sizeof workers, "%llu workers",
                     (unsigned long long)topology->regions[r].workers);
        printf("  %-16s %llu samples (%.1f%%), %s, %llu shards, %llu steps of %llu batches up to "
               "%llu samples\n",
               topology->regions[r].name, (unsigned long long)region->samples, 100 * region->share, workers,
               (unsigned long long)topology->regions[r].shards, (unsigned long long)region->steps,
               (unsigned long long)region->width, (unsigned long long)region->batch_max);
        if (launch_data_elsewhere(topology, r))
            printf("  %-16s its data are not on this machine: cloudless data TOPOLOGY --region %s there\n",
                   "", topology->regions[r].name);
    }
    for (size_t i = 0; i < topology->link_count; i++) {
        const topology_link_t *link = &topology->links[i];
        char rate[UNITS_TEXT_MAX], rtt[UNITS_TEXT_MAX];
        printf("  %s - %s: %s, round trip %s%s\n", topology->regions[link->between[0]].name,
               topology->regions[link->between[1]].name,
               link->rate_bytes_per_s ? units_print_rate(link->rate_bytes_per_s, rate) : "rate not given",
               units_print_duration(link->rtt_us, rtt), link->emulate ? ", emulated" : "");
    }
}

static json_value_t *s_document(const topology_t *topology, const job_t *job, size_t problems)
{
    json_value_t *document = json_new_object(), *regions = json_new_array();
    json_set_string(document, "job", topology->job.name);
    json_set_u64(document, "samples", job->samples);
    json_set_u64(document, "epochs", job->epochs);
    json_set_u64(document, "problems", problems);
    json_set_string(document, "kernel", kernel_chosen()->name);
    json_set_string(document, "kernel_reason", kernel_chosen()->why);
    for (size_t r = 0; r < topology->region_count; r++) {
        json_value_t *row = json_new_object();
        json_set_string(row, "name", topology->regions[r].name);
        json_set_u64(row, "samples", job->regions[r].samples);
        json_set_u64(row, "steps", job->regions[r].steps);
        json_set_u64(row, "batches", job->regions[r].batches);
        json_set_u64(row, "batch_max", job->regions[r].batch_max);
        json_set_number(row, "share", job->regions[r].share);
        json_add_moved(regions, &row);
    }
    json_set_moved(document, "regions", &regions);
    return document;
}

static void s_print_json(json_value_t **document_p)
{
    char *text = json_print(*document_p, false);
    fputs(text, stdout);
    free(text);
    json_destroy(document_p);
}

/* The bytes that may be sent to each broker are asked for: a link may be paid by the byte. */
static int s_read_transfer(const cli_args_t *args, uint64_t *ret_bytes)
{
    const char *text = cli_value(args, "transfer");
    char least[UNITS_TEXT_MAX], most[UNITS_TEXT_MAX];
    err_t err = {0};
    if (!text)
        return EXIT_DONE;
    if (!cli_has(args, "dial"))
        return command_fail(EXIT_WRONG, "check", "--transfer is for --dial; give both");
    if (units_parse_size(text, ret_bytes, &err))
        return command_fail(EXIT_WRONG, "check", "--transfer: %s", err.text);
    if (*ret_bytes < DIAL_WAY_LEAST_BYTES || *ret_bytes > DIAL_WAY_MOST_BYTES)
        return command_fail(EXIT_WRONG, "check", "--transfer: write %s to %s",
                            units_print_size(DIAL_WAY_LEAST_BYTES, least),
                            units_print_size(DIAL_WAY_MOST_BYTES, most));
    return EXIT_DONE;
}

static int s_check_topology(launch_t *launch, const cli_args_t *args)
{
    err_t err = {0};
    size_t set_count;
    const char *const *sets = cli_values(args, "set", &set_count);
    if (launch_read(launch, cli_positional(args), sets, set_count, NULL, &err))
        return launch_wrong(launch, EXIT_WRONG, NULL, &err, true);
    err_code_t rc = launch_look_dataset(launch, LAUNCH_HERE, true, &err);
    if (rc)
        return launch_wrong(launch, rc == ERR_NOT_FOUND || rc == ERR_CONFIG ? EXIT_WRONG : EXIT_FAILED,
                            "check", &err, false);
    uint64_t transfer_bytes = 0;
    int status = s_read_transfer(args, &transfer_bytes);
    if (status)
        return status;
    if (cli_has(args, "dial") && launch_choose_state(launch, cli_value(args, "state"), &err))
        return command_fail(EXIT_WRONG, "check", "%s", err.text);
    bool json = cli_has(args, "json");
    if (!json)
        s_print_summary(launch->topology, &launch->job);
    size_t problems = s_find_problems(launch->topology, &launch->job, json ? stderr : stdout) +
                      s_print_notes(launch->mistakes, json ? stderr : stdout) +
                      launch_print_absent(launch, "  problem: ", json ? stderr : stdout) +
                      dial_binds(launch->topology, json ? stderr : stdout);
    if (cli_has(args, "dial"))
        problems += dial_brokers(launch->topology, transfer_bytes, json ? stderr : stdout) +
                    dial_room(launch, json ? stderr : stdout);
    if (json) {
        json_value_t *document = s_document(launch->topology, &launch->job, problems);
        s_print_json(&document);
    } else if (!problems) {
        printf("all is well\n");
    }
    return problems ? EXIT_PROBLEMS : EXIT_DONE;
}

static int s_run_check(const cli_args_t *args)
{
    if (cli_has(args, "schema")) {
        json_value_t *schema = topology_schema();
        s_print_json(&schema);
        return EXIT_DONE;
    }
    if (cli_has(args, "default")) {
        topology_print_default(stdout);
        return EXIT_DONE;
    }
    if (!cli_positional(args))
        return command_fail(EXIT_WRONG, "check", "name a topology; see cloudless check --help");
    launch_t launch;
    launch_init(&launch);
    int status = s_check_topology(&launch, args);
    launch_fini(&launch);
    return status;
}

const cli_command_t command_check = {
    .name = "check",
    .summary = "Reads a topology and its data set, and says what would be run.",
    .positional = "[TOPOLOGY]",
    .example = "cloudless check deploy/topologies/two-regions.yaml",
    .run = s_run_check,
    .computes = true,
    .options = {
        {"set", 0, "KEY=VALUE", "change a key of the topology; may be repeated"},
        {"dial", 0, NULL, "try from here what the topology says of brokers and of the state directory"},
        {"transfer", 0, "SIZE",
         "with --dial: send at most this to each broker, and for 3 s, to measure its rate"},
        {"state", 0, "DIR", "state directory, for --dial"},
        {"schema", 0, NULL, "print the JSON Schema of topologies, for editors"},
        {"default", 0, NULL, "print a topology with every key, its default and what it means"},
        {"json", 0, NULL, "print the summary as JSON"}}};
