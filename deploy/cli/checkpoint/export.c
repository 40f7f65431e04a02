#include "deploy/cli/checkpoint/commands.h"
#include "deploy/cli/checkpoint/tale.h"
#include "deploy/cli/checkpoint/together.h"

#include "codec/base/output.h"
#include "codec/tensor/safetensors.h"
#include "deploy/cli/checkpoint/source.h"
#include "deploy/launch/launch.h"
#include "deploy/launch/parameters.h"
#include "store/archive.h"
#include "store/file.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* ---- A model ---- */

static err_code_t s_load(const cli_args_t *args, const topology_t *topology, size_t region,
                         parameters_t **ret_self, err_t *err)
{
    const char *dir = cli_value(args, "state"), *tag = cli_value(args, "tag");
    if (!tag)
        return parameters_load(topology, dir, region, ret_self, err);
    source_t *source = NULL;
    choice_t choice = {.tag = tag};
    err_code_t code = source_open(dir, &choice, &source, err);
    if (!code)
        code = source_parameters(source, region, ret_self, err);
    source_destroy(&source);
    return code;
}

static err_code_t s_model(tale_t *tale, const cli_args_t *args, const topology_t *topology, err_t *err)
{
    const char *region = cli_value(args, "region"), *file = cli_value(args, "output");
    size_t index = topology_region_index(topology, region);
    if (index == SIZE_MAX)
        return err_set(err, ERR_USAGE, "there is no region %s in this job; name one of its regions", region);
    parameters_t *parameters = NULL;
    char hex[SHA256_HEX_SIZE];
    err_code_t code = s_load(args, topology, index, &parameters, err);
    if (!code && tale->dry)
        code = output_check(file, cli_has(args, "force"), err);
    if (!code && !tale->dry)
        code = safetensors_write(file, &parameters->layout, parameters->values, NULL, cli_has(args, "force"),
                                 err);
    if (!code) {
        parameters_sha256(parameters, hex);
        json_set_string(tale->document, "file", file);
        json_set_string(tale->document, "region", region);
        json_set_u64(tale->document, "tensors", parameters->layout.tensor_count);
        json_set_u64(tale->document, "parameters", parameters->layout.count);
        json_set_string(tale->document, "parameters_sha256", hex);
    }
    parameters_destroy(&parameters);
    return code;
}

static int s_end_model(tale_t *tale)
{
    const json_value_t *document = tale->document;
    return tale_end(
        tale, EXIT_DONE, "%s: %llu tensors, %llu parameters of region %s, sha256 %s",
        json_get_string(document, "file", ""), (unsigned long long)json_get_u64(document, "tensors", 0),
        (unsigned long long)json_get_u64(document, "parameters", 0), json_get_string(document, "region", ""),
        json_get_string(document, "parameters_sha256", ""));
}

/* ---- An archive ---- */

static err_code_t s_put(tale_t *tale, const pick_t *pick, archive_writer_t *archive, err_t *err)
{
    snapshot_t *snapshot = NULL;
    err_code_t code = catalog_load(pick->store, pick->snapshot->number, &snapshot, err);
    if (!code && archive)
        code = archive_put_snapshot(archive, pick->store->place.region, pick->shard, snapshot, err);
    if (!code)
        tale_row(tale, tale->dry ? "to export" : "exported", pick->store->place.below, &snapshot->id,
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

static err_code_t s_write_archive(tale_t *tale, together_t *together, const char *file, bool force,
                                  err_t *err)
{
    archive_writer_t *archive = NULL;
    err_code_t code = ERR_OK;
    if (!tale->dry)
        code = archive_create(file, force, &archive, err);
    else
        code = output_check(file, force, err);
    if (!code && archive)
        code = s_put_topology(together->catalog->dir, archive, err);
    for (size_t i = 0; i < together->count && !code; i++)
        code = s_put(tale, &together->picks[i], archive, err);
    if (!code && archive)
        code = archive_finish(&archive, err);
    archive_abandon(&archive);
    return code;
}

static err_code_t s_archive(tale_t *tale, const cli_args_t *args, err_t *err)
{
    const char *file = cli_value(args, "archive");
    together_t together = {0};
    together_spec_t spec = {.dir = cli_value(args, "state"),
                            .region = cli_value(args, "region"),
                            .here = cli_has(args, "here"),
                            .choice = {.tag = cli_value(args, "tag")}};
    err_code_t code = together_open(&together, &spec, err);
    if (!code && !together.fits && !spec.region)
        code = err_set(err, ERR_STATE, "the snapshots do not fit together: %.300s", together.why);
    if (!code)
        code = s_write_archive(tale, &together, file, cli_has(args, "force"), err);
    if (!code) {
        json_set_string(tale->document, "file", file);
        json_set_u64(tale->document, "shards", together.count);
    }
    together_fini(&together);
    return code;
}

/* ---- The command ---- */

static err_code_t s_read_topology(const char *dir, topology_t **ret_topology, err_t *err)
{
    char path[STATEDIR_PATH_MAX + 32];
    snprintf(path, sizeof path, "%s/" LAUNCH_TOPOLOGY_FILE, dir);
    err_code_t code = topology_read(path, NULL, 0, ret_topology, err);
    return code == ERR_NOT_FOUND
               ? err_set(err, ERR_USAGE, "%s is no state directory; give --state as for up", dir)
               : code;
}

static int s_run(const cli_args_t *args)
{
    tale_t tale;
    topology_t *topology = NULL;
    err_t err = {0};
    bool archive = cli_has(args, "archive"), model = cli_has(args, "output");
    if (!cli_has(args, "state") || archive == model || (model && !cli_has(args, "region")))
        return cli_fail(
            EXIT_WRONG, "checkpoint export",
            "--state is needed, and either --region and --output for a model, or --archive; see cloudless "
            "checkpoint export --help");
    tale_init(&tale, args, "checkpoint export");
    tale.dry = cli_has(args, "dry-run");
    err_code_t code = s_read_topology(cli_value(args, "state"), &topology, &err);
    if (!code)
        code = archive ? s_archive(&tale, args, &err) : s_model(&tale, args, topology, &err);
    int status;
    if (code)
        status = tale_fail(&tale, code, &err);
    else if (archive)
        status = tale_end(&tale, EXIT_DONE, "%s%s: %llu shards", tale.dry ? "would write " : "",
                          cli_value(args, "archive"),
                          (unsigned long long)json_get_u64(tale.document, "shards", 0));
    else
        status = s_end_model(&tale);
    topology_destroy(&topology);
    tale_fini(&tale);
    return status;
}

const cli_command_t checkpoint_export = {
    .name = "checkpoint export",
    .summary = "Writes a region's model as safetensors, with PyTorch's names and layouts; or all shards as "
               "one archive.",
    .example = "cloudless checkpoint export --state run1 --region shanghai -o model.safetensors\n"
               "         cloudless checkpoint export --state run1 --archive run1.tar.zst",
    .notes = "The run may go on meanwhile: an archive then holds one moment at which all shards fit "
             "together. Its name says "
             "how\nit is compressed: .gz or .tgz gzip, .tar not at all, otherwise zstd.",
    .run = s_run,
    .options = {TALE_STATE_OPTION,
                {"region", 'r', "NAME", "whose replica; of an archive: only this region"},
                {"output", 'o', "FILE", "where to write the model"},
                {"archive", 'a', "FILE", "where to write an archive"},
                {"tag", 0, "TAG", "as of this common point, not the newest"},
                TALE_HERE_OPTION,
                TALE_FORCE_OPTION,
                TALE_DRY_OPTION,
                TALE_JSON_OPTION}};
