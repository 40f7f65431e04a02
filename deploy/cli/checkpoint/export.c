#include "deploy/cli/checkpoint/commands.h"
#include "deploy/cli/checkpoint/result.h"
#include "deploy/cli/checkpoint/together.h"
#include "deploy/cli/checkpoint/whole.h"

#include "actors/model/model.h"
#include "codec/base/output.h"
#include "codec/base/quote.h"
#include "codec/tensor/safetensors.h"
#include "deploy/launch/launch.h"
#include "store/archive.h"
#include "store/file.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef struct {
    result_t result;
    char dir[STATEDIR_PATH_MAX];
    const cli_args_t *args;
    together_t together;
} export_t;

/* ---- A model ---- */

#define NOTE_MAX 512

/* Facts of a model that are worth knowing when nothing but its file is left. */
typedef struct {
    char batches[64], moment[NOTE_MAX], finite[NOTE_MAX];
    char *spec, *layers; /* JSON */
    safetensors_note_t rows[12];
} notes_t;

/* From how many batches to how many the shards have applied. */
static void s_say_batches(const together_t *together, char *out, size_t size)
{
    uint64_t least = UINT64_MAX, most = 0;
    for (size_t i = 0; i < together->count; i++) {
        uint64_t batches = together->picks[i].snapshot->batches;
        least = batches < least ? batches : least;
        most = batches > most ? batches : most;
    }
    if (least >= most)
        snprintf(out, size, "%" PRIu64, most);
    else
        snprintf(out, size, "%" PRIu64 " to %" PRIu64, least, most);
}

/* "newest", a common point, or what is wrong with the moment. */
static void s_say_moment(const together_t *together, const char *tag, char *out, size_t size)
{
    for (size_t i = 0; i < together->count; i++)
        if (together->picks[i].passed_over) {
            snprintf(out, size,
                     "mixed: the newest snapshot of shard %" PRIu32
                     " is damaged, an older one is in its place",
                     together->picks[i].shard);
            return;
        }
    if (!together->abreast)
        snprintf(out, size, "mixed: %s", together->why_apart);
    else
        snprintf(out, size, "%s", tag ? together->picks[0].snapshot->manifest.id.tag : "newest");
}

#define INPUT_SCALE "unsigned bytes are divided by 255; values of other types stay as they are"

/* Fills in from what a reader builds the same model. */
static void s_describe(const topology_t *topology, notes_t *notes)
{
    json_value_t *document = NULL;
    CHECK(model_describe(&topology->job.model, &document, NULL) == ERR_OK); /* it has a layout already */
    notes->spec = json_print(json_get(document, "spec"), true);
    notes->layers = json_print(json_get(document, "layers"), true);
    json_destroy(&document);
}

static void s_fill_notes(const export_t *self, const err_t *not_finite, notes_t *notes)
{
    const topology_t *topology = self->together.catalog->topology;
    s_say_batches(&self->together, notes->batches, sizeof notes->batches);
    s_say_moment(&self->together, cli_value(self->args, "to"), notes->moment, sizeof notes->moment);
    snprintf(notes->finite, sizeof notes->finite, "%s", not_finite->code ? not_finite->text : "all values");
    s_describe(topology, notes);
    const safetensors_note_t rows[] = {
        {"job", topology->job.name},  {"model", topology->job.model.name},
        {"model_spec", notes->spec},  {"layers", notes->layers},
        {"input_scale", INPUT_SCALE}, {"region", cli_value(self->args, "region")},
        {"batches", notes->batches},  {"moment", notes->moment},
        {"finite", notes->finite},    {NULL, NULL}};
    memcpy(notes->rows, rows, sizeof rows);
    for (const safetensors_note_t *row = rows; row->key; row++)
        json_set_string(self->result.document, row->key, row->value);
}

/* Anything but one moment, and the newest, needs a word. */
static err_code_t s_choose(export_t *self, err_t *err)
{
    const cli_args_t *args = self->args;
    bool mixed = cli_has(args, "allow-mixed");
    together_spec_t spec = {.dir = self->dir,
                            .region = cli_value(args, "region"),
                            .abreast = !mixed,
                            .choice = {.tag = cli_value(args, "to"), .older = mixed}};
    err_code_t code = together_open(&self->together, &spec, err);
    if (!code && !self->together.abreast && !mixed)
        code = err_set(err, ERR_STATE, "%s", self->together.why_apart);
    bool word = !mixed && (code == ERR_CHECKSUM || code == ERR_STATE);
    if (word) {
        err_t why = *err;
        err_set(err, code,
                "%.300s; repair it (cloudless checkpoint repair), name a common point with --to, or take "
                "what is whole with "
                "--allow-mixed",
                why.text);
    }
    return code;
}

