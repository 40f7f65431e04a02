/* wire - messages on a ZeroMQ socket: three frames out without a copy of the data, three frames in by reference.
 *
 * Threads  the socket's owner.
 */
#ifndef ACTORS_KIT_WIRE_H
#define ACTORS_KIT_WIRE_H

#include "codec/wire/message.h"

/* Sends a message without waiting; the data frame refers to the message's buffer until ZeroMQ has sent it.
 * Errors: ERR_FULL (nobody connected, or no room), ERR_IO. Nothing was sent then. */
MUST_USE err_code_t wire_send(void *socket, const message_t *message);

/* The next message, without waiting. Errors: ERR_NOT_FOUND (none there), ERR_IO (the socket is gone), or
 * those of message_unpack for bytes that are no message (they are consumed). */
MUST_USE err_code_t wire_receive(void *socket, message_t **ret_message, err_t *err);

#endif
