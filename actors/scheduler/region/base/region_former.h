/* region_former - a state that the version before has stored, with the fields of this one.
 *
 * Why      rooms know today's fields alone. With the next version this goes, and so do the fields of
 *          schema.def that are named _former.
 * Threads  pure: any.
 */
#ifndef ACTORS_SCHEDULER_REGION_BASE_REGION_FORMER_H
#define ACTORS_SCHEDULER_REGION_BASE_REGION_FORMER_H

#include "codec/wire/message.h"

/* Changes a region_state that was unpacked, of a region with so many shards; one of this version stays. */
void region_former(message_t *state, size_t shard_count);

#endif