static err_code_t s_write_model(export_t *self, const parameters_t *parameters, err_t *err)
{
    char hex[SHA256_HEX_SIZE];
    notes_t notes;
    err_t why = {.code = ERR_OK};
    const char *file = cli_value(self->args, "output");
    bool force = cli_has(self->args, "force");
    if (!whole_is_finite(parameters, &why) && !cli_has(self->args, "allow-nonfinite"))
        return err_set(err, ERR_NUMBER,
                       "%s; name an earlier common point with --to, or add --allow-nonfinite", why.text);
    s_fill_notes(self, &why, &notes);
    err_code_t code = self->result.dry ? output_check(file, force, err)
                                       : safetensors_write(file, &parameters->layout, parameters->values,
                                                           notes.rows, force, err);
    free(notes.spec);
    free(notes.layers);
    parameters_sha256(parameters, hex);
    json_set_string(self->result.document, "file", file);
    json_set_u64(self->result.document, "tensors", parameters->layout.tensor_count);
    json_set_u64(self->result.document, "parameters", parameters->layout.count);
    json_set_string(self->result.document, "parameters_sha256", hex);
    return code;
}

static err_code_t s_model(export_t *self, err_t *err)
{
    parameters_t *parameters = NULL;
    err_code_t code = s_choose(self, err);
    const together_t *together = &self->together;
    if (!code)
        code =
            whole_parameters(together->catalog->topology, together->picks, together->count, &parameters, err);
    if (!code)
        code = s_write_model(self, parameters, err);
    parameters_destroy(&parameters);
    return code;
}

static int s_end_model(export_t *self)
{
    const json_value_t *document = self->result.document;
    const char *moment = json_get_string(document, "moment", ""),
               *finite = json_get_string(document, "finite", "");
    if (strcmp(moment, "newest") != 0)
        result_row(&self->result, "moment", json_get_string(document, "region", ""), NULL, 0, moment);
    if (strcmp(finite, "all values") != 0)
        result_row(&self->result, "values", json_get_string(document, "region", ""), NULL, 0, finite);
    return result_end(&self->result, EXIT_DONE,
                      "%s%s: %" PRIu64 " tensors, %" PRIu64
                      " parameters of region %s after %s batches, sha256 %s",
                      self->result.dry ? "would write " : "", json_get_string(document, "file", ""),
                      json_get_u64(document, "tensors", 0), json_get_u64(document, "parameters", 0),
                      json_get_string(document, "region", ""), json_get_string(document, "batches", ""),
                      json_get_string(document, "parameters_sha256", ""));
}

/* ---- An archive ---- */

static err_code_t s_put_snapshot(result_t *result, const pick_t *pick, archive_writer_t *archive, err_t *err)
{
    snapshot_t *snapshot = NULL;
    err_code_t code = pick_load(pick, &snapshot, err);
    if (!code && archive)
        code = archive_put_snapshot(archive, pick->store->place.region, pick->shard, snapshot, err);
    if (!code)
        result_row(result, result->dry ? "to export" : "exported", pick->store->place.below, &snapshot->id,
                   pick->snapshot->size_bytes, NULL);
    snapshot_destroy(&snapshot);
    return code;
}

static err_code_t s_put_topology(const char *dir, archive_writer_t *archive, err_t *err)
{
    char path[STATEDIR_PATH_MAX + 32];
    buf_t *text = NULL;
    snprintf(path, sizeof path, "%s/" LAUNCH_TOPOLOGY_FILE, dir);
    err_code_t code = file_read(path, ARCHIVE_FILE_MAX_BYTES, &text, err);
    if (!code)
        code = archive_put_file(archive, LAUNCH_TOPOLOGY_FILE, buf_peek(text), buf_size(text), err);
    buf_destroy(&text);
    return code;
}

static err_code_t s_write_archive(export_t *self, const char *file, bool force, err_t *err)
{
    archive_writer_t *archive = NULL;
    err_code_t code =
        self->result.dry ? output_check(file, force, err) : archive_create(file, force, &archive, err);
    if (!code && archive)
        code = s_put_topology(self->together.catalog->dir, archive, err);
    for (size_t i = 0; i < self->together.count && !code; i++)
        code = s_put_snapshot(&self->result, &self->together.picks[i], archive, err);
    if (!code && archive)
        code = archive_finish(&archive, err);
    archive_abandon(&archive);
    return code;
}

