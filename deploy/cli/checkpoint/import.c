#include "deploy/cli/checkpoint/build.h"
#include "deploy/cli/checkpoint/commands.h"
#include "deploy/cli/checkpoint/import_model.h"
#include "deploy/cli/checkpoint/result.h"
#include "deploy/launch/launch.h"
#include "store/archive.h"

#include <string.h>

typedef struct {
    result_t result;
    build_dir_t target;
    buf_t *topology; /* its text */
    size_t shards;
    statedir_run_t run; /* as the snapshots say */
} import_t;

static uint64_t s_size(const snapshot_t *snapshot)
{
    uint64_t size = 0;
    for (size_t i = 0; i < snapshot->count; i++)
        size += buf_size(snapshot->values[i].buf);
    return size;
}

/* All of an archive are of one run. */
static err_code_t s_note_run(import_t *self, const snapshot_t *snapshot, err_t *err)
{
    message_t *state = NULL;
    const buf_t *bytes = snapshot_peek(snapshot, "state");
    err_code_t code = bytes ? catalog_decode(bytes, &state, err)
                            : err_set(err, ERR_MALFORMED, "a snapshot of the archive has no state");
    if (code)
        return code;
    uint64_t run = state->shard_state.run;
    message_destroy(&state);
    if (run_id_differs(self->run.id, run))
        return run_id_refuse(err, "a snapshot of the archive", run, self->run.id);
    self->run.id = run != RUN_ID_NONE ? run : self->run.id;
    return ERR_OK;
}

static err_code_t s_snapshot(void *hint, const char *region, uint32_t shard, const snapshot_t *snapshot,
                             err_t *err)
{
    import_t *self = hint;
    char path[STATEDIR_PATH_MAX];
    build_t build = {0};
    store_place_t place = stores_place(STORE_SHARD, region, shard, snapshot->id.incarnation);
    result_row(&self->result, self->result.dry ? "to import" : "imported", place.below, &snapshot->id,
               s_size(snapshot), NULL);
    self->shards++;
    err_code_t code = s_note_run(self, snapshot, err);
    if (code || self->result.dry)
        return code;
    code = stores_path(self->target.temporary, &place, path, err);
    if (!code)
        code = build_begin(&build, path, err);
    if (!code)
        code = build_add(&build, snapshot, err);
    if (!code)
        code = build_verify(&build, err);
    if (!code)
        code = build_place(&build, err);
    build_fini(&build);
    return code;
}

static err_code_t s_file(void *hint, const char *name, const void *data, size_t size, err_t *err)
{
    import_t *self = hint;
    if (strcmp(name, LAUNCH_TOPOLOGY_FILE) != 0 || self->topology)
        return ERR_OK;
    self->topology = buf_new_copy(data, size);
    return self->topology ? ERR_OK : err_set(err, ERR_MEMORY, "no memory for the topology");
}

static err_code_t s_import(import_t *self, const char *file, err_t *err)
{
    archive_visitor_t visitor = {.hint = self, .snapshot = s_snapshot, .file = s_file};
    err_code_t code = archive_read(file, &visitor, err);
    if (!code && !self->topology)
        code =
            err_set(err, ERR_MALFORMED, "%s: has no topology; it was not written by checkpoint export", file);
    if (!code && !self->result.dry)
        code = build_dir_place(&self->target, buf_peek(self->topology), buf_size(self->topology), &self->run,
                               err);
    return code;
}

static int s_end_import(import_t *self)
{
    char command[LAUNCH_COMMAND_MAX];
    const char *to = self->target.path;
    json_set_string(self->result.document, "to", to);
    json_set_u64(self->result.document, "shards", self->shards);
    return result_end(&self->result, EXIT_DONE, "%s %zu shards to %s; go on there with %s",
                      self->result.dry ? "would import" : "imported", self->shards, to,
                      launch_resume_command(to, command));
}

static int s_run_import(const cli_args_t *args)
{
    import_t self = {0};
    err_t err = {0};
    const char *file = cli_positional(args), *to = cli_value(args, "state");
    if (!to)
        return command_fail(EXIT_WRONG, "checkpoint import",
                            "--state is missing; name the directory to be made");
    if (cli_has(args, "model"))
        return import_model(args);
    if (cli_has(args, "set"))
        return command_fail(EXIT_WRONG, "checkpoint import", "--set is for --model; give both");
    result_init(&self.result, args, "checkpoint import");
    self.result.dry = cli_has(args, "dry-run");
    err_code_t code = build_dir_begin(&self.target, to, NULL, cli_has(args, "force"), self.result.dry, &err);
    if (!code)
        code = s_import(&self, file, &err);
    int status = code ? result_fail(&self.result, code, &err) : s_end_import(&self);
    build_dir_fini(&self.target);
    buf_destroy(&self.topology);
    result_fini(&self.result);
    return status;
}

const cli_command_t checkpoint_import = {
    .name = "checkpoint import",
    .summary =
        "Makes a state directory of an archive, from which `up --resume` goes on; or of a topology and "
        "a model, from which a new run begins.",
    .positional = "FILE",
    .example = "cloudless checkpoint import run1.tar.zst --state run2\n"
               "         cloudless checkpoint import --model model.safetensors topology.yaml --state run3",
    .notes = "FILE is an archive, or with --model a topology. The directory appears when all has been read, "
             "checked, written\nand verified. A model has the tensors of the topology's model, by name, type "
             "F32 and shape: all that is wrong is\nsaid. Where shards run on several machines, each of them "
             "imports the same model.",
    .run = s_run_import,
    .options = {{"state", 's', "DIR", "the state directory to make"},
                {"model", 'm', "MODEL", "a safetensors file: the first parameters of a new run"},
                {"set", 0, "KEY=VALUE", "with --model: change a key of the topology; may be repeated"},
                RESULT_FORCE_OPTION,
                RESULT_DRY_OPTION,
                RESULT_JSON_OPTION}};
