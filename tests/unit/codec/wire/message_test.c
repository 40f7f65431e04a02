#include "codec/wire/message.h"
#include "tests/unit/codec/base/seed.h"
#include "tests/unit/codec/wire/frames.h"
#include "tests/unit/codec/wire/sample.h"

#include <criterion/criterion.h>
#include <math.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>

static void s_assert_survives(const message_t *message)
{
    frames_t frames = frames_of(message);
    message_t *back = NULL;
    err_t err = {0};
    cr_assert(frames.envelope_bytes <= MESSAGE_ENVELOPE_MAX);
    cr_assert_eq(frames_unpack(&frames, &back, &err), ERR_OK, "%s: %s", message_kind_name(message->kind),
                 err.text);
    cr_assert(message_equal(message, back), "%s", message_kind_name(message->kind));
    frames_fini(&frames);
    message_destroy(&back);
}

Test(message, every_kind_survives_the_wire)
{
    rng_t rng;
    rng_init(&rng, test_seed());
    for (const schema_t *schema = sample_next(0); schema; schema = sample_next((uint64_t)schema->kind))
        for (int round = 0; round < 100; round++) {
            message_t *message = sample_random(&rng, schema);
            s_assert_survives(message);
            message_destroy(&message);
        }
}

Test(message, longest_fields_survive_the_wire)
{
    message_t *message = message_new(KIND_progress, "", "");
    ranges_t ranges = {0};
    char text[WIRE_TEXT_SIZE + 10];
    for (uint64_t index = 0; index < RANGES_MAX; index++)
        cr_assert_eq(ranges_add(&ranges, UINT64_MAX / 2 + 2 * index, UINT64_MAX / 2 + 2 * index + 1), ERR_OK);
    message_set_ranges(&message->progress.applied, &ranges);
    message_set_ranges(&message->progress.durable, &ranges);
    s_assert_survives(message);
    message_destroy(&message);
    ranges_fini(&ranges);

    memset(text, 'x', sizeof text - 1);
    text[sizeof text - 1] = 0;
    message = message_new(KIND_refused, "", "");
    message_set_text(&message->refused.reason, text);
    cr_assert_eq(strlen(message->refused.reason), WIRE_TEXT_SIZE - 1);
    s_assert_survives(message);
    message_destroy(&message);
}

Test(message, nan_and_minus_zero_survive)
{
    message_t *message = message_new(KIND_curve, "a", "b");
    message->curve.test_accuracy = NAN;
    message->curve.loss = -0.0;
    s_assert_survives(message);
    frames_t frames = frames_of(message);
    message_t *back = NULL;
    cr_assert_eq(frames_unpack(&frames, &back, NULL), ERR_OK);
    cr_assert(isnan(back->curve.test_accuracy));
    cr_assert(signbit(back->curve.loss));
    frames_fini(&frames);
    message_destroy(&back);
    message_destroy(&message);
}

Test(message, data_is_shared_and_may_be_empty)
{
    buf_t *buf = buf_new_zero(64);
    message_t *message = message_new(KIND_push, "shard/eu/0", "worker/eu/1"), *back = NULL;
    message->data = slice_of(buf, 16, 0);
    s_assert_survives(message);
    slice_fini(&message->data);
    message->data = slice_of(buf, 16, 32);
    frames_t frames = frames_of(message);
    cr_assert_eq(frames_unpack(&frames, &back, NULL), ERR_OK);
    cr_assert_eq(slice_peek(&back->data), (const char *)buf_peek(buf) + 16);
    frames_fini(&frames);
    message_destroy(&message);
    buf_destroy(&buf);
    cr_assert(buf_is_unique(back->data.buf));
    message_destroy(&back);
    message_destroy(&back);
}

