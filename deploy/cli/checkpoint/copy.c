#include "deploy/cli/checkpoint/build.h"
#include "deploy/cli/checkpoint/commands.h"
#include "deploy/cli/checkpoint/result.h"
#include "deploy/cli/checkpoint/together.h"

#include "actors/scheduler/global/global_actor.h"
#include "deploy/launch/launch.h"
#include "store/file.h"

#include <inttypes.h>
#include <string.h>

typedef struct {
    result_t result;
    together_t together;
    build_dir_t target;
    uint64_t snapshots;
    uint64_t size_bytes;
} copy_t;

/* A damaged one that is not the newest of its shard is left behind, and that is said. */
static err_code_t s_snapshot(copy_t *self, catalog_store_t *store, const catalog_snapshot_t *from,
                             build_t *build, err_t *err)
{
    snapshot_t *snapshot = NULL;
    err_t why = {.code = ERR_OK};
    manifest_id_t id = {.number = from->number};
    err_code_t code = from->readable ? catalog_load(store, from->number, &snapshot, &why) : ERR_CHECKSUM;
    if (code && code != ERR_CHECKSUM && code != ERR_MALFORMED && code != ERR_VERSION)
        return err_set(err, code, "%s", why.text);
    if (code) {
        result_row(&self->result, "left", store->place.below, &id, 0, from->readable ? why.text : from->why);
        return ERR_OK;
    }
    if (build)
        code = build_add(build, snapshot, err);
    snapshot_destroy(&snapshot);
    if (code)
        return code;
    result_row(&self->result, build ? "copied" : "to copy", store->place.below, &from->manifest.id,
               from->size_bytes, NULL);
    self->snapshots++;
    self->size_bytes += from->size_bytes;
    return ERR_OK;
}

static err_code_t s_snapshots(copy_t *self, catalog_store_t *store, build_t *build, err_t *err)
{
    err_code_t code = ERR_OK;
    for (size_t i = 0; i < store->count && !code; i++)
        code = s_snapshot(self, store, &store->snapshots[i], build, err);
    return code;
}

static err_code_t s_copy_store(copy_t *self, catalog_store_t *store, err_t *err)
{
    char path[STATEDIR_PATH_MAX];
    build_t build = {0};
    if (!store->readable) {
        result_row(&self->result, "left", store->place.below, NULL, 0, store->why);
        return ERR_OK;
    }
    if (self->result.dry || store->count == 0)
        return s_snapshots(self, store, NULL, err);
    err_code_t code = stores_path(self->target.temporary, &store->place, path, err);
    if (!code)
        code = build_begin(&build, path, err);
    if (!code)
        code = s_snapshots(self, store, &build, err);
    if (!code)
        code = build_verify(&build, err);
    if (!code && build.count)
        code = build_place(&build, err);
    build_fini(&build);
    kv_destroy(&store->kv); /* let go: a running job's file grows as long as it is held */
    return code;
}

/* Schedulers' stores last: their term is then above everything in the shards'. What the global scheduler
 * keeps is about the run that goes on there; a damaged store of theirs costs figures alone. */
static err_code_t s_other(copy_t *self, const catalog_store_t *store, err_t *err)
{
    char path[STATEDIR_PATH_MAX];
    err_t why = {.code = ERR_OK};
    if (!strcmp(store->place.below, STORES_GLOBAL))
        return ERR_OK;
    err_code_t code = stores_path(self->target.temporary, &store->place, path, err);
    if (code)
        return code;
    if (!store->readable)
        code = err_set(&why, ERR_MALFORMED, "%s", store->why);
    else if (!self->result.dry)
        code = build_copy_keys(store->path, path, &why);
    if (code && code != ERR_MALFORMED && code != ERR_CHECKSUM && code != ERR_VERSION)
        return err_set(err, code, "%s", why.text);
    if (code)
        result_row(&self->result, "left", store->place.below, NULL, 0, why.text);
    else
        result_row(&self->result, self->result.dry ? "to copy" : "copied", store->place.below, NULL, 0, NULL);
    return code && !self->result.dry ? file_remove_tree(path, err) : ERR_OK;
}

/* The newest snapshot of every shard must come along; a copy without it would silently be older. */
static err_code_t s_check_newest(copy_t *self, err_t *err)
{
    err_code_t code = ERR_OK;
    for (size_t i = 0; i < self->together.count && !code; i++) {
        snapshot_t *snapshot = NULL;
        const pick_t *pick = &self->together.picks[i];
        code = pick_load(pick, &snapshot, err);
        snapshot_destroy(&snapshot);
    }
    return code;
}

