#include "codec/wire/schema.h"

#include <string.h>

/* One array of columns for the rows of a field. */
#define MESSAGE(name, number, class, doc)
#define FIELD(message, number, type, name, doc)
#define ROWS(message, number, name, doc) static const schema_column_t s_columns_of_##message##_##name[] = {
#define COLUMN(message, rows, type, name, doc)                                                               \
    {0, TYPE_##type, offsetof(message##_##rows##_t, name), #name, doc},
#define ADDED(message, rows, number, type, name, doc)                                                        \
    {number, TYPE_##type, offsetof(message##_##rows##_t, name), #name, doc},
#define ROWS_END(message, rows)                                                                              \
    }                                                                                                        \
    ;                                                                                                        \
    static const schema_rows_t s_rows_of_##message##_##rows = {                                              \
        sizeof(message##_##rows##_t), s_columns_of_##message##_##rows,                                       \
        sizeof s_columns_of_##message##_##rows / sizeof(schema_column_t)};
#define END(name)
#include "codec/wire/schema.def"
#undef MESSAGE
#undef FIELD
#undef END

/* One array of fields per message; the empty last one lets a message have none. */
#define MESSAGE(name, number, class, doc) static const schema_field_t s_fields_of_##name[] = {
#define FIELD(message, number, type, name, doc)                                                              \
    {number, TYPE_##type, offsetof(message_t, message.name), #name, doc, NULL},
#define ROWS(message, number, name, doc)                                                                     \
    {number, TYPE_rows, offsetof(message_t, message.name), #name, doc, &s_rows_of_##message##_##name},
#define COLUMN(message, rows, type, name, doc)
#define ADDED(message, rows, number, type, name, doc)                                                        \
    {number,          TYPE_column, offsetof(message_t, message.rows),                                        \
     #rows "." #name, doc,         &s_rows_of_##message##_##rows},
#define ROWS_END(message, rows)
#define END(name)                                                                                            \
    {                                                                                                        \
        0, TYPE_COUNT, 0, NULL, NULL, NULL                                                                   \
    }                                                                                                        \
    }                                                                                                        \
    ;
#include "codec/wire/schema.def"
#undef MESSAGE
#undef FIELD
#undef END

/* Where a field is in that array, as a number from 1 on. */
#define MESSAGE(name, number, class, doc) enum { s_before_##name,
#define FIELD(message, number, type, name, doc) s_place_of_##message##_##name,
#define ROWS(message, number, name, doc) s_place_of_##message##_##name,
#define COLUMN(message, rows, type, name, doc)
#define ADDED(message, rows, number, type, name, doc) s_place_of_##message##_##rows##_##name,
#define ROWS_END(message, rows)
#define END(name)                                                                                            \
    s_behind_##name                                                                                          \
    }                                                                                                        \
    ;
#include "codec/wire/schema.def"
#undef MESSAGE
#undef FIELD
#undef END

/* The same by the numbers of the fields; a number that is given twice does not compile (override-init). */
#define MESSAGE(name, number, class, doc) static const uint8_t s_places_of_##name[] = {[0] = 0,
#define FIELD(message, number, type, name, doc) [number] = s_place_of_##message##_##name,
#define RETIRED(message, number, name) [number] = 0,
#define ROWS(message, number, name, doc) [number] = s_place_of_##message##_##name,
#define COLUMN(message, rows, type, name, doc)
#define ADDED(message, rows, number, type, name, doc) [number] = s_place_of_##message##_##rows##_##name,
#define ROWS_END(message, rows)
#define END(name)                                                                                            \
    }                                                                                                        \
    ;
#include "codec/wire/schema.def"
#undef MESSAGE
#undef FIELD
#undef END

#define FIELD_COUNT(name) (sizeof s_fields_of_##name / sizeof s_fields_of_##name[0] - 1)

/* Indexed by kind; numbers that are not used are all zero. */
static const schema_t s_schemas[] = {
#define MESSAGE(name, number, class, doc)                                                                    \
    [number] = {KIND_##name,                                                                                 \
                CLASS_##class,                                                                               \
                #name,                                                                                       \
                doc,                                                                                         \
                s_fields_of_##name,                                                                          \
                FIELD_COUNT(name),                                                                           \
                s_places_of_##name,                                                                          \
                sizeof s_places_of_##name},
#define FIELD(message, number, type, name, doc)
#define END(name)
#include "codec/wire/schema.def"
#undef MESSAGE
#undef FIELD
#undef END
};

uint64_t schema_end(void)
{
    return sizeof s_schemas / sizeof s_schemas[0];
}

const schema_t *schema_find(uint64_t kind)
{
    return kind < schema_end() && s_schemas[kind].name ? &s_schemas[kind] : NULL;
}

const schema_field_t *schema_field(const schema_t *self, uint64_t number)
{
    size_t place = number < self->place_count ? self->places[number] : 0;
    return place ? &self->fields[place - 1] : NULL;
}

/* The rows of a message are of types of their own, all with these two members. */
wire_rows_t schema_rows(const void *value)
{
    wire_rows_t rows;
    memcpy(&rows, value, sizeof rows);
    return rows;
}

void schema_set_rows(void *value, void *items, size_t count)
{
    const wire_rows_t rows = {items, count};
    memcpy(value, &rows, sizeof rows);
}

size_t schema_width(const schema_field_t *field)
{
    size_t width = 0;
    for (size_t i = 0; i < field->rows->column_count; i++)
        width += schema_has_column(field, &field->rows->columns[i]);
    return width;
}

bool schema_is_present(const void *value, wire_type_t type)
{
    uint64_t bits;
    switch (type) {
    case TYPE_u64:
    case TYPE_i64:
    case TYPE_f64: /* -0 is not 0 */
        memcpy(&bits, value, sizeof bits);
        return bits != 0;
    case TYPE_bool:
        return *(const bool *)value;
    case TYPE_name:
        return *(const char *)value;
    case TYPE_text:
        return *(const wire_text_t *)value && **(const wire_text_t *)value;
    case TYPE_ranges:
        return ((const wire_ranges_t *)value)->count;
    case TYPE_u64s:
        return ((const wire_u64s_t *)value)->count;
    case TYPE_rows:
    case TYPE_column:
        return schema_rows(value).count;
    case TYPE_COUNT:
        break;
    }
    return false;
}

const char *wire_type_name(wire_type_t type)
{
#define TYPE_NAME(type, doc) #type,
    static const char *const names[] = {WIRE_TYPE_MAP(TYPE_NAME)};
#undef TYPE_NAME
    return names[type];
}

const char *wire_type_doc(wire_type_t type)
{
#define TYPE_DOC(type, doc) doc,
    static const char *const docs[] = {WIRE_TYPE_MAP(TYPE_DOC)};
#undef TYPE_DOC
    return docs[type];
}

const char *message_class_name(message_class_t class)
{
    static const char *const names[] = {"control", "pull", "delta", "bulk"};
    return (size_t) class < CLASS_COUNT ? names[class] : "unknown";
}

const char *message_kind_name(message_kind_t kind)
{
    const schema_t *schema = schema_find((uint64_t)kind);
    return schema ? schema->name : "unknown";
}

message_class_t message_kind_class(message_kind_t kind)
{
    const schema_t *schema = schema_find((uint64_t)kind);
    return schema ? schema->class : CLASS_BULK; /* what nobody knows never goes before what somebody does */
}
