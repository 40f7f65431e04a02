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

typedef enum {
    SAYS_SHARD,
    SAYS_SYNCHRONIZER,
    SAYS_WORKER,
    SAYS_KEEPER,
    SAYS_NODE,
    SAYS_SCHEDULER, /* of a region */
    SAYS_GLOBAL,    /* the global scheduler */
    SAYS_BROKER,
    SAYS_ANYBODY, /* also who has none of these names, such as a command that watches a run */
} says_t;

/* Returns the role of whoever bears this name; SAYS_ANYBODY: none of the above. */
says_t says_of(const char *name);

/* Returns whether one of this role may say that to one of the other. */
bool says_may(message_kind_t kind, says_t from, says_t to);

/* For the protocol document: whether there is just this row, and what a role is called. */
bool says_is_row(message_kind_t kind, says_t from, says_t to);
const char *says_text(says_t role);

#endif