static err_code_t s_place(copy_t *self, err_t *err)
{
    char path[STATEDIR_PATH_MAX + 32];
    statedir_run_t run;
    buf_t *text = NULL;
    snprintf(path, sizeof path, "%s/" LAUNCH_TOPOLOGY_FILE, self->together.catalog->dir);
    err_code_t code = file_read(path, FILE_MAX_BYTES, &text, err);
    if (!code)
        code = statedir_run(self->together.catalog->dir, &run, err);
    if (!code)
        code = build_dir_place(&self->target, buf_peek(text), buf_size(text), &run, err);
    buf_destroy(&text);
    return code;
}

/* Regions refuse a global scheduler that is older than the newest they know, which their stores here tell. */
static err_code_t s_starts(copy_t *self, err_t *err)
{
    char from[STATEDIR_PATH_MAX + 64], to[STATEDIR_PATH_MAX + 64];
    buf_t *text = NULL;
    snprintf(from, sizeof from, "%s/run/" GLOBAL_STARTS_FILE, self->together.catalog->dir);
    err_code_t code = file_read(from, FILE_MAX_BYTES, &text, err);
    if (code == ERR_NOT_FOUND)
        return ERR_OK;
    snprintf(to, sizeof to, "%s/run", self->target.temporary);
    if (!code)
        code = file_make_dirs(to, err);
    snprintf(to, sizeof to, "%s/run/" GLOBAL_STARTS_FILE, self->target.temporary);
    if (!code)
        code = file_write(to, buf_peek(text), buf_size(text), err);
    buf_destroy(&text);
    return code;
}

static err_code_t s_copy(copy_t *self, err_t *err)
{
    catalog_t *catalog = self->together.catalog;
    err_code_t code = s_check_newest(self, err);
    if (code)
        return err_prefix(err, code, "repair it first (cloudless checkpoint repair)");
    for (size_t i = 0; i < catalog->count && !code; i++)
        code = catalog->stores[i].place.kind == STORE_OTHER ? s_other(self, &catalog->stores[i], err)
                                                            : s_copy_store(self, &catalog->stores[i], err);
    if (!code && !self->result.dry)
        code = s_starts(self, err);
    return code || self->result.dry ? code : s_place(self, err);
}

static int s_end_copy(copy_t *self)
{
    char command[LAUNCH_COMMAND_MAX];
    const char *did = self->result.dry ? "would copy" : "copied";
    const together_t *together = &self->together;
    json_set_string(self->result.document, "to", self->target.path);
    json_set_u64(self->result.document, "snapshots", self->snapshots);
    json_set_u64(self->result.document, "size_bytes", self->size_bytes);
    json_set_bool(self->result.document, "fits", together->fits);
    if (!together->fits)
        result_row(&self->result, "note", together->catalog->dir, NULL, 0, together->why);
    return result_end(&self->result, EXIT_DONE, "%s %" PRIu64 " snapshots to %s; go on there with %s", did,
                      self->snapshots, self->target.path, launch_resume_command(self->target.path, command));
}

static int s_run_copy(const cli_args_t *args)
{
    copy_t self = {0};
    err_t err = {0};
    char from[STATEDIR_PATH_MAX];
    const char *to = cli_value(args, "to");
    if (!to)
        return command_fail(EXIT_WRONG, "checkpoint copy",
                            "--to is needed; name the directory that is to be the copy");
    int status = commands_state(args, "checkpoint copy", from);
    if (status)
        return status;
    result_init(&self.result, args, "checkpoint copy");
    self.result.dry = cli_has(args, "dry-run");
    together_spec_t spec = {.dir = from, .here = true};
    err_code_t code = together_open(&self.together, &spec, &err);
    if (!code)
        code = build_dir_begin(&self.target, to, from, cli_has(args, "force"), self.result.dry, &err);
    if (!code)
        code = s_copy(&self, &err);
    status = code ? result_fail(&self.result, code, &err) : s_end_copy(&self);
    build_dir_fini(&self.target);
    together_fini(&self.together);
    result_fini(&self.result);
    return status;
}

const cli_command_t checkpoint_copy = {
    .name = "checkpoint copy",
    .summary = "Copies a state directory to another place, also while its job runs; the copy is verified.",
    .example = "cloudless checkpoint copy --state run1 --to /backup/run1",
    .notes = "The copy is a state directory of its own: the first may be deleted, addresses in the copy's "
             "topology.yaml may "
             "be\nchanged, and `up --resume` goes on from it without losing or doubling a batch. What an "
             "interrupted copy "
             "leaves\nis called DIR.XXXXXX and may be removed.",
    .run = s_run_copy,
    .options = {RESULT_STATE_OPTION,
                {"to", 0, "DIR", "where the copy is put"},
                RESULT_FORCE_OPTION,
                RESULT_DRY_OPTION,
                RESULT_JSON_OPTION}};
