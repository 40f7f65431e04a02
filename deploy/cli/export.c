#include "deploy/cli/commands.h"

#include "codec/base/json.h"
#include "codec/tensor/safetensors.h"
#include "deploy/launch/launch.h"
#include "deploy/launch/parameters.h"

#include <stdio.h>
#include <stdlib.h>

static void s_tell(const cli_args_t *args, const parameters_t *parameters, const char *region,
                   const char *file)
{
    char hex[SHA256_HEX_SIZE];
    parameters_sha256(parameters, hex);
    if (!cli_has(args, "json")) {
        printf("%s: %zu tensors, %zu parameters of region %s, sha256 %s\n", file,
               parameters->layout.tensor_count, parameters->layout.count, region, hex);
        return;
    }
    json_value_t *document = json_new_object();
    json_set_string(document, "file", file);
    json_set_string(document, "region", region);
    json_set_u64(document, "tensors", parameters->layout.tensor_count);
    json_set_u64(document, "parameters", parameters->layout.count);
    json_set_string(document, "parameters_sha256", hex);
    char *text = json_print(document, false);
    fputs(text, stdout);
    free(text);
    json_destroy(&document);
}

static int s_export(const cli_args_t *args, const topology_t *topology, const char *dir)
{
    const char *region = cli_value(args, "region"), *file = cli_value(args, "output");
    size_t index = topology_region_index(topology, region);
    if (index == SIZE_MAX)
        return cli_fail(EXIT_WRONG, "export", "there is no region %s in this job; name one of its regions",
                        region);
    parameters_t *parameters = NULL;
    err_t err = {0};
    if (parameters_load(topology, dir, index, &parameters, &err))
        return cli_fail(EXIT_FAILED, "export", "%s", err.text);
    err_code_t rc =
        safetensors_write(file, &parameters->layout, parameters->values, cli_has(args, "force"), &err);
    int status = EXIT_DONE;
    if (rc)
        status = cli_fail(rc == ERR_EXISTS ? EXIT_WRONG : EXIT_FAILED, "export", "%s", err.text);
    else
        s_tell(args, parameters, region, file);
    parameters_destroy(&parameters);
    return status;
}

static int s_run(const cli_args_t *args)
{
    const char *dir = cli_value(args, "state");
    if (!dir || !cli_has(args, "region") || !cli_has(args, "output"))
        return cli_fail(EXIT_WRONG, "export",
                        "--state, --region and --output are needed; see cloudless export --help");
    char path[STATEDIR_PATH_MAX + 32];
    snprintf(path, sizeof path, "%s/" LAUNCH_TOPOLOGY_FILE, dir);
    topology_t *topology = NULL;
    err_t err = {0};
    err_code_t rc = topology_read(path, NULL, 0, &topology, &err);
    if (rc == ERR_NOT_FOUND)
        return cli_fail(EXIT_WRONG, "export", "%s is no state directory; give --state as for up", dir);
    if (rc)
        return cli_fail(EXIT_FAILED, "export", "%s", err.text);
    int status = s_export(args, topology, dir);
    topology_destroy(&topology);
    return status;
}

const cli_command_t command_export = {
    .name = "export",
    .summary = "Writes a region's model as safetensors, with PyTorch's names and layouts; the run may go on "
               "meanwhile.",
    .example = "cloudless export --state run1 --region shanghai -o model.safetensors",
    .run = s_run,
    .options = {{"state", 's', "DIR", "the run's state directory"},
                {"region", 'r', "NAME", "whose replica"},
                {"output", 'o', "FILE", "where to write it"},
                {"force", 'f', NULL, "replace the file when it is there"},
                {"json", 0, NULL, "print the outcome as JSON"}}};
