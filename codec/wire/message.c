#include "codec/wire/message.h"

#include "codec/wire/schema.h"

#include <stdlib.h>
#include <string.h>

static void *s_copy(const void *items, size_t size)
{
    if (!size)
        return NULL;
    void *copy = malloc(size);
    CHECK(copy);
    memcpy(copy, items, size);
    return copy;
}

message_t *message_new(message_kind_t kind, const char *to, const char *from)
{
    CHECK(schema_find((uint64_t)kind));
    message_t *self = malloc(sizeof *self); /* glibc's calloc goes past the thread's cache of free blocks */
    CHECK(self);
    memset(self, 0, sizeof *self);
    self->kind = kind;
    message_set_name(self->to, to);
    message_set_name(self->from, from);
    return self;
}

/* Gives the field of a copied message memory of its own. */
static void s_own(void *field, const schema_field_t *about)
{
    wire_type_t type = about->type;
    if (type == TYPE_text) {
        wire_text_t *text = field;
        *text = *text ? s_copy(*text, strlen(*text) + 1) : NULL;
    } else if (type == TYPE_ranges) {
        wire_ranges_t *ranges = field;
        ranges->items = s_copy(ranges->items, ranges->count * sizeof *ranges->items);
    } else if (type == TYPE_u64s) {
        wire_u64s_t *list = field;
        list->items = s_copy(list->items, list->count * sizeof *list->items);
    } else if (type == TYPE_rows) {
        wire_rows_t rows = schema_rows(field);
        schema_set_rows(field, s_copy(rows.items, rows.count * about->rows->row_bytes), rows.count);
    }
}

message_t *message_dup(const message_t *self)
{
    message_t *copy = s_copy(self, sizeof *self);
    copy->data = slice_ref(&self->data);
    const schema_t *schema = schema_find((uint64_t)self->kind);
    for (size_t index = 0; index < schema->field_count; index++)
        s_own(schema_at(copy, &schema->fields[index]), &schema->fields[index]);
    return copy;
}

static void s_free(void *field, wire_type_t type)
{
    if (type == TYPE_text)
        free(*(wire_text_t *)field);
    else if (type == TYPE_ranges)
        free(((wire_ranges_t *)field)->items);
    else if (type == TYPE_u64s)
        free(((wire_u64s_t *)field)->items);
    else if (type == TYPE_rows)
        free(schema_rows(field).items);
}

void message_destroy(message_t **self_p)
{
    message_t *self = *self_p;
    *self_p = NULL;
    if (!self)
        return;
    const schema_t *schema = schema_find((uint64_t)self->kind);
    for (size_t index = 0; index < schema->field_count; index++)
        s_free(schema_at(self, &schema->fields[index]), schema->fields[index].type);
    slice_fini(&self->data);
    free(self);
}

void message_set_text(wire_text_t *field, const char *text)
{
    size_t length = text ? strlen(text) : 0;
    char *copy = NULL;
    if (length > WIRE_TEXT_SIZE - 1)
        length = WIRE_TEXT_SIZE - 1;
    if (length) {
        copy = malloc(length + 1);
        CHECK(copy);
        memcpy(copy, text, length);
        copy[length] = 0;
    }
    free(*field);
    *field = copy;
}

void message_set_ranges(wire_ranges_t *field, const ranges_t *ranges)
{
    range_t *items = s_copy(ranges->items, ranges->count * sizeof *items);
    free(field->items);
    *field = (wire_ranges_t){items, ranges->count};
}

void message_set_u64s(wire_u64s_t *field, const uint64_t *items, size_t count)
{
    CHECK(count <= WIRE_LIST_MAX);
    uint64_t *copy = s_copy(items, count * sizeof *items);
    free(field->items);
    *field = (wire_u64s_t){copy, count};
}

void *message_new_rows(void *field, size_t row_bytes, size_t count)
{
    void *rows = count ? calloc(count, row_bytes) : NULL;
    CHECK(rows || !count);
    free(schema_rows(field).items);
    schema_set_rows(field, rows, count);
    return rows;
}

