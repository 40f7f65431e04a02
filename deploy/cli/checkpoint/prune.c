#include "deploy/cli/checkpoint/build.h"
#include "deploy/cli/checkpoint/commands.h"
#include "deploy/cli/checkpoint/result.h"

#include "codec/base/units.h"
#include "deploy/launch/launch.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

typedef struct {
    result_t result;
    catalog_t *catalog;
    uint64_t keep;
    bool tags;
    bool live; /* a job runs: what it may be writing is left to its own rule */
    uint64_t removed;
    uint64_t removed_bytes;
    uint64_t left; /* stores in which something is damaged */
} prune_t;

static bool s_is_whole(catalog_store_t *store, const catalog_snapshot_t *snapshot)
{
    snapshot_t *loaded = NULL;
    err_code_t code =
        snapshot->readable ? catalog_load(store, snapshot->number, &loaded, NULL) : ERR_CHECKSUM;
    snapshot_destroy(&loaded);
    return !code;
}

/* Walks a shard's snapshots from the newest to the oldest. */
typedef struct {
    bool found_good; /* the newest that is whole was met: only what is older may go */
    uint64_t kept;
} walk_t;

static bool s_goes(const prune_t *self, walk_t *walk, catalog_store_t *store,
                   const catalog_snapshot_t *snapshot)
{
    if (!walk->found_good) {
        walk->found_good = s_is_whole(store, snapshot);
        walk->kept += walk->found_good;
        return false;
    }
    if (!snapshot->readable)
        return true;
    if (!self->tags && snapshot_is_mark(snapshot->manifest.id.tag))
        return false;
    if (walk->kept >= self->keep)
        return true;
    walk->kept++;
    return false;
}

/* Writes the store anew with what stays. */
static err_code_t s_rewrite(catalog_store_t *store, const bool *goes, err_t *err)
{
    build_t build = {0};
    err_code_t code = build_begin(&build, store->path, err);
    for (size_t i = 0; i < store->count && !code; i++) {
        snapshot_t *snapshot = NULL;
        if (goes[i])
            continue;
        code = catalog_load(store, store->snapshots[i].number, &snapshot, err);
        if (!code)
            code = build_add(&build, snapshot, err);
        snapshot_destroy(&snapshot);
    }
    if (!code)
        code = build_verify(&build, err);
    if (!code)
        code = build_place(&build, err);
    build_fini(&build);
    return code;
}

static void s_tell_going(prune_t *self, const catalog_store_t *store, const bool *goes)
{
    const char *what = self->result.dry ? "to remove" : "removed";
    for (size_t i = 0; i < store->count; i++) {
        const catalog_snapshot_t *snapshot = &store->snapshots[i];
        if (!goes[i])
            continue;
        result_row(&self->result, what, store->place.below,
                   snapshot->readable ? &snapshot->manifest.id : NULL, snapshot->size_bytes,
                   snapshot->readable ? NULL : snapshot->why);
        self->removed++;
        self->removed_bytes += snapshot->size_bytes;
    }
    if (!store->count)
        result_row(&self->result, what, store->place.below, NULL, 0, store->readable ? "empty" : store->why);
}

/* A store is written anew without what goes; one that holds something damaged cannot be, and stays as it
 * is. */
static const char *s_stays_damaged(catalog_store_t *store, const bool *goes)
{
    for (size_t i = 0; i < store->count; i++)
        if (!goes[i] && !s_is_whole(store, &store->snapshots[i]))
            return store->snapshots[i].readable ? "a value is damaged" : store->snapshots[i].why;
    return NULL;
}

/* One of which nothing stays goes whole, also an empty or unreadable one when it is older than the newest
 * good. */