Test(message, dup_is_equal_and_deep)
{
    rng_t rng;
    rng_init(&rng, test_seed());
    for (const schema_t *schema = sample_next(0); schema; schema = sample_next((uint64_t)schema->kind)) {
        message_t *message = sample_random(&rng, schema);
        message_t *copy = message_dup(message);
        cr_assert(message_equal(message, copy));
        message_destroy(&message);
        s_assert_survives(copy);
        message_destroy(&copy);
    }
}

/* Changes one field of a message that has all of them set. */
static void s_change(message_t *message, const schema_field_t *field)
{
    unsigned char *bytes = schema_at(message, field);
    switch (field->type) {
    case TYPE_text:
        (*(wire_text_t *)(void *)bytes)[0] ^= 1;
        break;
    case TYPE_ranges:
        ((wire_ranges_t *)(void *)bytes)->items[1].end++;
        break;
    case TYPE_u64s:
        ((wire_u64s_t *)(void *)bytes)->count--;
        break;
    case TYPE_rows:
        schema_set_rows(bytes, schema_rows(bytes).items, schema_rows(bytes).count - 1);
        break;
    case TYPE_column:
        for (size_t i = 0; i < field->rows->column_count; i++)
            if (schema_has_column(field, &field->rows->columns[i]))
                *(char *)sample_cell(bytes, field, 2, i) ^= 1;
        break;
    default:
        bytes[0] ^= 1;
    }
}

Test(message, equal_sees_every_field)
{
    for (const schema_t *schema = sample_next(0); schema; schema = sample_next((uint64_t)schema->kind)) {
        message_t *message = sample_fixed(schema);
        for (size_t index = 0; index < schema->field_count; index++) {
            message_t *other = sample_fixed(schema);
            cr_assert(message_equal(message, other));
            s_change(other, &schema->fields[index]);
            cr_assert_not(message_equal(message, other), "%s.%s", schema->name, schema->fields[index].name);
            message_destroy(&other);
        }
        message_destroy(&message);
    }
}

Test(message, equal_sees_envelope_and_data)
{
    const schema_t *schema = schema_find(KIND_push);
    message_t *message = sample_fixed(schema);
    for (int change = 0; change < 7; change++) {
        message_t *other = sample_fixed(schema_find(change == 0 ? KIND_pull : KIND_push));
        if (change == 1)
            other->to[0] ^= 1;
        if (change == 2)
            other->from[0] ^= 1;
        if (change == 3)
            other->incarnation++;
        if (change == 4)
            other->number++;
        if (change == 5)
            ((char *)buf_data(other->data.buf))[7] ^= 1;
        if (change == 6)
            slice_fini(&other->data);
        cr_assert_not(message_equal(message, other), "change %d", change);
        cr_assert_not(message_equal(other, message), "change %d", change);
        message_destroy(&other);
    }
    message_destroy(&message);
}

Test(message, setting_again_replaces)
{
    message_t *message = message_new(KIND_announce, "a", "b");
    const uint64_t list[] = {1, 2, 3};
    message_set_u64s(&message->announce.hosted, list, 3);
    message_set_u64s(&message->announce.hosted, list, 1);
    cr_assert_eq(message->announce.hosted.count, 1);
    message_set_u64s(&message->announce.hosted, NULL, 0);
    cr_assert_eq(message->announce.hosted.count, 0);
    message_set_name(message->announce.host, "a-long-name");
    message_set_name(message->announce.host, "b");
    cr_assert_str_eq(message->announce.host, "b");
    message_destroy(&message);
    message = message_new(KIND_refused, "a", "b");
    message_set_text(&message->refused.reason, "first");
    message_set_text(&message->refused.reason, "second");
    cr_assert_str_eq(message->refused.reason, "second");
    message_set_text(&message->refused.reason, NULL);
    cr_assert_null(message->refused.reason);
    message_destroy(&message);
}

