#include "codec/wire/message.h"
#include "codec/wire/scan.h"
#include "codec/wire/schema.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Two sets of ranges and a few lists, all as long as they may be. */
static const scan_limits_t s_limits = {.depth = SCAN_DEPTH_MAX, .elements = 1u << 20};

/* The field that is being read, and the column of it, for the text of an error. */
typedef struct {
    reader_t reader;
    const schema_t *schema;
    const schema_field_t *field;
    const schema_column_t *column; /* NULL: not of rows */
    size_t offset;
} place_t;

static err_code_t s_refuse(const place_t *place, err_code_t code, const char *what, err_t *err)
{
    return err_set(err, code, "%s.%s%s%s at byte %zu: %s", place->schema->name, place->field->name,
                   place->column ? ", " : "", place->column ? place->column->name : "", place->offset, what);
}

static err_code_t s_mismatch(const place_t *place, token_type_t type, err_t *err)
{
    char what[64];
    wire_type_t wanted = place->column ? place->column->type : place->field->type;
    snprintf(what, sizeof what, "%s where %s belongs", token_type_name(type), wire_type_name(wanted));
    return s_refuse(place, ERR_MALFORMED, what, err);
}

static err_code_t s_load_i64(const place_t *place, const token_t *token, int64_t *value, err_t *err)
{
    if (token->type != TOKEN_INT && token->type != TOKEN_UINT)
        return s_mismatch(place, token->type, err);
    if (token->type == TOKEN_UINT && token->uint > INT64_MAX)
        return s_refuse(place, ERR_LIMIT, "above 2^63 - 1", err);
    *value = token->sint;
    return ERR_OK;
}

static err_code_t s_check_str(const place_t *place, const token_t *token, size_t room, err_t *err)
{
    if (token->type != TOKEN_STR)
        return s_mismatch(place, token->type, err);
    if (token->length >= room) {
        char what[64];
        snprintf(what, sizeof what, "%zu bytes; at most %zu", token->length, room - 1);
        return s_refuse(place, ERR_LIMIT, what, err);
    }
    if (token->length && memchr(token->body, 0, token->length))
        return s_refuse(place, ERR_MALFORMED, "a zero byte in a string", err);
    return ERR_OK;
}

static err_code_t s_load_name(const place_t *place, const token_t *token, char *name, err_t *err)
{
    err_code_t code = s_check_str(place, token, WIRE_NAME_SIZE, err);
    if (!code)
        memcpy(name, token->body, token->length); /* the rest is zero */
    return code;
}

static err_code_t s_load_text(const place_t *place, const token_t *token, wire_text_t *text, err_t *err)
{
    err_code_t code = s_check_str(place, token, WIRE_TEXT_SIZE, err);
    if (code || token->length == 0)
        return code;
    *text = malloc(token->length + 1);
    CHECK(*text);
    memcpy(*text, token->body, token->length);
    (*text)[token->length] = 0;
    return ERR_OK;
}

/* The numbers of an array whose header was read, into memory that the message owns. */
static err_code_t s_load_numbers(place_t *place, const token_t *array, size_t limit, uint64_t **ret_items,
                                 err_t *err)
{
    if (array->type != TOKEN_ARRAY)
        return s_mismatch(place, array->type, err);
    if (array->length > limit)
        return s_refuse(place, ERR_LIMIT, "too many numbers", err);
    if (array->length == 0)
        return ERR_OK;
    uint64_t *items = malloc(array->length * sizeof *items);
    CHECK(items);
    *ret_items = items;
    for (size_t index = 0; index < array->length; index++) {
        token_t token;
        const char *wrong = token_read(&place->reader, &token);
        if (wrong)
            return s_refuse(place, ERR_MALFORMED, wrong, err);
        if (token.type != TOKEN_UINT)
            return s_mismatch(place, token.type, err);
        items[index] = token.uint;
    }
    return ERR_OK;
}

static err_code_t s_load_u64s(place_t *place, const token_t *token, wire_u64s_t *list, err_t *err)
{
    err_code_t code = s_load_numbers(place, token, WIRE_LIST_MAX, &list->items, err);
    if (!code)
        list->count = token->length;
    return code;
}

