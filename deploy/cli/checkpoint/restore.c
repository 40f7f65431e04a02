#include "deploy/cli/checkpoint/build.h"
#include "deploy/cli/checkpoint/commands.h"
#include "deploy/cli/checkpoint/result.h"
#include "deploy/launch/launch.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

typedef struct {
    result_t result;
    catalog_t *catalog;
    statedir_t *state;
    pick_t *picks;
    build_t *builds; /* (count) written beside each other, then put in their places together */
    size_t count;
    uint64_t incarnation;
} restore_t;

/* Above every incarnation there is, kept copies included, and above every term that a scheduler has taken. */
static err_code_t s_next_incarnation(const restore_t *self, uint64_t *ret_incarnation, err_t *err)
{
    uint64_t term = 0;
    for (size_t i = 0; i < self->catalog->count; i++) {
        uint64_t seen = self->catalog->stores[i].place.incarnation >> 32;
        for (size_t k = 0; k < self->catalog->stores[i].count; k++) {
            uint64_t of = self->catalog->stores[i].snapshots[k].manifest.id.incarnation >> 32;
            seen = of > seen ? of : seen;
        }
        term = seen > term ? seen : term;
    }
    if (term >= UINT32_MAX)
        return err_set(err, ERR_LIMIT, "%s: there is no greater incarnation", self->catalog->dir);
    *ret_incarnation = (term + 1) << 32 | 1;
    return ERR_OK;
}

/* The state as it goes on: knowing no more of the other regions than what they are put back to. */
static err_code_t s_settle(const restore_t *self, size_t index, snapshot_t *snapshot, err_t *err)
{
    if (!picks_settle(self->picks, self->count, index))
        return ERR_OK;
    buf_t *state = catalog_encode(self->picks[index].snapshot->state);
    if (!state)
        return err_set(err, ERR_MEMORY, "no memory for the state of a shard");
    for (size_t i = 0; i < snapshot->count; i++)
        if (!strcmp(snapshot->values[i].name, "state")) {
            buf_destroy(&snapshot->values[i].buf);
            snapshot->values[i].buf = buf_ref(state);
        }
    buf_destroy(&state);
    return ERR_OK;
}

static err_code_t s_write_shard(restore_t *self, size_t index, err_t *err)
{
    char path[STATEDIR_PATH_MAX];
    const pick_t *pick = &self->picks[index];
    build_t *build = &self->builds[index];
    snapshot_t *snapshot = NULL;
    store_place_t place =
        stores_place(STORE_SHARD, pick->store->place.region, pick->shard, self->incarnation);
    err_code_t code = pick_load(pick, &snapshot, err);
    if (!code)
        result_row(&self->result, self->result.dry ? "to restore" : "restored", place.below, &snapshot->id,
                   pick->snapshot->size_bytes, NULL);
    if (code || self->result.dry) {
        snapshot_destroy(&snapshot);
        return code;
    }
    snapshot->id.incarnation = self->incarnation;
    code = s_settle(self, index, snapshot, err);
    if (!code)
        code = stores_path(self->catalog->dir, &place, path, err);
    if (!code)
        code = build_begin(build, path, err);
    if (!code)
        code = build_add(build, snapshot, err);
    if (!code)
        code = build_verify(build, err);
    snapshot_destroy(&snapshot);
    return code;
}

/* Everything is written and read back before the first is put in its place. */
static err_code_t s_restore(restore_t *self, err_t *err)
{
    err_t why = {.code = ERR_OK};
    if (!picks_fit(self->catalog->topology, self->picks, self->count, false, &why))
        return err_set(err, ERR_STATE, "these snapshots are no common point: %.300s", why.text);
    err_code_t code = s_next_incarnation(self, &self->incarnation, err);
    self->builds = calloc(self->count, sizeof *self->builds);
    CHECK(self->builds);
    for (size_t i = 0; i < self->count && !code; i++)
        code = s_write_shard(self, i, err);
    for (size_t i = 0; i < self->count && !code && !self->result.dry; i++)
        code = build_place(&self->builds[i], err);
    return code;
}

static int s_end_restore(restore_t *self, const char *point)
{
    char incarnation[17];
    snprintf(incarnation, sizeof incarnation, "%016" PRIx64, self->incarnation);
    json_set_string(self->result.document, "point", point);
    json_set_string(self->result.document, "incarnation", incarnation);
    json_set_u64(self->result.document, "shards", self->count);
    char command[LAUNCH_COMMAND_MAX];
    return result_end(&self->result, EXIT_DONE, "%s %zu shards to %s; go on with %s",
                      self->result.dry ? "would put back" : "put back", self->count, point,
                      launch_resume_command(self->catalog->dir, command));
}

/* Only common points: snapshots of other tags were taken by each shard for itself. */
static void s_choose(const char *to, choice_t *choice, char tag[MANIFEST_NAME_MAX + 1])
{
    bool full = snapshot_is_mark(to);
    snprintf(tag, MANIFEST_NAME_MAX + 1, "%s%s", full ? "" : SNAPSHOT_MARK_PREFIX, to);
    choice->tag = tag;
}

static int s_run_restore(const cli_args_t *args)
{
    restore_t self = {0};
    err_t err = {0};
    choice_t choice = {0};
    char tag[MANIFEST_NAME_MAX + 1] = "";
    char dir[STATEDIR_PATH_MAX];
    if (!cli_has(args, "to"))
        return command_fail(EXIT_WRONG, "checkpoint restore",
                            "--to is needed; cloudless checkpoint ls --points lists the common points");
    int status = commands_state(args, "checkpoint restore", dir);
    if (status)
        return status;
    result_init(&self.result, args, "checkpoint restore");
    self.result.dry = cli_has(args, "dry-run");
    s_choose(cli_value(args, "to"), &choice, tag);
    err_code_t code = catalog_open(dir, false, &self.catalog, &err);
    if (!code && !self.result.dry)
        code = build_take(&self.catalog, &self.state, &err);
    if (!code)
        code = catalog_pick_all(self.catalog, cli_value(args, "region"), cli_has(args, "here"), &choice,
                                &self.picks, &self.count, &err);
    if (!code)
        code = s_restore(&self, &err);
    status = code ? result_fail(&self.result, code, &err) : s_end_restore(&self, tag);
    for (size_t i = 0; self.builds && i < self.count; i++)
        build_fini(&self.builds[i]);
    free(self.builds);
    free(self.picks);
    statedir_close(&self.state);
    catalog_destroy(&self.catalog);
    result_fini(&self.result);
    return status;
}

const cli_command_t checkpoint_restore = {
    .name = "checkpoint restore",
    .summary = "Puts all shards of all regions back to a common point, from which --resume goes on.",
    .example = "cloudless checkpoint restore --state run1 --to before-lunch --dry-run",
    .notes = "Each shard gets a new incarnation with that snapshot alone; what was there stays until "
             "`checkpoint prune`. "
             "It is\nrefused when a shard lacks the point or is damaged, and while the job runs. Of several "
             "machines each is "
             "restored by\nitself, with --here where a region's shards lie on more than one. If it is "
             "interrupted, run it "
             "again.",
    .run = s_run_restore,
    .options = {RESULT_STATE_OPTION,
                {"to", 0, "POINT", "name of the common point; see checkpoint ls --points"},
                RESULT_REGION_OPTION,
                RESULT_HERE_OPTION,
                RESULT_DRY_OPTION,
                RESULT_JSON_OPTION}};
