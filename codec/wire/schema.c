#include "codec/wire/schema.h"

#include <string.h>

/* One array of fields per message; the empty last one lets a message have none. */
#define MESSAGE(name, number, class, doc) static const schema_field_t s_fields_of_##name[] = {
#define FIELD(message, number, type, name, doc)                                                              \
    {number, TYPE_##type, offsetof(message_t, message.name), #name, doc},
#define END(name)                                                                                            \
    {                                                                                                        \
        0, TYPE_COUNT, 0, NULL, NULL                                                                         \
    }                                                                                                        \
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
    [number] = {KIND_##name, CLASS_##class, #name, doc, s_fields_of_##name, FIELD_COUNT(name)},
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
    /* Numbers run from 1 without gaps as long as no field was ever taken out. */
    if (number - 1 < self->field_count && self->fields[number - 1].number == number)
        return &self->fields[number - 1];
    for (size_t index = 0; index < self->field_count; index++)
        if (self->fields[index].number == number)
            return &self->fields[index];
    return NULL;
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
