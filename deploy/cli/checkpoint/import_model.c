#include "deploy/cli/checkpoint/import_model.h"

#include "codec/base/quote.h"
#include "codec/tensor/safetensors.h"
#include "deploy/cli/checkpoint/build.h"
#include "deploy/cli/checkpoint/result.h"
#include "deploy/cli/checkpoint/whole.h"
#include "deploy/launch/launch.h"

#include <stdio.h>
#include <stdlib.h>

#define WHERE "checkpoint import"

typedef struct {
    result_t result;
    launch_t launch; /* of the topology */
    build_dir_t target;
    parameters_t *parameters;
} import_model_t;

static void s_tell_mistake(void *hint, const char *text)
{
    (void)hint;
    (void)command_fail(EXIT_WRONG, WHERE, "%s", text);
}

/* Every mistake is told by itself; `err` sums them up. */
static err_code_t s_read_model(import_model_t *self, const char *file, err_t *err)
{
    topology_t *topology = self->launch.topology;
    err_code_t code = parameters_new(&topology->job.model, &self->parameters, err);
    if (!code)
        code = safetensors_compare(file, &self->parameters->layout, s_tell_mistake, NULL, err);
    if (!code)
        code = safetensors_read(file, &self->parameters->layout, self->parameters->values, err);
    if (!code && !whole_is_finite(self->parameters, err))
        code = err_prefix(err, ERR_NUMBER, "%s", file);
    if (!code)
        parameters_sha256(self->parameters, topology->job.init);
    return code;
}

static err_code_t s_write_dir(import_model_t *self, err_t *err)
{
    char path[STATEDIR_PATH_MAX + 32], *text = NULL;
    size_t size = 0;
    const statedir_run_t run = {.id = RUN_ID_NONE};
    FILE *out = open_memstream(&text, &size);
    CHECK(out);
    topology_print(self->launch.topology, out);
    fclose(out);
    snprintf(path, sizeof path, "%s/" STATEDIR_INITIAL_FILE, self->target.temporary);
    err_code_t code =
        safetensors_write(path, &self->parameters->layout, self->parameters->values, NULL, false, err);
    if (!code)
        code = build_dir_place(&self->target, text, size, &run, err);
    free(text);
    return code;
}

static int s_end_import_model(import_model_t *self, const char *file)
{
    char topology[STATEDIR_PATH_MAX + 32], quoted[QUOTE_MAX], dir[QUOTE_MAX];
    const char *to = self->target.path, *init = self->launch.topology->job.init;
    snprintf(topology, sizeof topology, "%s/" LAUNCH_TOPOLOGY_FILE, to);
    json_set_string(self->result.document, "to", to);
    json_set_string(self->result.document, "init", init);
    json_set_u64(self->result.document, "parameters", self->parameters->layout.count);
    return result_end(&self->result, EXIT_DONE,
                      "%s %s, %zu parameters, to %s; begin there with cloudless up %s --state %s, or by hand "
                      "with job.init: %s on every machine",
                      self->result.dry ? "would import" : "imported", file, self->parameters->layout.count,
                      to, quote_word(topology, quoted), quote_word(to, dir), init);
}

static int s_import_model(import_model_t *self, const cli_args_t *args)
{
    err_t err = {0};
    size_t set_count;
    const char *const *sets = cli_values(args, "set", &set_count);
    const char *file = cli_value(args, "model");
    if (launch_read(&self->launch, cli_positional(args), sets, set_count, NULL, &err))
        return launch_wrong(&self->launch, EXIT_WRONG, NULL, &err, true);
    err_code_t code = launch_try_dataset(&self->launch, &err);
    if (!code)
        code = s_read_model(self, file, &err);
    if (!code)
        code = build_dir_begin(&self->target, cli_value(args, "state"), NULL, cli_has(args, "force"),
                               self->result.dry, &err);
    if (!code && !self->result.dry)
        code = s_write_dir(self, &err);
    if (code == ERR_SHAPE || code == ERR_NUMBER)
        return command_fail(EXIT_WRONG, WHERE, "%s", err.text);
    return code ? result_fail(&self->result, code, &err) : s_end_import_model(self, file);
}

int import_model(const cli_args_t *args)
{
    import_model_t self = {0};
    launch_init(&self.launch);
    result_init(&self.result, args, WHERE);
    self.result.dry = cli_has(args, "dry-run");
    int status = s_import_model(&self, args);
    build_dir_fini(&self.target);
    parameters_destroy(&self.parameters);
    result_fini(&self.result);
    launch_fini(&self.launch);
    return status;
}
