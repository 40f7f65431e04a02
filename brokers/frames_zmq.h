/* frames_zmq - the frames of a message on ZeroMQ sockets, without copying what is large.
 *
 * Why      a broker moves frames, a link keeps them by reference, and tensors should cross a process without
 *          a copy.
 * How      received frames of FRAMES_COPY_BYTES and more stay where ZeroMQ put them and are wrapped; smaller
 *          ones point into ZeroMQ's receive batch at any alignment, and are copied into buffers of their own.
 *          Sent ones likewise.
 * Threads  the socket's owner; the last reference to a frame may be given back by any thread.
 */
#ifndef BROKERS_FRAMES_ZMQ_H
#define BROKERS_FRAMES_ZMQ_H

#include "brokers/link.h"

#include <zmq.h>

#define FRAMES_COPY_BYTES 8192

/* ZeroMQ hands memory from thread to thread by means that ThreadSanitizer cannot see in a library that is not
 * built for it; it is told at both ends of the way, with the address that both know. Nothing in other
 * builds. */
void frames_hand_over(const void *data);
void frames_take_over(const void *data);

/* A slice of a received frame; takes the message (which is closed, or lives on in the slice). */
slice_t frames_slice_zmq(zmq_msg_t *msg);

/* A message to send that refers to the slice's bytes; the slice stays the caller's. */
void frames_msg_zmq(const slice_t *slice, zmq_msg_t *ret_msg);

/* Sends without waiting: the peer's routing id first when id_size is not 0, then the frames, which stay the
 * caller's. Errors  ERR_UNREACHABLE (no such peer), ERR_FULL (no room, or nobody connected), ERR_IO. Nothing
 * was sent then. */
MUST_USE err_code_t frames_send_zmq(void *socket, const void *id, size_t id_size, const frames_t *frames);

/* The same for a decoded message. */
MUST_USE err_code_t frames_send_message_zmq(void *socket, const void *id, size_t id_size,
                                            const message_t *message);

/* Receives without waiting. `ret_id` (NULL: the socket gives none) is an initialized zmq_msg_t that gets the
 * peer's routing id. Errors  ERR_NOT_FOUND (none there), ERR_MALFORMED (not two or three frames; consumed),
 * ERR_IO. */
MUST_USE err_code_t frames_recv_zmq(void *socket, zmq_msg_t *ret_id, frames_t *ret_frames);

/* The frames of a decoded message: packed, the data by reference; and back. */
frames_t frames_pack(const message_t *message);
MUST_USE err_code_t frames_unpack(const frames_t *frames, message_t **ret_message, err_t *err);

#endif
