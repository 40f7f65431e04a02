/* schema - schema.def as one table that pack, unpack, compare, print and the protocol document walk.
 *
 * Why      a field is declared once; nothing else in codec/wire knows any message by name.
 * Threads  constant: any.
 */
#ifndef CODEC_WIRE_SCHEMA_H
#define CODEC_WIRE_SCHEMA_H

#include "codec/wire/message.h"

/* type, what it is on the wire (for the protocol document) */
#define WIRE_TYPE_MAP(X)                                                                                     \
    X(u64, "unsigned integer, 64 bit")                                                                       \
    X(i64, "signed integer, 64 bit")                                                                         \
    X(f64, "float 64, NaN allowed")                                                                          \
    X(bool, "boolean")                                                                                       \
    X(name, "string of at most 63 bytes, none of them zero")                                                 \
    X(text, "string of at most 4,095 bytes, none of them zero")                                              \
    X(ranges,                                                                                                \
      "array of an even number of unsigned integers: first, end of each interval [first, end), none empty, " \
      "sorted, disjoint, not touching; at most 65,536 intervals")                                            \
    X(u64s, "array of at most 65,536 unsigned integers")                                                     \
    X(rows,                                                                                                  \
      "array of at most 65,536 values: row after row, those of each column without a number of its own; a "  \
      "bool is 0 or 1 there")                                                                                \
    X(column, "array of the values of one column of rows, as many as there are rows; none: all are zero")

typedef enum {
#define TYPE_ENUM(type, doc) TYPE_##type,
    WIRE_TYPE_MAP(TYPE_ENUM)
#undef TYPE_ENUM
        TYPE_COUNT
} wire_type_t;

typedef struct {
    uint32_t number;  /* 0: its values lie in the array of the rows, else in one of their own */
    wire_type_t type; /* u64 i64 f64 bool name */
    size_t offset;    /* within a row */
    const char *name;
    const char *doc;
} schema_column_t;

typedef struct {
    size_t row_bytes;
    const schema_column_t *columns;
    size_t column_count;
} schema_rows_t;

typedef struct {
    uint32_t number; /* key in the map, 1 and up */
    wire_type_t type;
    size_t offset; /* within message_t */
    const char *name;
    const char *doc;
    const schema_rows_t *rows; /* of TYPE_rows, and of TYPE_column, where the offset is that of its rows */
} schema_field_t;

typedef struct {
    message_kind_t kind;
    message_class_t class;
    const char *name;
    const char *doc;
    const schema_field_t *fields; /* in the order of schema.def: a column behind its rows */
    size_t field_count;
    const uint8_t *places; /* by number: the index in fields plus 1; 0: no such field */
    size_t place_count;
} schema_t;

/* The schema of a kind; NULL when this version does not know it. */
const schema_t *schema_find(uint64_t kind);

/* One past the greatest kind: schema_find for 0 .. schema_end() - 1 visits all. */
uint64_t schema_end(void);

/* The field of a number; NULL when this version does not know it. */
const schema_field_t *schema_field(const schema_t *self, uint64_t number);

/* The rows of a field, whatever their kind. */
wire_rows_t schema_rows(const void *value);
void schema_set_rows(void *value, void *items, size_t count);

/* Returns whether a column's values lie in the array of a field: of the rows, or of that column alone. */
static inline bool schema_has_column(const schema_field_t *field, const schema_column_t *column)
{
    return column->number == (field->type == TYPE_rows ? 0 : field->number);
}

/* Columns in the array of a field. */
size_t schema_width(const schema_field_t *field);

/* Returns whether a value is not zero or empty: only those are packed and printed. */
bool schema_is_present(const void *value, wire_type_t type);

const char *wire_type_name(wire_type_t type);
const char *wire_type_doc(wire_type_t type);
const char *message_class_name(message_class_t class);

/* Where a field lies in a message. */
static inline void *schema_at(message_t *message, const schema_field_t *field)
{
    return (char *)message + field->offset;
}

static inline const void *schema_peek(const message_t *message, const schema_field_t *field)
{
    return (const char *)message + field->offset;
}

#endif
