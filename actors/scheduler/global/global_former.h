/* global_former - a state that the version before has stored, with the fields of this one.
 *
 * Why      rooms know today's fields alone. With the next version this goes, and so do the fields of
 *          schema.def that are named _former.
 * Threads  pure: any.
 */
#ifndef ACTORS_SCHEDULER_GLOBAL_GLOBAL_FORMER_H
#define ACTORS_SCHEDULER_GLOBAL_GLOBAL_FORMER_H

#include "brokers/topology.h"
#include "codec/wire/message.h"

/* Changes a global_state that was unpacked; one of this version stays as it is. */
void global_former(const topology_t *topology, message_t *state);

#endif
