/* says - who may say what to whom, by roles: the SAYS rows of schema.def as a question.
 *
 * Why      what an actor takes and what a broker may let pass is read from the same rows,
 *          beside the message itself.
 * Not      which region or number: an actor's dispatch table tells its own scheduler from another's.
 * Threads  constant: any.
 */
#ifndef CODEC_WIRE_SAYS_H
#define CODEC_WIRE_SAYS_H

#include "codec/wire/message.h"

/* SAYS_SHARD and so on: one for each role of roles.def, in its order, and these. */
typedef enum {
#define ROLE(id, ...) SAYS_##id,
#include "codec/wire/roles.def"
    SAYS_GLOBAL,  /* the global scheduler; a regional one is SAYS_SCHEDULER */
    SAYS_HOSTED,  /* of rows: every role that nodes host */
    SAYS_ANYBODY, /* also who has none of these names */
} says_t;

/* Returns the role of whoever bears this name; SAYS_ANYBODY: none that there is. */
says_t says_of(const char *name);

/* Returns whether one of this role may say that to one of the other. */
bool says_may(message_kind_t kind, says_t from, says_t to);

/* For the protocol document: whether there is just this row, and what a role is called. */
bool says_is_row(message_kind_t kind, says_t from, says_t to);
const char *says_text(says_t role);

#endif
