#include "actors/kit/wire.h"

#include <errno.h>
#include <stdlib.h>
#include <zmq.h>

enum { WIRE_FRAMES = 3 };

/* ---- out
 * ---------------------------------------------------------------------------------------------------- */

static void s_release(void *data, void *hint)
{
    (void)data;
    buf_t *buf = hint;
    buf_destroy(&buf);
}

/* A ZeroMQ message over part of a buffer, which lives until ZeroMQ lets go. */
static void s_refer(zmq_msg_t *out, buf_t *buf, size_t offset, size_t size)
{
    char *data = (char *)buf_data(buf) + offset;
    CHECK(zmq_msg_init_data(out, data, size, s_release, buf_ref(buf)) == 0);
}

static int s_send_frame(void *socket, zmq_msg_t *frame, int flags)
{
    int rc;
    do
        rc = zmq_msg_send(frame, socket, flags | ZMQ_DONTWAIT);
    while (rc < 0 && errno == EINTR);
    int failed = errno;
    if (rc < 0)
        zmq_msg_close(frame);
    errno = failed;
    return rc;
}

err_code_t wire_send(void *socket, const message_t *message)
{
    size_t envelope_bytes;
    buf_t *head = message_pack(message, &envelope_bytes);
    bool has_data = message->data.buf != NULL;

    zmq_msg_t frame;
    s_refer(&frame, head, 0, envelope_bytes);
    int rc = s_send_frame(socket, &frame, ZMQ_SNDMORE);
    if (rc >= 0) {
        s_refer(&frame, head, envelope_bytes, buf_size(head) - envelope_bytes);
        rc = s_send_frame(socket, &frame, has_data ? ZMQ_SNDMORE : 0);
    }
    if (rc >= 0 && has_data) {
        s_refer(&frame, message->data.buf, message->data.offset_bytes, message->data.size_bytes);
        rc = s_send_frame(socket, &frame, 0);
    }
    int failed = errno;
    buf_destroy(&head);
    if (rc >= 0)
        return ERR_OK;
    return failed == EAGAIN ? ERR_FULL : ERR_IO;
}

/* ---- in
 * ----------------------------------------------------------------------------------------------------- */

static void s_close(void *data, void *hint)
{
    (void)data;
    zmq_msg_t *frame = hint;
    zmq_msg_close(frame);
    free(frame);
}

/* Moves a received frame into a shared buffer without copying it, unless it lies where floats may not: small
 * frames point into ZeroMQ's own batch at any alignment. */
static slice_t s_share(zmq_msg_t *frame)
{
    if ((uintptr_t)zmq_msg_data(frame) % sizeof(uint64_t)) {
        buf_t *copy = buf_new_copy(zmq_msg_data(frame), zmq_msg_size(frame));
        CHECK(copy);
        slice_t aligned = slice_of(copy, 0, zmq_msg_size(frame));
        buf_destroy(&copy);
        return aligned;
    }
    zmq_msg_t *kept = malloc(sizeof *kept);
    CHECK(kept);
    CHECK(zmq_msg_init(kept) == 0 && zmq_msg_move(kept, frame) == 0);
    size_t size = zmq_msg_size(kept);
    buf_t *buf = buf_wrap(zmq_msg_data(kept), size, s_close, kept);
    CHECK(buf);
    slice_t slice = slice_of(buf, 0, size);
    buf_destroy(&buf);
    return slice;
}

/* Receives all frames of one message; keeps the first three and returns how many there were, -1 when none. */
static int s_receive_frames(void *socket, zmq_msg_t frames[WIRE_FRAMES])
{
    int count = 0;
    bool more = true;
    while (more) {
        zmq_msg_t frame;
        zmq_msg_init(&frame);
        int rc;
        do
            rc = zmq_msg_recv(&frame, socket, ZMQ_DONTWAIT);
        while (rc < 0 && errno == EINTR);
        if (rc < 0)
            return -1; /* only before the first frame: a message is delivered whole */
        more = zmq_msg_more(&frame);
        if (count < WIRE_FRAMES)
            zmq_msg_move(&frames[count], &frame);
        zmq_msg_close(&frame);
        count++;
    }
    return count;
}

err_code_t wire_receive(void *socket, message_t **ret_message, err_t *err)
{
    zmq_msg_t frames[WIRE_FRAMES];
    for (size_t i = 0; i < WIRE_FRAMES; i++)
        zmq_msg_init(&frames[i]);
    int count = s_receive_frames(socket, frames);
    err_code_t rc;
    if (count < 0) {
        rc = errno == EAGAIN ? ERR_NOT_FOUND : ERR_IO;
    } else if (count < 2 || count > WIRE_FRAMES) {
        rc = err_set(err, ERR_MALFORMED, "%d frames; 2 or 3 make a message", count);
    } else {
        slice_t data = {0};
        if (count == WIRE_FRAMES)
            data = s_share(&frames[2]);
        rc = message_unpack(zmq_msg_data(&frames[0]), zmq_msg_size(&frames[0]), zmq_msg_data(&frames[1]),
                            zmq_msg_size(&frames[1]), count == WIRE_FRAMES ? &data : NULL, ret_message, err);
        slice_fini(&data);
    }
    for (size_t i = 0; i < WIRE_FRAMES; i++)
        zmq_msg_close(&frames[i]);
    return rc;
}
