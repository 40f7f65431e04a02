#include "codec/wire/message.h"
#include "tests/unit/codec/wire/frames.h"
#include "tests/unit/codec/wire/sample.h"

#include <criterion/criterion.h>
#include <string.h>

Test(envelope, is_read_in_place)
{
    message_t *message = sample_fixed(schema_find(KIND_delta));
    frames_t frames = frames_of(message);
    envelope_t envelope;
    cr_assert_eq(envelope_peek(frames.envelope, frames.envelope_bytes, &envelope, NULL), ERR_OK);
    cr_assert_eq(envelope.kind, KIND_delta);
    cr_assert_eq(envelope.class, CLASS_DELTA);
    cr_assert_eq(envelope.incarnation, message->incarnation);
    cr_assert_eq(envelope.number, message->number);
    cr_assert_eq(envelope.to_length, strlen(message->to));
    cr_assert_eq(memcmp(envelope.to, message->to, envelope.to_length), 0);
    cr_assert_eq(envelope.from_length, strlen(message->from));
    cr_assert_eq(memcmp(envelope.from, message->from, envelope.from_length), 0);
    const uint8_t *to = (const uint8_t *)envelope.to;
    cr_assert(to > frames.envelope && to < frames.envelope + frames.envelope_bytes);
    frames_fini(&frames);
    message_destroy(&message);
}

#define BYTES(text) text, sizeof text - 1

Test(envelope, names_what_is_wrong)
{
    static const struct {
        const char *bytes;
        size_t size;
        err_code_t code;
        const char *text;
    } rows[] = {
        {BYTES("\x97\x01\x01\xa1\x61\xa1\x62\x00\x00\x00"), ERR_OK, ""},
        {BYTES("\x97\x01\xcd\x27\x0f\xa1\x61\xa1\x62\x00\x00\x03"), ERR_OK,
         ""}, /* a kind nobody knows is forwarded */
        {BYTES("\x97\x01\x01\xa0\xa0\x00\x00\x00"), ERR_OK, ""},
        {BYTES(""), ERR_MALFORMED, "array"},
        {BYTES("\x87"), ERR_MALFORMED, "array"},
        {BYTES("\x90"), ERR_MALFORMED, "array"},
        {BYTES("\xdd\xff\xff\xff\xff"), ERR_MALFORMED, "array"},
        {BYTES("\x97\xa1\x61\x01\x01\x01\x01\x01\x01"), ERR_MALFORMED, "version"},
        {BYTES("\x97\x02\x01\xa1\x61\xa1\x62\x00\x00\x00"), ERR_VERSION, "protocol 2"},
        {BYTES("\x92\x02\x01"), ERR_VERSION, "protocol 2"},
        {BYTES("\x96\x01\x01\xa1\x61\xa1\x62\x00\x00"), ERR_MALFORMED, "not of 7"},
        {BYTES("\x98\x01\x01\xa1\x61\xa1\x62\x00\x00\x00\x00"), ERR_MALFORMED, "not of 7"},
        {BYTES("\x97\x01\xff\xa1\x61\xa1\x62\x00\x00\x00"), ERR_MALFORMED, "kind"},
        {BYTES("\x97\x01\xce\x00\x01\x00\x00\xa1\x61\xa1\x62\x00\x00\x00"), ERR_LIMIT, "kind"},
        {BYTES("\x97\x01\x01\xc4\x01\x61\xa1\x62\x00\x00\x00"), ERR_MALFORMED, "to"},
        {BYTES("\x97\x01\x01\xa1\x00\xa1\x62\x00\x00\x00"), ERR_MALFORMED, "zero byte"},
        {BYTES("\x97\x01\x01\xa1\x61\x01\x00\x00\x00"), ERR_MALFORMED, "from"},
        {BYTES("\x97\x01\x01\xa1\x61\xa1\x62\xff\x00\x00"), ERR_MALFORMED, "incarnation"},
        {BYTES("\x97\x01\x01\xa1\x61\xa1\x62\x00\xc0\x00"), ERR_MALFORMED, "number"},
        {BYTES("\x97\x01\x01\xa1\x61\xa1\x62\x00\x00\x04"), ERR_MALFORMED, "class"},
        {BYTES("\x97\x01\x01\xa1\x61\xa1\x62\x00\x00"), ERR_MALFORMED, "class"},
        {BYTES("\x97\x01\x01\xa1\x61\xa1\x62\x00\x00\x00\x00"), ERR_MALFORMED, "bytes behind"},
        {BYTES("\x97\x01\x01\xdb\xff\xff\xff\xff\xa1\x62\x00\x00\x00"), ERR_MALFORMED, "to"},
    };
    for (size_t row = 0; row < sizeof rows / sizeof rows[0]; row++) {
        uint8_t *bytes = frames_copy(rows[row].bytes, rows[row].size);
        envelope_t envelope;
        err_t err = {0};
        cr_assert_eq(envelope_peek(bytes, rows[row].size, &envelope, &err), rows[row].code, "row %zu: %s",
                     row, err.text);
        cr_assert(strstr(err.text, rows[row].text), "row %zu: %s", row, err.text);
        free(bytes);
    }
}

static err_code_t s_peek_name(size_t length)
{
    uint8_t bytes[128] = {0x97, 1, 1, 0xd9, (uint8_t)length};
    envelope_t envelope;
    memset(bytes + 5, 'n', length);
    bytes[5 + length] = 0xa0; /* from "", and zeros for the numbers */
    return envelope_peek(bytes, 5 + length + 4, &envelope, NULL);
}

Test(envelope, names_have_their_limit)
{
    cr_assert_eq(s_peek_name(WIRE_NAME_SIZE - 1), ERR_OK);
    cr_assert_eq(s_peek_name(WIRE_NAME_SIZE), ERR_LIMIT);
}

static err_code_t s_unpack(message_kind_t kind, uint8_t class)
{
    const uint8_t bytes[] = {
        0x97, 1, 0xcd, (uint8_t)((unsigned)kind >> 8), (uint8_t)kind, 0xa1, 'a', 0xa1, 'b', 0, 0, class};
    message_t *message = NULL;
    err_code_t code = message_unpack(bytes, sizeof bytes, "\x80", 1, NULL, &message, NULL);
    message_destroy(&message);
    return code;
}

Test(envelope, an_actor_takes_known_kinds_in_their_class)
{
    cr_assert_eq(s_unpack(KIND_push, CLASS_BULK), ERR_OK);
    cr_assert_eq(s_unpack(KIND_push, CLASS_CONTROL), ERR_MALFORMED);
    cr_assert_eq(s_unpack((message_kind_t)9999, CLASS_BULK), ERR_VERSION);
    cr_assert_eq(s_unpack((message_kind_t)0, CLASS_BULK), ERR_VERSION);
}

Test(envelope, an_incarnation_that_nobody_can_have_given_is_refused)
{
    uint64_t impossible[] = {UINT64_MAX, INCARNATION_TERM_MAX << 32};
    for (size_t i = 0; i < 3; i++) {
        size_t envelope_bytes;
        envelope_t envelope;
        message_t *message = message_new(KIND_bye, "a", "b");
        message->incarnation = i < 2 ? impossible[i] : (INCARNATION_TERM_MAX << 32) - 1;
        buf_t *bytes = message_pack(message, &envelope_bytes);
        cr_assert_eq(envelope_peek(buf_peek(bytes), envelope_bytes, &envelope, NULL),
                     i < 2 ? ERR_LIMIT : ERR_OK);
        buf_destroy(&bytes);
        message_destroy(&message);
    }
}
