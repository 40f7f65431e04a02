/* Counts what is in the files of a job, and says what to write of it. */
#include "deploy/cli/commands.h"

#include "codec/base/json.h"
#include "deploy/launch/launch.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define DATA_CLASSES_LISTED 20
/* All that must be right in a topology to find the files; what is said of their contents may be missing. */
#define DATA_KEYS                                                                                            \
    "job.data.kind|job.data.dir|job.data.split|job.data.alpha|job.data.test|regions[].name|regions[].data."  \
    "dir|"                                                                                                   \
    "regions[].data_share"

typedef struct {
    bool looked;
    dataset_facts_t facts;
    uint64_t samples; /* of this region */
    uint64_t *counts; /* (facts.label_most + 1) */
} region_data_t;

typedef struct {
    const launch_t *launch;
    const topology_t *topology;
    size_t only; /* the region that is looked at; SIZE_MAX: all */
    region_data_t regions[TOPOLOGY_REGIONS_MAX];
    size_t classes;               /* of all regions that were looked at */
    const dataset_facts_t *facts; /* of the first of these */
    size_t problems;
} data_t;

static bool s_is_own(const data_t *self)
{
    return self->topology->job.data.split == SPLIT_OWN;
}

/* ---- looking ---- */

static err_code_t s_look_at(data_t *self, size_t region, err_t *err)
{
    double shares[TOPOLOGY_REGIONS_MAX];
    region_data_t *data = &self->regions[region];
    dataset_spec_t spec = launch_dataset_spec(self->topology, region, shares);
    spec.region_samples = 0; /* that is found out here */
    err_code_t rc = dataset_count(&spec, &data->facts, &data->counts, err);
    if (rc)
        return err_prefix(err, rc, "region %s", self->topology->regions[region].name);
    data->looked = true;
    for (size_t c = 0; data->counts && c <= data->facts.label_most; c++)
        data->samples += data->counts[c];
    size_t classes = (size_t)data->facts.label_most + 1;
    self->classes = classes > self->classes ? classes : self->classes;
    self->facts = self->facts ? self->facts : &data->facts;
    return ERR_OK;
}

static err_code_t s_look(data_t *self, err_t *err)
{
    err_code_t rc = ERR_OK;
    for (size_t r = 0; !rc && r < self->topology->region_count; r++)
        if (self->only == SIZE_MAX || self->only == r)
            rc = s_look_at(self, r, err);
    return rc;
}

/* ---- what is not as it should be ---- */

/* "3, 7", cut off where it becomes too long; empty: none is missing. */
static const char *s_lacks(const data_t *self, size_t region, char *out, size_t size)
{
    const region_data_t *data = &self->regions[region];
    size_t at = 0;
    out[0] = '\0';
    for (size_t c = 0; data->counts && c < self->classes; c++) {
        if (c <= data->facts.label_most && data->counts[c])
            continue;
        if (at + 16 > size) {
            snprintf(out + at, size - at, " ...");
            break;
        }
        at += (size_t)snprintf(out + at, size - at, "%s%zu", at ? ", " : "", c);
    }
    return out;
}

static bool s_is_miscounted(const data_t *self, size_t region)
{
    uint64_t said = self->topology->regions[region].data.samples;
    return s_is_own(self) && said && said != self->regions[region].samples;
}

/* Each is one line on `out`, or only counted without. A split by label is made to leave classes out. */
static void s_find_problems(data_t *self, size_t region, FILE *out)
{
    const region_data_t *data = &self->regions[region];
    const char *name = self->topology->regions[region].name;
    char lacks[128];
    if (s_is_miscounted(self, region))
        self->problems +=
            (size_t)fprintf(out, "  problem: regions[%zu].data.samples says %llu; write %llu\n", region,
                            (unsigned long long)self->topology->regions[region].data.samples,
                            (unsigned long long)data->samples) > 0;
    if (*s_lacks(self, region, lacks, sizeof lacks))
        self->problems += (size_t)fprintf(out, "  %s: region %s has no sample of class %s\n",
                                          s_is_own(self) ? "problem" : "note", name, lacks) > 0 &&
                          s_is_own(self);
    if (data->samples < self->topology->job.batch)
        self->problems +=
            (size_t)fprintf(out, "  problem: region %s has %llu samples, fewer than a batch of %llu\n", name,
                            (unsigned long long)data->samples,
                            (unsigned long long)self->topology->job.batch) > 0;
}

/* ---- text ---- */

static void s_print_classes(const region_data_t *data)
{
    printf("  classes %u to %u:", data->facts.label_least, data->facts.label_most);
    if (data->facts.label_most >= DATA_CLASSES_LISTED) {
        printf(" %u\n", data->facts.label_most - data->facts.label_least + 1);
        return;
    }
    for (size_t c = data->facts.label_least; c <= data->facts.label_most; c++)
        printf(" %llu", (unsigned long long)data->counts[c]);
    printf("\n");
}

static void s_print_region(data_t *self, size_t region)
{
    const region_data_t *data = &self->regions[region];
    printf("region %s: %llu training samples, %llu to test with, each %zu x %zu x %zu, in %s\n",
           self->topology->regions[region].name, (unsigned long long)data->samples,
           (unsigned long long)data->facts.tests, data->facts.channels, data->facts.height, data->facts.width,
           topology_data_dir(self->topology, region));
    s_print_classes(data);
    s_find_problems(self, region, stdout);
}

