/* Frames from nowhere: whatever the bytes, unpack refuses them with a reason or gives a message that survives
 * the wire. An input is: one byte of envelope length, the envelope, one byte that says whether the rest ends
 * with a data frame and how long that is, the map, the data. */
#include "codec/wire/message.h"
#include "tests/unit/codec/base/seed.h"
#include "tests/unit/codec/wire/frames.h"
#include "tests/unit/codec/wire/sample.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

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

static size_t s_accepted;

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    frames_t frames = {0};
    message_t *message = NULL;
    err_t err = {0};
    if (!s_split(bytes, size, &frames))
        return 0;
    err_code_t code = frames_unpack(&frames, &message, &err);
    if (code) {
        CHECK(code == ERR_MALFORMED || code == ERR_LIMIT || code == ERR_VERSION);
        CHECK(err.code == code && err.text[0] && !message);
    } else {
        s_assert_survives(message);
        message_destroy(&message);
        s_accepted++;
    }
    frames_fini(&frames);
    return 0;
}

#ifndef CLOUDLESS_LIBFUZZER
/* A valid message in the form of an input. */
static uint8_t *s_seed_input(rng_t *rng, size_t *ret_size)
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

/* Flips a bit, sets a byte, drops some bytes, or repeats some; in place, never longer. */
static size_t s_mutate(rng_t *rng, uint8_t *bytes, size_t size)
{
    if (size < 2)
        return size;
    size_t at = rng_below(rng, size), from = rng_below(rng, size), count = rng_below(rng, 9);
    if (count > size - (at > from ? at : from))
        count = size - (at > from ? at : from);
    switch (rng_below(rng, 5)) {
    case 0:
    case 1:
        bytes[at] ^= (uint8_t)(1u << rng_below(rng, 8));
        return size;
    case 2:
        bytes[at] = (uint8_t)rng_u64(rng);
        return size;
    case 3:
        memmove(bytes + at, bytes + from, count);
        return size;
    default:
        memmove(bytes + at, bytes + at + count, size - at - count);
        return size - count;
    }
}

int main(int argc, char **argv)
{
    rng_t rng;
    size_t runs = argc > 1 ? strtoull(argv[1], NULL, 10) : 20000;
    rng_init(&rng, test_seed());
    for (size_t run = 0; run < runs; run++) {
        size_t size;
        uint8_t *bytes = s_seed_input(&rng, &size);
        for (uint64_t changes = rng_below(&rng, 4); changes; changes--)
            size = s_mutate(&rng, bytes, size);
        uint8_t *exact = frames_copy(bytes, size);
        LLVMFuzzerTestOneInput(exact, size);
        free(exact);
        free(bytes);
    }
    /* Unchanged inputs must pass and most changed ones must not: else the inputs are not what they are meant
     * to be. */
    printf("%zu runs, %zu accepted\n", runs, s_accepted);
    return runs >= 100 && (s_accepted < runs / 5 || s_accepted > runs * 9 / 10);
}
#endif
