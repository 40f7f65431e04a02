#include "codec/wire/message.h"
#include "codec/wire/says.h"
#include "codec/wire/scan.h"
#include "codec/wire/schema.h"

#include <inttypes.h>

static void s_document_frames(FILE *out)
{
    fprintf(
        out,
        "# The protocol, version %d\n\n"
        "Generated from codec/wire/schema.def. A message is two or three frames:\n\n"
        "| frame | bytes at most | content |\n"
        "|---|---|---|\n"
        "| envelope | %d | msgpack array: version, kind, to, from, incarnation, number, class |\n"
        "| map | %u | msgpack map of field number to value; absent fields are zero or empty, unknown ones "
        "are "
        "skipped |\n"
        "| data | %u | only when the map ends with key 0 and a bin 32 header: the body of that binary |\n\n"
        "The map and the data frame joined are one valid msgpack map. Field numbers are 1 to %d, each at "
        "most "
        "once; nesting is at most %d deep. Tensor data is little-endian.\n\n",
        MESSAGE_PROTOCOL, MESSAGE_ENVELOPE_MAX, MESSAGE_MAP_MAX, MESSAGE_DATA_MAX, SCAN_KEY_MAX,
        SCAN_DEPTH_MAX);
}

static void s_document_types(FILE *out)
{
    fprintf(out, "| class | number |\n|---|---|\n");
    for (unsigned class = 0; class < CLASS_COUNT; class ++)
        fprintf(out, "| %s | %u |\n", message_class_name((message_class_t) class), class);
    fprintf(out, "\n| type | on the wire |\n|---|---|\n");
    for (unsigned type = 0; type < TYPE_COUNT; type++)
        fprintf(out, "| %s | %s |\n", wire_type_name((wire_type_t)type), wire_type_doc((wire_type_t)type));
}

/* The roles that may say it, and to which. */
static void s_document_says(message_kind_t kind, FILE *out)
{
    bool first = true;
    for (says_t from = 0; from <= SAYS_ANYBODY; from++)
        for (says_t to = 0; to <= SAYS_ANYBODY; to++)
            if (says_is_row(kind, from, to)) {
                fprintf(out, "%s%s to %s", first ? "\nSaid by " : ", by ", says_text(from), says_text(to));
                first = false;
            }
    if (!first)
        fprintf(out, ".\n");
}

static void s_document_rows(const schema_field_t *field, FILE *out)
{
    for (size_t i = 0; i < field->rows->column_count; i++) {
        const schema_column_t *column = &field->rows->columns[i];
        if (!column->number)
            fprintf(out, "| | %s.%s | %s | %s |\n", field->name, column->name, wire_type_name(column->type),
                    column->doc);
    }
}

/* "column of u64": the type of what is in its array. */
static void s_document_type(const schema_field_t *field, FILE *out)
{
    fputs(wire_type_name(field->type), out);
    for (size_t i = 0; field->type == TYPE_column && i < field->rows->column_count; i++)
        if (schema_has_column(field, &field->rows->columns[i]))
            fprintf(out, " of %s", wire_type_name(field->rows->columns[i].type));
}

static void s_document_message(const schema_t *schema, FILE *out)
{
    fprintf(out, "\n## %s\n\nKind %u, class %s. %s\n", schema->name, (unsigned)schema->kind,
            message_class_name(schema->class), schema->doc);
    s_document_says(schema->kind, out);
    if (schema->field_count)
        fprintf(out, "\n| number | field | type | meaning |\n|---|---|---|---|\n");
    for (size_t index = 0; index < schema->field_count; index++) {
        const schema_field_t *field = &schema->fields[index];
        fprintf(out, "| %" PRIu32 " | %s | ", field->number, field->name);
        s_document_type(field, out);
        fprintf(out, " | %s |\n", field->doc);
        if (field->type == TYPE_rows)
            s_document_rows(field, out);
    }
}

void message_document(FILE *out)
{
    s_document_frames(out);
    s_document_types(out);
    for (uint64_t kind = 0; kind < schema_end(); kind++) {
        const schema_t *schema = schema_find(kind);
        if (schema)
            s_document_message(schema, out);
    }
}