/* Two columns of three are in arrays of their own. */
Test(message, rows_are_one_array_and_one_of_each_column_with_a_number)
{
    message_t *message = message_new(KIND_announce, "", ""), *back = NULL;
    announce_held_t *rows = message_set_rows(&message->announce.held, 2);
    rows[0] = (announce_held_t){.shard = 1, .incarnation = 5, .number = 9};
    rows[1] = (announce_held_t){.shard = 2, .incarnation = 6, .number = 300};
    frames_t frames = frames_of(message);
    static const uint8_t map[] = {0x83, 6, 0x92, 1, 2, 7, 0x92, 5, 6, 8, 0x92, 9, 0xcd, 1, 0x2c};
    cr_assert_eq(frames.map_bytes, sizeof map);
    cr_assert_eq(memcmp(frames.map, map, sizeof map), 0);
    cr_assert_eq(frames_unpack(&frames, &back, NULL), ERR_OK);
    cr_assert(message_equal(message, back));
    frames_fini(&frames);
    message_destroy(&back);
    message_destroy(&message);
}

/* Fields are in the order of their numbers, wherever their columns are declared. */
Test(message, rows_of_several_columns_lie_row_after_row)
{
    message_t *message = message_new(KIND_shard_state, "", "");
    message_set_rows(&message->shard_state.queue, 1);
    message->shard_state.queue.items[0] = (shard_state_queue_t){
        .first = 1, .last = 2, .kind = 3, .steps = 4, .samples = 5, .final = true, .encoding = 6};
    message->shard_state.round = 7;
    frames_t frames = frames_of(message);
    static const uint8_t map[] = {0x83, 17, 0x96, 1, 2, 3, 4, 5, 1, 18, 7, 37, 0x91, 6};
    cr_assert_eq(frames.map_bytes, sizeof map);
    cr_assert_eq(memcmp(frames.map, map, sizeof map), 0);
    frames_fini(&frames);
    message_destroy(&message);
}

Test(message, rows_are_equal_by_their_columns)
{
    message_t *a = message_new(KIND_shard_state, "", ""), *b = message_new(KIND_shard_state, "", "");
    shard_state_queue_t *row = message_set_rows(&a->shard_state.queue, 1);
    message_set_rows(&b->shard_state.queue, 1);
    memset(row, 0xff, sizeof *row); /* also between columns */
    row->first = row->last = row->kind = row->steps = row->samples = row->encoding = 0;
    memset(&row->final, 0, sizeof row->final);
    cr_assert(message_equal(a, b));
    a->shard_state.queue.items[0].final = true;
    cr_assert_not(message_equal(a, b));
    message_copy_rows(&b->shard_state.queue, &a->shard_state.queue);
    cr_assert(message_equal(a, b));
    message_set_rows(&b->shard_state.queue, 0);
    cr_assert_not(message_equal(a, b));
    cr_assert_null(b->shard_state.queue.items);
    message_copy_rows(&a->shard_state.queue, &b->shard_state.queue);
    cr_assert(message_equal(a, b));
    message_destroy(&a);
    message_destroy(&b);
}

Test(message, more_rows_than_a_message_can_have_abort, .signal = SIGABRT)
{
    message_t *message = message_new(KIND_delta, "", "");
    message_set_rows(&message->delta.seen, WIRE_LIST_MAX / 2 + 1);
    size_t envelope_bytes;
    message_pack(message, &envelope_bytes);
}

Test(message, too_long_a_name_aborts, .signal = SIGABRT)
{
    char name[WIRE_NAME_SIZE + 1];
    memset(name, 'n', sizeof name - 1);
    name[sizeof name - 1] = 0;
    message_new(KIND_bye, name, "b");
}

Test(message, kinds_have_names_and_classes)
{
    cr_assert_str_eq(message_kind_name(KIND_push), "push");
    cr_assert_str_eq(message_kind_name((message_kind_t)9999), "unknown");
    cr_assert_str_eq(message_kind_name((message_kind_t)0), "unknown");
    cr_assert_eq(message_kind_class(KIND_push), CLASS_BULK);
    cr_assert_eq(message_kind_class(KIND_pull), CLASS_PULL);
    cr_assert_eq(message_kind_class(KIND_delta), CLASS_DELTA);
    cr_assert_eq(message_kind_class(KIND_hello), CLASS_CONTROL);
    cr_assert_eq(message_kind_class((message_kind_t)9999), CLASS_BULK);
}

