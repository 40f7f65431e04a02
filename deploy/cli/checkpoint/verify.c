#include "deploy/state/catalog.h"
#include "deploy/cli/checkpoint/commands.h"
#include "deploy/cli/checkpoint/result.h"
#include "deploy/cli/checkpoint/together.h"

#include "actors/scheduler/base/journal.h"
#include "deploy/launch/launch.h"
#include "store/kv_child.h"
#include "store/verify.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

typedef struct {
    result_t result;
    uint64_t stores;
    uint64_t snapshots;
    uint64_t values;
    uint64_t size_bytes;
    uint64_t shards_expected, shards_here; /* that the topology has, and that have a snapshot */
    bool not_compared;                     /* the job runs too fast to see it at one moment */
} verify_t;

/* ---- What each store holds ---- */

static void s_tell_problems(verify_t *self, const char *below, const verify_report_t *report)
{
    self->snapshots += report->snapshots;
    self->values += report->values;
    self->size_bytes += report->size_bytes;
    for (size_t i = 0; i < report->problem_count; i++) {
        manifest_id_t id = {.number = report->problems[i].number};
        result_row(&self->result, "damaged", below, id.number ? &id : NULL, 0, report->problems[i].text);
    }
    if (report->problem_total > report->problem_count) {
        char more[64];
        snprintf(more, sizeof more, "%" PRIu64 " more problems",
                 report->problem_total - report->problem_count);
        result_row(&self->result, "damaged", below, NULL, 0, more);
    }
}

static bool s_told(const verify_report_t *report, uint64_t number)
{
    for (size_t i = 0; i < report->problem_count; i++)
        if (report->problems[i].number == number || !report->problems[i].number)
            return true;
    return false;
}

/* Bytes can be whole and still not be what they lie under: another shard's, another model's, no state. */
static void s_tell_misplaced(verify_t *self, const catalog_store_t *store, const verify_report_t *report)
{
    for (size_t i = 0; i < store->count; i++) {
        const catalog_snapshot_t *snapshot = &store->snapshots[i];
        manifest_id_t id = {.number = snapshot->number};
        if (!snapshot->readable && !s_told(report, snapshot->number))
            result_row(&self->result, "damaged", store->place.below, &id, 0, snapshot->why);
    }
    if (!store->readable && !report->problem_total)
        result_row(&self->result, "damaged", store->place.below, NULL, 0, store->why);
}

static err_code_t s_shard_store(verify_t *self, const catalog_t *catalog, const catalog_store_t *store,
                                err_t *err)
{
    verify_report_t report = {0};
    err_t why = {.code = ERR_OK};
    err_code_t code = verify_dir(store->path, &report, &why);
    self->stores++;
    if (code == ERR_NOT_FOUND && catalog->live)
        return ERR_OK; /* the running job has removed or just begun it */
    if (code && code != ERR_NOT_FOUND)
        return err_set(err, code, "%s", why.text);
    s_tell_problems(self, store->place.below, &report);
    if (!catalog_is_gone(catalog, store))
        s_tell_misplaced(self, store, &report);
    verify_report_fini(&report);
    return ERR_OK;
}

/* The records of schedulers have checksums of their own. */
static err_code_t s_check_kept(const catalog_store_t *store, err_t *why)
{
    kv_t *kv = NULL;
    err_code_t code = kv_child_open(store->path, &kv, why);
    if (!code)
        code = journal_check(kv, why);
    kv_destroy(&kv);
    return code;
}

static err_code_t s_other_store(verify_t *self, const catalog_t *catalog, const catalog_store_t *store,
                                err_t *err)
{
    verify_report_t report = {0};
    err_t why = {.code = ERR_OK};
    err_code_t code = verify_keys_dir(store->path, &report, &why);
    self->stores++;
    if (code && code != ERR_NOT_FOUND)
        return err_set(err, code, "%s", why.text);
    s_tell_problems(self, store->place.below, &report);
    if (code && !catalog->live && !store->readable)
        result_row(&self->result, "damaged", store->place.below, NULL, 0, store->why);
    if (!code && !report.problem_total && stores_is_scheduler(&store->place) && s_check_kept(store, &why))
        result_row(&self->result, "damaged", store->place.below, NULL, 0, why.text);
    verify_report_fini(&report);
    return ERR_OK;
}

