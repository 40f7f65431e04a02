#include "brokers/frames_zmq.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define FLOAT_ALIGN 8

#ifdef __SANITIZE_THREAD__
#include <sanitizer/tsan_interface.h>
#define TOLD(call) call
#else
#define TOLD(call) (void)0
#endif

void frames_hand_over(const void *data)
{
    (void)data;
    TOLD(__tsan_release((void *)(uintptr_t)data));
}

void frames_take_over(const void *data)
{
    (void)data;
    TOLD(__tsan_acquire((void *)(uintptr_t)data));
}

static void s_close_message(void *data, void *hint)
{
    (void)data;
    zmq_msg_close(hint);
    free(hint);
}

slice_t frames_slice_zmq(zmq_msg_t *msg)
{
    size_t size = zmq_msg_size(msg);
    char *data = zmq_msg_data(msg);
    buf_t *buf;
    frames_take_over(data);
    if (size < FRAMES_COPY_BYTES || (uintptr_t)data % FLOAT_ALIGN != 0) {
        buf = buf_new_copy(data, size);
        zmq_msg_close(msg);
    } else {
        zmq_msg_t *kept = malloc(sizeof *kept);
        CHECK(kept);
        zmq_msg_init(kept);
        zmq_msg_move(kept, msg);
        buf = buf_wrap(zmq_msg_data(kept), size, s_close_message, kept);
    }
    CHECK(buf);
    return (slice_t){buf, 0, size};
}

static void s_release(void *data, void *hint)
{
    (void)data;
    buf_t *buf = hint;
    buf_destroy(&buf);
}

void frames_msg_zmq(const slice_t *slice, zmq_msg_t *ret_msg)
{
    size_t size = slice->size_bytes;
    if (size < FRAMES_COPY_BYTES) {
        CHECK(zmq_msg_init_size(ret_msg, size) == 0);
        if (size)
            memcpy(zmq_msg_data(ret_msg), slice_peek(slice), size);
        frames_hand_over(zmq_msg_data(ret_msg));
        return;
    }
    void *data = (char *)buf_data(slice->buf) + slice->offset_bytes;
    frames_hand_over(data);
    CHECK(zmq_msg_init_data(ret_msg, data, size, s_release, buf_ref(slice->buf)) == 0);
}

static err_code_t s_failure(void)
{
    return errno == EHOSTUNREACH ? ERR_UNREACHABLE : errno == EAGAIN ? ERR_FULL : ERR_IO;
}

/* Only the first frame of a message can be refused: the others follow it into the same pipe. */
static err_code_t s_send_frame(void *socket, const slice_t *slice, int flags)
{
    zmq_msg_t msg;
    frames_msg_zmq(slice, &msg);
    if (zmq_msg_send(&msg, socket, flags | ZMQ_DONTWAIT) >= 0)
        return ERR_OK;
    err_code_t code = s_failure();
    zmq_msg_close(&msg);
    return code;
}

err_code_t frames_send_zmq(void *socket, const void *id, size_t id_size, const frames_t *frames)
{
    if (id_size && zmq_send(socket, id, id_size, ZMQ_DONTWAIT | ZMQ_SNDMORE) < 0)
        return s_failure();
    err_code_t code = s_send_frame(socket, &frames->envelope, ZMQ_SNDMORE);
    if (code == ERR_OK)
        code = s_send_frame(socket, &frames->map, frames->data.buf ? ZMQ_SNDMORE : 0);
    if (code == ERR_OK && frames->data.buf)
        code = s_send_frame(socket, &frames->data, 0);
    return code;
}

err_code_t frames_send_message_zmq(void *socket, const void *id, size_t id_size, const message_t *message)
{
    frames_t frames = frames_pack(message);
    err_code_t code = frames_send_zmq(socket, id, id_size, &frames);
    frames_fini(&frames);
    return code;
}

/* Consumes the rest of a message that has too many frames. */
static void s_skip(void *socket)
{
    int more = 1;
    size_t size = sizeof more;
    while (zmq_getsockopt(socket, ZMQ_RCVMORE, &more, &size) == 0 && more) {
        zmq_msg_t msg;
        zmq_msg_init(&msg);
        int rc = zmq_msg_recv(&msg, socket, ZMQ_DONTWAIT);
        zmq_msg_close(&msg);
        if (rc < 0)
            return;
    }
}

static err_code_t s_recv(void *socket, slice_t *ret_slice, bool *ret_more)
{
    zmq_msg_t msg;
    zmq_msg_init(&msg);
    if (zmq_msg_recv(&msg, socket, ZMQ_DONTWAIT) < 0) {
        err_code_t code = errno == EAGAIN || errno == EINTR ? ERR_NOT_FOUND : ERR_IO;
        zmq_msg_close(&msg);
        return code;
    }
    *ret_more = zmq_msg_more(&msg);
    *ret_slice = frames_slice_zmq(&msg);
    return ERR_OK;
}

err_code_t frames_recv_zmq(void *socket, zmq_msg_t *ret_id, frames_t *ret_frames)
{
    bool more = true;
    if (ret_id) {
        if (zmq_msg_recv(ret_id, socket, ZMQ_DONTWAIT) < 0)
            return errno == EAGAIN || errno == EINTR ? ERR_NOT_FOUND : ERR_IO;
        more = zmq_msg_more(ret_id);
    }
    frames_t frames = {0};
    slice_t *slots[] = {&frames.envelope, &frames.map, &frames.data};
    size_t count = 0;
    while (more && count < 3) {
        err_code_t code = s_recv(socket, slots[count], &more);
        if (code != ERR_OK) {
            frames_fini(&frames);
            return code;
        }
        count++;
    }
    if (!more && count >= 2) {
        *ret_frames = frames;
        return ERR_OK;
    }
    s_skip(socket);
    frames_fini(&frames);
    return ERR_MALFORMED;
}

frames_t frames_pack(const message_t *message)
{
    size_t envelope_bytes;
    buf_t *head = message_pack(message, &envelope_bytes);
    frames_t frames = {.envelope = slice_of(head, 0, envelope_bytes),
                       .map = slice_of(head, envelope_bytes, buf_size(head) - envelope_bytes),
                       .data = slice_ref(&message->data)};
    buf_destroy(&head);
    return frames;
}

err_code_t frames_unpack(const frames_t *frames, message_t **ret_message, err_t *err)
{
    return message_unpack(slice_peek(&frames->envelope), frames->envelope.size_bytes,
                          slice_peek(&frames->map), frames->map.size_bytes,
                          frames->data.buf ? &frames->data : NULL, ret_message, err);
}
