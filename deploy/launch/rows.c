#include "deploy/launch/rows.h"

#include "codec/base/err.h"
#include "codec/base/units.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define ROWS_COLUMNS_MAX 24
#define ROWS_INDENT "  "

void rows_put_of(json_value_t *object, const row_field_t *fields, row_when_t when, const void *row)
{
    for (const row_field_t *field = fields; field->name; field++) {
        if (when != ROW_ALWAYS && field->when != ROW_ALWAYS && field->when != when)
            continue;
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

void rows_put(json_value_t *object, const row_field_t *fields, const void *row)
{
    rows_put_of(object, fields, ROW_ALWAYS, row);
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
    else if (!strcmp(field->unit, "price"))
        snprintf(out, ROWS_TEXT_MAX, "%.6f", value);
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

/* The fields that people see, and the heads of their columns. */
typedef struct {
    const row_field_t *fields[ROWS_COLUMNS_MAX];
    const char *heads[ROWS_COLUMNS_MAX];
    int widths[ROWS_COLUMNS_MAX];
    size_t count;
} columns_t;

static columns_t s_columns(const json_value_t *array, const row_field_t *fields, bool final)
{
    columns_t self = {.count = 0};
    char text[ROWS_TEXT_MAX];
    for (const row_field_t *field = fields; field->name && self.count < ROWS_COLUMNS_MAX; field++) {
        const char *head = final ? field->final_head : field->head;
        if (!head)
            continue;
        int *width = &self.widths[self.count];
        *width = (int)strlen(head);
        for (size_t r = 0; r < json_count(array); r++) {
            int length = (int)strlen(rows_text(json_at(array, r), field, text));
            *width = length > *width ? length : *width;
        }
        self.heads[self.count] = head;
        self.fields[self.count++] = field;
    }
    return self;
}

static bool s_is_left(const row_field_t *field)
{
    return field->type == ROW_TEXT;
}

static void s_print_cell(const columns_t *columns, size_t c, const char *text, FILE *out)
{
    const row_field_t *field = columns->fields[c];
    bool last = c + 1 == columns->count;
    if (last && s_is_left(field))
        fprintf(out, ROWS_INDENT "%s\n", text);
    else
        fprintf(out, s_is_left(field) ? ROWS_INDENT "%-*s%s" : ROWS_INDENT "%*s%s", columns->widths[c], text,
                last ? "\n" : "");
}

static void s_print_array(const json_value_t *array, const row_field_t *fields, bool final, FILE *out)
{
    columns_t columns = s_columns(array, fields, final);
    char text[ROWS_TEXT_MAX];
    for (size_t c = 0; c < columns.count; c++)
        s_print_cell(&columns, c, columns.heads[c], out);
    for (size_t r = 0; r < json_count(array); r++)
        for (size_t c = 0; c < columns.count; c++)
            s_print_cell(&columns, c, rows_text(json_at(array, r), columns.fields[c], text), out);
}

void rows_print(const json_value_t *array, const row_field_t *fields, FILE *out)
{
    s_print_array(array, fields, false, out);
}

void rows_print_final(const json_value_t *array, const row_field_t *fields, FILE *out)
{
    s_print_array(array, fields, true, out);
}

void rows_explain(const char *where, const row_field_t *fields, FILE *out)
{
    for (const row_field_t *field = fields; field->name; field++)
        fprintf(out, "%s%-*s  %-9s  %s\n", where, 30 - (int)strlen(where), field->name, field->unit,
                field->help);
}