static err_code_t s_archive(export_t *self, err_t *err)
{
    const cli_args_t *args = self->args;
    const char *file = cli_value(args, "archive");
    together_spec_t spec = {.dir = self->dir,
                            .region = cli_value(args, "region"),
                            .here = cli_has(args, "here"),
                            .choice = {.tag = cli_value(args, "to")}};
    err_code_t code = together_open(&self->together, &spec, err);
    if (!code && !self->together.fits && !spec.region)
        code = err_set(err, ERR_STATE, "the snapshots do not fit together: %.300s", self->together.why);
    if (!code)
        code = s_write_archive(self, file, cli_has(args, "force"), err);
    if (!code) {
        json_set_string(self->result.document, "file", file);
        json_set_u64(self->result.document, "shards", self->together.count);
    }
    return code;
}

static int s_end_archive(export_t *self)
{
    return result_end(&self->result, EXIT_DONE, "%s%s: %zu shards", self->result.dry ? "would write " : "",
                      cli_value(self->args, "archive"), self->together.count);
}

/* ---- The command ---- */

static int s_check_options(const cli_args_t *args)
{
    const char *archive = cli_value(args, "archive"), *model = cli_value(args, "output");
    if (!archive == !model || (model && !cli_has(args, "region")))
        return command_fail(EXIT_WRONG, "checkpoint export",
                            "give either --region and --output for a model, or --archive; see cloudless "
                            "checkpoint export --help");
    if (archive && (cli_has(args, "allow-mixed") || cli_has(args, "allow-nonfinite")))
        return command_fail(
            EXIT_WRONG, "checkpoint export",
            "an archive is to go on from: it holds one moment, as it is, and has no --allow-...");
    if (output_is_stdout(archive ? archive : model) && cli_has(args, "json"))
        return command_fail(EXIT_WRONG, "checkpoint export",
                            "- and --json would both write to standard output; choose one");
    return EXIT_DONE;
}

static int s_run_export(const cli_args_t *args)
{
    export_t self = {.args = args};
    err_t err = {0};
    bool archive = cli_has(args, "archive");
    int status = s_check_options(args);
    if (status)
        return status;
    status = commands_state(args, "checkpoint export", self.dir);
    if (status)
        return status;
    result_init(&self.result, args, "checkpoint export");
    self.result.dry = cli_has(args, "dry-run");
    self.result.aside = output_is_stdout(archive ? cli_value(args, "archive") : cli_value(args, "output"));
    err_code_t code = archive ? s_archive(&self, &err) : s_model(&self, &err);
    status = code      ? result_fail(&self.result, code, &err)
             : archive ? s_end_archive(&self)
                       : s_end_model(&self);
    together_fini(&self.together);
    result_fini(&self.result);
    return status;
}

const cli_command_t checkpoint_export = {
    .name = "checkpoint export",
    .summary = "Writes a region's model as safetensors, with PyTorch's names and layouts; or all shards as "
               "one archive.",
    .example = "cloudless checkpoint export --state run1 --region shanghai -o model.safetensors\n"
               "         cloudless checkpoint export --state run1 --archive run1.tar.zst",
    .notes = "The run may go on meanwhile: an archive then holds one moment at which all shards fit "
             "together. Its name says how\n"
             "it is compressed: .gz or .tgz gzip, .tar not at all, otherwise zstd. A model is that of the "
             "newest moment, or nothing\n"
             "is written; what it is of, and what --allow-... let pass, is in the file's metadata. FILE may "
             "be - for standard\n"
             "output.",
    .run = s_run_export,
    .options = {
        RESULT_STATE_OPTION,
        {"region", 'r', "NAME", "whose replica; of an archive: only this region"},
        {"output", 'o', "FILE", "where to write the model"},
        {"archive", 'a', "FILE", "where to write an archive"},
        {"to", 0, "POINT", "as of this common point, not the newest; see checkpoint ls --points"},
        {"allow-mixed", 0, NULL, "also a model whose shards are of different moments, or not the newest"},
        {"allow-nonfinite", 0, NULL, "also a model with values that are NaN or infinite"},
        RESULT_HERE_OPTION,
        RESULT_FORCE_OPTION,
        RESULT_DRY_OPTION,
        RESULT_JSON_OPTION}};
