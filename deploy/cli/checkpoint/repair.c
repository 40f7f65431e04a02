#include "deploy/cli/checkpoint/build.h"
#include "deploy/cli/checkpoint/commands.h"
#include "deploy/cli/checkpoint/files.h"
#include "deploy/cli/checkpoint/spare.h"
#include "deploy/cli/checkpoint/result.h"

#include "actors/scheduler/base/journal.h"
#include "deploy/launch/launch.h"
#include "deploy/state/holders.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

typedef struct {
    result_t result;
    char dir[STATEDIR_PATH_MAX];
    catalog_t *catalog;
    statedir_t *state;
    spares_t spares;
    bool older; /* also where the newest cannot be had */
    uint64_t taken;
    uint64_t remaining;
    uint64_t set_aside; /* stores of schedulers */
    uint64_t files;     /* of the directory itself */
    bool dry_end;
} repair_t;

/* One store of a shard as it is to become: its own whole snapshots, and spares where it has none. */
typedef struct {
    uint64_t number;
    bool whole;           /* its own */
    const spare_t *spare; /* or from elsewhere; NULL: neither, it stays damaged */
    const char *why;      /* damaged */
} row_t;

typedef struct {
    store_place_t place;
    catalog_store_t *store; /* NULL: it is not there */
    row_t *rows;            /* (count), by number */
    size_t count;
    uint64_t spares; /* how many of the rows are taken from elsewhere */
    bool replaced;   /* another store of the same incarnation is newer: nothing is added here */
} plan_t;

static int s_by_number(const void *a, const void *b)
{
    const row_t *left = a, *right = b;
    return (left->number > right->number) - (left->number < right->number);
}

/* ---- What a store lacks ---- */

static void s_own(plan_t *plan)
{
    for (size_t i = 0; i < plan->store->count; i++) {
        catalog_snapshot_t *of = &plan->store->snapshots[i];
        snapshot_t *loaded = NULL;
        err_t why = {.code = ERR_OK};
        row_t row = {.number = of->number, .whole = of->readable};
        if (row.whole && catalog_load(plan->store, of->number, &loaded, &why)) {
            row.whole = false;
            snprintf(of->why, sizeof of->why, "%.250s", why.text);
        }
        snapshot_destroy(&loaded);
        row.why = row.whole ? NULL : of->why;
        plan->rows[plan->count++] = row;
    }
}

/* A spare fills a damaged number, or comes beside it when it is newer than all that is whole: what is older
 * its owner has removed by its own rule. */
static void s_fill_plan(plan_t *plan, const spare_t *spare)
{
    uint64_t newest_good = 0;
    for (size_t i = 0; i < plan->count; i++) {
        row_t *row = &plan->rows[i];
        bool good = row->whole || row->spare;
        newest_good = good && row->number > newest_good ? row->number : newest_good;
        if (row->number != spare->id.number)
            continue;
        row->spare = row->whole ? NULL : row->spare ? row->spare : spare;
        plan->spares += !good;
        return;
    }
    if (plan->replaced || (spare->id.number < newest_good && plan->store && plan->store->readable))
        return;
    plan->rows[plan->count++] = (row_t){.number = spare->id.number, .spare = spare};
    plan->spares++;
}

static void s_plan(const repair_t *self, plan_t *plan)
{
    size_t own = plan->store ? plan->store->count : 0;
    plan->rows = calloc(own + self->spares.count + 1, sizeof *plan->rows);
    CHECK(plan->rows);
    if (plan->store && plan->store->readable)
        s_own(plan);
    for (size_t i = self->spares.count;
         i-- > 0;) /* the newest first: what is older than it then need not be had */
        if (spare_belongs(&self->spares.items[i], &plan->place))
            s_fill_plan(plan, &self->spares.items[i]);
    if (plan->count > 1)
        qsort(plan->rows, plan->count, sizeof *plan->rows, s_by_number);
}

/* ---- Writing it ---- */

static err_code_t s_load_spare(plan_t *plan, const row_t *row, snapshot_t **ret_snapshot, err_t *err)
{
    return row->spare ? spare_load(row->spare, ret_snapshot, err)
                      : catalog_load(plan->store, row->number, ret_snapshot, err);
}