static void s_print_advice(const data_t *self)
{
    if (!s_is_own(self))
        return;
    printf("write\n  job.data: {kind: %s, split: own, classes: %zu, input: [%zu, %zu, %zu]}\n",
           self->topology->job.data.kind, self->classes, self->facts->channels, self->facts->height,
           self->facts->width);
    for (size_t r = 0; r < self->topology->region_count; r++)
        if (self->regions[r].looked)
            printf("  regions[%zu]: {name: %s, data: {dir: %s, samples: %llu}}\n", r,
                   self->topology->regions[r].name, topology_data_dir(self->topology, r),
                   (unsigned long long)self->regions[r].samples);
}

static void s_print(data_t *self)
{
    for (size_t r = 0; r < self->topology->region_count; r++)
        if (self->regions[r].looked)
            s_print_region(self, r);
    s_print_advice(self);
}

/* ---- JSON ---- */

static json_value_t *s_region_document(data_t *self, size_t region)
{
    const region_data_t *data = &self->regions[region];
    json_value_t *row = json_new_object(), *classes = json_new_array();
    json_set_string(row, "name", self->topology->regions[region].name);
    json_set_string(row, "dir", topology_data_dir(self->topology, region));
    json_set_u64(row, "samples", data->samples);
    json_set_u64(row, "tests", data->facts.tests);
    for (size_t c = 0; data->counts && c < self->classes; c++)
        json_add_u64(classes, c <= data->facts.label_most ? data->counts[c] : 0);
    json_set_moved(row, "samples_of_class", &classes);
    return row;
}

static void s_print_json(data_t *self)
{
    json_value_t *document = json_new_object(), *regions = json_new_array();
    for (size_t r = 0; r < self->topology->region_count; r++) {
        if (!self->regions[r].looked)
            continue;
        json_value_t *row = s_region_document(self, r);
        json_add_moved(regions, &row);
        s_find_problems(self, r, stderr);
    }
    json_set_string(document, "kind", self->facts->kind);
    json_set_u64(document, "classes", self->classes);
    json_set_u64(document, "channels", self->facts->channels);
    json_set_u64(document, "height", self->facts->height);
    json_set_u64(document, "width", self->facts->width);
    json_set_u64(document, "problems", self->problems);
    json_set_moved(document, "regions", &regions);
    char *text = json_print(document, false);
    fputs(text, stdout);
    free(text);
    json_destroy(&document);
}

/* ---- the command ---- */

static int s_choose_region(data_t *self, const cli_args_t *args)
{
    const char *name = cli_value(args, "region");
    self->only = name ? topology_region_index(self->topology, name) : SIZE_MAX;
    if (name && self->only == SIZE_MAX)
        return command_fail(EXIT_WRONG, "data", "--region %s: there is no such region in this topology",
                            name);
    if (!data_kind_find(self->topology->job.data.kind)->files)
        return command_fail(EXIT_WRONG, "data", "job.data.kind: counter has no files to look at");
    return EXIT_DONE;
}

static int s_tell(data_t *self, const cli_args_t *args)
{
    err_t err = {0};
    int status = s_choose_region(self, args);
    if (status)
        return status;
    err_code_t rc = s_look(self, &err);
    if (rc)
        return command_fail(rc == ERR_NOT_FOUND || rc == ERR_CONFIG ? EXIT_WRONG : EXIT_FAILED, "data", "%s",
                            err.text);
    if (cli_has(args, "json"))
        s_print_json(self);
    else
        s_print(self);
    return self->problems ? EXIT_PROBLEMS : EXIT_DONE;
}

static int s_run_data(const cli_args_t *args)
{
    launch_t launch;
    err_t err = {0};
    size_t set_count;
    const char *const *sets = cli_values(args, "set", &set_count);
    if (!cli_positional(args))
        return command_fail(EXIT_WRONG, "data", "name a topology; see cloudless data --help");
    launch_init(&launch);
    err_code_t rc = launch_read(&launch, cli_positional(args), sets, set_count, NULL, &err);
    data_t *self = calloc(1, sizeof *self);
    CHECK(self);
    self->launch = &launch;
    self->topology = launch.topology;
    int status = rc && (!launch.topology || mistakes_touch_any(launch.mistakes, DATA_KEYS))
                     ? launch_wrong(&launch, EXIT_WRONG, NULL, &err, false)
                     : s_tell(self, args);
    for (size_t r = 0; r < TOPOLOGY_REGIONS_MAX; r++)
        free(self->regions[r].counts);
    free(self);
    launch_fini(&launch);
    return status;
}

const cli_command_t command_data = {
    .name = "data",
    .summary = "Counts the samples of a job, checks their files, and says what to write of them.",
    .positional = "TOPOLOGY",
    .example = "cloudless data deploy/topologies/two-regions.yaml --region shanghai",
    .run = s_run_data,
    .options = {{"region", 'r', "NAME", "look at this region's data alone, as where others are out of reach"},
                {"set", 0, "KEY=VALUE", "change a key of the topology; may be repeated"},
                {"json", 0, NULL, "print it as JSON"}}};