Test(message, fields_are_found_by_their_numbers)
{
    for (const schema_t *schema = sample_next(0); schema; schema = sample_next((uint64_t)schema->kind)) {
        size_t found = 0;
        for (uint64_t number = 0; number <= 300; number++) {
            const schema_field_t *field = schema_field(schema, number);
            cr_assert(!field || (number && number <= 255 && field->number == number && field->doc[0]), "%s",
                      schema->name);
            found += field != NULL;
        }
        cr_assert_eq(found, schema->field_count, "%s", schema->name);
        cr_assert_null(schema_field(schema, UINT64_MAX));
    }
}

static char *s_printed(const message_t *message)
{
    char *text = NULL;
    size_t size = 0;
    FILE *out = open_memstream(&text, &size);
    message_print(message, out);
    fclose(out);
    return text;
}

Test(message, prints_one_line)
{
    message_t *message = message_new(KIND_delta, "shard/us/0", "shard/eu/0");
    range_t items[] = {{0, 5}, {7, 8}};
    message_set_ranges(&message->delta.cursor, &(ranges_t){items, 2, 2});
    message_set_name(message->delta.origin, "eu");
    message->number = message->delta.last = 12;
    message->delta.final = true;
    buf_t *buf = buf_new_zero(16);
    message->data = slice_of(buf, 0, 16);
    buf_destroy(&buf);
    char *text = s_printed(message);
    cr_assert_str_eq(text, "delta to=shard/us/0 from=shard/eu/0 incarnation=0 number=12 origin=eu last=12 "
                           "cursor=[0,5)+[7,8) final=true data_bytes=16\n");
    free(text);
    message_destroy(&message);
}

Test(message, prints_rows_with_the_names_of_their_columns)
{
    message_t *message = message_new(KIND_keepers, "shard/eu/0", "scheduler/eu");
    keepers_keepers_t *rows = message_set_rows(&message->keepers.keepers, 10);
    message_set_name(rows[0].name, "keeper/eu/b");
    rows[0].incarnation = 5;
    message_set_name(rows[1].name, "keeper/us/x");
    char *text = s_printed(message);
    cr_assert_str_eq(text, "keepers to=shard/eu/0 from=scheduler/eu incarnation=0 number=0 "
                           "keepers={name=keeper/eu/b incarnation=5}{name=keeper/us/x}{}{}{}{}{}{}+2 more\n");
    free(text);
    message_destroy(&message);
}

Test(message, prints_one_line_whatever_is_inside)
{
    rng_t rng;
    rng_init(&rng, test_seed());
    for (const schema_t *schema = sample_next(0); schema; schema = sample_next((uint64_t)schema->kind))
        for (int round = 0; round < 10; round++) {
            message_t *message = sample_random(&rng, schema);
            char *text = s_printed(message);
            cr_assert_eq(strchr(text, '\n'), text + strlen(text) - 1, "%s", text);
            free(text);
            message_destroy(&message);
        }
}

Test(message, what_a_later_incarnation_numbers_is_newer_whatever_its_number)
{
    static const uint64_t in_order[][2] = {{0, 0}, {4, 1}, {4, 9}, {5, 1}, {5, UINT64_MAX}, {UINT64_MAX, 0}};
    size_t count = sizeof in_order / sizeof *in_order;
    for (size_t i = 0; i < count; i++)
        for (size_t k = 0; k < count; k++)
            cr_assert_eq(incarnation_compare(in_order[i][0], in_order[i][1], in_order[k][0], in_order[k][1]),
                         (i > k) - (i < k));
}