void message_dup_rows(void *field, size_t row_bytes, const void *from)
{
    wire_rows_t rows = schema_rows(from);
    void *copy = s_copy(rows.items, rows.count * row_bytes);
    free(schema_rows(field).items);
    schema_set_rows(field, copy, rows.count);
}

void message_set_name(wire_name_t field, const char *name)
{
    size_t length = strlen(name);
    CHECK(length < WIRE_NAME_SIZE);
    memmove(field, name, length);
    memset(field + length, 0, WIRE_NAME_SIZE - length);
}

/* ---- compare ---- */

static bool s_equal_items(const void *a, size_t a_count, const void *b, size_t b_count, size_t size)
{
    return a_count == b_count && (a_count == 0 || memcmp(a, b, a_count * size) == 0);
}

static const char *s_text(const void *field)
{
    const wire_text_t *text = field;
    return *text ? *text : "";
}

static bool s_equal_value(const void *a, const void *b, wire_type_t type)
{
    switch (type) {
    case TYPE_u64:
    case TYPE_i64:
    case TYPE_f64: /* by bits: a NaN equals itself, and 0 is not -0 */
        return memcmp(a, b, 8) == 0;
    case TYPE_bool:
        return *(const bool *)a == *(const bool *)b;
    default: /* TYPE_name: rows have no others */
        return strcmp(a, b) == 0;
    }
}

static bool s_equal_row(const char *a, const char *b, const schema_rows_t *about)
{
    bool equal = true;
    for (size_t i = 0; i < about->column_count && equal; i++) {
        const schema_column_t *column = &about->columns[i];
        equal = s_equal_value(a + column->offset, b + column->offset, column->type);
    }
    return equal;
}

static bool s_equal_rows(const void *a, const void *b, const schema_rows_t *about)
{
    wire_rows_t rows = schema_rows(a), others = schema_rows(b);
    bool equal = rows.count == others.count;
    for (size_t i = 0; i < rows.count && equal; i++)
        equal = s_equal_row((const char *)rows.items + i * about->row_bytes,
                            (const char *)others.items + i * about->row_bytes, about);
    return equal;
}

static bool s_equal(const void *a, const void *b, const schema_field_t *field)
{
    const wire_ranges_t *a_ranges = a, *b_ranges = b;
    const wire_u64s_t *a_list = a, *b_list = b;
    switch (field->type) {
    case TYPE_text:
        return strcmp(s_text(a), s_text(b)) == 0;
    case TYPE_ranges:
        return s_equal_items(a_ranges->items, a_ranges->count, b_ranges->items, b_ranges->count,
                             sizeof(range_t));
    case TYPE_u64s:
        return s_equal_items(a_list->items, a_list->count, b_list->items, b_list->count, sizeof(uint64_t));
    case TYPE_rows:
        return s_equal_rows(a, b, field->rows);
    case TYPE_column: /* with its rows */
        return true;
    default:
        return s_equal_value(a, b, field->type);
    }
}

static bool s_equal_data(const slice_t *a, const slice_t *b)
{
    if (!a->buf || !b->buf)
        return !a->buf && !b->buf;
    return s_equal_items(slice_peek(a), a->size_bytes, slice_peek(b), b->size_bytes, 1);
}

bool message_equal(const message_t *a, const message_t *b)
{
    if (a->kind != b->kind || a->incarnation != b->incarnation || a->number != b->number)
        return false;
    if (strcmp(a->to, b->to) != 0 || strcmp(a->from, b->from) != 0)
        return false;
    const schema_t *schema = schema_find((uint64_t)a->kind);
    for (size_t index = 0; index < schema->field_count; index++) {
        const schema_field_t *field = &schema->fields[index];
        if (!s_equal(schema_peek(a, field), schema_peek(b, field), field))
            return false;
    }
    return s_equal_data(&a->data, &b->data);
}