static err_code_t s_load_ranges(place_t *place, const token_t *token, wire_ranges_t *ranges, err_t *err)
{
    _Static_assert(sizeof(range_t) == 2 * sizeof(uint64_t), "an interval is two numbers");
    uint64_t *numbers = NULL;
    err_code_t code = s_load_numbers(place, token, 2 * (size_t)RANGES_MAX, &numbers, err);
    ranges->items = (range_t *)numbers; /* malloc's memory suits either; the message owns it from here */
    if (code)
        return code;
    if (token->length % 2)
        return s_refuse(place, ERR_MALFORMED, "an odd number of bounds", err);
    ranges->count = token->length / 2;
    err_t why;
    code = ranges_check(ranges->items, ranges->count, &why);
    return code ? s_refuse(place, code, why.text, err) : ERR_OK;
}

/* A value of its own, or one of a row. */
static err_code_t s_load_value(const place_t *place, wire_type_t type, const token_t *token, void *value,
                               err_t *err)
{
    switch (type) {
    case TYPE_u64:
        if (token->type != TOKEN_UINT)
            break;
        *(uint64_t *)value = token->uint;
        return ERR_OK;
    case TYPE_i64:
        return s_load_i64(place, token, value, err);
    case TYPE_f64:
        if (token->type != TOKEN_FLOAT)
            break;
        *(double *)value = token->real;
        return ERR_OK;
    case TYPE_bool: /* of a row */
        if (token->type != TOKEN_UINT || token->uint > 1)
            break;
        *(bool *)value = token->uint;
        return ERR_OK;
    default: /* TYPE_name */
        return s_load_name(place, token, value, err);
    }
    return s_mismatch(place, token->type, err);
}

/* Makes the rows with the first of their arrays that is read; the others are of as many. */
static err_code_t s_size_rows(const place_t *place, size_t count, wire_rows_t *rows, void *value, err_t *err)
{
    if (rows->count && count != rows->count)
        return s_refuse(place, ERR_MALFORMED, "not as many as there are rows", err);
    if (rows->count)
        return ERR_OK;
    *rows = (wire_rows_t){calloc(count, place->field->rows->row_bytes), count};
    CHECK(rows->items);
    schema_set_rows(value, rows->items, count); /* the message owns them from here */
    return ERR_OK;
}

static err_code_t s_load_row(place_t *place, char *row, err_t *err)
{
    const schema_field_t *field = place->field;
    err_code_t code = ERR_OK;
    for (size_t i = 0; i < field->rows->column_count && !code; i++) {
        const schema_column_t *column = &field->rows->columns[i];
        token_t token;
        if (!schema_has_column(field, column))
            continue;
        place->column = column;
        const char *wrong = token_read(&place->reader, &token);
        code = wrong ? s_refuse(place, ERR_MALFORMED, wrong, err)
                     : s_load_value(place, column->type, &token, row + column->offset, err);
    }
    place->column = NULL;
    return code;
}

static err_code_t s_load_rows(place_t *place, const token_t *array, void *value, err_t *err)
{
    const schema_field_t *field = place->field;
    size_t width = schema_width(field);
    wire_rows_t rows = schema_rows(value);
    if (array->type != TOKEN_ARRAY)
        return s_mismatch(place, array->type, err);
    if (array->length > WIRE_LIST_MAX)
        return s_refuse(place, ERR_LIMIT, "too many values", err);
    if (array->length % width)
        return s_refuse(place, ERR_MALFORMED, "the last row is not whole", err);
    if (array->length == 0)
        return ERR_OK;
    err_code_t code = s_size_rows(place, array->length / width, &rows, value, err);
    for (size_t row = 0; row < rows.count && !code; row++)
        code = s_load_row(place, (char *)rows.items + row * field->rows->row_bytes, err);
    return code;
}

