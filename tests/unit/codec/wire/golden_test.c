/* The bytes of every message and the document of the protocol, pinned: they may only grow. */
#include "codec/wire/message.h"
#include "tests/unit/codec/wire/frames.h"
#include "tests/unit/codec/wire/sample.h"

#include <criterion/criterion.h>
#include <msgpack.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MESSAGES SOURCE_DIR "/tests/golden/messages.golden"
/* By a version that still had the retired fields; never written again, but for lists that are rows since. */
#define RETIREES SOURCE_DIR "/tests/golden/retired.golden"
#define PROTOCOL SOURCE_DIR "/tests/golden/protocol.md"
#define UPDATE                                                                                               \
    "if the change is meant (numbers are append-only!): CLOUDLESS_UPDATE_GOLDEN=1 build/asan/tests/"         \
    "unit.codec.wire.golden_test, and commit what it wrote"

static char *s_read(const char *path)
{
    FILE *file = fopen(path, "r");
    cr_assert_not_null(file, "%s is missing; %s", path, UPDATE);
    char *text = NULL;
    size_t room = 0;
    if (getdelim(&text, &room, 0, file) < 0) {
        free(text);
        text = strdup("");
    }
    fclose(file);
    return text;
}

static void s_compare(const char *path, const char *text)
{
    if (getenv("CLOUDLESS_UPDATE_GOLDEN")) {
        FILE *file = fopen(path, "w");
        cr_assert_not_null(file);
        fputs(text, file);
        cr_assert_eq(fclose(file), 0);
        return;
    }
    char *golden = s_read(path);
    size_t at = 0, line = 1;
    for (; golden[at] && golden[at] == text[at]; at++)
        line += golden[at] == '\n';
    cr_assert_eq(golden[at], text[at], "%s:%zu differs; %s", path, line, UPDATE);
    free(golden);
}

static void s_hex(const void *bytes, size_t size, FILE *out)
{
    for (size_t index = 0; index < size; index++)
        fprintf(out, "%02x", ((const uint8_t *)bytes)[index]);
}

/* "push ENVELOPE MAP DATA", in hexadecimal, "-" without data. */
static void s_write_line(const schema_t *schema, FILE *out)
{
    message_t *message = sample_fixed(schema);
    frames_t frames = frames_of(message);
    fprintf(out, "%s ", schema->name);
    s_hex(frames.envelope, frames.envelope_bytes, out);
    fputc(' ', out);
    s_hex(frames.map, frames.map_bytes, out);
    fputc(' ', out);
    if (frames.data.buf)
        s_hex(slice_peek(&frames.data), frames.data.size_bytes, out);
    fputs(frames.data.buf ? "\n" : "-\n", out);
    frames_fini(&frames);
    message_destroy(&message);
}

Test(golden, packed_bytes_are_as_pinned)
{
    char *text = NULL;
    size_t size = 0;
    FILE *out = open_memstream(&text, &size);
    for (const schema_t *schema = sample_next(0); schema; schema = sample_next((uint64_t)schema->kind))
        s_write_line(schema, out);
    fclose(out);
    s_compare(MESSAGES, text);
    free(text);
}

Test(golden, the_document_is_as_pinned)
{
    char *text = NULL;
    size_t size = 0;
    FILE *out = open_memstream(&text, &size);
    message_document(out);
    fclose(out);
    s_compare(PROTOCOL, text);
    free(text);
}

static uint8_t *s_parse_hex(const char *hex, size_t *ret_size)
{
    size_t size = strlen(hex) / 2;
    uint8_t *bytes = malloc(size ? size : 1);
    for (size_t index = 0; index < size; index++) {
        const char digits[3] = {hex[2 * index], hex[2 * index + 1], 0};
        bytes[index] = (uint8_t)strtoul(digits, NULL, 16);
    }
    *ret_size = size;
    return bytes;
}

static frames_t s_parse_line(char *line)
{
    char *save = NULL;
    strtok_r(line, " \n", &save);
    frames_t frames = {0};
    frames.envelope = s_parse_hex(strtok_r(NULL, " \n", &save), &frames.envelope_bytes);
    frames.map = s_parse_hex(strtok_r(NULL, " \n", &save), &frames.map_bytes);
    const char *data = strtok_r(NULL, " \n", &save);
    if (strcmp(data, "-") != 0) {
        size_t size;
        uint8_t *bytes = s_parse_hex(data, &size);
        buf_t *buf = buf_new_copy(bytes, size);
        frames.data = slice_of(buf, 0, size);
        buf_destroy(&buf);
        free(bytes);
    }
    return frames;
}

/* msgpack-c, which knows nothing of ours, reads one object of a type and nothing behind it; returns its size.
 */
static size_t s_assert_msgpack(const void *bytes, size_t size, msgpack_object_type type, const char *name)
{
    msgpack_unpacked object;
    size_t offset = 0;
    msgpack_unpacked_init(&object);
    cr_assert_eq(msgpack_unpack_next(&object, bytes, size, &offset), MSGPACK_UNPACK_SUCCESS, "%s", name);
    cr_assert_eq(object.data.type, type, "%s", name);
    cr_assert_eq(offset, size, "%s", name);
    size_t count = type == MSGPACK_OBJECT_MAP ? object.data.via.map.size : object.data.via.array.size;
    msgpack_unpacked_destroy(&object);
    return count;
}

