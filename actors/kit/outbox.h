/* outbox - what a core wants sent, in order. The shell (or the simulator) takes it after every call into the
 * core.
 *
 * Threads  one owner.
 */
#ifndef ACTORS_KIT_OUTBOX_H
#define ACTORS_KIT_OUTBOX_H

#include "codec/wire/message.h"

typedef struct {
    message_t **items;
    size_t head, count, capacity;
} outbox_t;

void outbox_init(outbox_t *self);
void outbox_fini(outbox_t *self);
void outbox_add(outbox_t *self, message_t **message_p); /* takes it */
message_t *outbox_take(outbox_t *self);                 /* the oldest, or NULL; the caller owns it */

#endif
