#include "codec/wire/message.h"
#include "codec/wire/schema.h"

#include <msgpack.h>
#include <string.h>

/* Where packed bytes go. The first pass only counts, so that the buffer is exactly as long as what it holds.
 */
typedef struct {
    char *at; /* NULL: count */
    size_t size;
} sink_t;

static int s_write_bytes(void *context, const char *bytes, size_t size)
{
    sink_t *sink = context;
    if (sink->at)
        memcpy(sink->at + sink->size, bytes, size);
    sink->size += size;
    return 0;
}

static void s_pack_str(msgpack_packer *packer, const char *text)
{
    size_t length = strlen(text);
    msgpack_pack_str(packer, length);
    msgpack_pack_str_body(packer, text, length);
}

static void s_pack_ranges(msgpack_packer *packer, const wire_ranges_t *ranges)
{
    CHECK(ranges->count <= RANGES_MAX);
    msgpack_pack_array(packer, 2 * ranges->count);
    for (size_t index = 0; index < ranges->count; index++) {
        msgpack_pack_uint64(packer, ranges->items[index].first);
        msgpack_pack_uint64(packer, ranges->items[index].end);
    }
}

static void s_pack_u64s(msgpack_packer *packer, const wire_u64s_t *list)
{
    CHECK(list->count <= WIRE_LIST_MAX);
    msgpack_pack_array(packer, list->count);
    for (size_t index = 0; index < list->count; index++)
        msgpack_pack_uint64(packer, list->items[index]);
}

/* A value of its own, or one of a row. */
static inline void s_pack_value(msgpack_packer *packer, const void *value, wire_type_t type)
{
    switch (type) {
    case TYPE_u64:
        msgpack_pack_uint64(packer, *(const uint64_t *)value);
        break;
    case TYPE_i64:
        msgpack_pack_int64(packer, *(const int64_t *)value);
        break;
    case TYPE_f64:
        msgpack_pack_double(packer, *(const double *)value);
        break;
    case TYPE_bool: /* of a row: lists of numbers were there before */
        msgpack_pack_uint64(packer, *(const bool *)value);
        break;
    default: /* TYPE_name */
        s_pack_str(packer, value);
    }
}

static void s_pack_rows(msgpack_packer *packer, const void *value, const schema_field_t *field)
{
    wire_rows_t rows = schema_rows(value);
    const schema_rows_t *about = field->rows;
    size_t count = rows.count * schema_width(field);
    CHECK(count <= WIRE_LIST_MAX);
    msgpack_pack_array(packer, count);
    for (size_t row = 0; row < rows.count; row++)
        for (size_t i = 0; i < about->column_count; i++)
            if (schema_has_column(field, &about->columns[i]))
                s_pack_value(packer,
                             (const char *)rows.items + row * about->row_bytes + about->columns[i].offset,
                             about->columns[i].type);
}

static void s_pack_field(msgpack_packer *packer, const void *value, const schema_field_t *field)
{
    switch (field->type) {
    case TYPE_bool:
        msgpack_pack_true(packer); /* false is absent */
        break;
    case TYPE_text:
        s_pack_str(packer, *(const wire_text_t *)value);
        break;
    case TYPE_ranges:
        s_pack_ranges(packer, value);
        break;
    case TYPE_u64s:
        s_pack_u64s(packer, value);
        break;
    case TYPE_rows:
    case TYPE_column:
        s_pack_rows(packer, value, field);
        break;
    default:
        s_pack_value(packer, value, field->type);
    }
}

static void s_pack_envelope(const message_t *self, sink_t *sink)
{
    msgpack_packer packer;
    msgpack_packer_init(&packer, sink, s_write_bytes);
    msgpack_pack_array(&packer, 7);
    msgpack_pack_uint64(&packer, MESSAGE_PROTOCOL);
    msgpack_pack_uint64(&packer, (uint64_t)self->kind);
    s_pack_str(&packer, self->to);
    s_pack_str(&packer, self->from);
    msgpack_pack_uint64(&packer, self->incarnation);
    msgpack_pack_uint64(&packer, self->number);
    msgpack_pack_uint64(&packer, (uint64_t)message_kind_class(self->kind));
}

/* Always the 5-byte form, whatever the length: the data frame is its body. */
static void s_pack_data_head(sink_t *sink, size_t size)
{
    const char head[] = {0,         (char)0xc6, (char)(size >> 24), (char)(size >> 16), (char)(size >> 8),
                         (char)size};
    s_write_bytes(sink, head, sizeof head);
}

/* Fields are in the order of their numbers, which is looked for only where a column's may be far from its
 * rows'. */
static void s_pack_map(const message_t *self, const schema_t *schema, size_t present, sink_t *sink)
{
    msgpack_packer packer;
    msgpack_packer_init(&packer, sink, s_write_bytes);
    msgpack_pack_map(&packer, present + (self->data.buf != NULL));
    size_t count = schema->scattered ? schema->place_count : schema->field_count;
    for (size_t i = 0; i < count; i++) {
        const schema_field_t *field = schema->scattered ? schema_field(schema, i) : &schema->fields[i];
        if (field && schema_is_present(schema_peek(self, field), field->type)) {
            msgpack_pack_uint64(&packer, field->number);
            s_pack_field(&packer, schema_peek(self, field), field);
        }
    }
    if (self->data.buf)
        s_pack_data_head(sink, self->data.size_bytes);
}

static size_t s_count_present(const message_t *self, const schema_t *schema)
{
    size_t present = 0;
    for (size_t index = 0; index < schema->field_count; index++)
        present += schema_is_present(schema_peek(self, &schema->fields[index]), schema->fields[index].type);
    return present;
}

buf_t *message_pack(const message_t *self, size_t *ret_envelope_bytes)
{
    const schema_t *schema = schema_find((uint64_t)self->kind);
    CHECK(schema && self->data.size_bytes <= MESSAGE_DATA_MAX);
    size_t present = s_count_present(self, schema);
    sink_t sink = {NULL, 0};
    s_pack_envelope(self, &sink);
    size_t envelope_bytes = sink.size;
    s_pack_map(self, schema, present, &sink);
    CHECK(envelope_bytes <= MESSAGE_ENVELOPE_MAX && sink.size - envelope_bytes <= MESSAGE_MAP_MAX);

    buf_t *packed = buf_new(sink.size);
    CHECK(packed);
    sink = (sink_t){buf_data(packed), 0};
    s_pack_envelope(self, &sink);
    s_pack_map(self, schema, present, &sink);
    CHECK(sink.size == buf_size(packed));
    *ret_envelope_bytes = envelope_bytes;
    return packed;
}
