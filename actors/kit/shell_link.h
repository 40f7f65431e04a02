/* shell_link - an actor's connection to its broker: made, kept, registered, and made anew when the broker is
 * gone.
 *
 * Threads  the actor's.
 * Limits   SHELL_HELD_MAX messages held back while the broker does not answer.
 */
#ifndef ACTORS_KIT_SHELL_LINK_H
#define ACTORS_KIT_SHELL_LINK_H

#include "actors/kit/shell.h"

typedef struct shell_link shell_link_t;

shell_link_t *shell_link_new(const char *name, uint64_t incarnation, uint64_t run, shell_find_fn *find,
                             void *find_hint);
/* Closes the socket; with flush, gives what was sent a second to leave. */
void shell_link_destroy(shell_link_t **self_p, bool flush);

/* Says hello, looks for the broker, reconnects: whatever is due. */
void shell_link_tick(shell_link_t *self, int64_t now_us);
int64_t shell_link_due(const shell_link_t *self);

/* The socket to poll, NULL while there is none. */
void *shell_link_socket(const shell_link_t *self);
bool shell_link_readable(const shell_link_t *self);

/* Returns whether any broker has ever known it. */
bool shell_link_was_registered(const shell_link_t *self);

/* The next message, without waiting; notices `registered` on the way. Errors: ERR_NOT_FOUND (none there),
 * ERR_IO, or those of message_unpack for bytes that are no message (they are consumed). */
MUST_USE err_code_t shell_link_receive(shell_link_t *self, message_t **ret_message, err_t *err);

/* Takes the message; sends it, or holds it back until the broker knows us. */
void shell_link_send(shell_link_t *self, message_t **message_p);

#endif
