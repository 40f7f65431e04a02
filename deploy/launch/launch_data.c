/* A look at data before anything is begun, and what the job is by them. */
#include "deploy/launch/launch.h"

#include "actors/model/model.h"
#include "deploy/launch/command.h"

#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

dataset_spec_t launch_dataset_spec(const topology_t *topology, size_t region, double *shares)
{
    bool own = topology->job.data.split == SPLIT_OWN;
    for (size_t r = 0; r < topology->region_count; r++)
        shares[r] = topology->regions[r].data_share;
    return (dataset_spec_t){.kind = topology->job.data.kind,
                            .dir = topology_data_dir(topology, region),
                            .samples = own ? 0 : topology->job.data.samples,
                            .no_tests = !topology_tests(topology, region),
                            .columns = {.label = topology->job.data.columns.label,
                                        .categorical = topology->job.data.columns.categorical,
                                        .numeric = topology->job.data.columns.numeric,
                                        .hash = topology->job.data.columns.hash},
                            .split = topology->job.data.split,
                            .alpha = topology->job.data.alpha,
                            .seed = topology->job.seed,
                            .region_shares = shares,
                            .region_count = topology->region_count,
                            .region_index = region,
                            .region_samples = own ? topology->regions[region].data.samples : 0};
}

/* A shard without a parameter would wait for nothing, and be waited for. */
static err_code_t s_check_shards(const topology_t *topology, err_t *err)
{
    layout_t *layout = calloc(1, sizeof *layout);
    CHECK(layout);
    err_code_t rc = model_layout_of(&topology->job.model, layout, err);
    if (!rc && topology->region_count && topology->regions[0].shards > layout->count)
        rc =
            err_set(err, ERR_CONFIG,
                    "regions[0].shards: %llu are more than the %zu parameters of model %s; write fewer",
                    (unsigned long long)topology->regions[0].shards, layout->count, topology->job.model.name);
    free(layout);
    return rc;
}

/* Fewer samples are no batch, or leave workers without one. Where regions wait for each other, batches are as
 * large as a region's part. */
static err_code_t s_check_enough(const topology_t *topology, const job_t *job, err_t *err)
{
    for (size_t r = 0; r < topology->region_count && !job->waits; r++) {
        const topology_region_t *region = &topology->regions[r];
        uint64_t samples = job->regions[r].samples;
        if (samples < topology->job.batch)
            return err_set(err, ERR_CONFIG,
                           "region %s has %llu samples, fewer than one batch of %llu; write a smaller "
                           "job.batch, or give "
                           "it more",
                           region->name, (unsigned long long)samples,
                           (unsigned long long)topology->job.batch);
        if (samples < region->workers)
            return err_set(err, ERR_CONFIG,
                           "region %s has %llu samples, fewer than its %llu workers; write fewer workers, or "
                           "give it more",
                           region->name, (unsigned long long)samples, (unsigned long long)region->workers);
    }
    return ERR_OK;
}

static err_code_t s_derive(launch_t *self, uint64_t samples, err_t *err)
{
    err_code_t rc = job_derive(self->topology, samples, &self->job, err);
    return rc ? rc : s_check_enough(self->topology, &self->job, err);
}

/* Pictures that are moved so far would not be seen. */
static err_code_t s_check_shift(const topology_t *topology, const dataset_facts_t *facts, err_t *err)
{
    uint64_t shift = topology->job.data.augment.shift;
    size_t least = facts->height < facts->width ? facts->height : facts->width;
    if (facts->form != DATA_PICTURES || 2 * shift < least || !shift)
        return ERR_OK;
    return err_set(err, ERR_CONFIG,
                   "job.data.augment.shift is %llu, and pictures are %zu x %zu; write less than half of that",
                   (unsigned long long)shift, facts->height, facts->width);
}

/* Nobody sees all classes of data that regions have of their own: there, the topology says them. */
static void s_note_seen(launch_t *self, const dataset_facts_t *facts)
{
    model_spec_t seen = model_seen(facts);
    if (self->topology->job.data.split == SPLIT_OWN)
        seen.classes = 0;
    topology_note_seen(self->topology, &seen);
}

/* The actors that compute later rely on it: sizes, classes and kinds of data and model are compared here, and
 * nowhere else. */
static err_code_t s_accept(const topology_t *topology, size_t region, const dataset_facts_t *facts,
                           err_t *err)
{
    err_code_t rc = model_accepts(&topology->job.model, facts, err);
    if (!rc)
        rc = s_check_shift(topology, facts, err);
    return rc ? err_prefix(err, rc, "job.data.dir %s", topology_data_dir(topology, region)) : ERR_OK;
}

