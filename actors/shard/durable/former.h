/* former - a state that the version before has stored, with the fields of this one.
 *
 * Why      rooms know today's fields alone. With the next version this goes, and so do the fields of
 *          schema.def that are named _former.
 * Threads  pure: any.
 */
#ifndef ACTORS_SHARD_DURABLE_FORMER_H
#define ACTORS_SHARD_DURABLE_FORMER_H

#include "codec/wire/message.h"

/* Changes a state that was unpacked; one of this version stays as it is. Errors: ERR_MALFORMED. */
MUST_USE err_code_t former_state(message_t *state, err_t *err);

#endif
