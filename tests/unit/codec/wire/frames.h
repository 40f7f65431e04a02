/* frames - a packed message as separate blocks of exactly their size, so that a sanitizer sees one byte too
 * many read.
 *
 * Threads  one owner.
 */
#ifndef TESTS_UNIT_CODEC_WIRE_FRAMES_H
#define TESTS_UNIT_CODEC_WIRE_FRAMES_H

#include "codec/wire/message.h"

#include <stdlib.h>
#include <string.h>

typedef struct {
    uint8_t *envelope, *map;
    size_t envelope_bytes, map_bytes;
    slice_t data;
} frames_t;

/* A block of its own, also for size 0. */
static inline uint8_t *frames_copy(const void *bytes, size_t size)
{
    uint8_t *copy = malloc(size ? size : 1);
    CHECK(copy);
    if (size)
        memcpy(copy, bytes, size);
    return copy;
}

static inline frames_t frames_of(const message_t *message)
{
    frames_t self = {0};
    buf_t *packed = message_pack(message, &self.envelope_bytes);
    const uint8_t *bytes = buf_peek(packed);
    self.map_bytes = buf_size(packed) - self.envelope_bytes;
    self.envelope = frames_copy(bytes, self.envelope_bytes);
    self.map = frames_copy(bytes + self.envelope_bytes, self.map_bytes);
    self.data = slice_ref(&message->data);
    buf_destroy(&packed);
    return self;
}

static inline err_code_t frames_unpack(const frames_t *self, message_t **ret_message, err_t *err)
{
    return message_unpack(self->envelope, self->envelope_bytes, self->map, self->map_bytes,
                          self->data.buf ? &self->data : NULL, ret_message, err);
}

static inline void frames_fini(frames_t *self)
{
    free(self->envelope);
    free(self->map);
    slice_fini(&self->data);
    *self = (frames_t){0};
}

#endif