static err_code_t s_write_store(repair_t *self, plan_t *plan, err_t *err)
{
    char path[STATEDIR_PATH_MAX];
    build_t build = {0};
    err_code_t code = stores_path(self->catalog->dir, &plan->place, path, err);
    if (!code && !self->result.dry)
        code = build_begin(&build, path, err);
    for (size_t i = 0; i < plan->count && !code; i++) {
        snapshot_t *snapshot = NULL;
        const row_t *row = &plan->rows[i];
        if (!row->whole && !row->spare)
            continue;
        code = s_load_spare(plan, row, &snapshot, err);
        if (!code && !self->result.dry)
            code = build_add(&build, snapshot, err);
        if (!code && row->spare)
            result_row(&self->result, self->result.dry ? "to take" : "taken", plan->place.below,
                       &snapshot->id, row->spare->size_bytes, row->spare->from);
        snapshot_destroy(&snapshot);
    }
    if (!code && !self->result.dry)
        code = build_verify(&build, err);
    if (!code && !self->result.dry)
        code = build_place(&build, err);
    build_fini(&build);
    self->taken += code ? 0 : plan->spares;
    return code;
}

/* A damaged snapshot that is newer than all that is whole must stay: from it a start knows that something is
 * lost. */
static bool s_keeps_newest(const plan_t *plan)
{
    const row_t *last = plan->count ? &plan->rows[plan->count - 1] : NULL;
    return last && (last->whole || last->spare);
}

static void s_tell_remaining(repair_t *self, const plan_t *plan, bool written)
{
    if (plan->store && !plan->store->readable && !plan->spares) {
        result_row(&self->result, "damaged", plan->place.below, NULL, 0, plan->store->why);
        self->remaining++;
    }
    for (size_t i = 0; i < plan->count; i++) {
        const row_t *row = &plan->rows[i];
        manifest_id_t id = {.number = row->number};
        if (row->whole || (row->spare && written) || !row->why)
            continue;
        result_row(&self->result, written ? "left out" : "damaged", plan->place.below, &id, 0, row->why);
        self->remaining += !written;
    }
}

static err_code_t s_repair_store(repair_t *self, const store_place_t *place, catalog_store_t *store,
                                 err_t *err)
{
    plan_t plan = {.place = *place, .store = store};
    if (store && store + 1 < self->catalog->stores + self->catalog->count)
        plan.replaced =
            stores_same_shard(place, &store[1].place) && store[1].place.incarnation == place->incarnation;
    s_plan(self, &plan);
    bool any_damaged = false, any_good = false;
    for (size_t i = 0; i < plan.count; i++) {
        any_good = any_good || plan.rows[i].whole || plan.rows[i].spare;
        any_damaged = any_damaged || !(plan.rows[i].whole || plan.rows[i].spare);
    }
    bool older = self->older && any_damaged && any_good && !s_keeps_newest(&plan);
    bool write = (plan.spares && s_keeps_newest(&plan)) || older;
    err_code_t code = write ? s_write_store(self, &plan, err) : ERR_OK;
    if (!code)
        s_tell_remaining(self, &plan, write);
    free(plan.rows);
    return code;
}

/* ---- What schedulers keep ---- */

/* They begin anew without it: figures and decisions, never an update. */
static err_code_t s_scheduler(repair_t *self, const catalog_store_t *store, err_t *err)
{
    err_t lost = {.code = ERR_OK};
    err_code_t code = journal_set_aside(store->path, self->result.dry, &lost, err);
    if (code || !lost.code)
        return code;
    result_row(&self->result, self->result.dry ? "to set aside" : "set aside", store->place.below, NULL, 0,
               lost.text);
    self->set_aside++;
    return ERR_OK;
}

/* ---- Everything ---- */

static bool s_has_newer(const catalog_t *catalog, const store_place_t *place)
{
    for (size_t i = 0; i < catalog->count; i++) {
        const store_place_t *other = &catalog->stores[i].place;
        if (other->kind == STORE_SHARD && other->shard == place->shard &&
            !strcmp(other->region, place->region) && other->incarnation >= place->incarnation)
            return true;
    }
    return false;
}

/* A place that only spares know of, newer than all there are of its shard: each once. */
static bool s_is_missing(const repair_t *self, size_t index, const char *region, store_place_t *ret_place)
{
    const spare_t *spare = &self->spares.items[index];
    *ret_place = stores_place(STORE_SHARD, spare->region, spare->shard, spare->id.incarnation);
    if (region ? strcmp(region, spare->region) != 0 : !catalog_is_here(self->catalog, spare->region))
        return false;
    for (size_t i = index + 1; i < self->spares.count; i++) /* the newest incarnation of a shard is enough */
        if (self->spares.items[i].shard == spare->shard &&
            !strcmp(self->spares.items[i].region, spare->region))
            return false;
    return !s_has_newer(self->catalog, ret_place);
}

static err_code_t s_repair(repair_t *self, const char *region, err_t *err)
{
    err_code_t code = ERR_OK;
    for (size_t i = 0; i < self->catalog->count && !code; i++) {
        catalog_store_t *store = &self->catalog->stores[i];
        if (store->place.kind == STORE_SHARD && (!region || !strcmp(region, store->place.region)) &&
            !catalog_is_gone(self->catalog, store))
            code = s_repair_store(self, &store->place, store, err);
        else if (stores_is_scheduler(&store->place))
            code = s_scheduler(self, store, err);
    }
    for (size_t i = 0; i < self->spares.count && !code; i++) {
        store_place_t place;
        if (s_is_missing(self, i, region, &place))
            code = s_repair_store(self, &place, NULL, err);
    }
    return code;
}

