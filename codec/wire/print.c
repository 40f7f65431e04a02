#include "codec/wire/message.h"
#include "codec/wire/schema.h"

#include <inttypes.h>

#define ITEMS_SHOWN 8 /* of a list; it is a line for people */

/* A line stays one line, whatever a peer put into its strings. */
static void s_print_string(const char *text, FILE *out)
{
    for (; *text; text++) {
        if (*text == '"' || *text == '\\')
            fputc('\\', out);
        fputc((unsigned char)*text < ' ' || *text == 0x7f ? ' ' : *text, out);
    }
}

static void s_print_ranges(const wire_ranges_t *ranges, FILE *out)
{
    for (size_t index = 0; index < ranges->count && index < ITEMS_SHOWN; index++)
        fprintf(out, "%s[%" PRIu64 ",%" PRIu64 ")", index ? "+" : "", ranges->items[index].first,
                ranges->items[index].end);
    if (ranges->count > ITEMS_SHOWN)
        fprintf(out, "+%zu more", ranges->count - ITEMS_SHOWN);
}

static void s_print_u64s(const wire_u64s_t *list, FILE *out)
{
    for (size_t index = 0; index < list->count && index < ITEMS_SHOWN; index++)
        fprintf(out, "%s%" PRIu64, index ? "," : "", list->items[index]);
    if (list->count > ITEMS_SHOWN)
        fprintf(out, ",%zu more", list->count - ITEMS_SHOWN);
}

static void s_print_value(const void *value, wire_type_t type, FILE *out)
{
    switch (type) {
    case TYPE_u64:
        fprintf(out, "%" PRIu64, *(const uint64_t *)value);
        break;
    case TYPE_i64:
        fprintf(out, "%" PRId64, *(const int64_t *)value);
        break;
    case TYPE_f64:
        fprintf(out, "%.9g", *(const double *)value);
        break;
    case TYPE_bool:
        fputs("true", out);
        break;
    default: /* TYPE_name */
        s_print_string(value, out);
    }
}

static void s_print_row(const char *row, const schema_rows_t *about, FILE *out)
{
    const char *gap = "";
    fputc('{', out);
    for (size_t i = 0; i < about->column_count; i++) {
        const schema_column_t *column = &about->columns[i];
        if (!schema_is_present(row + column->offset, column->type))
            continue;
        fprintf(out, "%s%s=", gap, column->name);
        s_print_value(row + column->offset, column->type, out);
        gap = " ";
    }
    fputc('}', out);
}

static void s_print_rows(const void *value, const schema_rows_t *about, FILE *out)
{
    wire_rows_t rows = schema_rows(value);
    for (size_t index = 0; index < rows.count && index < ITEMS_SHOWN; index++)
        s_print_row((const char *)rows.items + index * about->row_bytes, about, out);
    if (rows.count > ITEMS_SHOWN)
        fprintf(out, "+%zu more", rows.count - ITEMS_SHOWN);
}

static void s_print_field(const void *value, const schema_field_t *field, FILE *out)
{
    fprintf(out, " %s=", field->name);
    switch (field->type) {
    case TYPE_text:
        fputc('"', out);
        s_print_string(*(const wire_text_t *)value, out);
        fputc('"', out);
        break;
    case TYPE_ranges:
        s_print_ranges(value, out);
        break;
    case TYPE_u64s:
        s_print_u64s(value, out);
        break;
    case TYPE_rows:
        s_print_rows(value, field->rows, out);
        break;
    default:
        s_print_value(value, field->type, out);
    }
}

void message_print(const message_t *self, FILE *out)
{
    const schema_t *schema = schema_find((uint64_t)self->kind);
    fprintf(out, "%s", schema->name);
    fputs(" to=", out);
    s_print_string(self->to, out);
    fputs(" from=", out);
    s_print_string(self->from, out);
    fprintf(out, " incarnation=%" PRIu64 " number=%" PRIu64, self->incarnation, self->number);
    for (size_t index = 0; index < schema->field_count; index++) {
        const schema_field_t *field = &schema->fields[index];
        const void *value = schema_peek(self, field);
        if (schema_is_present(value, field->type) && field->type != TYPE_column) /* it is with its rows */
            s_print_field(value, field, out);
    }
    if (self->data.buf)
        fprintf(out, " data_bytes=%zu", self->data.size_bytes);
    fputc('\n', out);
}
