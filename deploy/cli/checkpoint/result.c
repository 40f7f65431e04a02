#include "deploy/cli/checkpoint/result.h"

#include "codec/base/units.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

void result_init(result_t *self, const cli_args_t *args, const char *where)
{
    *self = (result_t){.where = where, .document = json_new_object(), .rows = json_new_array()};
    self->json = cli_has(args, "json");
}

void result_fini(result_t *self)
{
    json_destroy(&self->document);
    json_destroy(&self->rows);
}

void result_row(result_t *self, const char *what, const char *store, const manifest_id_t *id,
                uint64_t size_bytes, const char *why)
{
    char history[17];
    json_value_t *row = json_new_object();
    json_set_string(row, "what", what);
    json_set_string(row, "store", store);
    if (id) {
        snprintf(history, sizeof history, "%016" PRIx64, id->history);
        json_set_u64(row, "number", id->number);
        json_set_string(row, "tag", id->tag);
        json_set_string(row, "history", history);
    }
    if (size_bytes)
        json_set_u64(row, "size_bytes", size_bytes);
    if (why)
        json_set_string(row, "why", why);
    json_add_moved(self->rows, &row);
}

size_t result_count(const result_t *self)
{
    return json_count(self->rows);
}

static void s_print_row(FILE *out, const json_value_t *row)
{
    char size[UNITS_TEXT_MAX];
    uint64_t number = json_get_u64(row, "number", 0), bytes = json_get_u64(row, "size_bytes", 0);
    const char *tag = json_get_string(row, "tag", ""), *why = json_get_string(row, "why", "");
    fprintf(out, "  %-9s %s", json_get_string(row, "what", ""), json_get_string(row, "store", ""));
    if (number)
        fprintf(out, "  snapshot %" PRIu64, number);
    if (*tag)
        fprintf(out, " (%s)", tag);
    if (bytes)
        fprintf(out, "  %s", units_print_size(bytes, size));
    fprintf(out, "%s%s\n", *why ? ": " : "", why);
}

void result_print_json(json_value_t **document_p)
{
    char *text = json_print(*document_p, false);
    fputs(text, stdout);
    free(text);
    json_destroy(document_p);
}

int result_end(result_t *self, int status, const char *format, ...)
{
    char text[4096];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    if (!self->json) {
        FILE *out = self->aside ? stderr : stdout;
        for (size_t i = 0; i < json_count(self->rows); i++)
            s_print_row(out, json_at(self->rows, i));
        fprintf(out, "%s\n", text);
        return status;
    }
    json_set_bool(self->document, "dry_run", self->dry);
    json_set_string(self->document, "summary", text);
    json_set_moved(self->document, "rows", &self->rows);
    result_print_json(&self->document);
    return status;
}

int result_fail(const result_t *self, err_code_t code, const err_t *err)
{
    bool wrong = code == ERR_USAGE || code == ERR_CONFIG || code == ERR_EXISTS || code == ERR_JOB ||
                 code == ERR_IN_USE;
    return command_fail(wrong ? EXIT_WRONG : EXIT_FAILED, self->where, "%s", err->text);
}