static int s_end_repair(repair_t *self)
{
    json_set_u64(self->result.document, "taken", self->taken);
    json_set_u64(self->result.document, "remaining", self->remaining);
    json_set_u64(self->result.document, "set_aside", self->set_aside);
    json_set_u64(self->result.document, "files", self->files);
    if (self->dry_end)
        return result_end(&self->result, EXIT_DONE,
                          "would take " LAUNCH_TOPOLOGY_FILE ", and then see what else is to be repaired");
    const char *did = self->result.dry ? "would take" : "took";
    if (self->remaining)
        return result_end(&self->result, EXIT_PROBLEMS,
                          "%s %" PRIu64 " snapshots; %" PRIu64
                          " stay damaged: no whole copy was found; name more with "
                          "--from or --archive",
                          did, self->taken, self->remaining);
    return result_end(&self->result, EXIT_DONE, "%s %" PRIu64 " snapshots; nothing %sis damaged", did,
                      self->taken, self->set_aside || self->files ? "else " : "");
}

static err_code_t s_open_catalog(repair_t *self, const cli_args_t *args, err_t *err)
{
    const char *from = cli_value(args, "from"), *archive = cli_value(args, "archive"),
               *region = cli_value(args, "region");
    /* Beside a running job (a dry run then) it is looked at one moment of it. */
    bool busy = state_holder(self->dir) != 0, taken = false, written = false;
    err_code_t code =
        busy ? ERR_OK : files_mend_topology(&self->result, self->dir, from, archive, &taken, err);
    self->dry_end = !code && taken && self->result.dry; /* nothing more can be read before it is there */
    if (code || self->dry_end)
        return code;
    code = catalog_open(self->dir, busy && self->result.dry, &self->catalog, err);
    if (!code && !busy)
        code = files_mend_job(&self->result, self->catalog, &written, err);
    self->files += taken + written;
    if (!code && !self->result.dry)
        code = build_take(&self->catalog, &self->state, err);
    if (!code && region && topology_region_index(self->catalog->topology, region) == SIZE_MAX)
        code = err_set(err, ERR_USAGE, "there is no region %s in this job; name one of its regions", region);
    if (!code)
        spares_add_kept(&self->spares, self->catalog);
    if (!code && from)
        code = spares_add_dir(&self->spares, from, self->catalog, err);
    if (!code && archive)
        code = spares_add_archive(&self->spares, archive, self->catalog, err);
    spares_sort(&self->spares);
    return code;
}

static int s_run_repair(const cli_args_t *args)
{
    repair_t self = {.older = cli_has(args, "older")};
    err_t err = {0};
    int status = commands_state(args, "checkpoint repair", self.dir);
    if (status)
        return status;
    result_init(&self.result, args, "checkpoint repair");
    self.result.dry = cli_has(args, "dry-run");
    err_code_t code = s_open_catalog(&self, args, &err);
    if (!code && !self.dry_end)
        code = s_repair(&self, cli_value(args, "region"), &err);
    status = code ? result_fail(&self.result, code, &err) : s_end_repair(&self);
    spares_fini(&self.spares);
    statedir_close(&self.state);
    catalog_destroy(&self.catalog);
    result_fini(&self.result);
    return status;
}

const cli_command_t checkpoint_repair = {
    .name = "checkpoint repair",
    .summary =
        "Takes snapshots that are missing or damaged, and a lost topology, from keepers' copies, another "
        "state directory or an archive.",
    .example = "cloudless checkpoint repair --state run1 --from /mnt/node-b/run1 --dry-run",
    .notes = "Only a copy of the very snapshot that is damaged takes its place, or one that is newer; every "
             "byte of it is "
             "checked\nbefore and after. Where the newest is nowhere, it stays as it is, so that a start "
             "knows of the loss, "
             "and the exit\nstatus is 3; --older gives it up. Regions that have nothing here are left out "
             "unless named with "
             "--region.",
    .run = s_run_repair,
    .options = {
        RESULT_STATE_OPTION,
        {"from", 0, "DIR", "another state directory of the job: its shards and its keepers' copies"},
        {"archive", 'a', "FILE", "an archive of the job"},
        {"older", 0, NULL, "where the newest is lost, go on from an older one: what came after is lost"},
        RESULT_REGION_OPTION,
        RESULT_DRY_OPTION,
        RESULT_JSON_OPTION}};