/* Adds what another region has of its own. */
static err_code_t s_merge(const topology_t *topology, size_t region, const dataset_facts_t *facts,
                          dataset_facts_t *all, err_t *err)
{
    if (!all->kind) {
        *all = *facts;
        return ERR_OK;
    }
    if (facts->channels != all->channels || facts->height != all->height || facts->width != all->width)
        return err_set(
            err, ERR_CONFIG,
            "samples of region %s are %zu x %zu x %zu, and others are %zu x %zu x %zu; all regions "
            "must have one kind of sample",
            topology->regions[region].name, facts->channels, facts->height, facts->width, all->channels,
            all->height, all->width);
    all->total += facts->total;
    all->tests = facts->tests > all->tests ? facts->tests : all->tests;
    all->label_least = facts->label_least < all->label_least ? facts->label_least : all->label_least;
    all->label_most = facts->label_most > all->label_most ? facts->label_most : all->label_most;
    return ERR_OK;
}

bool launch_data_elsewhere(const topology_t *topology, size_t region)
{
    return topology->job.data.split == SPLIT_OWN && access(topology_data_dir(topology, region), F_OK) < 0 &&
           (errno == ENOENT || errno == ENOTDIR);
}

static err_code_t s_look_at(launch_t *self, size_t region, bool thorough, dataset_facts_t *all, err_t *err)
{
    const topology_t *topology = self->topology;
    double shares[TOPOLOGY_REGIONS_MAX];
    dataset_facts_t facts;
    dataset_spec_t spec = launch_dataset_spec(topology, region, shares);
    err_code_t rc = dataset_look(&spec, thorough, &facts, err);
    if (!rc)
        s_note_seen(self, &facts);
    if (!rc)
        rc = s_accept(topology, region, &facts, err);
    if (!rc)
        rc = s_merge(topology, region, &facts, all, err);
    if (!rc)
        self->absent[region] = facts.absent;
    return rc && topology->job.data.split == SPLIT_OWN
               ? err_prefix(err, rc, "data of region %s", topology->regions[region].name)
               : rc;
}

/* Of one copy that all have, each region is like any that tests. */
static size_t s_fullest(const topology_t *topology)
{
    for (size_t r = 0; r < topology->region_count; r++)
        if (topology_tests(topology, r))
            return r;
    return 0;
}

/* Looks at one region's data, or at those of several. */
static err_code_t s_look(launch_t *self, size_t which, bool thorough, dataset_facts_t *ret_facts, err_t *err)
{
    const topology_t *topology = self->topology;
    bool own = topology->job.data.split == SPLIT_OWN, several = which >= topology->region_count;
    dataset_facts_t all = {0};
    err_code_t rc = ERR_OK;
    for (size_t r = 0; r < TOPOLOGY_REGIONS_MAX; r++)
        self->absent[r] = UINT_MAX;
    if (!several || !own)
        rc = s_look_at(self, several ? s_fullest(topology) : which, thorough, &all, err);
    for (size_t r = 0; !rc && several && own && r < topology->region_count; r++)
        if (which != LAUNCH_HERE || !launch_data_elsewhere(topology, r))
            rc = s_look_at(self, r, thorough, &all, err);
    if (!rc)
        *ret_facts = all;
    return rc;
}

err_code_t launch_keep_seen(const launch_t *self, const topology_t *former, err_t *err)
{
    topology_t *topology = self->topology;
    topology->job.data.seen = former->job.data.seen;
    topology_note_seen(topology, &model_row(topology->job.said.name)->otherwise);
    err_code_t rc = self->facts.kind ? model_accepts(&topology->job.model, &self->facts, err) : ERR_OK;
    return rc ? err_prefix(err, rc, "%s: the data are not those it was begun with", self->state_dir) : ERR_OK;
}

/* Samples that regions have of their own are counted by the topology: nobody has all of their files. */
static err_code_t s_derive_job(launch_t *self, const dataset_facts_t *facts, err_t *err)
{
    const topology_t *topology = self->topology;
    err_code_t rc = s_check_shards(topology, err);
    if (rc)
        return rc;
    self->facts = *facts;
    bool own = topology->job.data.split == SPLIT_OWN;
    return s_derive(self, own ? topology->job.data.samples : facts->total, err);
}

/* Puts where the topology says it before what is wrong with it. */
static err_code_t s_place(const char *place, err_code_t code, err_t *err)
{
    return place[0] ? err_prefix(err, code, "%s", place) : code;
}

