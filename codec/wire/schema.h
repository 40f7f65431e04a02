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
    X(u64s, "array of at most 65,536 unsigned integers")

typedef enum {
#define TYPE_ENUM(type, doc) TYPE_##type,
    WIRE_TYPE_MAP(TYPE_ENUM)
#undef TYPE_ENUM
        TYPE_COUNT
} wire_type_t;

typedef struct {
    uint32_t number; /* key in the map, 1 and up */
    wire_type_t type;
    size_t offset; /* within message_t */
    const char *name;
    const char *doc;
} schema_field_t;

typedef struct {
    message_kind_t kind;
    message_class_t class;
    const char *name;
    const char *doc;
    const schema_field_t *fields; /* in the order of their numbers */
    size_t field_count;
} schema_t;

/* The schema of a kind; NULL when this version does not know it. */
const schema_t *schema_find(uint64_t kind);

/* One past the greatest kind: schema_find for 0 .. schema_end() - 1 visits all. */
uint64_t schema_end(void);

/* The field of a number; NULL when this version does not know it. */
const schema_field_t *schema_field(const schema_t *self, uint64_t number);

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