static err_code_t s_stores(verify_t *self, const catalog_t *catalog, err_t *err)
{
    err_code_t code = ERR_OK;
    for (size_t i = 0; i < catalog->count && !code; i++) {
        const catalog_store_t *store = &catalog->stores[i];
        code = store->place.kind == STORE_OTHER ? s_other_store(self, catalog, store, err)
                                                : s_shard_store(self, catalog, store, err);
    }
    return code;
}

/* ---- What is expected, and is not there ---- */

/* Without `here` every shard of the topology is to be here, with it those that have a store. */
static void s_shard(verify_t *self, const catalog_t *catalog, size_t region_index, uint32_t shard, bool here)
{
    char below[TOPOLOGY_NAME_MAX + 32];
    const char *region = catalog->topology->regions[region_index].name;
    choice_t any = {.tag = NULL};
    pick_t pick;
    err_t why = {.code = ERR_OK};
    self->shards_expected++;
    err_code_t code = catalog_pick(catalog, region_index, shard, &any, &pick, &why);
    self->shards_here += !code;
    snprintf(below, sizeof below, "%s/shard-%" PRIu32, region, shard);
    if (code == ERR_NOT_FOUND && !here && !catalog->live)
        result_row(
            &self->result, "missing", below, NULL, 0,
            catalog_is_here(catalog, region)
                ? "the topology has this shard, and there is no snapshot of it"
                : "the topology has this region, and nothing of it is here (--here: it lies on another "
                  "machine)");
}

static void s_expected(verify_t *self, const catalog_t *catalog, bool here)
{
    const topology_t *topology = catalog->topology;
    for (size_t r = 0; r < topology->region_count; r++)
        for (uint32_t k = 0; k < topology->regions[r].shards; k++)
            s_shard(self, catalog, r, k, here);
    for (size_t i = 0; i < catalog->count; i++) {
        const store_place_t *place = &catalog->stores[i].place;
        size_t r = place->kind == STORE_OTHER ? 0 : topology_region_index(topology, place->region);
        if (r == SIZE_MAX)
            result_row(&self->result, "foreign", place->below, NULL, 0, "the topology has no such region");
        else if (place->kind != STORE_OTHER && place->shard >= topology->regions[r].shards)
            result_row(&self->result, "foreign", place->below, NULL, 0, "the topology has no such shard");
    }
}

/* ---- Whether the newest belong together ---- */

/* Of one moment; beside a running job it is looked until there is one. Damage was told already. */
static void s_together(verify_t *self, const char *dir, bool live)
{
    together_t together = {0};
    err_t why = {.code = ERR_OK};
    together_spec_t spec = {.dir = dir, .here = true};
    err_code_t code = together_open(&together, &spec, &why);
    self->not_compared = live && code;
    if (!code && !together.fits)
        result_row(&self->result, "apart", "the newest of all shards", NULL, 0, together.why);
    if (!code && !together.abreast && !live)
        result_row(&self->result, "apart", "the newest of all shards", NULL, 0, together.why_apart);
    together_fini(&together);
}

/* ---- A state directory ---- */

static err_code_t s_check_job(verify_t *self, const catalog_t *catalog)
{
    char digest[17];
    err_t why = {.code = ERR_OK};
    topology_digest(catalog->topology, digest);
    err_code_t code = statedir_check(catalog->dir, catalog->topology->job.name, digest, &why);
    if (code == ERR_NOT_FOUND)
        err_set(&why, code, "there is no such file; cloudless checkpoint repair writes it anew");
    if (code)
        result_row(&self->result, code == ERR_NOT_FOUND ? "missing" : "damaged", "job", NULL, 0, why.text);
    return code;
}

static err_code_t s_state(verify_t *self, const char *dir, bool here, err_t *err)
{
    catalog_t *catalog = NULL;
    err_t why = {.code = ERR_OK};
    err_code_t code = catalog_open(dir, true, &catalog, &why);
    if (code == ERR_CONFIG) { /* nothing more can be said without knowing what should be there */
        result_row(&self->result, "damaged", LAUNCH_TOPOLOGY_FILE, NULL, 0, why.text);
        return ERR_OK;
    }
    if (code)
        return err_set(err, code, "%s", why.text);
    bool job = !s_check_job(self, catalog), live = catalog->live;
    code = s_stores(self, catalog, err);
    if (!code)
        s_expected(self, catalog, here);
    catalog_destroy(&catalog);
    if (!code && job && self->shards_here)
        s_together(self, dir, live);
    return code;
}

