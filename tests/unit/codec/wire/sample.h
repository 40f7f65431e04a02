/* sample - messages of any kind, filled by the schema: with fixed values, or with random ones.
 *
 * Why      a message added to schema.def is tested by the golden bytes, the property tests and the fuzzer at
 *          once.
 * Threads  any.
 */
#ifndef TESTS_UNIT_CODEC_WIRE_SAMPLE_H
#define TESTS_UNIT_CODEC_WIRE_SAMPLE_H

#include "codec/base/rng.h"
#include "codec/wire/schema.h"

#include <string.h>

/* The next kind after `kind` (0 for the first); NULL behind the last. */
static inline const schema_t *sample_next(uint64_t kind)
{
    while (++kind < schema_end())
        if (schema_find(kind))
            return schema_find(kind);
    return NULL;
}

/* A number of any magnitude: small ones are as likely as large ones. */
static inline uint64_t sample_u64(rng_t *rng)
{
    return rng_u64(rng) >> rng_below(rng, 64);
}

static inline void sample_string(rng_t *rng, char *out, size_t room)
{
    size_t length = rng_below(rng, 4) ? rng_below(rng, room < 20 ? room : 20) : rng_below(rng, room);
    for (size_t index = 0; index < length; index++)
        out[index] = (char)(1 + rng_below(rng, 255));
    out[length] = 0;
}

static inline void sample_ranges(rng_t *rng, wire_ranges_t *field)
{
    ranges_t ranges = {0};
    for (uint64_t left = rng_below(rng, 20); left; left--) {
        uint64_t first = sample_u64(rng) / 2;
        CHECK(ranges_add(&ranges, first, first + 1 + rng_below(rng, 1000)) == ERR_OK);
    }
    message_set_ranges(field, &ranges);
    ranges_fini(&ranges);
}

static inline void sample_value(rng_t *rng, void *value, wire_type_t type)
{
    char text[WIRE_NAME_SIZE];
    uint64_t bits = sample_u64(rng);
    switch (type) {
    case TYPE_bool:
        *(bool *)value = bits & 1;
        break;
    case TYPE_name:
        sample_string(rng, text, WIRE_NAME_SIZE);
        message_set_name(value, text);
        break;
    default: /* any bits, NaN and infinities among them */
        memcpy(value, &bits, sizeof bits);
    }
}

/* One value of the rows that are there. */
static inline void *sample_cell(const void *field, const schema_field_t *about, size_t row, size_t column)
{
    char *rows = schema_rows(field).items;
    return rows + row * about->rows->row_bytes + about->rows->columns[column].offset;
}

static inline void sample_rows(rng_t *rng, void *field, const schema_field_t *about)
{
    message_new_rows(field, about->rows->row_bytes, rng_below(rng, 6));
    for (size_t row = 0; row < schema_rows(field).count; row++)
        for (size_t i = 0; i < about->rows->column_count; i++)
            sample_value(rng, sample_cell(field, about, row, i), about->rows->columns[i].type);
}

static inline void sample_field(rng_t *rng, void *field, const schema_field_t *about)
{
    char text[WIRE_TEXT_SIZE];
    uint64_t list[32];
    switch (about->type) {
    case TYPE_text:
        sample_string(rng, text, WIRE_TEXT_SIZE);
        message_set_text(field, text);
        break;
    case TYPE_ranges:
        sample_ranges(rng, field);
        break;
    case TYPE_u64s:
        for (size_t index = 0; index < 32; index++)
            list[index] = sample_u64(rng);
        message_set_u64s(field, list, rng_below(rng, 33));
        break;
    case TYPE_rows:
        sample_rows(rng, field, about);
        break;
    case TYPE_column: /* with its rows */
        break;
    default:
        sample_value(rng, field, about->type);
    }
}

static inline void sample_data(rng_t *rng, slice_t *data)
{
    size_t size = rng_below(rng, 300), before = rng_below(rng, 9);
    buf_t *buf = buf_new_zero(before + size + 3);
    for (size_t index = 0; index < buf_size(buf); index++)
        ((uint8_t *)buf_data(buf))[index] = (uint8_t)rng_u64(rng);
    *data = slice_of(buf, before, size);
    buf_destroy(&buf);
}

