/* core_base - what every core stands on: who it is, the time of the event at hand, what it wants sent, and
 * whether it has ended.
 *
 * Why      a message that a core sends bears its name and incarnation, and a refusal says what is refused and
 *          why: both are said here alone, for all roles.
 * Owns     the outbox. The topology is borrowed.
 * Called   by the core and all its rooms. The core alone sets now_us, at the beginning of every event.
 * Threads  those of the core.
 */
#ifndef ACTORS_KIT_CORE_BASE_H
#define ACTORS_KIT_CORE_BASE_H

#include "actors/kit/role.h"
#include "brokers/topology.h"
#include "codec/wire/message.h"

typedef struct {
    wire_name_t name;
    uint64_t incarnation;
    const topology_t *topology; /* NULL: this core needs none */
    outbox_t outbox;
    int64_t now_us;
    bool finished; /* nothing is done any more, and the shell may end */
} core_base_t;

void core_init(core_base_t *self, const char *name, uint64_t incarnation, const topology_t *topology);
void core_fini(core_base_t *self);

/* Returns the name of a region of the topology, borrowed. */
const char *core_region_name(const core_base_t *self, size_t region);

/* ---- speaking ---- */

/* Returns a message of this core to somebody; the caller fills it. */
message_t *core_message(const core_base_t *self, message_kind_t kind, const char *to);
/* Takes it: whoever made it, it leaves by this core's name and incarnation. */
void core_send(core_base_t *self, message_t **message_p);

/* Answers that a message was understood and is not accepted. */
void core_refuse(core_base_t *self, const message_t *message, err_code_t code, const char *reason);
/* The same, about runs: `run` is the one that this core is of. */
void core_refuse_run(core_base_t *self, const message_t *message, const err_t *why, uint64_t run);

/* ---- the tail of a role, of cores that begin with their core_base_t ---- */

outbox_t *core_outbox(void *core);
bool core_finished(const void *core);

#endif