static err_code_t s_load(place_t *place, void *value, err_t *err)
{
    token_t token;
    const char *wrong = token_read(&place->reader, &token);
    if (wrong)
        return s_refuse(place, ERR_MALFORMED, wrong, err);
    switch (place->field->type) {
    case TYPE_bool:
        if (token.type != TOKEN_BOOL)
            return s_mismatch(place, token.type, err);
        *(bool *)value = token.boolean;
        return ERR_OK;
    case TYPE_text:
        return s_load_text(place, &token, value, err);
    case TYPE_ranges:
        return s_load_ranges(place, &token, value, err);
    case TYPE_u64s:
        return s_load_u64s(place, &token, value, err);
    case TYPE_rows:
    case TYPE_column:
        return s_load_rows(place, &token, value, err);
    default:
        return s_load_value(place, place->field->type, &token, value, err);
    }
}

/* The map was scanned: its header and its keys are known to be good. */
static err_code_t s_load_map(message_t *self, const schema_t *schema, const void *map, size_t map_bytes,
                             err_t *err)
{
    place_t place = {.schema = schema};
    token_t token;
    reader_init(&place.reader, map, map_bytes);
    const char *wrong = token_read(&place.reader, &token);
    CHECK(!wrong && token.type == TOKEN_MAP);
    for (size_t left = token.length; left; left--) {
        wrong = token_read(&place.reader, &token);
        CHECK(!wrong && token.type == TOKEN_UINT);
        if (token.uint == 0)
            return ERR_OK; /* the header of the data ends the map */
        place.field = schema_field(schema, token.uint);
        place.offset = reader_offset(&place.reader);
        size_t elements = 0;
        err_code_t code = place.field ? s_load(&place, schema_at(self, place.field), err)
                                      : scan_value(&place.reader, &s_limits, &elements, err);
        if (code)
            return code;
    }
    return ERR_OK;
}

static err_code_t s_check_frames(const void *map, size_t map_bytes, const slice_t *data, err_t *err)
{
    if (map_bytes > MESSAGE_MAP_MAX)
        return err_set(err, ERR_LIMIT, "map frame of %zu bytes; at most %u", map_bytes, MESSAGE_MAP_MAX);
    if (data && data->size_bytes > MESSAGE_DATA_MAX)
        return err_set(err, ERR_LIMIT, "data frame of %zu bytes; at most %u", data->size_bytes,
                       MESSAGE_DATA_MAX);
    scan_t scan;
    err_code_t code = scan_msgpack(map, map_bytes, &s_limits, &scan, err);
    if (code)
        return code;
    if (scan.has_data && !data)
        return err_set(err, ERR_MALFORMED, "%zu bytes of data announced and no data frame", scan.data_bytes);
    if (!scan.has_data && data)
        return err_set(err, ERR_MALFORMED, "a data frame that the map does not announce");
    if (data && scan.data_bytes != data->size_bytes)
        return err_set(err, ERR_MALFORMED, "a data frame of %zu bytes where %zu are announced",
                       data->size_bytes, scan.data_bytes);
    return ERR_OK;
}

static message_t *s_new(const envelope_t *envelope)
{
    message_t *self = message_new(envelope->kind, "", "");
    if (envelope->to_length)
        memcpy(self->to, envelope->to, envelope->to_length);
    if (envelope->from_length)
        memcpy(self->from, envelope->from, envelope->from_length);
    self->incarnation = envelope->incarnation;
    self->number = envelope->number;
    return self;
}

err_code_t message_unpack(const void *envelope, size_t envelope_bytes, const void *map, size_t map_bytes,
                          const slice_t *data, message_t **ret_self, err_t *err)
{
    envelope_t head;
    err_code_t code = envelope_peek(envelope, envelope_bytes, &head, err);
    if (code)
        return code;
    const schema_t *schema = schema_find((uint64_t)head.kind);
    if (!schema)
        return err_set(err, ERR_VERSION, "message kind %u is not known here", (unsigned)head.kind);
    if (head.class != schema->class)
        return err_set(err, ERR_MALFORMED, "%s in class %s", schema->name, message_class_name(head.class));
    const slice_t *body = data && data->buf ? data : NULL;
    code = s_check_frames(map, map_bytes, body, err);
    if (code)
        return err_prefix(err, code, "%s", schema->name);
    message_t *self = s_new(&head);
    code = s_load_map(self, schema, map, map_bytes, err);
    if (code) {
        message_destroy(&self);
        return code;
    }
    if (body)
        self->data = slice_ref(body);
    *ret_self = self;
    return ERR_OK;
}