/* Mistakes in the data are told beside those elsewhere, as far as each is known. */
static void s_look_anyway(launch_t *self)
{
    dataset_facts_t facts;
    err_t err = {0};
    const topology_t *topology = self->topology;
    if (!topology || !self->mistakes->count)
        return;
    if (!mistakes_touch_any(self->mistakes, "job.data|job.model|regions")) {
        err_code_t rc = s_look(self, LAUNCH_HERE, false, &facts, &err);
        if (rc && s_place(self->mistakes->data_place, rc, &err))
            mistakes_add(self->mistakes, "job.data", err.text);
    }
    if (!mistakes_touch_any(self->mistakes, "job.model|regions[0].shards") && s_check_shards(topology, &err))
        mistakes_add(self->mistakes, "regions[0].shards",
                     s_place(self->mistakes->shards_place, ERR_CONFIG, &err) ? err.text : "");
}

int launch_wrong(launch_t *self, int status, const char *where, const err_t *err, bool looks)
{
    command_fail((exit_status_t)status, where, "%s", err->text);
    const mistakes_t *mistakes = self->mistakes;
    if (looks)
        s_look_anyway(self);
    for (size_t i = 0; mistakes && i < mistakes->count; i++)
        if (mistakes->rows[i].text[0] && strcmp(mistakes->rows[i].text, err->text) != 0)
            command_fail((exit_status_t)status, where, "%s", mistakes->rows[i].text);
    if (mistakes && mistakes->more)
        command_fail((exit_status_t)status, where, "%zu more mistakes; correct these first", mistakes->more);
    return status;
}

size_t launch_print_absent(const launch_t *self, const char *before, FILE *out)
{
    size_t count = 0;
    const topology_t *topology = self->topology;
    for (size_t r = 0; topology->job.data.split == SPLIT_OWN && r < topology->region_count; r++)
        if (self->facts.kind && self->absent[r] <= self->facts.label_most) {
            fprintf(out,
                    "%sregion %s has no training sample of class %u; it learns of it from the others alone\n",
                    before, topology->regions[r].name, self->absent[r]);
            count++;
        }
    return count;
}

err_code_t launch_look_dataset(launch_t *self, size_t which, bool thorough, err_t *err)
{
    dataset_facts_t facts;
    err_code_t rc = s_look(self, which, thorough, &facts, err);
    err_t shards = {0};
    if (rc && self->mistakes && s_check_shards(self->topology, &shards) == ERR_CONFIG)
        mistakes_add(self->mistakes, "regions[0].shards",
                     s_place(self->mistakes->shards_place, ERR_CONFIG, &shards) ? shards.text : "");
    if (!rc)
        rc = s_derive_job(self, &facts, err);
    bool placed = self->topology->job.data.split != SPLIT_OWN; /* job.data says nothing of regions' files */
    return (rc == ERR_NOT_FOUND || rc == ERR_CONFIG) && self->mistakes && placed
               ? s_place(self->mistakes->data_place, rc, err)
               : rc;
}

err_code_t launch_try_dataset(launch_t *self, err_t *err)
{
    const topology_t *topology = self->topology;
    uint64_t samples = topology->job.data.samples;
    if (topology->job.data.split == SPLIT_OWN)
        return s_derive(self, samples, err);
    err_code_t rc = launch_look_dataset(self, LAUNCH_HERE, false, err);
    if (rc != ERR_NOT_FOUND || !samples)
        return rc;
    return s_derive(self, samples, err);
}

err_code_t launch_open_dataset(launch_t *self, size_t region_index, err_t *err)
{
    char cache[STATEDIR_PATH_MAX];
    err_code_t rc = statedir_folder(self->state_dir, STATEDIR_DATA, cache, err);
    if (rc)
        return rc;
    double shares[TOPOLOGY_REGIONS_MAX];
    dataset_spec_t spec = launch_dataset_spec(self->topology, region_index, shares);
    spec.cache_dir = cache;
    rc = dataset_open(&spec, &self->dataset, err);
    if (!rc)
        s_note_seen(self, dataset_facts(self->dataset));
    if (!rc)
        rc = s_accept(self->topology, region_index, dataset_facts(self->dataset), err);
    return rc ? rc : s_derive_job(self, dataset_facts(self->dataset), err);
}

err_code_t launch_open_copy(launch_t *self, err_t *err)
{
    return self->topology->job.data.split == SPLIT_OWN ? launch_try_dataset(self, err)
                                                       : launch_open_dataset(self, 0, err);
}