static err_code_t s_prune_store(prune_t *self, walk_t *walk, catalog_store_t *store, bool last, err_t *err)
{
    bool old = walk->found_good, *goes = calloc(store->count + 1, sizeof *goes);
    size_t going = 0;
    CHECK(goes);
    for (size_t i = store->count; i-- > 0;) {
        goes[i] = s_goes(self, walk, store, &store->snapshots[i]);
        going += goes[i];
    }
    bool all = going == store->count && old, theirs = last && self->live; /* it changes while it is read */
    const char *damage = going && !all && !theirs ? s_stays_damaged(store, goes) : NULL;
    if (!store->readable && !all && !theirs)
        damage = store->why;
    err_code_t code = ERR_OK;
    if (damage) {
        result_row(&self->result, "left", store->place.below, NULL, 0, damage);
        self->left++;
    } else if ((going || all) && !theirs) {
        s_tell_going(self, store, goes);
        if (!self->result.dry)
            code = all ? build_remove(store->path, err) : s_rewrite(store, goes, err);
    }
    free(goes);
    return code;
}

static err_code_t s_prune(prune_t *self, err_t *err)
{
    walk_t walk = {0};
    err_code_t code = ERR_OK;
    for (size_t i = self->catalog->count; i-- > 0 && !code;) { /* newest first, shard by shard */
        catalog_store_t *store = &self->catalog->stores[i];
        bool last = i + 1 == self->catalog->count || !stores_same_shard(&store->place, &store[1].place);
        if (last)
            walk = (walk_t){0};
        if (store->place.kind != STORE_OTHER)
            code = s_prune_store(self, &walk, store, last, err);
    }
    return code;
}

static int s_end_prune(prune_t *self)
{
    char size[UNITS_TEXT_MAX], left[128] = "";
    json_set_u64(self->result.document, "removed", self->removed);
    json_set_u64(self->result.document, "removed_bytes", self->removed_bytes);
    json_set_u64(self->result.document, "left", self->left);
    if (self->left)
        snprintf(left, sizeof left,
                 "; %" PRIu64
                 " damaged stores are left as they are, cloudless checkpoint repair may have a remedy",
                 self->left);
    return result_end(&self->result, self->left ? EXIT_PROBLEMS : EXIT_DONE,
                      "%s %" PRIu64 " snapshots, %s%s%s", self->result.dry ? "would remove" : "removed",
                      self->removed, units_print_size(self->removed_bytes, size),
                      self->live ? "; the newest stores are left to the running job" : "", left);
}

static int s_run_prune(const cli_args_t *args)
{
    prune_t self = {.tags = cli_has(args, "tags")};
    statedir_t *state = NULL;
    err_t err = {0};
    char dir[STATEDIR_PATH_MAX];
    const char *keep = cli_value(args, "keep");
    if (keep && (units_parse_u64(keep, &self.keep, NULL) || !self.keep))
        return command_fail(EXIT_WRONG, "checkpoint prune", "--keep %s: write a number of at least 1", keep);
    int status = commands_state(args, "checkpoint prune", dir);
    if (status)
        return status;
    result_init(&self.result, args, "checkpoint prune");
    self.result.dry = cli_has(args, "dry-run");
    err_code_t code = catalog_open(dir, false, &self.catalog, &err);
    self.live = !code && self.catalog->live;
    if (!code && !self.live && !self.result.dry)
        code = build_take(&self.catalog, &state, &err);
    if (!code && !keep)
        self.keep = self.catalog->topology->checkpoint.keep;
    if (!code)
        code = s_prune(&self, &err);
    status = code ? result_fail(&self.result, code, &err) : s_end_prune(&self);
    statedir_close(&state);
    catalog_destroy(&self.catalog);
    result_fini(&self.result);
    return status;
}

const cli_command_t checkpoint_prune = {
    .name = "checkpoint prune",
    .summary =
        "Removes old snapshots; never the newest whole one of a shard, and common points only with --tags.",
    .example = "cloudless checkpoint prune --state run1 --keep 2 --dry-run",
    .notes = "A store in which something damaged has to stay is left as it is, and the exit status is 3; the "
             "others are pruned.",
    .run = s_run_prune,
    .options = {
        RESULT_STATE_OPTION,
        {"keep", 0, "N", "snapshots of each shard that stay (default: checkpoint.keep of the topology)"},
        {"tags", 0, NULL, "common points (mark/...) are removed and counted like others"},
        RESULT_DRY_OPTION,
        RESULT_JSON_OPTION}};
