#include "deploy/launch/rows.h"

#include "codec/base/err.h"
#include "codec/base/units.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define ROWS_COLUMNS_MAX 24
#define ROWS_INDENT "  "

void rows_put(json_value_t *object, const row_field_t *fields, const void *row)
{
    for (const row_field_t *field = fields; field->name; field++) {
        const char *at = (const char *)row + field->offset;
        switch (field->type) {
        case ROW_COUNT:
            json_set_u64(object, field->name, *(const uint64_t *)(const void *)at);
            break;
        case ROW_NUMBER:
            json_set_number(object, field->name, *(const double *)(const void *)at);
            break;
        case ROW_BOOL:
            json_set_bool(object, field->name, *(const bool *)(const void *)at);
            break;
        case ROW_TEXT:
            json_set_string(object, field->name, *(const char *const *)(const void *)at);
            break;
        }
    }
}

static void s_number_text(const row_field_t *field, double value, char out[ROWS_TEXT_MAX])
{
    char text[UNITS_TEXT_MAX];
    bool whole = value >= 0 && value < 9e15;
    if (!isfinite(value))
        snprintf(out, ROWS_TEXT_MAX, "-");
    else if (!strcmp(field->unit, "process") && value <= 0)
        snprintf(out, ROWS_TEXT_MAX, "-"); /* 0 would name a group to `kill` */
    else if (!strcmp(field->unit, "s") && whole && value < 1)
        snprintf(out, ROWS_TEXT_MAX, "%.0f ms", value * 1e3);
    else if (!strcmp(field->unit, "s") && whole)
        snprintf(out, ROWS_TEXT_MAX, "%s", units_print_duration((int64_t)(value * 1e6), text));
    else if (!strcmp(field->unit, "share"))
        snprintf(out, ROWS_TEXT_MAX, "%.0f %%", floor(100 * value));
    else if (!strcmp(field->unit, "bytes") && whole)
        snprintf(out, ROWS_TEXT_MAX, "%s", units_print_size((uint64_t)value, text));
    else if (!strcmp(field->unit, "bytes/s") && whole)
        snprintf(out, ROWS_TEXT_MAX, "%s", value > 0 ? units_print_rate((uint64_t)value, text) : "-");
    else if (field->type == ROW_COUNT || (whole && value >= 100))
        snprintf(out, ROWS_TEXT_MAX, "%.0f", value);
    else
        snprintf(out, ROWS_TEXT_MAX, fabs(value) < 1e6 ? "%.4f" : "%.3e", value);
}

const char *rows_text(const json_value_t *object, const row_field_t *field, char out[ROWS_TEXT_MAX])
{
    if (field->type == ROW_TEXT) {
        const char *text = json_get_string(object, field->name, "");
        snprintf(out, ROWS_TEXT_MAX, "%s", text && text[0] ? text : "-");
    } else if (field->type == ROW_BOOL) {
        snprintf(out, ROWS_TEXT_MAX, "%s", json_get_bool(object, field->name, false) ? "yes" : "no");
    } else {
        s_number_text(field, json_get_number(object, field->name, NAN), out);
    }
    return out;
}

/* The fields that people see; returns how many. */
static size_t s_columns(const row_field_t *fields, const row_field_t *ret_columns[ROWS_COLUMNS_MAX])
{
    size_t count = 0;
    for (const row_field_t *field = fields; field->name && count < ROWS_COLUMNS_MAX; field++)
        if (field->head)
            ret_columns[count++] = field;
    return count;
}

static bool s_is_left(const row_field_t *field)
{
    return field->type == ROW_TEXT;
}

static void s_print_cell(const row_field_t *field, const char *text, int width, bool last, FILE *out)
{
    if (last && s_is_left(field))
        fprintf(out, ROWS_INDENT "%s\n", text);
    else
        fprintf(out, s_is_left(field) ? ROWS_INDENT "%-*s%s" : ROWS_INDENT "%*s%s", width, text,
                last ? "\n" : "");
}

void rows_print(const json_value_t *array, const row_field_t *fields, FILE *out)
{
    const row_field_t *columns[ROWS_COLUMNS_MAX];
    int widths[ROWS_COLUMNS_MAX] = {0};
    char text[ROWS_TEXT_MAX];
    size_t count = s_columns(fields, columns), rows = json_count(array);
    for (size_t c = 0; c < count; c++) {
        widths[c] = (int)strlen(columns[c]->head);
        for (size_t r = 0; r < rows; r++) {
            int length = (int)strlen(rows_text(json_at(array, r), columns[c], text));
            widths[c] = length > widths[c] ? length : widths[c];
        }
    }
    for (size_t c = 0; c < count; c++)
        s_print_cell(columns[c], columns[c]->head, widths[c], c + 1 == count, out);
    for (size_t r = 0; r < rows; r++)
        for (size_t c = 0; c < count; c++)
            s_print_cell(columns[c], rows_text(json_at(array, r), columns[c], text), widths[c],
                         c + 1 == count, out);
}

void rows_explain(const char *where, const row_field_t *fields, FILE *out)
{
    for (const row_field_t *field = fields; field->name; field++)
        fprintf(out, "%s%-*s  %-9s  %s\n", where, 30 - (int)strlen(where), field->name, field->unit,
                field->help);
}
