/* Frames from nowhere: whatever the bytes, unpack refuses them with a reason or gives a message that survives
 * the wire. An input is: one byte of envelope length, the envelope, one byte that says whether the rest ends
 * with a data frame and how long that is, the map, the data. */
#include "codec/wire/message.h"
#include "tests/fuzz/fuzz.h"
#include "tests/unit/codec/wire/frames.h"
#include "tests/unit/codec/wire/sample.h"

static bool s_split(const uint8_t *bytes, size_t size, frames_t *frames)
{
    if (size < 2 || bytes[0] > size - 2)
        return false;
    size_t envelope_bytes = bytes[0], rest = size - 2 - envelope_bytes;
    const uint8_t *map = bytes + 2 + envelope_bytes;
    uint8_t about = bytes[1 + envelope_bytes];
    size_t data_bytes = about & 0x7fu;
    bool has_data = about & 0x80u;
    if (data_bytes > rest)
        data_bytes = rest;
    if (!has_data)
        data_bytes = 0;
    frames->envelope = frames_copy(bytes + 1, envelope_bytes);
    frames->envelope_bytes = envelope_bytes;
    frames->map = frames_copy(map, rest - data_bytes);
    frames->map_bytes = rest - data_bytes;
    if (has_data) {
        buf_t *buf = buf_new_copy(map + frames->map_bytes, data_bytes);
        frames->data = slice_of(buf, 0, data_bytes);
        buf_destroy(&buf);
    }
    return true;
}

static void s_assert_survives(const message_t *message)
{
    frames_t frames = frames_of(message);
    message_t *back = NULL;
    err_t err;
    CHECK(frames_unpack(&frames, &back, &err) == ERR_OK);
    CHECK(message_equal(message, back));
    message_t *copy = message_dup(back);
    CHECK(message_equal(message, copy));
    message_destroy(&copy);
    message_destroy(&back);
    frames_fini(&frames);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    frames_t frames = {0};
    message_t *message = NULL;
    err_t err = {0};
    if (!s_split(bytes, size, &frames))
        return 0;
    err_code_t code = frames_unpack(&frames, &message, &err);
    CHECK(!code || code == ERR_MALFORMED || code == ERR_LIMIT || code == ERR_VERSION);
    if (fuzz_took(code, &err))
        s_assert_survives(message);
    CHECK(!code == !!message);
    message_destroy(&message);
    frames_fini(&frames);
    return 0;
}

/* A valid message in the form of an input. */
static uint8_t *fuzz_seed(rng_t *rng, size_t *ret_size)
{
    const schema_t *schema;
    do
        schema = schema_find(rng_below(rng, schema_end()));
    while (!schema);
    message_t *message = sample_random(rng, schema);
    if (message->data.size_bytes > 0x7f)
        message->data.size_bytes = 0x7f;
    frames_t frames = frames_of(message);
    size_t size = 2 + frames.envelope_bytes + frames.map_bytes + frames.data.size_bytes;
    uint8_t *bytes = malloc(size), *at = bytes;
    CHECK(bytes);
    *at++ = (uint8_t)frames.envelope_bytes;
    at = mempcpy(at, frames.envelope, frames.envelope_bytes);
    *at++ = (uint8_t)(frames.data.buf ? 0x80 | frames.data.size_bytes : 0);
    at = mempcpy(at, frames.map, frames.map_bytes);
    if (frames.data.size_bytes)
        memcpy(at, slice_peek(&frames.data), frames.data.size_bytes);
    frames_fini(&frames);
    message_destroy(&message);
    *ret_size = size;
    return bytes;
}