/* ---- Archives ---- */

static err_code_t s_archive(verify_t *self, const char *path, err_t *err)
{
    catalog_t *catalog = NULL;
    err_t why = {.code = ERR_OK};
    err_code_t code = catalog_open_archive(path, &catalog, &why);
    self->stores++;
    if (code == ERR_USAGE || code == ERR_IO || code == ERR_MEMORY || code == ERR_DENIED)
        return err_set(err, code, "%s", why.text);
    if (code) {
        result_row(&self->result, "damaged", path, NULL, 0, why.text);
        return ERR_OK;
    }
    for (size_t i = 0; i < catalog->count; i++) {
        const catalog_snapshot_t *snapshot = &catalog->stores[i].snapshots[0];
        self->snapshots++;
        self->values += snapshot->manifest.count;
        self->size_bytes += snapshot->size_bytes;
    }
    self->shards_here = catalog->count;
    for (size_t r = 0; r < catalog->topology->region_count; r++)
        self->shards_expected += catalog->topology->regions[r].shards;
    catalog_destroy(&catalog);
    return ERR_OK;
}

/* ---- The command ---- */

static int s_end_verify(verify_t *self)
{
    json_value_t *document = self->result.document;
    json_set_u64(document, "stores", self->stores);
    json_set_u64(document, "snapshots", self->snapshots);
    json_set_u64(document, "values", self->values);
    json_set_u64(document, "size_bytes", self->size_bytes);
    json_set_u64(document, "shards_expected", self->shards_expected);
    json_set_u64(document, "shards_here", self->shards_here);
    json_set_bool(document, "compared", !self->not_compared);
    size_t problems = result_count(&self->result);
    json_set_u64(document, "problems", problems);
    if (problems)
        return result_end(&self->result, EXIT_PROBLEMS,
                          "%zu problems in %" PRIu64 " stores; of %" PRIu64 " shards %" PRIu64
                          " have a snapshot here",
                          problems, self->stores, self->shards_expected, self->shards_here);
    return result_end(&self->result, EXIT_DONE,
                      "all is well: %" PRIu64 " of %" PRIu64 " shards, %" PRIu64 " stores, %" PRIu64
                      " snapshots, %" PRIu64 " values%s",
                      self->shards_here, self->shards_expected, self->stores, self->snapshots, self->values,
                      self->not_compared ? "; the running job moves too fast to compare its shards" : "");
}

static int s_run_verify(const cli_args_t *args)
{
    verify_t self = {0};
    err_t err = {0};
    char dir[STATEDIR_PATH_MAX];
    const char *archive = cli_value(args, "archive");
    if (archive && cli_has(args, "state"))
        return command_fail(EXIT_WRONG, "checkpoint verify", "give either --state or --archive");
    int status = archive ? EXIT_DONE : commands_state(args, "checkpoint verify", dir);
    if (status)
        return status;
    result_init(&self.result, args, "checkpoint verify");
    err_code_t code =
        archive ? s_archive(&self, archive, &err) : s_state(&self, dir, cli_has(args, "here"), &err);
    status = code ? result_fail(&self.result, code, &err) : s_end_verify(&self);
    result_fini(&self.result);
    return status;
}

const cli_command_t checkpoint_verify = {
    .name = "checkpoint verify",
    .summary =
        "Reads every value of every snapshot and says what is wrong or missing; a damaged file harms nobody.",
    .example = "cloudless checkpoint verify --state run1",
    .notes = "What should be there follows from the topology; each snapshot must be of the shard, the model "
             "and the\n"
             "incarnation that it lies under, and the newest of all shards must belong together. Ends with 3 "
             "when something\n"
             "is wrong; cloudless checkpoint repair may have a remedy.",
    .run = s_run_verify,
    .options = {RESULT_STATE_OPTION,
                {"archive", 'a', "FILE", "an archive in place of a state directory"},
                RESULT_HERE_OPTION,
                RESULT_JSON_OPTION}};