/* A message with about half of its fields set; the caller owns it. */
static inline message_t *sample_random(rng_t *rng, const schema_t *schema)
{
    char to[WIRE_NAME_SIZE], from[WIRE_NAME_SIZE];
    sample_string(rng, to, sizeof to);
    sample_string(rng, from, sizeof from);
    message_t *self = message_new(schema->kind, to, from);
    self->incarnation = sample_u64(rng) % (INCARNATION_TERM_MAX << 32);
    self->number = sample_u64(rng);
    for (size_t index = 0; index < schema->field_count; index++)
        if (rng_below(rng, 2))
            sample_field(rng, schema_at(self, &schema->fields[index]), &schema->fields[index]);
    if (rng_below(rng, 2))
        sample_data(rng, &self->data);
    return self;
}

static inline void sample_fix_value(void *value, wire_type_t type, uint64_t number, size_t index)
{
    const uint64_t numbers[] = {number, 0, UINT64_C(1) << 33};
    switch (type) {
    case TYPE_i64:
        *(int64_t *)value = -(int64_t)numbers[index % 3];
        break;
    case TYPE_f64:
        *(double *)value = (double)numbers[index % 3] + 0.5;
        break;
    case TYPE_bool:
        *(bool *)value = numbers[index % 3];
        break;
    case TYPE_name:
        message_set_name(value, numbers[index % 3] ? "keeper/shanghai/2" : "");
        break;
    default:
        *(uint64_t *)value = numbers[index % 3];
    }
}

/* The columns in the array of a field; three rows, made with the first of them. */
static inline void sample_fix_rows(void *field, const schema_field_t *about)
{
    size_t index = 0;
    if (!schema_rows(field).count)
        message_new_rows(field, about->rows->row_bytes, 3);
    for (size_t row = 0; row < 3; row++)
        for (size_t i = 0; i < about->rows->column_count; i++)
            if (schema_has_column(about, &about->rows->columns[i]))
                sample_fix_value(sample_cell(field, about, row, i), about->rows->columns[i].type,
                                 about->number, index++);
}

static inline void sample_fix(void *field, const schema_field_t *about)
{
    uint64_t number = about->number, list[] = {number, 0, UINT64_C(1) << 33};
    range_t items[] = {{0, number}, {300 + number, 70000}, {UINT64_C(1) << 40, UINT64_MAX}};
    ranges_t ranges = {items, 3, 3};
    switch (about->type) {
    case TYPE_u64: /* every width */
        *(uint64_t *)field = number << (number * 7 % 60);
        break;
    case TYPE_i64:
        *(int64_t *)field = -(int64_t)(number << (number * 7 % 60));
        break;
    case TYPE_f64:
        *(double *)field = (double)number + 0.5;
        break;
    case TYPE_bool:
        *(bool *)field = true;
        break;
    case TYPE_name:
        message_set_name(field, about->name);
        break;
    case TYPE_text:
        message_set_text(field, about->name);
        break;
    case TYPE_ranges:
        message_set_ranges(field, &ranges);
        break;
    case TYPE_u64s:
        message_set_u64s(field, list, 3);
        break;
    case TYPE_rows:
    case TYPE_column:
        sample_fix_rows(field, about);
        break;
    case TYPE_COUNT:
        break;
    }
}

/* A message with every field set to a value that follows from its number; the caller owns it. */
static inline message_t *sample_fixed(const schema_t *schema)
{
    message_t *self = message_new(schema->kind, "shard/shanghai/0", "worker/shanghai/1");
    self->incarnation = UINT64_C(0x200000007);
    self->number = (uint64_t)schema->kind * 1000;
    for (size_t index = 0; index < schema->field_count; index++)
        sample_fix(schema_at(self, &schema->fields[index]), &schema->fields[index]);
    if (schema->class != CLASS_CONTROL) {
        buf_t *buf = buf_new_copy("\0\0\x80\x3f\0\0\0\xc0", 8); /* 1, -2 as float32 */
        self->data = slice_of(buf, 0, 8);
        buf_destroy(&buf);
    }
    return self;
}

#endif