/* Map and data as the one object that they are. */
static uint8_t *s_join(const frames_t *frames, size_t *ret_size)
{
    *ret_size = frames->map_bytes + frames->data.size_bytes;
    uint8_t *joined = malloc(*ret_size);
    memcpy(joined, frames->map, frames->map_bytes);
    if (frames->data.size_bytes)
        memcpy(joined + frames->map_bytes, slice_peek(&frames->data), frames->data.size_bytes);
    return joined;
}

static void s_assert_anybody_reads(const frames_t *frames, const schema_t *schema)
{
    size_t size;
    uint8_t *joined = s_join(frames, &size);
    size_t pairs = s_assert_msgpack(joined, size, MSGPACK_OBJECT_MAP, schema->name);
    cr_assert_eq(pairs, schema->field_count + (frames->data.buf != NULL), "%s", schema->name);
    size_t values =
        s_assert_msgpack(frames->envelope, frames->envelope_bytes, MSGPACK_OBJECT_ARRAY, schema->name);
    cr_assert_eq(values, 7);
    free(joined);
}

Test(golden, pinned_bytes_give_the_same_messages_and_are_valid_msgpack)
{
    char *golden = s_read(MESSAGES), *save = NULL;
    const schema_t *schema = sample_next(0);
    for (char *line = strtok_r(golden, "\n", &save); line; line = strtok_r(NULL, "\n", &save)) {
        cr_assert_not_null(schema);
        message_t *expected = sample_fixed(schema), *message = NULL;
        frames_t frames = s_parse_line(line);
        err_t err = {0};
        cr_assert_eq(frames_unpack(&frames, &message, &err), ERR_OK, "%s: %s", schema->name, err.text);
        cr_assert(message_equal(message, expected), "%s; %s", schema->name, UPDATE);
        s_assert_anybody_reads(&frames, schema);
        frames_fini(&frames);
        message_destroy(&message);
        message_destroy(&expected);
        schema = sample_next((uint64_t)schema->kind);
    }
    cr_assert_null(schema, "fewer lines than messages; %s", UPDATE);
    free(golden);
}

/* ---- fields that were retired ---- */

static const struct {
    message_kind_t kind;
    uint64_t number;
    const char *name;
} s_retired[] = {
#define MESSAGE(name, number, class, doc)
#define FIELD(message, number, type, name, doc)
#define RETIRED(message, number, name) {KIND_##message, number, #message "." #name},
#define END(name)
#include "codec/wire/schema.def"
#undef MESSAGE
#undef FIELD
#undef END
};

static bool s_has_key(const frames_t *frames, uint64_t number)
{
    msgpack_unpacked object;
    msgpack_unpacked_init(&object);
    size_t size, offset = 0;
    bool found = false;
    uint8_t *joined = s_join(frames, &size);
    cr_assert_eq(msgpack_unpack_next(&object, (const char *)joined, size, &offset), MSGPACK_UNPACK_SUCCESS);
    for (uint32_t i = 0; i < object.data.via.map.size; i++)
        found |= object.data.via.map.ptr[i].key.via.u64 == number;
    msgpack_unpacked_destroy(&object);
    free(joined);
    return found;
}

/* Fields that are younger than the line. */
static void s_add_younger(const schema_t *schema, const frames_t *frames, message_t *message)
{
    for (size_t i = 0; i < schema->field_count; i++)
        if (!s_has_key(frames, schema->fields[i].number))
            sample_fix(schema_at(message, &schema->fields[i]), &schema->fields[i]);
}

/* Returns how many of the retired fields the message has. */
static size_t s_check_retired(message_kind_t kind, const frames_t *frames)
{
    size_t count = 0;
    for (size_t i = 0; i < sizeof s_retired / sizeof *s_retired; i++) {
        if (s_retired[i].kind != kind)
            continue;
        cr_assert_null(schema_field(schema_find(kind), s_retired[i].number), "%s: its number is used again",
                       s_retired[i].name);
        cr_assert(s_has_key(frames, s_retired[i].number), "%s", s_retired[i].name);
        count++;
    }
    return count;
}

Test(golden, messages_of_a_version_that_had_the_retired_fields_are_read_without_them)
{
    char *golden = s_read(RETIREES), *save = NULL;
    size_t count = 0;
    for (char *line = strtok_r(golden, "\n", &save); line; line = strtok_r(NULL, "\n", &save)) {
        message_t *message = NULL;
        err_t err = {0};
        frames_t frames = s_parse_line(line);
        cr_assert_eq(frames_unpack(&frames, &message, &err), ERR_OK, "%s", err.text);
        const schema_t *schema = schema_find((uint64_t)message->kind);
        message_t *expected = sample_fixed(schema);
        s_add_younger(schema, &frames, message);
        cr_assert(message_equal(message, expected), "%s", message_kind_name(message->kind));
        count += s_check_retired(message->kind, &frames);
        frames_fini(&frames);
        message_destroy(&message);
        message_destroy(&expected);
    }
    cr_assert_eq(count, sizeof s_retired / sizeof *s_retired);
    free(golden);
}
